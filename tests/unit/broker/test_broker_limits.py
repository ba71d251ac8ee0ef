"""How many messages may be worked on at once: by queue and by concurrency key."""

from __future__ import annotations

import pytest

from broker import InvalidOption


def consume(broker, prefetch=20):
    return broker.consume("default", prefetch=prefetch, timeout=1)


def take(consumer):
    """All that can be had now."""
    got = []
    while (delivery := next(consumer)) is not None:
        got.append(delivery)
    return got


def names(deliveries):
    return [delivery.args[0] for delivery in deliveries]


def test_messages_with_a_concurrency_key_run_one_at_a_time(broker, message) -> None:
    for number in range(3):
        broker.enqueue(message(number, concurrency_key="voice"))
    broker.enqueue(message("free"))
    consumer = consume(broker)
    first = take(consumer)
    assert names(first) == [0, "free"]
    (depth,) = broker.inspect.queues()
    assert (depth.blocked, depth.ready) == (2, 0)
    consumer.ack(first[0])
    second = take(consumer)
    assert names(second) == [1]
    consumer.nack(second[0])
    assert names(take(consumer)) == [2]


def test_a_concurrency_limit_lets_so_many_run(broker, message) -> None:
    for number in range(5):
        broker.enqueue(message(number, concurrency_key="voice", concurrency_limit=2))
    consumer = consume(broker)
    running = take(consumer)
    order = []
    while running:
        assert len(running) <= 2
        done = running.pop(0)
        order.append(done.args[0])
        consumer.ack(done)
        running += take(consumer)
    assert order == [0, 1, 2, 3, 4]


def test_blocked_messages_go_by_priority_and_rank(broker, message) -> None:
    consumer = consume(broker)
    broker.enqueue(message("first", concurrency_key="k"))
    (running,) = take(consumer)
    broker.enqueue(message("late", concurrency_key="k", rank=5))
    broker.enqueue(message("low", concurrency_key="k", priority=9))
    broker.enqueue(message("urgent", concurrency_key="k", priority=-1))
    assert take(consumer) == []
    order = []
    while running is not None:
        consumer.ack(running)
        running = next(consumer)
        order += [running.args[0]] if running is not None else []
    assert order == ["urgent", "late", "low"]


def test_a_blocked_message_that_waited_has_not_used_up_a_delivery(broker, message) -> None:
    broker.enqueue(message(1, concurrency_key="k"))
    broker.enqueue(message(2, concurrency_key="k"))
    consumer = consume(broker)
    (first,) = take(consumer)
    consumer.ack(first)
    take(consumer)
    assert [claim.deliveries for claim in broker.inspect.claimed()] == [1]


def test_a_retry_leaves_its_place_to_the_next(broker, message) -> None:
    broker.enqueue(message(1, concurrency_key="k"))
    broker.enqueue(message(2, concurrency_key="k"))
    consumer = consume(broker)
    (first,) = take(consumer)
    broker.enqueue(first, delay=1000)
    consumer.ack(first)
    assert names(take(consumer)) == [2]


def test_a_dead_worker_s_place_is_free_again(broker, message, clock) -> None:
    broker.enqueue(message(1, concurrency_key="k"))
    broker.enqueue(message(2, concurrency_key="k"))
    assert names(take(consume(broker))) == [1]
    clock.move(901)
    broker._house.free_the_overdue()
    assert names(take(consume(broker))) == [1]


def test_a_key_that_everyone_forgot_is_found_by_the_housekeeper(broker, message, path) -> None:
    import sqlite3

    broker.enqueue(message(1, concurrency_key="k"))
    broker.enqueue(message(2, concurrency_key="k"))
    take(consume(broker))
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("DELETE FROM broker_messages WHERE state = 'claimed'")
    connection.close()
    assert take(consume(broker)) == []
    broker._house.unblock_the_forgotten()
    assert names(take(consume(broker))) == [2]


def test_a_long_line_under_one_key_is_set_aside_in_one_claim(broker, message) -> None:
    broker.enqueue_many([message(number, concurrency_key="k") for number in range(500)])
    broker.enqueue(message("free"))
    assert names(take(consume(broker))) == [0, "free"]
    assert broker.inspect.queues()[0].blocked == 499


def test_flushing_a_queue_empties_it_of_the_blocked_too(broker, message) -> None:
    for number in range(3):
        broker.enqueue(message(number, concurrency_key="k"))
    (running,) = take(consumer := consume(broker))
    broker.flush("default")
    consumer.ack(running)
    broker.join("default", timeout=100)
    assert broker.inspect.queues()[0].blocked == 0


@pytest.mark.parametrize("options", [{"concurrency_key": ""}, {"concurrency_key": 1}, {"concurrency_limit": 0}])
def test_an_option_that_makes_no_sense_is_refused(broker, message, options) -> None:
    with pytest.raises(InvalidOption, match="concurrency_"):
        broker.enqueue(message(1, **options))


def test_a_queue_s_limit_holds_for_all_workers_together(broker, make_broker, message, clock) -> None:
    other = make_broker(clock=clock, steady_clock=clock.steady)
    for number in range(5):
        broker.enqueue(message(number))
    broker.inspect.limit("default", 3)
    one, two = consume(broker, 4), consume(other, 4)
    first, second = take(one), take(two)
    assert (names(first), names(second)) == ([0, 1], [2])
    assert broker.inspect.queues()[0].max_claimed == 3
    one.ack(first[0])
    assert names(take(two)) == [3]
    broker.inspect.limit("default", None)
    assert names(take(one)) == [4]


def test_a_queue_s_limit_below_one_is_refused(broker) -> None:
    with pytest.raises(InvalidOption, match="pause"):
        broker.inspect.limit("default", 0)


def test_rates_say_what_became_of_messages_a_minute(broker, message, clock) -> None:
    consumer = consume(broker)
    for number in range(6):
        broker.enqueue(message(number))
    deliveries = take(consumer)
    for delivery in deliveries[:3]:
        consumer.ack(delivery)
    consumer.nack(deliveries[3])
    broker.enqueue(deliveries[4], delay=1)
    consumer.ack(deliveries[4])
    clock.move(60)
    broker._session.answers.flush()
    (rate,) = broker.inspect.rates(minutes=2)
    assert (rate.queue, rate.finished, rate.retried, rate.died) == ("default", 1.5, 0.5, 0.5)
    clock.move(86_400 * 2)
    broker._house.prune()
    assert broker.inspect.rates(minutes=5000) == []
