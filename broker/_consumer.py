"""The iterator that Dramatiq's consumer thread pulls messages from."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable

from dramatiq import Consumer, MessageProxy

from . import _claim
from ._answers import Answers
from ._clock import Clocks
from ._connection import Connections
from ._errors import BrokerError
from ._held import Delivery, Held, HeldClaim
from ._process import WorkerProcess

LOGGER = logging.getLogger(__name__)

#: Where a thread is through with a message within this time, its next ones shall be there before it asks for them.
QUICK_SECONDS = 0.005

#: How many messages a thread it may then hold. More would gain nothing: the commit they share costs little by now, and
#: a thread sleeps and is woken once for all of them.
QUICK_SHARE = 8

#: A message that no thread has begun for so long goes back: what came before it was not quick.
HOARDED_SECONDS = 0.05

#: So long, or half its claim, one that waits behind another queue's work. Others may then have it first.
UNBEGUN_SECONDS = 5.0
REST_SECONDS = 1.0

SHORTEST_WAIT_SECONDS = 0.001
STOPPING_WAIT_SECONDS = 0.1

STRAYS = "SELECT id, token FROM broker_messages WHERE state = 'claimed' AND owner = ? AND queue = ?"


class SQLiteConsumer(Consumer):
    """Claims messages of one queue, never holds more than its share, and writes the answers on the way.

    Parameters:
      claimant: Who claims, from which queue.
      capacity: How many unanswered messages it may hold: one a thread, so that long work is not hoarded.
      quick_capacity: How many while each takes next to no time.
      timeout_ms: How long `__next__` waits at most.
      is_stopping: Asked before each claim; once true, nothing more is claimed.
    """

    def __init__(
        self,
        claimant: _claim.Claimant,
        *,
        capacity: int,
        quick_capacity: int,
        timeout_ms: int,
        process: WorkerProcess,
        connections: Connections,
        held: Held,
        answers: Answers,
        clocks: Clocks,
        is_stopping: Callable[[], bool],
    ) -> None:
        self._claimant = claimant
        self._queue = claimant.queue
        self._capacity = capacity
        self._quick_capacity = quick_capacity
        self._is_quick = False
        self._answered = 0
        self._claimed_at = self._judged_at = self._rests_until = time.monotonic()
        self._timeout_seconds = timeout_ms / 1000
        self._process = process
        self._connections = connections
        self._held = held
        self._answers = answers
        self._clocks = clocks
        self._is_stopping = is_stopping
        self._outstanding: set[HeldClaim] = set()
        self._buffer: deque[Delivery] = deque()
        self._closed = False
        self._thread: int | None = None
        self._waiting = False
        self._seen: _claim.Look | None = None
        self._seen_as_of: object = None
        self._bell = process.bells.hang(self._queue)
        self._give_back_strays()

    def __next__(self) -> MessageProxy | None:
        """The next message, or None after the timeout.

        Raises:
          DatabaseUnavailable: nothing was claimed.
        """
        if self._buffer:
            return self._buffer.popleft()
        self._thread = threading.get_ident()
        self._waiting = True
        try:
            return self._next()
        finally:
            self._waiting = False
            if self._answers.pending:
                self._process.housekeeper.poke()

    def ack(self, message: MessageProxy) -> None:
        """Delete the message with the next claim; a late ack does nothing."""
        if isinstance(message, Delivery):
            self._answers.ack(message)

    def nack(self, message: MessageProxy) -> None:
        """Turn the message into a dead letter; one the broker does not know is ignored."""
        if isinstance(message, Delivery):
            self._answers.nack(message)

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        """Put messages that never started back into their places."""
        self._answers.give_back([message for message in messages if isinstance(message, Delivery)])

    def close(self) -> None:
        """Give back what no thread has begun: whoever consumes next shall not hold it besides its own."""
        self._closed = True
        self._process.bells.take_down(self._bell)
        self._buffer.clear()
        try:
            self._answers.give_back_unbegun(self._outstanding.copy())
        except BrokerError as error:
            LOGGER.warning("Messages of queue %r cannot be given back now: %s", self._queue, error)

    def _next(self) -> MessageProxy | None:
        give_up_at = time.monotonic() + self._timeout_seconds
        while True:
            armed = self._bell.arm()
            next_run_at = self._exchange(armed)
            if self._buffer:
                return self._buffer.popleft()
            now = time.monotonic()
            remaining = give_up_at - now
            if self._gives_back_what_waits():
                continue
            if self._holds_too_many():
                if now - self._claimed_at >= HOARDED_SECONDS:
                    self._is_quick = False
                    self._answers.give_back_unbegun(self._outstanding.copy())
                    continue
                remaining = min(remaining, HOARDED_SECONDS)
            if remaining <= 0:
                return None
            rang = self._bell.wait(armed, self._wait_seconds(remaining, next_run_at))
            if not rang and time.monotonic() >= give_up_at:
                return None
            if self._is_stopping() and not self._answers.pending:
                return None

    def _exchange(self, armed: int) -> int | None:
        """Write the pending answers and claim what there is room for; returns the next scheduled time."""
        room = self._room()
        if not room or self._closed or self._is_stopping():
            self._answers.flush()
            return None
        if not self._answers.pending:
            look = self._look(armed)
            if not look.is_worth_a_claim(self._clocks.wall_ms()):
                return look.next_run_at
        return self._claim_up_to(room)

    def _look(self, armed: int) -> _claim.Look:
        # Once a second, for each idle queue of each process: as long as nothing is written, it sees what it saw. A commit
        # is seen only once it is synced, and the log has its time from before that: then a ring tells of it.
        as_of = (armed, self._connections.written_as_of())
        if self._seen is None or self._seen_as_of != as_of:
            self._seen = _claim.look(self._connections.read(_claim.LOOK, {"queue": self._queue}))
            self._seen_as_of = as_of
        return self._seen

    def _gives_back_what_waits(self) -> bool:
        now_ms = self._clocks.steady_ms()
        waiting = [
            claim
            for claim in self._outstanding.copy()
            if not claim.begun and now_ms - claim.renewed_at_ms >= min(claim.lasts_ms / 2, UNBEGUN_SECONDS * 1000)
        ]
        if waiting:
            self._rests_until = time.monotonic() + REST_SECONDS
            self._answers.give_back_unbegun(waiting)
        return bool(waiting)

    def _room(self) -> int:
        if time.monotonic() < self._rests_until:
            return 0
        outstanding = self._outstanding.copy()
        steady_ms = self._clocks.steady_ms()
        if any(claim.is_last_chance and claim.may_be_ours(steady_ms) for claim in outstanding):
            return 0
        return max((self._quick_capacity if self._is_quick else self._capacity) - len(outstanding), 0)

    def _holds_too_many(self) -> bool:
        return len(self._outstanding) > self._capacity and not all(claim.begun for claim in self._outstanding.copy())

    def _claim_up_to(self, room: int) -> int | None:
        with self._answers.turn:
            with self._answers.transaction() as connection:
                steady_ms = self._clocks.steady_ms()
                taken, next_run_at = self._claimant.claim(
                    connection,
                    room=room,
                    holds_nothing=not self._held.holds(self._queue, steady_ms=steady_ms),
                    wall_ms=self._clocks.wall_ms(),
                    steady_ms=steady_ms,
                    released=self._release,
                )
            claims = [delivery.claim for delivery in taken]
            self._outstanding.update(claims)
            self._held.add(claims)
        self._buffer.extend(taken)
        self._claimed_at = time.monotonic()
        self._judge(self._claimed_at)
        return next_run_at

    def _judge(self, now: float) -> None:
        """Whether messages are quick, by what was answered since the last judgement."""
        seconds = now - self._judged_at
        if self._answered >= self._capacity or seconds >= HOARDED_SECONDS:
            self._is_quick = self._answered > 0 and seconds * self._capacity / self._answered < QUICK_SECONDS
            self._answered = 0
            self._judged_at = now

    def _release(self, claim: HeldClaim) -> None:
        self._outstanding.discard(claim)
        if self._thread == threading.get_ident():
            if not self._waiting:
                self._answers.flush()
            return
        self._answered += 1
        if self._waiting:
            self._bell.ring()
        else:
            self._process.housekeeper.poke()

    def _wait_seconds(self, remaining: float, next_run_at: int | None) -> float:
        if self._is_stopping():
            return min(remaining, STOPPING_WAIT_SECONDS)
        if next_run_at is None:
            return remaining
        return min(remaining, max((next_run_at - self._clocks.wall_ms()) / 1000, SHORTEST_WAIT_SECONDS))

    def _give_back_strays(self) -> None:
        # A commit that succeeded although it reported an error leaves claims that nobody in this process knows of.
        with self._answers.turn:
            # Before the pending answers are taken: what is answered from here on is known still.
            known = self._held.tokens()
            with self._answers.transaction() as connection:
                rows = connection.execute(STRAYS, (self._claimant.owner, self._queue)).fetchall()
                connection.executemany(_claim.GIVE_BACK_UNSTARTED, list(set(rows) - known))
