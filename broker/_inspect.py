"""Looking at the queues and changing them by SQL alone, from a process that need not have a worker."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dramatiq import Message
from dramatiq.errors import DecodeError

from . import _liveness
from ._clock import Clocks
from ._connection import Connections
from ._errors import InvalidOption
from ._rates import MILLISECONDS_A_MINUTE

#: What Dramatiq's Retries noted in a message that failed; a dead letter sent again starts without it.
RETRY_OPTIONS = ("retries", "traceback", "requeue_timestamp")

# The names of ready messages are skipped through, one look in the index for each; the others are few.
NAMES = """
WITH RECURSIVE ready (name) AS (
    SELECT min(queue) FROM broker_messages WHERE state = 'ready'
    UNION ALL
    SELECT (SELECT min(queue) FROM broker_messages WHERE state = 'ready' AND queue > name)
    FROM ready WHERE name IS NOT NULL
)
SELECT name FROM ready WHERE name IS NOT NULL
UNION SELECT queue FROM broker_queues
UNION SELECT queue FROM broker_messages WHERE state = 'scheduled'
UNION SELECT queue FROM broker_messages WHERE state = 'blocked'
UNION SELECT queue FROM broker_messages WHERE state = 'claimed'
UNION SELECT queue FROM broker_messages WHERE state = 'dead'
"""
# Queue by queue: a GROUP BY over a million rows takes twice as long.
READY = """
SELECT count(*), min(run_at)
FROM (SELECT run_at FROM broker_messages WHERE state = 'ready' AND queue = :queue LIMIT :most)
"""
COUNTS = """
SELECT (SELECT count(*) FROM (SELECT 1 FROM broker_messages WHERE state = 'scheduled' AND queue = :queue LIMIT :most)),
       (SELECT count(*) FROM (SELECT 1 FROM broker_messages WHERE state = 'blocked' AND queue = :queue LIMIT :most)),
       (SELECT count(*) FROM (SELECT 1 FROM broker_messages WHERE state = 'claimed' AND queue = :queue LIMIT :most)),
       (SELECT count(*) FROM (SELECT 1 FROM broker_messages WHERE state = 'dead' AND queue = :queue LIMIT :most))
"""
NO_LIMIT = -1
TERMS = "SELECT queue, paused, max_claimed FROM broker_queues"
RATES = """
SELECT queue, sum(finished), sum(retried), sum(died) FROM broker_rates
WHERE minute > :last - :minutes AND minute <= :last GROUP BY queue
"""
CLAIMED = """
SELECT id, message_id, queue, actor, owner, deliveries, claimed_at, deadline, payload
FROM broker_messages WHERE state = 'claimed' ORDER BY claimed_at, id
"""
WORKERS = "SELECT owner, pid, host, started_at, last_seen FROM broker_workers ORDER BY started_at, owner"
DEAD = """
SELECT id, message_id, queue, actor, reason, died_at, deliveries, payload
FROM broker_messages WHERE state = 'dead' AND id > :after_id AND (:queue IS NULL OR queue = :queue)
ORDER BY id LIMIT :limit
"""
ONE_DEAD = "SELECT queue, payload FROM broker_messages WHERE id = ? AND state = 'dead'"
REQUEUE_DEAD = """
UPDATE broker_messages
SET state = 'ready', run_at = ?, payload = ?, deliveries = 0, reason = NULL, died_at = NULL
WHERE id = ? AND state = 'dead'
"""
DROP_DEAD = "DELETE FROM broker_messages WHERE id = ? AND state = 'dead'"
SET_PAUSED = """
INSERT INTO broker_queues (queue, paused) VALUES (?, ?) ON CONFLICT (queue) DO UPDATE SET paused = excluded.paused
"""
SET_MAX_CLAIMED = """
INSERT INTO broker_queues (queue, max_claimed) VALUES (?, ?)
ON CONFLICT (queue) DO UPDATE SET max_claimed = excluded.max_claimed
"""


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """How many messages a queue holds, by state.

    Attributes:
      ready: May be claimed now.
      scheduled: Wait for their time: delayed, or to be tried again.
      blocked: Wait for room under their concurrency key.
      claimed: Held by a worker.
      dead: Given up.
      oldest_ready_age_seconds: How long the oldest ready message has been ready.
      paused: Whether nothing is claimed from the queue.
      max_claimed: How many of its messages all workers together may hold.
    """

    queue: str
    ready: int
    scheduled: int
    blocked: int
    claimed: int
    dead: int
    oldest_ready_age_seconds: float | None
    paused: bool
    max_claimed: int | None


@dataclass(frozen=True, slots=True)
class QueueRate:
    """What became of a queue's messages, a minute, on average.

    Attributes:
      finished: Messages acked.
      retried: Attempts that failed and were scheduled again.
      died: Messages given up by their worker.
    """

    queue: str
    finished: float
    retried: float
    died: float


@dataclass(frozen=True, slots=True)
class Claim:
    """A message that some worker holds. `message` is None where its payload cannot be read."""

    id: int
    message_id: str
    queue: str
    actor: str
    owner: str
    deliveries: int
    claimed_at: datetime
    deadline: datetime
    message: Message[Any] | None


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """A worker process. `alive` is asked of the kernel, `last_seen` is a note made every 15 seconds."""

    owner: str
    pid: int
    host: str
    started_at: datetime
    last_seen: datetime
    alive: bool


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that was given up. `message` is None where its payload cannot be read."""

    id: int
    message_id: str
    queue: str
    actor: str
    reason: str
    died_at: datetime
    deliveries: int
    message: Message[Any] | None


class Inspector:
    """Answers questions about the queues and acts on them.

    Every method may raise `DatabaseUnavailable`.
    """

    def __init__(
        self, connections: Connections, *, run_dir: Path, clocks: Clocks, wake: Callable[[list[str]], None]
    ) -> None:
        self._connections = connections
        self._run_dir = run_dir
        self._clocks = clocks
        self._wake = wake

    def queues(self, *, most: int | None = None) -> list[QueueDepth]:
        """Every queue that was ever consumed, paused or still holds a message, by name.

        Counting a million messages takes a fifth of a second; with `most`, each count stops there, and the oldest ready
        message is the oldest of those that were counted: the ones whose turn comes next.
        """
        with self._connections.reading() as connection:
            terms = {name: (bool(paused), most) for name, paused, most in connection.execute(TERMS).fetchall()}
            names = sorted(row[0] for row in connection.execute(NAMES).fetchall())
            most = NO_LIMIT if most is None else most
            return [self._depth(connection, name, most, *terms.get(name, (False, None))) for name in names]

    def rates(self, minutes: int = 5) -> list[QueueRate]:
        """What became of messages in the last whole minutes, by queue; a killed process takes its last second along.

        Counts are kept for a day.
        """
        last = self._clocks.wall_ms() // MILLISECONDS_A_MINUTE - 1
        return [
            QueueRate(queue, finished / minutes, retried / minutes, died / minutes)
            for queue, finished, retried, died in self._connections.read(RATES, {"last": last, "minutes": minutes})
        ]

    def claimed(self) -> list[Claim]:
        """What workers hold now, the longest held first."""
        steady_to_wall = self._clocks.wall_ms() - self._clocks.steady_ms()
        return [
            Claim(
                id,
                message_id,
                queue,
                actor,
                owner,
                deliveries,
                _time(since),
                _time(until + steady_to_wall),
                _message(payload),
            )
            for id, message_id, queue, actor, owner, deliveries, since, until, payload in self._connections.read(
                CLAIMED
            )
        ]

    def workers(self) -> list[WorkerInfo]:
        """The worker processes, the oldest first; `claimed` says what each holds. A dead one disappears once another worker has freed its claims."""
        return [
            WorkerInfo(owner, pid, host, _time(started_at), _time(seen), _liveness.is_alive(self._run_dir, owner))
            for owner, pid, host, started_at, seen in self._connections.read(WORKERS)
        ]

    def dead_letters(self, queue: str | None = None, after_id: int = 0, limit: int = 100) -> list[DeadLetter]:
        """Dead letters in the order of their ids; pass the last id as `after_id` for the next page."""
        rows = self._connections.read(DEAD, {"queue": queue, "after_id": after_id, "limit": limit})
        return [
            DeadLetter(id, message_id, queue, actor, reason, _time(died_at), deliveries, _message(payload))
            for id, message_id, queue, actor, reason, died_at, deliveries, payload in rows
        ]

    def requeue_dead(self, id: int) -> bool:
        """Send a dead letter again, with all its retries before it.

        Returns False where there is no such dead letter, or where a live message has its `key` by now.
        """
        try:
            with self._connections.writing() as connection:
                rows = connection.execute(ONE_DEAD, (id,)).fetchall()
                if not rows:
                    return False
                queue, payload = rows[0]
                connection.execute(REQUEUE_DEAD, (self._clocks.wall_ms(), _without_retries(payload), id))
        except sqlite3.IntegrityError:
            return False
        self._wake([queue])
        return True

    def drop_dead(self, id: int) -> bool:
        """Delete a dead letter; False where there is none with this id."""
        with self._connections.writing() as connection:
            return connection.execute(DROP_DEAD, (id,)).rowcount > 0

    def pause(self, queue: str) -> None:
        """Let no worker claim from the queue, until resumed; what is claimed already goes on."""
        self._set_paused(queue, 1)

    def resume(self, queue: str) -> None:
        """Let workers claim from the queue again."""
        self._set_paused(queue, 0)
        self._wake([queue])

    def limit(self, queue: str, max_claimed: int | None) -> None:
        """Let all workers together hold at most so many messages of the queue, or any number.

        Raises:
          InvalidOption: the number is below 1.
        """
        if max_claimed is not None and max_claimed < 1:
            raise InvalidOption(f"A queue's limit must be at least 1, not {max_claimed}; pause the queue instead.")
        with self._connections.writing() as connection:
            connection.execute(SET_MAX_CLAIMED, (queue, max_claimed))
        self._wake([queue])

    def _depth(
        self, connection: sqlite3.Connection, queue: str, most: int, paused: bool, max_claimed: int | None
    ) -> QueueDepth:
        about = {"queue": queue, "most": most}
        ready, since = connection.execute(READY, about).fetchall()[0]
        scheduled, blocked, claimed, dead = connection.execute(COUNTS, about).fetchall()[0]
        return QueueDepth(
            queue=queue,
            ready=ready,
            scheduled=scheduled,
            blocked=blocked,
            claimed=claimed,
            dead=dead,
            oldest_ready_age_seconds=max(self._clocks.wall_ms() - since, 0) / 1000 if since is not None else None,
            paused=paused,
            max_claimed=max_claimed,
        )

    def _set_paused(self, queue: str, paused: int) -> None:
        with self._connections.writing() as connection:
            connection.execute(SET_PAUSED, (queue, paused))


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _message(payload: bytes) -> Message[Any] | None:
    try:
        return Message.decode(payload)
    except DecodeError:
        return None


def _without_retries(payload: bytes) -> bytes:
    message = _message(payload)
    if message is None:
        return payload
    for name in RETRY_OPTIONS:
        message.options.pop(name, None)
    return bytes(message.encode())
