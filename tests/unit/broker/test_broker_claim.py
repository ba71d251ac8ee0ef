from __future__ import annotations

import sqlite3

import dramatiq
import pytest
from dramatiq import Worker
from dramatiq.errors import ConnectionClosed
from dramatiq.middleware import SkipMessage, TimeLimit

from broker import DatabaseUnavailable


def consume(broker, count=1):
    return broker.consume("default", prefetch=2 * count, timeout=1)


def test_a_consumer_holds_no_more_than_its_threads(broker, message) -> None:
    for number in range(10):
        broker.enqueue(message(number))
    consumer = broker.consume("default", prefetch=6, timeout=1)
    held = [next(consumer) for _ in range(4)]
    assert [delivery and delivery.args[0] for delivery in held] == [0, 1, 2, None]
    assert broker.inspect.queues()[0].claimed == 3
    consumer.ack(held[0])
    assert next(consumer).args == (3,)


def test_a_prefetch_set_in_the_environment_is_taken_as_it_is(broker, message, monkeypatch) -> None:
    monkeypatch.setenv("dramatiq_queue_prefetch", "2")
    for number in range(5):
        broker.enqueue(message(number))
    consumer = broker.consume("default", prefetch=2, timeout=1)
    assert [bool(next(consumer)) for _ in range(3)] == [True, True, False]


def test_a_queue_without_a_consumer_is_not_claimed(broker, message) -> None:
    broker.declare_queue("other")
    broker.enqueue(message(1, queue="other"))
    assert next(consume(broker)) is None
    assert broker.inspect.queues()[1].ready == 1


def test_close_gives_back_in_place_what_has_not_begun(broker, message, drain, rows) -> None:
    for number in range(3):
        broker.enqueue(message(number))
    consumer = consume(broker, 3)
    begun, waiting = next(consumer), next(consumer)
    broker.emit_before("process_message", begun)
    consumer.close()
    assert rows("SELECT state, deliveries FROM broker_messages ORDER BY id") == [
        ("claimed", 1),
        ("ready", 0),
        ("ready", 0),
    ]
    with pytest.raises(SkipMessage):
        broker.emit_before("process_message", waiting)
    consumer.requeue([begun])
    assert drain(broker) == [0, 1, 2]


def test_nothing_is_claimed_once_the_shutdown_has_begun(broker, message) -> None:
    consumer = consume(broker)
    broker.emit_before("worker_shutdown", None)
    broker.enqueue(message(1))
    assert next(consumer) is None
    broker.emit_before("worker_boot", None)
    assert next(consumer) is not None


def test_a_late_ack_does_nothing(broker, make_broker, message, clock) -> None:
    broker.enqueue(message(1))
    slow = consume(broker)
    late = next(slow)
    clock.move(901)
    broker._house.free_the_overdue()
    other = make_broker(clock=clock, steady_clock=clock.steady)
    quick = consume(other)
    again = next(quick)
    assert again.message_id == late.message_id
    slow.ack(late)
    assert broker.inspect.queues()[0].claimed == 1
    assert broker.extend(late.message_id, 5) is False
    quick.ack(again)
    assert broker.inspect.queues()[0].claimed == 0


def test_a_late_nack_requeue_or_retry_does_nothing(broker, make_broker, message, clock) -> None:
    other = make_broker(clock=clock, steady_clock=clock.steady)
    quick = consume(other)
    slow = consume(broker)
    for answer in (slow.nack, lambda late: slow.requeue([late]), lambda late: answer_with_retry(broker, slow, late)):
        broker.enqueue(message(1))
        late = next(slow)
        clock.move(901)
        broker._house.free_the_overdue()
        again = next(quick)
        answer(late)
        (claim,) = broker.inspect.claimed()
        assert claim.owner == other._session.process.owner
        quick.ack(again)
        (depth,) = broker.inspect.queues()
        assert (depth.ready, depth.scheduled, depth.claimed, depth.dead) == (0, 0, 0, 0)


def test_a_count_stops_where_it_is_told_to(broker, message) -> None:
    broker.enqueue_many(message(number) for number in range(5))
    broker.enqueue(message(9), delay=60_000)
    assert [(depth.ready, depth.scheduled) for depth in broker.inspect.queues(most=3)] == [(3, 1)]
    assert [(depth.ready, depth.scheduled) for depth in broker.inspect.queues()] == [(5, 1)]


def answer_with_retry(broker, consumer, delivery) -> None:
    broker.enqueue(delivery, delay=0)
    consumer.ack(delivery)


def test_the_deadline_is_the_time_limit_and_a_grace(broker, message) -> None:
    broker.enqueue(message(1, time_limit=10_000))
    broker.enqueue(message(2))
    broker.enqueue(message(3, time_limit=float("inf")))
    consumer = consume(broker, 3)
    next(consumer)
    lasts = [(claim.deadline - claim.claimed_at).total_seconds() for claim in broker.inspect.claimed()]
    assert lasts[:2] == [40.0, 900.0]
    assert lasts[2] > 86_400 * 365


@pytest.mark.parametrize(("limit", "seconds"), [(3_600_000, 3_630.0), (600_000, 900.0)])
def test_a_claim_lasts_as_long_as_the_middleware_lets_an_actor_run(make_broker, message, clock, limit, seconds) -> None:
    broker = make_broker(middleware=[TimeLimit(time_limit=limit)], clock=clock, steady_clock=clock.steady)
    broker.enqueue(message(1))
    next(consume(broker))
    (claim,) = broker.inspect.claimed()
    assert (claim.deadline - claim.claimed_at).total_seconds() == seconds


def test_extend_pushes_the_deadline_for_the_holder_only(broker, message, clock) -> None:
    broker.enqueue(message(1))
    delivery = next(consume(broker))
    assert broker.extend(delivery.message_id, 5_000)
    assert broker.extend("unknown", 5_000) is False
    clock.move(901)
    broker._house.free_the_overdue()
    assert broker.inspect.queues()[0].claimed == 1
    clock.move(5_000)
    broker._house.free_the_overdue()
    assert broker.inspect.queues()[0].claimed == 0


def test_a_clock_that_goes_back_frees_nothing_and_loses_nothing(broker, message, clock) -> None:
    broker.enqueue(message(1))
    consumer = consume(broker)
    delivery = next(consumer)
    clock.move(-3600)
    broker._house.free_the_overdue()
    broker._house.prune()
    consumer.ack(delivery)
    assert broker.inspect.queues()[0].claimed == 0


def test_a_retry_takes_its_own_row(broker, message, clock, rows) -> None:
    broker.enqueue(message(1, rank=3, key="k"))
    consumer = consume(broker)
    delivery = next(consumer)
    delivery.options["retries"] = 1
    broker.enqueue(delivery, delay=1000)
    consumer.ack(delivery)
    assert rows("SELECT count(*), state, rank, key, deliveries FROM broker_messages") == [(1, "scheduled", 3.0, "k", 0)]
    clock.move(1)
    again = next(consumer)
    assert again.options["retries"] == 1
    assert again.message_id == delivery.message_id


def test_a_message_enqueued_twice_while_it_is_held_is_there_twice(broker, message, drain) -> None:
    broker.enqueue(message(1))
    consumer = consume(broker)
    delivery = next(consumer)
    broker.enqueue(delivery)
    broker.enqueue(delivery)
    consumer.ack(delivery)
    assert drain(broker) == [1, 1]


@pytest.mark.parametrize("broken", ["middleware", "payload"])
def test_a_retry_that_cannot_be_stored_loses_nothing(broker, message, monkeypatch, clock, broken) -> None:
    broker.enqueue(message(1))
    consumer = consume(broker)
    delivery = next(consumer)
    if broken == "middleware":
        monkeypatch.setattr(broker, "emit_before", fail_once(broker.emit_before))
    else:
        delivery.options["unspeakable"] = object()
    with pytest.raises((DatabaseUnavailable, TypeError)):
        broker.enqueue(delivery, delay=1000)
    consumer.ack(delivery)
    assert next(consumer) is None
    clock.move(1)
    assert next(consumer).message_id == delivery.message_id


def test_an_answer_that_cannot_be_written_is_written_later(broker, message, monkeypatch) -> None:
    broker.enqueue(message(1))
    consumer = consume(broker)
    delivery = next(consumer)
    monkeypatch.setattr(broker._connections, "noting", fail_once(broker._connections.noting))
    with pytest.raises(DatabaseUnavailable):
        consumer.ack(delivery)
    assert broker.inspect.queues()[0].claimed == 1
    consumer.ack(delivery)
    assert next(consumer) is None
    assert broker.inspect.queues()[0].claimed == 0


def fail_once(call):
    calls = iter([True])

    def wrapper(*args, **kwargs):
        if next(calls, False):
            raise DatabaseUnavailable("disk full")
        return call(*args, **kwargs)

    return wrapper


def test_nack_makes_a_dead_letter_with_its_reason(broker, message) -> None:
    broker.enqueue(message(1))
    consumer = consume(broker)
    delivery = next(consumer)
    delivery.options["traceback"] = "Traceback: ..."
    delivery.stuff_exception(ValueError("no voice"))
    consumer.nack(delivery)
    (letter,) = broker.inspect.dead_letters("default")
    assert letter.reason == "ValueError: no voice"
    assert letter.message.options["traceback"] == "Traceback: ..."


def test_answers_for_an_unknown_message_are_ignored(broker, message) -> None:
    consumer = consume(broker)
    stranger = dramatiq.MessageProxy(message(1))
    consumer.nack(stranger)
    consumer.ack(stranger)
    consumer.requeue([stranger])


def test_an_undecodable_message_becomes_a_dead_letter_and_blocks_nobody(broker, message, path, drain) -> None:
    broker.enqueue(message("bad"))
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("UPDATE broker_messages SET payload = x'00ff'")
    connection.close()
    broker.enqueue(message("good"))
    assert drain(broker) == ["good"]
    (letter,) = broker.inspect.dead_letters()
    assert letter.reason.startswith("undecodable")
    assert letter.message is None


def test_a_paused_queue_gives_nothing_until_resumed(broker, message, drain) -> None:
    broker.enqueue(message(1))
    broker.inspect.pause("default")
    assert drain(broker) == []
    assert broker.inspect.queues()[0].paused
    broker.inspect.resume("default")
    assert drain(broker) == [1]


def test_a_dead_letter_can_be_sent_again_or_dropped(broker, message, drain) -> None:
    consumer = consume(broker)
    for number in (1, 2):
        broker.enqueue(message(number, key=f"k{number}"))
        delivery = next(consumer)
        delivery.options["retries"] = 9
        consumer.nack(delivery)
    first, second = broker.inspect.dead_letters(limit=2)
    assert broker.inspect.dead_letters(after_id=first.id) == [second]
    assert broker.inspect.dead_letters("other") == []
    broker.enqueue(message(3, key="k1"))
    assert broker.inspect.requeue_dead(first.id) is False
    assert drain(broker) == [3]
    assert broker.inspect.requeue_dead(first.id) is True
    delivery = next(consumer)
    assert (delivery.args, delivery.options.get("retries")) == ((1,), None)
    assert broker.inspect.drop_dead(second.id) is True
    assert broker.inspect.drop_dead(second.id) is False
    assert broker.inspect.dead_letters() == []


def test_old_dead_letters_are_pruned(broker, message, clock) -> None:
    broker.enqueue(message(1))
    consumer = consume(broker)
    consumer.nack(next(consumer))
    clock.move(86_400 * 29)
    broker._house.prune()
    assert len(broker.inspect.dead_letters()) == 1
    clock.move(86_400 * 2)
    broker._house.prune()
    assert broker.inspect.dead_letters() == []


def test_the_oldest_ready_message_has_an_age(broker, message, clock) -> None:
    broker.enqueue(message(1))
    clock.move(5)
    broker.enqueue(message(2), delay=1)
    assert broker.inspect.queues()[0].oldest_ready_age_seconds == 5.0


def test_the_last_chance_is_given_alone(make_broker, message, clock) -> None:
    broker = make_broker(clock=clock, steady_clock=clock.steady, max_deliveries=2)
    for number in range(3):
        broker.enqueue(message(number))
    consumer = consume(broker, 3)
    assert [next(consumer) for _ in range(3)]
    clock.move(901)
    broker._house.free_the_overdue()
    consumer = consume(broker, 3)
    alone = next(consumer)
    assert next(consumer) is None
    consumer.ack(alone)
    assert next(consumer).args == (1,)


def test_a_last_chance_waits_until_its_consumer_holds_nothing_else(make_broker, message, clock) -> None:
    broker = make_broker(clock=clock, steady_clock=clock.steady, max_deliveries=2)
    broker.enqueue(message("suspect"))
    assert next(consume(broker))
    clock.move(901)
    broker._house.free_the_overdue()
    broker.enqueue(message("fresh", priority=-1))
    consumer = consume(broker, 3)
    fresh = next(consumer)
    assert fresh.args == ("fresh",)
    assert next(consumer) is None
    consumer.ack(fresh)
    assert next(consumer).args == ("suspect",)


def test_a_message_that_waited_too_long_for_its_thread_is_renewed_or_skipped(
    broker, make_broker, message, clock
) -> None:
    broker.enqueue(message(1))
    consumer = consume(broker)
    delivery = next(consumer)
    clock.move(800)
    broker.emit_before("process_message", delivery)
    clock.move(800)
    broker._house.free_the_overdue()
    assert broker.inspect.queues()[0].claimed == 1
    clock.move(800)
    broker._house.free_the_overdue()
    with pytest.raises(dramatiq.middleware.SkipMessage):
        broker.emit_before("process_message", delivery)


def test_a_lost_message_reaches_no_middleware_wherever_it_was_put(make_broker, message, clock) -> None:
    told = []

    class Curious(dramatiq.Middleware):
        def before_process_message(self, broker, message) -> None:
            told.append(message.message_id)

    broker = make_broker(clock=clock, steady_clock=clock.steady)
    curious = Curious()
    broker.add_middleware(curious, before=type(broker.middleware[0]))
    assert broker.middleware[0] is curious
    broker.enqueue(message(1))
    delivery = next(consume(broker))
    broker.emit_before("process_message", delivery)
    assert told == [delivery.message_id]
    clock.move(1000)
    broker._house.free_the_overdue()
    with pytest.raises(dramatiq.middleware.SkipMessage):
        broker.emit_before("process_message", delivery)
    assert told == [delivery.message_id]


def test_a_program_without_middleware_has_none(make_broker) -> None:
    assert make_broker(middleware=[]).middleware == []


def test_claims_that_nobody_knows_of_are_given_back(broker, message, drain, monkeypatch) -> None:
    broker.enqueue(message(1))
    consumer = consume(broker)
    with monkeypatch.context() as patch:
        patch.setattr(broker._session.held, "add", lambda claim: (_ for _ in ()).throw(MemoryError()))
        with pytest.raises(MemoryError):
            next(consumer)
    assert broker.inspect.queues()[0].claimed == 1
    assert drain(broker) == [1]


def test_a_full_disk_is_a_closed_connection_and_heals(broker, message) -> None:
    broker.setup()
    with broker._connections.using() as connection:
        pages = connection.execute("PRAGMA page_count").fetchall()[0][0]
        connection.execute(f"PRAGMA max_page_count = {pages}").fetchall()
    with pytest.raises(ConnectionClosed):
        broker.enqueue(message("x" * 100_000))
    broker.enqueue(message("x" * 100_000))
    assert broker.inspect.queues()[0].ready == 1


def test_a_database_locked_by_another_is_a_closed_connection(make_broker, message, path) -> None:
    broker = make_broker(busy_timeout_seconds=0.05)
    broker.setup()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(ConnectionClosed):
        broker.enqueue(message(1))
    other.execute("ROLLBACK")
    other.close()
    broker.enqueue(message(1))


def test_a_file_that_cannot_be_opened_is_a_closed_connection(tmp_path, message) -> None:
    from broker import SQLiteBroker

    broker = SQLiteBroker(tmp_path)
    with pytest.raises(ConnectionClosed):
        broker.setup()


def test_a_read_only_database_is_a_closed_connection(broker, message) -> None:
    with broker._connections.using() as connection:
        connection.execute("PRAGMA query_only = ON")
    with pytest.raises(ConnectionClosed):
        broker.enqueue(message(1))


def test_a_transaction_cut_short_does_not_keep_the_lock(broker, message) -> None:
    class TimeIsUp(BaseException): ...

    with pytest.raises(TimeIsUp), broker._connections.writing():
        raise TimeIsUp
    with broker._connections.using() as connection:
        connection.execute("BEGIN IMMEDIATE")
    broker.enqueue(message(1))
    assert broker.inspect.queues()[0].ready == 1


def test_a_worker_that_stops_gives_back_what_it_did_not_begin(make_broker, drain, until) -> None:
    import threading

    broker = make_broker()
    begun, finish = threading.Event(), threading.Event()

    @dramatiq.actor(broker=broker)
    def work(number):
        begun.set()
        finish.wait(10)

    for number in range(3):
        work.send(number)
    worker = Worker(broker, worker_timeout=50, worker_threads=1)
    worker.queue_prefetch = 6
    worker.start()
    assert begun.wait(10)
    stopper = threading.Thread(target=worker.stop)
    stopper.start()
    until(lambda: not any(thread.running for thread in worker.workers))
    finish.set()
    stopper.join(10)
    (depth,) = broker.inspect.queues()
    assert (depth.ready, depth.claimed) == (2, 0)
    assert drain(broker) == [1, 2]


def test_a_write_holds_the_lock_from_its_start(broker, path) -> None:
    other = sqlite3.connect(path, isolation_level=None, timeout=0)
    with broker._connections.writing(), pytest.raises(sqlite3.OperationalError):
        other.execute("BEGIN IMMEDIATE")
    other.close()
