"""Claiming messages, and the fenced statements that answer for them: each acts only with the claim's own token."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from dramatiq import Message
from dramatiq.errors import DecodeError

from ._held import Delivery, HeldClaim

PROMOTE_AT_ONCE = 100

#: A claim that meets more rows than this which it may not have leaves the rest to the next one.
MOST_TURNED_AWAY = 1_000

LOOK = """
SELECT EXISTS (SELECT 1 FROM broker_messages WHERE state = 'ready' AND queue = :queue),
       (SELECT min(run_at) FROM broker_messages WHERE state = 'scheduled'),
       EXISTS (SELECT 1 FROM broker_queues WHERE queue = :queue AND paused = 1)
"""

TERMS = """
SELECT (SELECT min(run_at) FROM broker_messages WHERE state = 'scheduled'),
       (SELECT paused FROM broker_queues WHERE queue = :queue),
       (SELECT max_claimed FROM broker_queues WHERE queue = :queue)
"""

NEXT_RUN_AT = "SELECT min(run_at) FROM broker_messages WHERE state = 'scheduled'"

PROMOTE = """
UPDATE broker_messages SET state = 'ready'
WHERE id IN (SELECT id FROM broker_messages WHERE state = 'scheduled' AND run_at <= ? ORDER BY run_at LIMIT ?)
RETURNING queue
"""

COUNT_CLAIMED = "SELECT count(*) FROM broker_messages WHERE state = 'claimed' AND queue = ?"

TAKE = """
UPDATE broker_messages
SET state = 'claimed', owner = ?, token = token + 1, deliveries = deliveries + 1, claimed_at = ?, deadline = ?
WHERE id IN (SELECT id FROM broker_messages WHERE state = 'ready' AND queue = ? ORDER BY priority, rank, id LIMIT ?)
RETURNING priority, rank, id, token, deliveries, concurrency_key, concurrency_limit, payload
"""

COUNT_RUNNING = "SELECT count(*) FROM broker_messages WHERE state = 'claimed' AND concurrency_key = ?"

BLOCK = """
UPDATE broker_messages
SET state = 'blocked', deliveries = deliveries - 1, owner = NULL, claimed_at = NULL, deadline = NULL
WHERE id = ? AND token = ? AND state = 'claimed'
"""

# Claimed anew, it may well find that its key has no room yet: then it waits again.
# One of each queue, as nobody may consume the first one's.
UNBLOCK = """
WITH RECURSIVE waiting (name) AS (
    SELECT min(queue) FROM broker_messages WHERE state = 'blocked' AND concurrency_key = :key
    UNION ALL
    SELECT (SELECT min(queue) FROM broker_messages
            WHERE state = 'blocked' AND concurrency_key = :key AND queue > name)
    FROM waiting WHERE name IS NOT NULL
)
UPDATE broker_messages SET state = 'ready'
WHERE id IN (SELECT (SELECT id FROM broker_messages
                     WHERE state = 'blocked' AND concurrency_key = :key AND queue = name
                     ORDER BY priority, rank, id LIMIT 1)
             FROM waiting WHERE name IS NOT NULL)
RETURNING queue
"""

ADVANCE_CLOCK = """
INSERT INTO broker_clocks (queue, priority, value) VALUES (?, ?, ?)
ON CONFLICT (queue, priority) DO UPDATE SET value = excluded.value WHERE excluded.value > value
"""

FINISH = "DELETE FROM broker_messages WHERE id = ? AND token = ? AND state = 'claimed'"

BURY = """
UPDATE broker_messages
SET state = 'dead', reason = ?, died_at = ?, payload = coalesce(?, payload),
    owner = NULL, claimed_at = NULL, deadline = NULL
WHERE id = ? AND token = ? AND state = 'claimed'
"""

# In place: the row keeps its rank. A message that never started has not used up a delivery.
GIVE_BACK_UNSTARTED = """
UPDATE broker_messages
SET state = 'ready', deliveries = deliveries - 1, owner = NULL, claimed_at = NULL, deadline = NULL
WHERE id = ? AND token = ? AND state = 'claimed'
"""

GIVE_BACK_LATER = """
UPDATE broker_messages SET state = ?, run_at = ?, owner = NULL, claimed_at = NULL, deadline = NULL
WHERE id = ? AND token = ? AND state = 'claimed'
"""

EXTEND = """
UPDATE broker_messages SET deadline = max(deadline, ?) WHERE id = ? AND token = ? AND state = 'claimed'
"""

STILL_CLAIMED = "SELECT 1 FROM broker_messages WHERE id = ? AND token = ? AND state = 'claimed'"

SET_DEADLINE = "UPDATE broker_messages SET deadline = ? WHERE id = ? AND token = ? AND state = 'claimed'"


@dataclass(frozen=True, slots=True)
class Look:
    """What a consumer sees without taking the write lock."""

    ready: bool
    next_run_at: int | None

    def is_worth_a_claim(self, now_ms: int) -> bool:
        """Whether a claim would find or promote something."""
        return self.ready or (self.next_run_at is not None and self.next_run_at <= now_ms)


class _Row(NamedTuple):
    """A row of TAKE."""

    priority: int
    rank: float
    row_id: int
    token: int
    deliveries: int
    concurrency_key: str | None
    concurrency_limit: int | None
    payload: bytes


@dataclass(frozen=True, slots=True)
class Claimant:
    """Who claims, from which queue, on what terms.

    Attributes:
      queue: The only queue it claims from.
      owner: The name on its claims.
      default_lasts_ms: How long a claim lasts whose message says nothing else.
      lasts_ms: How long a message's claim lasts.
      max_deliveries: A message delivered this often without an answer becomes a dead letter.
    """

    queue: str
    owner: str
    default_lasts_ms: int
    lasts_ms: Callable[[Message[Any]], int]
    max_deliveries: int

    def claim(
        self,
        connection: sqlite3.Connection,
        *,
        room: int,
        holds_nothing: bool,
        wall_ms: int,
        steady_ms: int,
        released: Callable[[HeldClaim], None],
    ) -> tuple[list[Delivery], int | None]:
        """Claim up to `room` messages in the order (priority, rank, id), inside the caller's transaction.

        What cannot be decoded, or was delivered too often, becomes a dead letter on the way; what has a concurrency
        key without room is set aside. The last delivery a message may have is made alone: what dies beside a message
        that kills workers gets one chance without it.

        Returns the messages, and the time of the next scheduled one in UNIX milliseconds.
        """
        next_run_at, paused, max_claimed = connection.execute(TERMS, {"queue": self.queue}).fetchall()[0]
        if next_run_at is not None and next_run_at <= wall_ms:
            promote(connection, now_ms=wall_ms)
            next_run_at = connection.execute(NEXT_RUN_AT).fetchall()[0][0]
        if paused:
            return [], None
        if max_claimed is not None:
            room = min(room, max_claimed - connection.execute(COUNT_CLAIMED, (self.queue,)).fetchall()[0][0])
        taken: list[Delivery] = []
        turned_away = 0
        deadline = steady_ms + self.default_lasts_ms
        while room > len(taken) and turned_away < MOST_TURNED_AWAY:
            asked = room - len(taken)
            rows = connection.execute(TAKE, (self.owner, wall_ms, deadline, self.queue, asked)).fetchall()
            # RETURNING keeps no order.
            batch = [_Row._make(row) for row in sorted(rows, key=_place)]
            alone = holds_nothing and not taken
            for row, message in self._accept(connection, batch, alone=alone, wall_ms=wall_ms):
                lasts_ms = self.lasts_ms(message)
                if lasts_ms != self.default_lasts_ms:
                    connection.execute(SET_DEADLINE, (steady_ms + lasts_ms, row.row_id, row.token))
                if message.queue_name != self.queue:
                    # The worker looks for the consumer by this name, and its thread dies where it finds none.
                    message = message.copy(queue_name=self.queue)  # noqa: PLW2901  # the same message
                claim = HeldClaim(
                    row_id=row.row_id,
                    token=row.token,
                    message_id=message.message_id,
                    queue=self.queue,
                    concurrency_key=row.concurrency_key,
                    lasts_ms=lasts_ms,
                    renewed_at_ms=steady_ms,
                    deadline_ms=steady_ms + lasts_ms,
                    is_last_chance=self._is_last_chance(row),
                    shares_room=max_claimed is not None,
                    released=released,
                )
                taken.append(Delivery(message, claim))
            turned_away += len(batch)
            if len(batch) < asked or any(self._is_last_chance(row) for row in batch):
                break
        if turned_away >= MOST_TURNED_AWAY and not taken:
            next_run_at = wall_ms  # there may be others behind them
        return taken, next_run_at

    def _accept(
        self, connection: sqlite3.Connection, batch: list[_Row], *, alone: bool, wall_ms: int
    ) -> Iterator[tuple[_Row, Message[Any]]]:
        """Those of a batch of claimed rows that may be kept; the others are dealt with."""
        running = _others_running(connection, batch)
        ranks: dict[int, float] = {}
        for place, row in enumerate(batch):
            message, defect = self._decode(row)
            if message is None:
                connection.execute(BURY, (defect, wall_ms, None, row.row_id, row.token))
                continue
            if row.concurrency_key is not None and row.concurrency_limit is not None:
                if running[row.concurrency_key] >= row.concurrency_limit:
                    connection.execute(BLOCK, (row.row_id, row.token))
                    continue
                running[row.concurrency_key] += 1
            is_last_chance = self._is_last_chance(row)
            if is_last_chance and not alone:
                _give_back(connection, batch[place:])
                break
            alone = False
            if row.rank > 0:
                ranks[row.priority] = row.rank
            yield row, message
            if is_last_chance:
                _give_back(connection, batch[place + 1 :])
                break
        for priority, rank in ranks.items():
            connection.execute(ADVANCE_CLOCK, (self.queue, priority, rank))

    def _decode(self, row: _Row) -> tuple[Message[Any] | None, str]:
        if row.deliveries > self.max_deliveries:
            return None, unanswered(row.deliveries - 1)
        try:
            message: Message[Any] = Message.decode(row.payload)
        except DecodeError as error:
            return None, f"undecodable: {error.error!r}"
        return (message, "") if _is_whole(message) else (None, "undecodable: a field has the wrong type")

    def _is_last_chance(self, row: _Row) -> bool:
        return 1 < row.deliveries == self.max_deliveries


def look(rows: list[tuple[Any, ...]]) -> Look:
    """Read the answer of LOOK; a paused queue shows nothing."""
    ready, next_run_at, paused = rows[0]
    return Look(ready=False, next_run_at=None) if paused else Look(bool(ready), next_run_at)


def unanswered(deliveries: int) -> str:
    """The reason on the dead letter of a message that takes its workers down."""
    return f"delivered {deliveries} times without an answer: the worker died or hung each time"


def promote(connection: sqlite3.Connection, *, now_ms: int, limit: int = PROMOTE_AT_ONCE) -> set[str]:
    """Make due messages ready, the earliest first, and name their queues."""
    return {row[0] for row in connection.execute(PROMOTE, (now_ms, limit)).fetchall()}


def unblock(connection: sqlite3.Connection, concurrency_key: str) -> set[str]:
    """Make the first message of each queue ready that waits for room under a concurrency key; name the queues."""
    return {row[0] for row in connection.execute(UNBLOCK, {"key": concurrency_key}).fetchall()}


def _is_whole(message: Message[Any]) -> bool:
    names = (message.message_id, message.queue_name, message.actor_name)
    return (
        all(isinstance(name, str) for name in names)
        and isinstance(message.args, list | tuple)
        and isinstance(message.kwargs, dict)
        and isinstance(message.options, dict)
    )


def _place(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return row[:3]


def _others_running(connection: sqlite3.Connection, batch: list[_Row]) -> Counter[str]:
    keys = Counter(row.concurrency_key for row in batch if row.concurrency_key is not None)
    running: Counter[str] = Counter()
    for key, of_this_batch in keys.items():
        running[key] = connection.execute(COUNT_RUNNING, (key,)).fetchall()[0][0] - of_this_batch
    return running


def _give_back(connection: sqlite3.Connection, rows: list[_Row]) -> None:
    connection.executemany(GIVE_BACK_UNSTARTED, [(row.row_id, row.token) for row in rows])
