from __future__ import annotations

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import dramatiq
import pytest
from dramatiq.errors import QueueNotFound

import broker as door
from broker import InvalidOption, SchemaTooNew, SQLiteBroker


def test_the_door_exports_what_it_names() -> None:
    assert sorted(door.__all__) == door.__all__
    assert all(hasattr(door, name) for name in door.__all__)


def test_constructing_and_declaring_opens_nothing(tmp_path) -> None:
    broker = SQLiteBroker(tmp_path / "sub" / "queue.db")
    dramatiq.actor(broker=broker)(print)
    broker.statement(broker.actors["print"].message(1))
    broker.wake(["default"])
    assert list(tmp_path.iterdir()) == []


def test_setup_creates_the_folder_and_may_be_repeated(tmp_path) -> None:
    broker = SQLiteBroker(tmp_path / "sub" / "queue.db")
    broker.setup()
    broker.setup()
    assert (tmp_path / "sub" / "queue.db").exists()
    broker.close()


def test_many_processes_may_set_up_at_once(path, rows) -> None:
    code = f"from broker import SQLiteBroker; b = SQLiteBroker({str(path)!r}); input(); b.setup(); b.close()"
    started = [subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) for _ in range(4)]
    for process in started:
        process.stdin.write(b"\n")
        process.stdin.close()
    assert [process.wait(60) for process in started] == [0] * 4
    assert rows("SELECT count(*), max(version) FROM broker_schema") == [(1, 1)]


def test_many_threads_may_set_up_at_once(path) -> None:
    brokers = [SQLiteBroker(path) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda broker: broker.setup(), brokers))
    for broker in brokers:
        broker.close()


def test_a_newer_schema_is_refused(broker, path) -> None:
    broker.setup()
    broker.close()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("UPDATE broker_schema SET version = 99")
    connection.close()
    with pytest.raises(SchemaTooNew):
        broker.setup()


def test_other_tables_of_the_file_are_left_alone(path, broker) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("CREATE TABLE tasks (id)")
    connection.execute("INSERT INTO tasks VALUES (7)")
    broker.setup()
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert {name for name in tables if not name.startswith(("broker_", "sqlite_"))} == {"tasks"}
    assert connection.execute("SELECT id FROM tasks").fetchall() == [(7,)]
    connection.close()


def test_an_enqueue_rolled_back_with_its_transaction_is_not_there(broker, path, message, drain) -> None:
    broker.setup()
    connection = sqlite3.connect(path, isolation_level=None)
    for end in ("ROLLBACK", "COMMIT"):
        statement = broker.statement(message(end))
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(statement.sql, statement.parameters)
        connection.execute(end)
        broker.wake([statement.queue_name])
    connection.close()
    assert drain(broker) == ["COMMIT"]


def test_enqueue_to_an_undeclared_queue_is_refused(broker, message) -> None:
    with pytest.raises(QueueNotFound):
        broker.enqueue(message(1, queue="nowhere"))
    with pytest.raises(QueueNotFound):
        broker.consume("nowhere")


def test_lower_priority_goes_first_then_lower_rank_then_the_older(broker, message, drain) -> None:
    for name, priority, rank in [("e", 1, 0), ("c", 0, 5), ("d", 0, 5), ("b", 0, 1.5), ("a", -3, 99)]:
        broker.enqueue(message(name, priority=priority, rank=rank))
    assert drain(broker) == ["a", "b", "c", "d", "e"]


def test_the_actors_priority_holds_where_the_message_has_none(broker, drain) -> None:
    @dramatiq.actor(broker=broker, priority=5)
    def late(name): ...

    @dramatiq.actor(broker=broker, priority=1)
    def early(name): ...

    late.send("late")
    early.send("early")
    late.send_with_options(args=("urgent",), priority=0)
    assert drain(broker) == ["urgent", "early", "late"]


def test_a_short_task_does_not_wait_behind_a_book(broker, message) -> None:
    with broker._connections.writing() as connection:
        for place in range(1000):
            connection.execute(*broker_insert(broker, message(f"book {place}", rank=1 + place)))
    consumer = broker.consume("default", prefetch=2, timeout=1)
    for _ in range(10):
        consumer.ack(next(consumer))
    broker.enqueue(message("short", rank=1))
    order = []
    while "short" not in order:
        delivery = next(consumer)
        order.append(delivery.args[0])
        consumer.ack(delivery)
    assert len(order) <= 2
    rest = [next(consumer)]
    assert rest[0].args[0].startswith("book")


def test_a_stream_of_short_tasks_does_not_starve_a_book(broker, message) -> None:
    for place in range(20):
        broker.enqueue(message("book", rank=1 + place))
    consumer = broker.consume("default", prefetch=2, timeout=1)
    got = []
    for _ in range(40):
        broker.enqueue(message("short", rank=1))
        delivery = next(consumer)
        got.append(delivery.args[0])
        consumer.ack(delivery)
    assert got.count("book") > 5


def test_the_clock_of_one_priority_does_not_move_the_others(broker, message, drain, rows) -> None:
    broker.enqueue(message("x", rank=100, priority=1))
    drain(broker)
    broker.enqueue(message("y", rank=2, priority=1))
    broker.enqueue(message("z", rank=2, priority=2))
    assert rows("SELECT priority, rank FROM broker_messages ORDER BY priority") == [(1, 102.0), (2, 2.0)]


def test_a_key_is_unique_while_its_message_lives(broker, message, drain) -> None:
    broker.enqueue(message(1, key="k"))
    broker.enqueue(message(2, key="k"))
    consumer = broker.consume("default", prefetch=2, timeout=1)
    delivery = next(consumer)
    broker.enqueue(message(3, key="k"))
    assert delivery.args == (1,)
    consumer.ack(delivery)
    assert next(consumer) is None
    broker.enqueue(message(4, key="k"))
    delivery = next(consumer)
    assert delivery.args == (4,)
    consumer.nack(delivery)
    broker.enqueue(message(5, key="k"))
    assert drain(broker) == [5]


def test_a_key_may_stand_at_the_actor(broker, drain) -> None:
    @dramatiq.actor(broker=broker, key="only one")
    def keep_house(number): ...

    keep_house.send(1)
    keep_house.send(2)
    assert drain(broker) == [1]


@pytest.mark.parametrize(
    "options",
    [{"priority": "high"}, {"priority": 1.5}, {"rank": float("nan")}, {"rank": "x"}, {"key": ""}, {"key": 3}],
)
def test_an_option_that_makes_no_sense_is_refused_at_once(broker, message, options) -> None:
    with pytest.raises(InvalidOption):
        broker.statement(message(1, **options))


def test_a_delayed_message_waits_for_its_time_and_carries_no_eta(broker, message, clock) -> None:
    broker.enqueue(message(1), delay=60_000)
    consumer = broker.consume("default", prefetch=2, timeout=1)
    assert next(consumer) is None
    assert broker.inspect.queues()[0].scheduled == 1
    clock.move(60)
    delivery = next(consumer)
    assert delivery.args == (1,)
    assert "eta" not in delivery.options
    assert delivery.queue_name == "default"


def test_an_eta_option_is_a_delay(broker, message, clock) -> None:
    broker.enqueue(message(1, eta=(clock.now + 60) * 1000))
    consumer = broker.consume("default", prefetch=2, timeout=1)
    assert next(consumer) is None
    clock.move(60)
    assert "eta" not in next(consumer).options


def test_a_scheduled_message_of_another_queue_is_left_to_it(broker, message, clock, drain) -> None:
    broker.declare_queue("other")
    broker.enqueue(message("other", queue="other"), delay=1000)
    clock.move(2)
    assert drain(broker) == []
    assert drain(broker, "other") == ["other"]


def test_flush_drops_what_waits_and_nothing_else(broker, message) -> None:
    consumer = broker.consume("default", prefetch=2, timeout=1)
    broker.enqueue(message("claimed"))
    delivery = next(consumer)
    broker.enqueue(message("ready"))
    broker.enqueue(message("scheduled"), delay=1000)
    broker.flush("default")
    (depth,) = broker.inspect.queues()
    assert (depth.ready, depth.scheduled, depth.claimed) == (0, 0, 1)
    consumer.nack(delivery)
    broker.flush_all()
    assert broker.inspect.dead_letters() == []


def broker_insert(broker, message):
    statement = broker.statement(message)
    return statement.sql, statement.parameters


def test_a_delay_beyond_all_time_is_refused(broker, message) -> None:
    with pytest.raises(InvalidOption, match="beyond"):
        broker.enqueue(message(1), delay=10**30)
