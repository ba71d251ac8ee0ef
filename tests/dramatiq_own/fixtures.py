"""The fixtures of Dramatiq's own tests, with our broker and backends in the place of the stubs.

`run.py` lays this file beside Dramatiq's tests as their conftest.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dramatiq
import pytest
from dramatiq import Worker

from broker import SQLiteRateLimiterBackend, SQLiteResultBackend

from .common import worker
from .facade import FacadeBroker

#: They test other brokers, on their servers, or what no broker has to do with: the command line, files, processes.
collect_ignore = [
    *("test_rabbitmq.py", "test_redis.py"),
    *("test_canteen.py", "test_cli.py", "test_pidfile.py", "test_types.py", "test_watch.py"),
]


@pytest.fixture
def stub_broker(tmp_path: Path) -> Iterator[FacadeBroker]:
    broker = FacadeBroker(tmp_path / "queue.db")
    broker.emit_after("process_boot")
    dramatiq.set_broker(broker)
    yield broker
    broker.flush_all()
    broker.close()


@pytest.fixture
def stub_worker(stub_broker: FacadeBroker) -> Iterator[Worker]:
    with worker(stub_broker, worker_timeout=100, worker_threads=32) as started:
        yield started


@pytest.fixture
def backends_broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FacadeBroker]:
    """The test's broker, or one for the backends alone."""
    if "stub_broker" in request.fixturenames:
        yield request.getfixturevalue("stub_broker")
        return
    broker = FacadeBroker(tmp_path / "queue.db")
    yield broker
    broker.close()


@pytest.fixture
def result_backend(backends_broker: FacadeBroker) -> SQLiteResultBackend:
    return SQLiteResultBackend(backends_broker)


@pytest.fixture
def redis_result_backend(result_backend: SQLiteResultBackend) -> SQLiteResultBackend:
    """For the one test that names Redis without need: what it promises holds for any backend."""
    return result_backend


@pytest.fixture
def rate_limiter_backend(backends_broker: FacadeBroker) -> SQLiteRateLimiterBackend:
    return SQLiteRateLimiterBackend(backends_broker)
