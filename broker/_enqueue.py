"""Putting a message into the table: one INSERT, which a caller may also run in a transaction of its own."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from dramatiq import Message, MessageProxy
from dramatiq.common import q_name

from ._errors import InvalidOption
from ._options import SQLITE_INTEGER, AnyActor, placement

# The clock is read by the INSERT itself, so that rank and order are settled under the writer's lock.
INSERT = """
INSERT INTO broker_messages (message_id, queue, actor, priority, rank, run_at, state, key,
                             concurrency_key, concurrency_limit, payload)
VALUES (?, ?, ?, ?, ? + coalesce((SELECT value FROM broker_clocks WHERE queue = ? AND priority = ?), 0.0),
        ?, ?, ?, ?, ?, ?)
ON CONFLICT (key) WHERE key IS NOT NULL AND state <> 'dead' DO NOTHING
"""

# A retry keeps its row, rank and keys. It is an answer, so earlier deliveries no longer count against it.
RESCHEDULE = """
UPDATE broker_messages
SET queue = ?, actor = ?, priority = ?, run_at = ?, state = ?, payload = ?,
    owner = NULL, claimed_at = NULL, deadline = NULL, deliveries = 0
WHERE id = ? AND token = ? AND state = 'claimed'
"""


@dataclass(frozen=True, slots=True)
class EnqueueStatement:
    """One INSERT that enqueues a message, for the caller's own transaction on the same database file.

    Attributes:
      sql: The statement, with `?` placeholders.
      parameters: Their values.
      queue_name: What to pass to `SQLiteBroker.wake` after the commit.
    """

    sql: str
    parameters: tuple[Any, ...]
    queue_name: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A message as the table holds it."""

    message_id: str
    queue: str
    actor: str
    priority: int
    rank: float
    key: str | None
    concurrency_key: str | None
    concurrency_limit: int | None
    run_at: int
    state: str
    payload: bytes

    def insert(self) -> EnqueueStatement:
        """The INSERT of a new row."""
        values = (
            *(self.message_id, self.queue, self.actor, self.priority, self.rank, self.queue, self.priority),
            *(self.run_at, self.state, self.key, self.concurrency_key, self.concurrency_limit, self.payload),
        )
        return EnqueueStatement(INSERT, values, self.queue)

    def reschedule(self) -> tuple[Any, ...]:
        """The parameters of RESCHEDULE, but for the row's id and token."""
        return (self.queue, self.actor, self.priority, self.run_at, self.state, self.payload)


def plain(message: Message[Any] | MessageProxy) -> Message[Any]:
    """The message itself, out of its proxy and with its queue's canonical name."""
    inner: Message[Any] = message.copy() if isinstance(message, MessageProxy) else message
    queue = q_name(inner.queue_name)
    return inner if inner.queue_name == queue else dataclasses.replace(inner, queue_name=queue)


def compose(message: Message[Any], actor: AnyActor | None, *, delay: int | None, now_ms: int) -> Entry:
    """The row of a message that shall run `delay` milliseconds from now.

    An `eta` option (UNIX milliseconds) is honoured and taken out of the payload: a worker that sees one parks the
    message in its memory.

    Raises:
      InvalidOption: see `placement`; or the delay is not a number.
    """
    where = placement(message, actor)
    eta = message.options.get("eta")
    try:
        run_at = now_ms + int(delay) if delay is not None else int(eta) if eta is not None else now_ms
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidOption(f"delay and eta must be milliseconds, not {delay!r} and {eta!r}") from error
    if run_at not in SQLITE_INTEGER:
        raise InvalidOption(f"delay and eta must be milliseconds, and {delay!r} or {eta!r} is beyond all time")
    return Entry(
        message_id=message.message_id,
        queue=message.queue_name,
        actor=message.actor_name,
        priority=where.priority,
        rank=where.rank,
        key=where.key,
        concurrency_key=where.concurrency_key,
        concurrency_limit=where.concurrency_limit,
        run_at=max(run_at, 0),
        state="scheduled" if run_at > now_ms else "ready",
        payload=encoded(message),
    )


def encoded(message: Message[Any]) -> bytes:
    """The message as bytes, without its `eta`: that one is a column."""
    if "eta" in message.options:
        options = {name: value for name, value in message.options.items() if name != "eta"}
        message = dataclasses.replace(message, options=options)
    return bytes(message.encode())
