"""The write-ahead log: it is moved into the database, whatever else fails, and its time tells that nothing was written."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import nullcontext

from broker._errors import DatabaseFull


def is_moved(broker) -> bool:
    return broker._house._moved_stamp == broker._connections.log_stamp()


def test_the_log_is_moved_where_answers_cannot_be_written(make_broker, message, monkeypatch, until) -> None:
    broker = make_broker()
    broker.consume("default")
    until(lambda: is_moved(broker))

    def no_room() -> None:
        raise DatabaseFull("There is no room left.")

    monkeypatch.setattr(broker._session.answers, "flush", no_room)
    broker.enqueue(message(1))
    assert not is_moved(broker)
    until(lambda: is_moved(broker))
    monkeypatch.undo()


def test_what_a_reader_kept_in_the_log_is_moved_without_another_write(make_broker, message, path) -> None:
    broker = make_broker()
    broker.enqueue(message(1))
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM broker_messages").fetchall()
    broker.enqueue(message(2))
    assert broker._house.checkpoint(), "something was written"
    assert not is_moved(broker)
    assert not broker._house.checkpoint(), "nothing was written since"
    reader.close()
    broker._house.checkpoint()
    assert is_moved(broker)


def test_an_idle_consumer_asks_the_database_only_after_something_was_written(
    make_broker, message, path, monkeypatch
) -> None:
    broker, other = make_broker(), make_broker()
    consumer = broker.consume("default", prefetch=2, timeout=1)
    broker._session.process.housekeeper.close()
    looks, read = [], broker._connections.read
    monkeypatch.setattr(broker._connections, "read", lambda *asked: (looks.append(asked), read(*asked))[1])
    log = f"{path}-wal"
    long_ago = os.stat(log).st_mtime_ns - 60_000_000_000
    os.utime(log, ns=(long_ago, long_ago))
    assert next(consumer) is None
    assert next(consumer) is None
    assert len(looks) == 1
    monkeypatch.setattr(other, "wake", lambda queues: None)
    other.enqueue(message(1))
    assert next(consumer).args == (1,)
    assert len(looks) == 2


def test_a_commit_that_was_on_its_way_while_a_consumer_looked_is_found_at_its_ring(
    make_broker, message, monkeypatch
) -> None:
    broker = make_broker()
    consumer = broker.consume("default", prefetch=2, timeout=1)
    broker._session.process.housekeeper.close()
    monkeypatch.setattr(broker._connections, "written_as_of", lambda: "as of the commit that is not yet seen")
    assert next(consumer) is None
    broker.enqueue(message(1))
    assert next(consumer).args == (1,)


def test_a_checkpoint_that_another_one_stands_in_the_way_of_moved_nothing(make_broker, monkeypatch) -> None:
    broker = make_broker()
    broker.setup()

    class Busy:
        def execute(self, sql: str) -> Busy:
            return self

        def fetchall(self) -> list[tuple[int, int, int]]:
            return [(1, -1, -1)]

    monkeypatch.setattr(broker._connections, "using", lambda: nullcontext(Busy()))
    assert not broker._connections.checkpoint("PASSIVE").is_moved
    monkeypatch.undo()


def test_a_log_whose_time_may_stay_the_same_tells_nothing(make_broker, message, path) -> None:
    broker = make_broker()
    broker.enqueue(message(1))
    soon = time.time_ns() + 60_000_000_000  # as if it were written just now, for as long as this test may take
    os.utime(f"{path}-wal", ns=(soon, soon))
    assert broker._connections.written_as_of() != broker._connections.written_as_of()
