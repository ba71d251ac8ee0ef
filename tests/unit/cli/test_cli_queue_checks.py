"""What the doctor says of a queue that does not move."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import dramatiq
import pytest

from app.cli.store_checks import STILL_MINUTES, check_queue
from app.publishing import HOUSE_QUEUE
from app.settings import Settings
from broker import SQLiteBroker

QUEUE = "jobs"


@pytest.fixture
def broker(settings: Settings) -> Iterator[SQLiteBroker]:
    broker = SQLiteBroker(settings.broker_path, middleware=[])
    broker.declare_queue(QUEUE)
    broker.setup()
    yield broker
    broker.close()


@pytest.fixture
def worker(broker: SQLiteBroker) -> Iterator[None]:
    """One that is alive, and consumes another queue."""
    broker.declare_queue("others")
    consumer = broker.consume("others")
    yield
    consumer.close()


def enqueue(broker: SQLiteBroker, path: Path, *, minutes_ago: float = 0.0) -> None:
    broker.enqueue(dramatiq.Message(QUEUE, "act", (), {}, {}))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE broker_messages SET run_at = run_at - ?", (round(minutes_ago * 60_000),))


def test_a_queue_that_is_not_there_yet_is_well_and_stays_away(settings: Settings) -> None:
    assert check_queue(settings.broker_path).verdict == "ok"
    assert not settings.broker_path.exists()


def test_no_worker_is_a_warning_and_a_failure_where_something_waits(broker: SQLiteBroker, settings: Settings) -> None:
    idle = check_queue(settings.broker_path)
    enqueue(broker, settings.broker_path)
    waiting = check_queue(settings.broker_path)
    assert (idle.verdict, waiting.verdict) == ("warn", "fail")
    assert "sayathing worker" in idle.advice
    assert "0 workers" in waiting.detail


def test_a_queue_that_moves_is_well(broker: SQLiteBroker, worker: None, settings: Settings) -> None:
    enqueue(broker, settings.broker_path)
    assert check_queue(settings.broker_path).verdict == "ok"


def test_a_queue_that_stands_still_under_living_workers_fails(
    broker: SQLiteBroker, worker: None, settings: Settings
) -> None:
    enqueue(broker, settings.broker_path, minutes_ago=STILL_MINUTES + 1)
    found = check_queue(settings.broker_path)
    assert (found.verdict, "nothing was finished" in found.detail) == ("fail", True)


def test_a_long_queue_of_which_something_is_finished_is_well(
    broker: SQLiteBroker, worker: None, settings: Settings
) -> None:
    enqueue(broker, settings.broker_path, minutes_ago=STILL_MINUTES + 1)
    with closing(sqlite3.connect(settings.broker_path)) as connection, connection:
        minute = "CAST(strftime('%s') AS INTEGER) / 60 - 1"
        connection.execute(f"INSERT INTO broker_rates (queue, minute, finished) VALUES ('{QUEUE}', {minute}, 1)")
    assert check_queue(settings.broker_path).verdict == "ok"


def test_the_next_round_of_housekeeping_waits_for_nobody(broker: SQLiteBroker, settings: Settings) -> None:
    broker.declare_queue(HOUSE_QUEUE)
    broker.enqueue(dramatiq.Message(HOUSE_QUEUE, "keep", (), {}, {}), delay=60_000)
    assert check_queue(settings.broker_path).verdict == "warn", "a service that was stopped in order"


def test_a_queue_stands_still_also_where_another_moves(broker: SQLiteBroker, worker: None, settings: Settings) -> None:
    enqueue(broker, settings.broker_path, minutes_ago=STILL_MINUTES + 1)
    with closing(sqlite3.connect(settings.broker_path)) as connection, connection:
        minute = "CAST(strftime('%s') AS INTEGER) / 60 - 1"
        connection.execute(f"INSERT INTO broker_rates (queue, minute, finished) VALUES ('house', {minute}, 1)")
    assert check_queue(settings.broker_path).verdict == "fail"


def test_a_paused_queue_is_named(broker: SQLiteBroker, worker: None, settings: Settings) -> None:
    broker.inspect.pause(QUEUE)
    found = check_queue(settings.broker_path)
    assert (found.verdict, QUEUE in found.detail, "/dashboard/queues" in found.advice) == ("warn", True, True)


def test_dead_letters_are_warned_about(broker: SQLiteBroker, worker: None, settings: Settings) -> None:
    enqueue(broker, settings.broker_path)
    with closing(sqlite3.connect(settings.broker_path)) as connection, connection:
        connection.execute("UPDATE broker_messages SET state = 'dead', reason = 'Boom', died_at = run_at")
    found = check_queue(settings.broker_path)
    assert (found.verdict, "1 given up" in found.detail, "/dashboard/dead" in found.advice) == ("warn", True, True)


def test_a_newer_queue_fails(broker: SQLiteBroker, settings: Settings) -> None:
    with closing(sqlite3.connect(settings.broker_path)) as connection, connection:
        connection.execute("UPDATE broker_schema SET version = 99")
    assert check_queue(settings.broker_path).verdict == "fail"
