"""What a message's processing writes commits together with its ack, nack or retry, or not at all."""

from __future__ import annotations

import sqlite3
import threading

import dramatiq
import pytest
from dramatiq import Worker
from dramatiq.middleware import AsyncIO
from dramatiq.results import ResultMissing

from broker import DatabaseUnavailable, SQLiteBroker, SQLiteResultBackend
from broker._held import leave_all


class ThisThread:
    """Answers as a worker's thread does, hooks included."""

    def __init__(self, broker, consumer) -> None:
        self.broker = broker
        self.consumer = consumer

    def ack(self, delivery) -> None:
        self.consumer.ack(delivery)
        self.broker.emit_after("ack", delivery)

    def nack(self, delivery) -> None:
        self.consumer.nack(delivery)
        self.broker.emit_after("nack", delivery)


@pytest.fixture
def begin(broker):
    """Claim the next message and begin to process it in this thread."""
    consumer = broker.consume("default", prefetch=2, timeout=1)

    def claim():
        delivery = next(consumer)
        broker.emit_before("process_message", delivery)
        return ThisThread(broker, consumer), delivery

    yield claim
    leave_all()


def waiting(broker: SQLiteBroker) -> int:
    (depth,) = [depth for depth in broker.inspect.queues() if depth.queue == "default"]
    return depth.ready + depth.scheduled


def test_what_an_actor_sends_is_there_once_its_message_is_acked(broker, message, begin) -> None:
    broker.enqueue(message("parent"))
    consumer, parent = begin()
    broker.enqueue(message("child"))
    broker.enqueue_many([message("one"), message("two")], delay=1000)
    assert waiting(broker) == 0
    consumer.ack(parent)
    assert waiting(broker) == 3


def test_what_an_actor_sends_is_there_once_its_message_is_dead(broker, message, begin) -> None:
    broker.enqueue(message("parent"))
    consumer, parent = begin()
    broker.enqueue(message("child"))
    consumer.nack(parent)
    assert waiting(broker) == 1
    assert len(broker.inspect.dead_letters()) == 1


def test_what_a_failed_attempt_sent_comes_with_its_retry(broker, message, begin) -> None:
    broker.enqueue(message("parent"))
    consumer, parent = begin()
    broker.enqueue(message("child"))
    broker.enqueue(parent, delay=60_000)
    assert waiting(broker) == 0
    consumer.ack(parent)
    (depth,) = broker.inspect.queues()
    assert (depth.ready, depth.scheduled, depth.claimed) == (1, 1, 0)


def test_what_is_sent_at_once_does_not_wait_for_the_ack(broker, message, begin) -> None:
    broker.enqueue(message("parent"))
    consumer, parent = begin()
    with broker.at_once():
        broker.enqueue(message("now"))
    broker.enqueue(message("later"))
    assert waiting(broker) == 1
    consumer.ack(parent)
    assert waiting(broker) == 2


def test_what_a_worker_sent_for_a_message_that_it_lost_is_not_sent(broker, message, begin, clock, drain) -> None:
    broker.enqueue(message("parent"))
    consumer, parent = begin()
    broker.enqueue(message("child"))
    clock.move(901)
    broker._house.free_the_overdue()
    consumer.ack(parent)
    assert drain(broker) == ["parent"]


def test_another_brokers_messages_are_none_of_this_transaction(broker, message, begin, tmp_path) -> None:
    broker.enqueue(message("parent"))
    begin()
    other = SQLiteBroker(tmp_path / "other.db")
    other.declare_queue("default")
    other.enqueue(message("elsewhere"))
    assert waiting(other) == 1
    other.close()


def test_what_is_sent_after_the_ack_is_there_at_once(broker, message, begin) -> None:
    broker.enqueue(message("parent"))
    consumer, parent = begin()
    consumer.ack(parent)
    broker._session.held.enter(parent.claim)  # as in a task that a coroutine left behind
    broker.enqueue(message("afterthought"))
    assert waiting(broker) == 1


def test_a_coroutine_s_messages_come_with_its_ack(make_broker, until) -> None:
    broker = make_broker(middleware=[AsyncIO()])
    sent, go = threading.Event(), threading.Event()

    @dramatiq.actor(broker=broker, queue_name="other")
    def child() -> None: ...

    @dramatiq.actor(broker=broker)
    async def parent() -> None:
        import asyncio

        child.send()
        sent.set()
        await asyncio.to_thread(go.wait)

    worker = Worker(broker, queues={"default"}, worker_timeout=50, worker_threads=1)
    worker.start()
    parent.send()
    assert sent.wait(10)
    depths = {depth.queue: depth.ready for depth in broker.inspect.queues()}
    assert depths.get("other", 0) == 0
    go.set()
    until(lambda: {depth.queue: depth.ready for depth in broker.inspect.queues()}.get("other") == 1)
    worker.stop()


def test_many_messages_are_stored_together_or_not_at_all(broker, message) -> None:
    with pytest.raises(TypeError):
        broker.enqueue_many([message(1), message(object())])
    assert broker.inspect.queues() == []
    assert len(broker.enqueue_many([message(number) for number in range(3)])) == 3
    assert waiting(broker) == 3


def test_what_cannot_be_committed_ahead_of_the_ack_stays_part_of_it(broker, message, begin, monkeypatch) -> None:
    broker.enqueue(message("parent"))
    consumer, parent = begin()
    broker.enqueue(message("child"))

    def full(*_):
        raise DatabaseUnavailable("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(broker._connections, "noting", full)
        with pytest.raises(DatabaseUnavailable):
            broker._settle_current()
    consumer.ack(parent)
    assert waiting(broker) == 1


def test_a_message_that_wrote_what_cannot_be_stored_is_given_up_alone(broker, message) -> None:
    for name in ("good", "bad", "also good"):
        broker.enqueue(message(name))
    consumer = broker.consume("default", prefetch=6, timeout=1)
    deliveries = [next(consumer) for _ in range(3)]
    broker.emit_before("process_message", deliveries[1])
    assert broker._defer("INSERT INTO broker_results (key) VALUES (?)", (None,), "topic")
    for delivery in deliveries:
        ThisThread(broker, consumer).ack(delivery)
    (depth,) = broker.inspect.queues()
    assert (depth.ready, depth.claimed, depth.dead) == (0, 0, 1)
    (letter,) = broker.inspect.dead_letters()
    assert letter.message.args == ("bad",)
    assert "cannot be stored" in letter.reason


def test_acks_of_other_threads_ride_with_the_next_claim(broker, message, path) -> None:
    broker.enqueue_many([message(number) for number in range(4)])
    consumer = broker.consume("default", prefetch=4, timeout=1)
    first = [next(consumer), next(consumer)]
    # Nobody shall write them meanwhile.
    broker._session.process.housekeeper.close()
    thread = threading.Thread(target=lambda: [consumer.ack(delivery) for delivery in first])
    thread.start()
    thread.join()
    commits = _commits_during(broker, lambda: next(consumer))
    assert commits == 1
    (depth,) = broker.inspect.queues()
    assert (depth.ready, depth.claimed) == (0, 2)


def _commits_during(broker, act) -> int:
    seen = []
    with broker._connections.using() as connection:
        connection.set_trace_callback(lambda sql: seen.append(sql) if sql == "COMMIT" else None)
        act()
        connection.set_trace_callback(None)
    return len(seen)


def test_acks_that_nobody_fetches_are_written_all_the_same(broker, message, until) -> None:
    broker.enqueue(message(1))
    consumer = broker.consume("default", prefetch=2, timeout=1)
    delivery = next(consumer)
    thread = threading.Thread(target=consumer.ack, args=(delivery,))
    thread.start()
    thread.join()
    until(lambda: broker.inspect.queues()[0].claimed == 0)


def test_a_late_ack_spares_the_stranger_that_has_its_id_now(broker, message, clock, path) -> None:
    broker.enqueue(message("old"))
    consumer = broker.consume("default", prefetch=2, timeout=1)
    old = next(consumer)
    clock.move(901)
    broker._house.free_the_overdue()
    broker.flush("default")
    broker.enqueue(message("new"))
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT id FROM broker_messages").fetchall() == [(old.claim.row_id,)]
    connection.close()
    other = broker.consume("default", prefetch=2, timeout=1)
    assert next(other).args == ("new",)
    consumer.ack(old)
    assert broker.inspect.queues()[0].claimed == 1


def test_a_result_that_a_skipped_message_would_store_is_not_stored(make_broker, message, clock) -> None:
    """Dramatiq stores None for what it skips; a message that was lost to another is the other's to answer."""
    broker = make_broker(clock=clock, steady_clock=clock.steady)
    broker.enqueue(message("lost"))
    consumer = broker.consume("default", prefetch=2, timeout=1)
    lost = next(consumer)
    clock.move(901)
    broker._house.free_the_overdue()
    with pytest.raises(dramatiq.middleware.SkipMessage):
        broker.emit_before("process_message", lost)
    backend = SQLiteResultBackend(broker)
    backend.store_result(lost, None, 60_000)
    consumer.ack(lost)
    with pytest.raises(ResultMissing):
        backend.get_result(lost)


def test_what_cannot_be_given_back_is_forgotten_all_the_same(broker, message, monkeypatch) -> None:
    broker.enqueue(message(1))
    consumer = broker.consume("default", prefetch=2, timeout=1)
    delivery = next(consumer)

    def full(*_):
        raise DatabaseUnavailable("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(broker._connections, "noting", full)
        with pytest.raises(DatabaseUnavailable):
            consumer.requeue([delivery])
    assert broker._session.held.tokens() == set()
    assert next(broker.consume("default", prefetch=2, timeout=1)).args == (1,)


def test_quick_work_is_held_in_numbers_and_long_work_is_not_hoarded(make_broker, until) -> None:
    broker = make_broker()
    go, begun = threading.Event(), threading.Semaphore(0)

    @dramatiq.actor(broker=broker)
    def quick() -> None: ...

    @dramatiq.actor(broker=broker)
    def long() -> None:
        begun.release()
        go.wait()

    broker.enqueue_many([quick.message() for _ in range(400)] + [long.message() for _ in range(40)])
    worker = Worker(broker, worker_timeout=50, worker_threads=4)
    worker.start()
    for _ in range(4):
        assert begun.acquire(timeout=30)
    until(lambda: broker.inspect.queues()[0].claimed == 4)
    go.set()
    broker.join("default", timeout=30_000)
    worker.stop()
