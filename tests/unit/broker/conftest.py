from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dramatiq
import pytest

from broker import SQLiteBroker


class FakeClock:
    """UNIX seconds that move only when told to, and a steady clock beside them."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now
        self.steady_now = 1_000.0

    def __call__(self) -> float:
        return self.now

    def steady(self) -> float:
        return self.steady_now

    def move(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        self.steady_now += seconds

    def set(self, seconds: float) -> None:
        """Let somebody set the wall clock."""
        self.now += seconds


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "queue.db"


@pytest.fixture
def make_broker(path: Path) -> Iterator[Callable[..., SQLiteBroker]]:
    made: list[SQLiteBroker] = []

    def make(**settings: Any) -> SQLiteBroker:
        broker = SQLiteBroker(path, durability="normal", **settings)
        broker.declare_queue("default")
        made.append(broker)
        return broker

    yield make
    for broker in made:
        broker.close()


@pytest.fixture
def broker(make_broker: Callable[..., SQLiteBroker], clock: FakeClock) -> SQLiteBroker:
    return make_broker(clock=clock, steady_clock=clock.steady)


@pytest.fixture
def message() -> Callable[..., dramatiq.Message[Any]]:
    def make(*args: Any, queue: str = "default", actor: str = "work", **options: Any) -> dramatiq.Message[Any]:
        return dramatiq.Message(queue_name=queue, actor_name=actor, args=args, kwargs={}, options=options)

    return make


@pytest.fixture
def drain() -> Callable[..., list[Any]]:
    """Claim and finish everything that is ready; the first argument of each message, in order."""

    def run(broker: SQLiteBroker, queue: str = "default") -> list[Any]:
        consumer = broker.consume(queue, prefetch=2, timeout=1)
        got = []
        while (delivery := next(consumer)) is not None:
            got.append(delivery.args[0])
            consumer.ack(delivery)
        consumer.close()
        return got

    return run


@pytest.fixture
def until() -> Callable[..., None]:
    """Wait for something that another thread or process does."""

    def wait(condition: Callable[[], object], seconds: float = 10.0) -> None:
        give_up_at = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < give_up_at, "it did not happen in time"
            time.sleep(0.005)

    return wait


@pytest.fixture
def rows(path: Path) -> Callable[..., list[tuple[Any, ...]]]:
    import sqlite3

    def select(sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        connection = sqlite3.connect(path)
        try:
            return connection.execute(sql, parameters).fetchall()
        finally:
            connection.close()

    return select
