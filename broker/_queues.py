"""Whole queues at once: noting them, emptying them, asking whether they are done."""

from __future__ import annotations

from collections.abc import Iterable

from ._connection import Connections

NOTE = "INSERT INTO broker_queues (queue) VALUES (?) ON CONFLICT DO NOTHING"
FLUSH_READY = "DELETE FROM broker_messages WHERE queue = ? AND state = 'ready'"
FLUSH_SCHEDULED = "DELETE FROM broker_messages WHERE queue = ? AND state = 'scheduled'"
FLUSH_BLOCKED = "DELETE FROM broker_messages WHERE queue = ? AND state = 'blocked'"
FLUSH_DEAD = "DELETE FROM broker_messages WHERE queue = ? AND state = 'dead'"
IS_BUSY = """
SELECT EXISTS (SELECT 1 FROM broker_messages WHERE state = 'ready' AND queue = :queue)
    OR EXISTS (SELECT 1 FROM broker_messages WHERE state = 'scheduled' AND queue = :queue)
    OR EXISTS (SELECT 1 FROM broker_messages WHERE state = 'blocked' AND queue = :queue)
    OR EXISTS (SELECT 1 FROM broker_messages WHERE state = 'claimed' AND queue = :queue)
"""


class Queues:
    """The queues of one database."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def note(self, queue: str) -> None:
        """Let the queue show up in lists even while it is empty."""
        self._for_each([queue], NOTE)

    def flush(self, queues: Iterable[str]) -> None:
        """Delete what waits: ready, scheduled or blocked."""
        self._for_each(queues, FLUSH_READY, FLUSH_SCHEDULED, FLUSH_BLOCKED)

    def flush_dead(self, queues: Iterable[str]) -> None:
        """Delete the dead letters."""
        self._for_each(queues, FLUSH_DEAD)

    def is_busy(self, queue: str) -> bool:
        """Whether the queue holds anything but dead letters."""
        return bool(self._connections.read(IS_BUSY, {"queue": queue})[0][0])

    def _for_each(self, queues: Iterable[str], *statements: str) -> None:
        names = [(queue,) for queue in queues]
        with self._connections.writing() as connection:
            for sql in statements:
                connection.executemany(sql, names)
