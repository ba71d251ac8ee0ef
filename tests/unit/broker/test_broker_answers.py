"""What becomes of a message whose processing goes wrong in an unusual way: it is kept, given back or dead, never stuck."""

from __future__ import annotations

import contextvars
import json
import logging
import sqlite3
import threading
import time

import dramatiq
import pytest
from dramatiq import Worker
from dramatiq.middleware import SkipMessage
from dramatiq.results import ResultMissing, Results

from broker import DatabaseLocked, SQLiteResultBackend
from broker._consumer import UNBEGUN_SECONDS

LOST_AFTER_SECONDS = 901


def test_what_an_actor_writes_is_kept_though_its_claim_could_not_be_renewed(broker, message, clock, drain, monkeypatch):
    broker.enqueue(message("parent"))
    consumer = broker.consume("default", prefetch=2, timeout=1)
    parent = next(consumer)
    clock.move(2)

    def locked(*_):
        raise DatabaseLocked("somebody else writes")

    def process():
        with monkeypatch.context() as patch:
            patch.setattr(broker._connections, "noting", locked)
            broker.emit_before("process_message", parent)
        broker.enqueue(message("child"))
        consumer.ack(parent)
        broker.emit_after("ack", parent)

    contextvars.copy_context().run(process)
    assert drain(broker) == ["child"]


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


@pytest.mark.parametrize("error", [ValueError("cannot say \ud800"), Unspeakable()])
def test_an_error_that_cannot_be_told_is_a_dead_letter_like_any_other(make_broker, until, error, monkeypatch) -> None:
    # A log with a lone surrogate in it ends pytest-xdist's worker, which sends what was logged as UTF-8.
    monkeypatch.setattr(logging.getLogger("dramatiq"), "propagate", False)
    broker = make_broker()
    ran = threading.Event()

    @dramatiq.actor(broker=broker, max_retries=0)
    def bad() -> None:
        raise error

    @dramatiq.actor(broker=broker)
    def good() -> None:
        ran.set()

    worker = Worker(broker, worker_timeout=50, worker_threads=1)
    worker.start()
    for _ in range(3):
        bad.send()
    good.send()
    until(lambda: [depth.dead for depth in broker.inspect.queues()] == [3])
    assert ran.wait(10)
    worker.stop()
    assert {letter.reason.split(":")[0] for letter in broker.inspect.dead_letters()} == {type(error).__name__}


def test_a_failure_that_comes_too_late_stores_no_result(make_broker, message, clock) -> None:
    broker = make_broker(clock=clock, steady_clock=clock.steady)
    backend = SQLiteResultBackend(broker)
    broker.add_middleware(Results(backend=backend, store_results=True))

    @dramatiq.actor(broker=broker, max_retries=0)
    def work() -> None: ...

    late = broker.enqueue(message())
    consumer = broker.consume("default", prefetch=2, timeout=1)
    delivery = next(consumer)

    def process():
        broker.emit_before("process_message", delivery)
        clock.move(LOST_AFTER_SECONDS)
        broker._house.free_the_overdue()
        error = ValueError("late")
        delivery.stuff_exception(error)
        broker.emit_after("process_message", delivery, exception=error)
        broker.emit_before("nack", delivery)
        consumer.nack(delivery)
        broker.emit_after("nack", delivery)

    contextvars.copy_context().run(process)
    with pytest.raises(ResultMissing):
        backend.get_result(late)
    assert [(depth.ready, depth.dead) for depth in broker.inspect.queues()] == [(1, 0)]


def test_a_failure_s_result_comes_with_its_dead_letter(make_broker) -> None:
    broker = make_broker()
    backend = SQLiteResultBackend(broker)
    broker.add_middleware(Results(backend=backend, store_results=True))

    @dramatiq.actor(broker=broker, max_retries=0)
    def work() -> None:
        raise ValueError("for good")

    sent = work.send()
    worker = Worker(broker, worker_timeout=50, worker_threads=1)
    worker.start()
    with pytest.raises(dramatiq.results.ResultFailure):
        sent.get_result(backend=backend, block=True)
    assert [depth.dead for depth in broker.inspect.queues()] == [1]
    worker.stop()


def test_a_late_worker_that_waits_for_others_commits_nothing_ahead(broker, message, clock, drain) -> None:
    broker.enqueue(message("parent"))
    consumer = broker.consume("default", prefetch=2, timeout=1)
    parent = next(consumer)

    def process():
        broker.emit_before("process_message", parent)
        broker.enqueue(message("child"))
        clock.move(LOST_AFTER_SECONDS)
        broker._house.free_the_overdue()
        broker._settle_current()
        broker.enqueue(message("another child"))
        consumer.ack(parent)
        broker.emit_after("ack", parent)

    contextvars.copy_context().run(process)
    assert drain(broker) == ["parent"]


def test_an_ack_while_a_consumer_starts_is_no_stray(broker, message, path, until, rows, monkeypatch) -> None:
    """A consumer that starts gives back claims nobody knows of. One answered meanwhile is none of them."""
    broker.enqueue(message(1))
    consumer = broker.consume("default", prefetch=2, timeout=1)
    delivery = next(consumer)
    monkeypatch.setattr(broker._queues, "note", lambda queue: None)
    stranger = sqlite3.connect(path, isolation_level=None)
    stranger.execute("BEGIN IMMEDIATE")
    starting = threading.Thread(target=broker.consume, args=("default",))
    starting.start()
    until(lambda: not broker._session.answers.turn.acquire(blocking=False) or broker._session.answers.turn.release())
    acking = threading.Thread(target=consumer.ack, args=(delivery,))
    acking.start()
    acking.join(10)
    stranger.execute("ROLLBACK")
    stranger.close()
    starting.join(10)
    until(lambda: rows("SELECT state FROM broker_messages") == [])


def test_restarts_of_a_consumer_do_not_pile_up_claims(broker, message) -> None:
    broker.enqueue_many([message(number) for number in range(20)])
    for _ in range(5):
        consumer = broker.consume("default", prefetch=4, timeout=1)
        assert [next(consumer) is not None for _ in range(2)] == [True, True]
        consumer.close()
    assert [depth.claimed for depth in broker.inspect.queues()] == [0]


def test_what_waits_behind_another_queue_s_work_goes_back_and_rests(broker, message, clock, rows) -> None:
    broker.enqueue(message("waits"))
    consumer = broker.consume("default", prefetch=2, timeout=1)
    waits = next(consumer)
    clock.move(UNBEGUN_SECONDS - 1)
    assert next(consumer) is None
    assert rows("SELECT state FROM broker_messages") == [("claimed",)]
    clock.move(1)
    assert next(consumer) is None
    assert rows("SELECT state, deliveries FROM broker_messages") == [("ready", 0)]
    assert next(consumer) is None, "another process shall have it first"
    with pytest.raises(SkipMessage):
        broker.emit_before("process_message", waits)


def test_a_message_that_hangs_on_its_last_chance_holds_nobody_up(make_broker, message, clock) -> None:
    broker = make_broker(clock=clock, steady_clock=clock.steady, max_deliveries=2)
    broker.enqueue(message("hangs"))
    consumer = broker.consume("default", prefetch=6, timeout=1)
    for _ in range(2):
        broker.emit_before("process_message", next(consumer))
        clock.move(LOST_AFTER_SECONDS)
        broker._house.free_the_overdue()
    with broker.at_once():
        broker.enqueue(message("next"))
    assert next(consumer).args == ("next",)
    assert [letter.message.args for letter in broker.inspect.dead_letters()] == [("hangs",)]


def test_what_waits_in_a_paused_queue_does_not_hold_its_key(broker, message) -> None:
    broker.declare_queue("other")
    for queue in ("default", "other"):
        for number in range(3):
            broker.enqueue(message(number, queue=queue, concurrency_key="k", priority=0 if queue == "default" else 9))
    paused, other = (broker.consume(queue, prefetch=2, timeout=1) for queue in ("default", "other"))
    running = next(paused)
    assert next(paused) is None
    assert next(other) is None
    broker.inspect.pause("default")
    paused.ack(running)
    assert next(other) is not None


def test_those_turned_away_do_not_hide_the_one_behind_them(broker, message, monkeypatch) -> None:
    monkeypatch.setattr("broker._claim.MOST_TURNED_AWAY", 10)
    broker.enqueue_many([message(number, concurrency_key="k") for number in range(100)])
    broker.enqueue(message("free", priority=1))
    consumer = broker.consume("default", prefetch=4, timeout=5_000)
    assert next(consumer).args == (0,)
    start = time.monotonic()
    assert next(consumer).args == ("free",)
    assert time.monotonic() - start < 5, "it waited for a bell that nobody rings"


WHOLE = {"queue_name": "default", "actor_name": "work", "args": [], "kwargs": {}, "options": {}}


@pytest.mark.parametrize(
    "payload",
    [
        WHOLE | {"options": None},
        WHOLE | {"message_id": ["x"]},
        WHOLE | {"queue_name": None},
        WHOLE | {"actor_name": 1},
        WHOLE | {"kwargs": []},
        [1],
    ],
)
def test_a_payload_of_the_wrong_shape_is_a_dead_letter(broker, message, path, payload) -> None:
    broker.enqueue_many([message("strange"), message("good")])
    with sqlite3.connect(path) as connection:
        stored = (
            json.dumps({"message_id": "1", "message_timestamp": 1} | payload) if isinstance(payload, dict) else "[1]",
        )
        connection.execute("UPDATE broker_messages SET payload = CAST(? AS BLOB) WHERE id = 1", stored)
    connection.close()
    consumer = broker.consume("default", prefetch=4, timeout=1)
    assert next(consumer).args == ("good",)
    assert "undecodable" in broker.inspect.dead_letters()[0].reason
