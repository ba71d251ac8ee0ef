"""Dramatiq's rate limiters and barriers in the broker's own file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from dramatiq.rate_limits import RateLimiterBackend

if TYPE_CHECKING:
    from ._broker import SQLiteBroker

#: How much longer than its time to live a notice stays in the table, for those who waited when it came.
KEEP_NOTICES_MS = 60_000

FETCH = "SELECT value FROM broker_counters WHERE kind = 'counter' AND key = ? AND expires_at > ?"
SUM = """
SELECT coalesce(sum(counters.value), 0) FROM json_each(?) AS wanted JOIN broker_counters AS counters
  ON counters.kind = 'counter' AND counters.key = wanted.value AND counters.expires_at > ?
"""
PUT = """
INSERT INTO broker_counters (kind, key, value, expires_at) VALUES ('counter', ?, ?, ?)
ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at
"""
# A notice's value counts how often it was given.
NOTIFY = """
INSERT INTO broker_counters (kind, key, value, expires_at) VALUES ('notice', ?, 1, ?)
ON CONFLICT (kind, key) DO UPDATE SET value = value + 1, expires_at = excluded.expires_at
"""
NOTICE = "SELECT value, expires_at > ? FROM broker_counters WHERE kind = 'notice' AND key = ?"
PRUNE = """
DELETE FROM broker_counters
WHERE rowid IN (
    SELECT rowid FROM broker_counters WHERE expires_at <= :now AND (kind = 'counter' OR expires_at <= :notices_before)
    ORDER BY expires_at LIMIT :limit
)
"""


class SQLiteRateLimiterBackend(RateLimiterBackend):
    """Keeps the counters of rate limiters and barriers in the broker's file, atomically across processes.

    Where Dramatiq's own backends differ, this one does as Redis's does. A notice stays for its time to live: everyone
    who waits for it then, and everyone who comes to wait before it expires, gets it. So a party of a barrier that was
    cleared between its count and its wait does not wait in vain, as it would with the stub. Each count that succeeds
    renews the key's time to live, an expired key counts as zero, and `wait` without a timeout waits for ever.

    Counting up commits at once, not with the ack of the message being processed: another process must see that the
    place is taken. Counting down and notifying do too, and first commit what that message has sent and stored so far:
    whoever then passes the barrier or takes the lock finds it. (Dramatiq asks middleware in reverse once a message is
    done: add GroupCallbacks before Results, so that a result is stored before it is counted.)

    Times are counted on the wall clock, which alone means the same in all processes and after a reboot. A clock set
    forward by more than a key's time to live frees it: a lock may then be held twice. One set back keeps it for longer
    by as much: what a killed process held is refused to others until then.

    Parameters:
      broker: Whose file to use.
    """

    def __init__(self, broker: SQLiteBroker) -> None:
        self._file = broker.shared_file

    def add(self, key: str, value: int, ttl: int) -> bool:
        """Set a counter that does not exist; False where it does.

        Parameters:
          key: The counter.
          value: What to set it to.
          ttl: Milliseconds it lives.
        """
        with self._file.connections.noting() as connection:
            now_ms = self._file.now_ms()
            if connection.execute(FETCH, (key, now_ms)).fetchall():
                return False
            connection.execute(PUT, (key, value, now_ms + int(ttl)))
        return True

    def incr(self, key: str, amount: int, maximum: int, ttl: int) -> bool:
        """Count up; False, and nothing is changed, where that would exceed `maximum`.

        Parameters:
          key: The counter.
          amount: What to add.
          maximum: What it may reach.
          ttl: Milliseconds it lives from now.
        """
        with self._file.connections.noting() as connection:
            now_ms = self._file.now_ms()
            value = _value(connection, key, now_ms) + amount
            if value > maximum:
                return False
            connection.execute(PUT, (key, value, now_ms + int(ttl)))
        return True

    def decr(self, key: str, amount: int, minimum: int, ttl: int) -> bool:
        """Count down; False, and nothing is changed, where that would fall below `minimum`.

        Parameters:
          key: The counter.
          amount: What to take off.
          minimum: What it may reach.
          ttl: Milliseconds it lives from now.
        """
        self._file.settle_current()
        with self._file.connections.noting() as connection:
            now_ms = self._file.now_ms()
            value = _value(connection, key, now_ms) - amount
            if value < minimum:
                return False
            connection.execute(PUT, (key, value, now_ms + int(ttl)))
        return True

    def incr_and_sum(self, key: str, keys: Callable[[], Iterable[str]], amount: int, maximum: int, ttl: int) -> bool:
        """Count one of several counters up; False, and nothing is changed, where their sum would exceed `maximum`.

        Parameters:
          key: The counter.
          keys: Names the counters to add up. Called under the write lock, since getting that may have taken time: it must
            not use the broker itself.
          amount: What to add.
          maximum: What the counter and the sum may reach.
          ttl: Milliseconds it lives from now.
        """
        with self._file.connections.noting() as connection:
            now_ms = self._file.now_ms()
            value = _value(connection, key, now_ms) + amount
            if value > maximum:
                return False
            rows = connection.execute(SUM, (json.dumps(list(keys())), now_ms)).fetchall()
            if rows[0][0] + amount > maximum:
                return False
            connection.execute(PUT, (key, value, now_ms + int(ttl)))
        return True

    def wait(self, key: str, timeout: int | None) -> bool:
        """Wait for a notice; False once the time is over.

        Parameters:
          key: What to wait for.
          timeout: Milliseconds to wait at most; None waits for ever.
        """
        known, is_there = self._notice(key)
        if is_there:
            return True

        def look() -> bool | None:
            serial, is_there = self._notice(key)
            # One that came and expired between two looks counts too.
            return is_there or serial not in {None, known} or None

        return bool(self._file.wait_for(_topic(key), look, None if timeout is None else timeout / 1000))

    def wait_notify(self, key: str, ttl: int) -> None:
        """Wake those who wait for a notice, and let those pass who come to wait while it lives.

        Parameters:
          key: What to notify of.
          ttl: Milliseconds the notice lives.
        """
        self._file.settle_current()
        with self._file.connections.noting() as connection:
            connection.execute(NOTIFY, (key, self._file.now_ms() + int(ttl)))
        self._file.announce([_topic(key)])

    def _notice(self, key: str) -> tuple[int | None, bool]:
        rows = self._file.connections.read(NOTICE, (self._file.now_ms(), key))
        return (int(rows[0][0]), bool(rows[0][1])) if rows else (None, False)


def prune(connection: sqlite3.Connection, *, now_ms: int, limit: int) -> int:
    """Delete up to `limit` counters and notices whose time is over, the oldest first; how many there were."""
    values = {"now": now_ms, "notices_before": now_ms - KEEP_NOTICES_MS, "limit": limit}
    return connection.execute(PRUNE, values).rowcount


def _value(connection: sqlite3.Connection, key: str, now_ms: int) -> int:
    rows = connection.execute(FETCH, (key, now_ms)).fetchall()
    return int(rows[0][0]) if rows else 0


def _topic(key: str) -> str:
    return f"notice:{key}"
