"""What a worker says about a message it claimed: done, dead, not begun, once more.

An answer is not written by itself. It waits for the next claim and commits with it, and with everything that the
message's processing wrote: its retry, the messages it sent, its result. Where the claim was lost meanwhile, nothing of
that is written.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from . import _claim
from ._clock import Clocks
from ._connection import Connections
from ._enqueue import RESCHEDULE
from ._errors import DatabaseUnavailable, means_unavailable
from ._held import Delivery, Held, HeldClaim, Write
from ._rates import Outcome, Rates

LOGGER = logging.getLogger(__name__)

#: A claim that waited longer than this for its thread is renewed, or found to be lost, before its actor starts.
RENEW_AFTER_MS = 1_000

LONGEST_REASON = 2_000


@dataclass(slots=True)
class Answer:
    """A fenced statement, and what is written only if it acted.

    Attributes:
      claim: Whose row id and token follow the parameters.
      sql: The statement.
      parameters: Its values, but for the last two.
      outcome: What became of the message, or None where that is not counted.
      writes: What else the message's processing wrote.
      queue: Whom to wake.
    """

    claim: HeldClaim
    sql: str
    parameters: tuple[Any, ...]
    outcome: Outcome | None = None
    writes: tuple[Write, ...] = ()
    queue: str | None = None


@dataclass(slots=True)
class News:
    """Whom to wake after a commit."""

    queues: set[str] = field(default_factory=set)
    topics: set[str] = field(default_factory=set)


class Answers:
    """The answers of one process, from any thread.

    Parameters:
      connections: The database.
      held: The claims.
      clocks: The clocks.
      tell: Called after a commit with whom to wake.

    Attributes:
      turn: Held from before the pending answers are taken until what was claimed with them is in `held`.
    """

    def __init__(self, connections: Connections, held: Held, clocks: Clocks, tell: Callable[[News], None]) -> None:
        self._connections = connections
        self._held = held
        self._clocks = clocks
        self._tell = tell
        self._rates = Rates()
        self._pending: deque[Answer] = deque()
        self.turn = threading.RLock()

    @property
    def pending(self) -> bool:
        """Whether an answer waits to be written."""
        return bool(self._pending)

    @property
    def counts_are_due(self) -> bool:
        """Whether it is time to write what was counted."""
        return self._rates.are_due(self._clocks.steady_ms())

    def ack(self, delivery: Delivery) -> None:
        """Delete the message, or let its retry take its place."""
        self._accept_verdict(delivery, rejected=False)

    def nack(self, delivery: Delivery) -> None:
        """Turn the message into a dead letter that names the exception, or let its retry take its place."""
        self._accept_verdict(delivery, rejected=True)

    def settle(self, delivery: Delivery) -> None:
        """Hand in the answer to a message that got its verdict; the context processes nothing from now on."""
        claim = delivery.claim
        if claim.rejected is None:
            return
        if self._held.processed is claim:
            self._held.enter(None)
        died = None
        if claim.rejected:
            # Before the writes are closed: a time limit may strike at any line, and what is closed must be handed in.
            died = (_reason(delivery.exception), self._clocks.wall_ms(), delivery.payload())
        if not self._held.close_writes(claim):
            return
        writes = tuple(claim.writes)
        if claim.retry is not None:
            entry = claim.retry
            self._settle(Answer(claim, RESCHEDULE, entry.reschedule(), "retried", writes, entry.queue))
        elif claim.failed_retry_delay is not None:
            # The delivery still counts, so that a retry that can never be written down ends as a dead letter.
            delay = claim.failed_retry_delay
            values = ("scheduled" if delay > 0 else "ready", self._clocks.wall_ms() + delay)
            self._settle(Answer(claim, _claim.GIVE_BACK_LATER, values, "retried", writes, claim.queue))
        elif died is not None:
            self._settle(Answer(claim, _claim.BURY, died, "died", writes))
        else:
            self._settle(Answer(claim, _claim.FINISH, (), "finished", writes))

    def give_back(self, deliveries: Iterable[Delivery]) -> None:
        """Put messages that never started back into their places, at once."""
        self._give_back([delivery.claim for delivery in deliveries if self._held.close_writes(delivery.claim)])

    def give_back_unbegun(self, claims: Iterable[HeldClaim]) -> None:
        """Put those back whose actors have not begun; when a thread comes to them it will skip them."""
        self._give_back([claim for claim in claims if self._held.close_unbegun(claim)])

    def begin(self, claim: HeldClaim) -> bool:
        """Whether the actor may start: its claim is fresh, or could be renewed."""
        self._held.enter(claim)
        fresh = self._clocks.steady_ms() - claim.renewed_at_ms <= RENEW_AFTER_MS
        claim.lost = not ((fresh or self._renew(claim)) and self._held.begin(claim))
        return not claim.lost

    def _renew(self, claim: HeldClaim) -> bool:
        try:
            return self.extend(claim, claim.lasts_ms)
        except DatabaseUnavailable as error:
            # Nobody says that it is another's. If it is, the answer will find out.
            LOGGER.warning("The claim of message %r cannot be renewed now: %s", claim.message_id, error)
            return True

    def extend(self, claim: HeldClaim, milliseconds: int) -> bool:
        """Move the deadline to at least that long from now; False where the claim was lost."""
        now_ms = self._clocks.steady_ms()
        with self._connections.noting() as connection:
            changed = connection.execute(_claim.EXTEND, (now_ms + milliseconds, claim.row_id, claim.token)).rowcount
        if changed:
            claim.renewed_at_ms = now_ms
            claim.deadline_ms = max(claim.deadline_ms, now_ms + milliseconds)
        return bool(changed)

    def settle_writes(self, claim: HeldClaim) -> None:
        """Commit what processing the message has written so far, without its answer; nothing where it was lost."""
        writes = self._held.take_writes(claim)
        if not writes:
            return
        news = News()
        try:
            with self._connections.noting() as connection:
                if connection.execute(_claim.STILL_CLAIMED, (claim.row_id, claim.token)).fetchall():
                    _write_all(connection, writes, news)
                else:
                    LOGGER.warning("Message %r is no longer ours: what it wrote is dropped.", claim.message_id)
                    claim.lost = True
        except BaseException:
            self._held.put_back_writes(claim, writes)
            raise
        self._tell(news)

    def flush(self) -> None:
        """Write the pending answers, and what was counted.

        Raises:
          DatabaseUnavailable: they are pending still.
        """
        if self._pending or self.counts_are_due:
            with self.transaction():
                pass

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A transaction that begins with the pending answers; where it fails, they are pending again.

        Raises:
          DatabaseUnavailable: nothing was written.
        """
        with self.turn:
            answers = [self._pending.popleft() for _ in range(len(self._pending))]
            news = News()
            counts_are_due = self.counts_are_due
            try:
                with self._connections.noting() as connection:
                    held = [answer for answer in answers if self._write(connection, answer, news)]
                    if counts_are_due:
                        self._rates.write(connection)
                    yield connection
            except BaseException:
                self._pending.extendleft(reversed(answers))
                raise
            if counts_are_due:
                self._rates.written(self._clocks.steady_ms())
            outcomes = Counter((answer.claim.queue, answer.outcome) for answer in held if answer.outcome is not None)
            self._rates.note(outcomes, self._clocks.wall_ms())
        if news.queues or news.topics:
            self._tell(news)

    def _give_back(self, claims: list[HeldClaim]) -> None:
        self._pending.extend(Answer(claim, _claim.GIVE_BACK_UNSTARTED, (), queue=claim.queue) for claim in claims)
        try:
            self.flush()
        finally:
            freed = [claim for claim in claims if self._held.release(claim)]
        for claim in freed:
            claim.released(claim)

    def _accept_verdict(self, delivery: Delivery, *, rejected: bool) -> None:
        # In a worker's thread it waits for the hooks that come after it: a failure's result belongs to the answer.
        delivery.claim.rejected = rejected
        if self._held.processed is not delivery.claim:
            self.settle(delivery)

    def _settle(self, answer: Answer) -> None:
        self._pending.append(answer)
        self._release(answer.claim)

    def _release(self, claim: HeldClaim) -> None:
        if self._held.release(claim):
            claim.released(claim)

    def _write(self, connection: sqlite3.Connection, answer: Answer, news: News) -> bool:
        if answer.writes:
            connection.execute("SAVEPOINT answer")
        try:
            held = self._write_fenced(connection, answer, answer.sql, answer.parameters, news)
            if held:
                _write_all(connection, answer.writes, news)
        except (sqlite3.Error, OverflowError, ValueError) as error:
            if isinstance(error, sqlite3.Error) and means_unavailable(error):
                raise
            # One message that wrote what cannot be stored must not keep all others from being answered.
            if answer.writes:
                connection.execute("ROLLBACK TO answer")
            LOGGER.exception("Message %r wrote what cannot be stored.", answer.claim.message_id)
            values = (_writable(f"what it wrote cannot be stored: {error}"), self._clocks.wall_ms(), None)
            held = self._write_fenced(connection, answer, _claim.BURY, values, news)
        if answer.writes:
            connection.execute("RELEASE answer")
        return held

    def _write_fenced(
        self, connection: sqlite3.Connection, answer: Answer, sql: str, parameters: tuple[Any, ...], news: News
    ) -> bool:
        claim = answer.claim
        if not connection.execute(sql, (*parameters, claim.row_id, claim.token)).rowcount:
            LOGGER.warning("Message %r is no longer ours: its answer came too late.", claim.message_id)
            return False
        if answer.queue is not None:
            news.queues.add(answer.queue)
        if claim.concurrency_key is not None:
            news.queues |= _claim.unblock(connection, claim.concurrency_key)
        if claim.shares_room:
            news.queues.add(claim.queue)
        return True


def _write_all(connection: sqlite3.Connection, writes: Iterable[Write], news: News) -> None:
    for write in writes:
        connection.execute(write.sql, write.parameters)
        if write.queue is not None:
            news.queues.add(write.queue)
        if write.topic is not None:
            news.topics.add(write.topic)


def _reason(exception: BaseException | None) -> str:
    if exception is None:
        return "rejected"
    try:
        return _writable(f"{type(exception).__name__}: {exception}")
    except Exception:  # what a stranger's `__str__` raises
        return type(exception).__name__


def _writable(text: str) -> str:
    """A text that SQLite takes: lone surrogates have no UTF-8."""
    return text[:LONGEST_REASON].encode(errors="backslashreplace").decode()
