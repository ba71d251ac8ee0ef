"""The claims this process holds, and the proxy that carries one through Dramatiq's worker."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextvars import ContextVar, Token
from dataclasses import dataclass, field
from typing import Any

from dramatiq import Message, MessageProxy

from ._enqueue import Entry, encoded


@dataclass(frozen=True, slots=True)
class Write:
    """A statement that commits together with a message's answer.

    Attributes:
      sql: The statement.
      parameters: Its values.
      queue: Whom to wake after the commit, if a queue.
      topic: Whom to wake after the commit, if somebody waiting for a result.
    """

    sql: str
    parameters: tuple[Any, ...]
    queue: str | None = None
    topic: str | None = None


@dataclass(slots=True, eq=False)
class HeldClaim:
    """A message held by this process until it is answered or lost to another.

    Attributes:
      lasts_ms: How long the claim lasts from each renewal.
      renewed_at_ms: When that was, on the steady clock.
      deadline_ms: Until when it lasts, on the steady clock.
      shares_room: Whether the queue has a limit, so that other processes wait for its end.
      is_last_chance: Whether one more worker's death makes the message a dead letter.
      released: Called once the message is answered.
      begun: Whether its actor has begun.
      rejected: The worker's verdict, once it has given one.
      answered: Whether that is on its way to the table, or the message was given back.
      lost: Whether it is known to be another's by now; nothing that its processing writes is kept.
      retry: What takes the message's place when it is answered.
      failed_retry_delay: Milliseconds to wait before a retry that could not be written down.
      writes: What processing the message has written so far.
    """

    row_id: int
    token: int
    message_id: str
    queue: str
    concurrency_key: str | None
    lasts_ms: int
    renewed_at_ms: int
    deadline_ms: int
    is_last_chance: bool
    shares_room: bool
    released: Callable[[HeldClaim], None]
    begun: bool = False
    rejected: bool | None = None
    answered: bool = False
    lost: bool = False
    retry: Entry | None = None
    failed_retry_delay: int | None = None
    writes: list[Write] = field(default_factory=list)

    def may_be_ours(self, steady_ms: int) -> bool:
        """Whether its deadline has not passed: after it, whoever hangs with the message keeps nobody waiting."""
        return steady_ms <= self.deadline_ms


class Delivery(MessageProxy):
    """A claimed message on its way through the worker."""

    def __init__(self, message: Message[Any], claim: HeldClaim) -> None:
        super().__init__(message)
        self.claim = claim

    @property
    def exception(self) -> BaseException | None:
        """What the worker caught, if anything."""
        return self._exception

    def payload(self) -> bytes | None:
        """The message with what Retries noted in its options, or None where that cannot be written down."""
        try:
            return encoded(self._message)
        except Exception:  # whatever the chosen encoder raises
            return None


class Held:
    """The claims held by this process, from any thread, and which of them is processed in the current context."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._claims: set[HeldClaim] = set()
        self._by_message_id: dict[str, HeldClaim] = {}

    def add(self, claims: Iterable[HeldClaim]) -> None:
        """Remember claims."""
        with self._lock:
            for claim in claims:
                self._claims.add(claim)
                self._by_message_id[claim.message_id] = claim

    def release(self, claim: HeldClaim) -> bool:
        """Forget a claim that was answered or lost; False where it was forgotten before."""
        with self._lock:
            if claim not in self._claims:
                return False
            self._claims.discard(claim)
            if self._by_message_id.get(claim.message_id) is claim:
                del self._by_message_id[claim.message_id]
            return True

    def of(self, message_id: str) -> HeldClaim | None:
        """The claim on a message, or None where this process holds none."""
        return self._by_message_id.get(message_id)

    def holds(self, queue: str, *, steady_ms: int) -> bool:
        """Whether any message of the queue is held whose deadline has not passed."""
        with self._lock:
            return any(claim.queue == queue and claim.may_be_ours(steady_ms) for claim in self._claims)

    def tokens(self) -> set[tuple[int, int]]:
        """The (row id, token) of each claim."""
        with self._lock:
            return {(claim.row_id, claim.token) for claim in self._claims}

    def enter(self, claim: HeldClaim | None) -> Token[tuple[Held, HeldClaim] | None]:
        """What is written in this context from now on belongs to this claim's message, or to none."""
        return _PROCESSING.set((self, claim) if claim is not None else None)

    def leave(self, token: Token[tuple[Held, HeldClaim] | None]) -> None:
        """Go back to what was before `enter`."""
        _PROCESSING.reset(token)

    @property
    def processed(self) -> HeldClaim | None:
        """The claim of the message that is processed in this context, if it is one of these."""
        held, claim = _PROCESSING.get() or (None, None)
        return claim if held is self else None

    def begin(self, claim: HeldClaim) -> bool:
        """Note that its actor begins; False where the claim is no longer held."""
        with self._lock:
            claim.begun = not claim.answered
            return claim.begun

    def close_unbegun(self, claim: HeldClaim) -> bool:
        """The message goes back; False where its actor has begun, or it was answered before."""
        with self._lock:
            if claim.begun or claim.answered:
                return False
            claim.answered = True
            return True

    def add_writes(self, claim: HeldClaim, writes: Iterable[Write]) -> bool:
        """Let these commit with the message's answer; False where it was answered already.

        What a message writes whose claim is lost is dropped: it is another's to write.
        """
        with self._lock:
            if claim.lost:
                return True
            if claim.answered:
                return False
            claim.writes.extend(writes)
            return True

    def put_back_writes(self, claim: HeldClaim, writes: list[Write]) -> None:
        """Make these part of the answer again, before all that was added meanwhile."""
        with self._lock:
            claim.writes[:0] = writes

    def take_writes(self, claim: HeldClaim) -> list[Write]:
        """What processing the message has written so far; it is no longer part of the answer."""
        with self._lock:
            writes, claim.writes = claim.writes, []
            return writes

    def close_writes(self, claim: HeldClaim) -> bool:
        """The message is answered: nothing more can be added. False where it was answered before."""
        with self._lock:
            was_open, claim.answered = not claim.answered, True
            return was_open


# It follows a coroutine into its event loop.
_PROCESSING: ContextVar[tuple[Held, HeldClaim] | None] = ContextVar("broker_processing", default=None)


def leave_all() -> None:
    """Process nothing in this context: a forked child's messages are its own."""
    _PROCESSING.set(None)
