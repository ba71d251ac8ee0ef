"""The write-ahead log is moved into the database, whatever else fails: on a full disk it is what stands in the way."""

from __future__ import annotations

import sqlite3

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
