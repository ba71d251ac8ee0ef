"""Dramatiq's results in the broker's own file."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

from dramatiq import Encoder, Message
from dramatiq.results import Missing, ResultBackend, ResultMissing, ResultTimeout
from dramatiq.results.backend import DEFAULT_TIMEOUT

if TYPE_CHECKING:
    from ._broker import SQLiteBroker

STORE = """
INSERT INTO broker_results (key, result, expires_at) VALUES (?, ?, ?)
ON CONFLICT (key) DO UPDATE SET result = excluded.result, expires_at = excluded.expires_at
"""
FETCH = "SELECT result FROM broker_results WHERE key = ? AND expires_at > ?"
PRUNE = """
DELETE FROM broker_results
WHERE rowid IN (SELECT rowid FROM broker_results WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)
"""


class SQLiteResultBackend(ResultBackend):
    """Keeps the results of actors in the broker's file. Waiting for one polls nothing: the commit wakes the waiter.

    A result that is stored while its message is processed, as the Results middleware does, commits in one transaction
    with the message's ack: neither can be had without the other. Asking for a result that is not there first commits
    what the current message has sent and stored so far, since the answer may depend on it.

    A result's time to live is counted on the wall clock, which alone means the same in all processes and after a
    reboot: a clock set forward ends results early by as much, one set back keeps them for longer.

    Parameters:
      broker: Whose file to use.
      namespace: The logical namespace of the keys.
      encoder: Turns results to bytes; Dramatiq's global one by default.
      use_namespace_prefix_keys: Whether keys can be read, `<namespace>:<queue>:<actor>:<message_id>`, or are hashes.
    """

    def __init__(
        self,
        broker: SQLiteBroker,
        *,
        namespace: str = "dramatiq-results",
        encoder: Encoder | None = None,
        use_namespace_prefix_keys: bool = False,
    ) -> None:
        super().__init__(namespace=namespace, encoder=encoder, use_namespace_prefix_keys=use_namespace_prefix_keys)
        self._file = broker.shared_file

    def get_result(self, message: Message[Any], *, block: bool = False, timeout: int | None = None) -> Any:
        """The result of a message.

        Parameters:
          message: The message.
          block: Whether to wait until there is a result.
          timeout: Milliseconds to wait at most, 10,000 by default; a time limit or a shutdown that interrupts the
            actor does so within a second.

        Raises:
          ResultMissing: `block` is False and there is no result.
          ResultTimeout: the time is over.
          ResultFailure: the actor failed.
          DatabaseUnavailable: the file cannot be read now.
        """
        key = self.build_message_key(message)
        result = self._get(key)
        if result is Missing:
            result = self._wait(message, key, timeout) if block else self._look_again(message, key)
        return self.unwrap_result(result)  # type: ignore[no-untyped-call]  # Dramatiq's carry no annotations

    def _wait(self, message: Message[Any], key: str, timeout: int | None) -> Any:
        def look() -> tuple[Any] | None:
            result = self._get(key)
            return None if result is Missing else (result,)

        seconds = (DEFAULT_TIMEOUT if timeout is None else timeout) / 1000
        found = self._file.wait_for(_topic(key), look, seconds)
        if found is None:
            raise ResultTimeout(message)  # type: ignore[no-untyped-call]  # as above
        return found[0]

    def _look_again(self, message: Message[Any], key: str) -> Any:
        self._file.settle_current()
        result = self._get(key)
        if result is Missing:
            raise ResultMissing(message)  # type: ignore[no-untyped-call]  # as above
        return result

    def _get(self, message_key: str) -> Any:
        rows = self._file.connections.read(FETCH, (message_key, self._file.now_ms()))
        return self.encoder.decode(rows[0][0]) if rows else Missing

    def _store(self, message_key: str, result: Any, ttl: int) -> None:
        values = (message_key, self.encoder.encode(result), self._file.now_ms() + int(ttl))
        self._file.write_with_ack(STORE, values, _topic(message_key))


def prune(connection: sqlite3.Connection, *, now_ms: int, limit: int) -> int:
    """Delete up to `limit` results whose time is over, the oldest first; how many there were."""
    return connection.execute(PRUNE, (now_ms, limit)).rowcount


def _topic(key: str) -> str:
    return f"result:{key}"
