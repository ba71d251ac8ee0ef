"""Follow the change log: one poller a process reads it and hands each change to everyone who follows.

A follower's place is a transition id. One who was away, or too slow for the bounded queue, comes back with the
last id it saw and misses nothing.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import anyio
import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.domain.ids import TaskId
from app.domain.tasks import Transition
from app.results import AsyncDatabase, ResultsStore

log = structlog.get_logger(__name__)

POLL_SECONDS = 0.2
BATCH = 500
QUEUE_LENGTH = 1000

TOLD_AT_ONCE = 50
SECONDS_A_FOLLOWER = 0.001
"""So many followers are told something, then the others wait for their turn: each is one packet, however much there is
to tell, and other requests need the event loop, too. A thousand are told within a second."""


@dataclass(eq=False, slots=True)
class Change:
    """One move of one task, shared by all who follow it. Whoever writes it first leaves its `text` for the others."""

    move: Transition
    text: bytes | None = None


class _Follower:
    def __init__(self, owner: str | None) -> None:
        self.owner = owner
        self.ended = False
        self._waiting: deque[Change] = deque()
        self._happened = asyncio.Event()

    def offer(self, changes: Sequence[Change]) -> bool:
        """Have them wait for it; where there is no room for all, it ends once it has taken what waits already. False
        where none of them is for it."""
        if self.owner is not None:
            changes = [change for change in changes if change.move.owner == self.owner]
        if self.ended or not changes:
            return False
        if len(self._waiting) + len(changes) > QUEUE_LENGTH:
            self.end()
            return True
        self._waiting.extend(changes)
        self._happened.set()
        return True

    def end(self) -> None:
        self.ended = True
        self._happened.set()

    async def take(self, seconds: float) -> list[Change]:
        """What has come since the last time; empty where nothing came for so long, or where it has ended."""
        if not self.ended:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._happened.wait()
        self._happened.clear()
        taken = list(self._waiting)
        self._waiting.clear()
        return taken


class ChangeFeed:
    """The poller and its followers. It asks the store only while somebody follows."""

    def __init__(self, database: AsyncDatabase, *, poll_seconds: float = POLL_SECONDS) -> None:
        self._database = database
        self._poll_seconds = poll_seconds
        self._followers: dict[TaskId | None, set[_Follower]] = {}
        self._poller: asyncio.Task[None] | None = None
        self._closed = False

    async def follow(
        self, *, after: int, task_id: TaskId | None = None, owner: str | None = None, ping_seconds: float
    ) -> AsyncGenerator[list[Change]]:
        """The changes after transition `after`, of one task or of all, of one owner's tasks or of everybody's, as many
        at once as there are. An empty list comes whenever nothing has happened for `ping_seconds`.

        Ends where the feed is closed, or where the follower was too slow: come back with the last id.
        """
        with self._following(task_id, owner) as follower:
            await self._start_poller()
            cursor = after
            while True:  # first what is in the log already; then the queue, which overlaps it
                with anyio.CancelScope(shield=True):  # a read that is cut off costs its connection
                    moves = await self._database.read(
                        ResultsStore.transitions_after, cursor, limit=BATCH, task_id=task_id, owner=owner
                    )
                if moves:
                    cursor = moves[-1].id
                    yield [Change(move) for move in moves]
                if len(moves) < BATCH:
                    break
            while True:
                ended = follower.ended
                taken = await follower.take(ping_seconds)
                changes = [change for change in taken if change.move.id > cursor]
                if taken and not changes:  # all of it was in the log already
                    continue
                if changes:
                    cursor = changes[-1].move.id
                    yield changes
                elif ended:
                    return
                elif not follower.ended:
                    yield []

    async def close(self) -> None:
        """End every follower's stream and the poller."""
        self._closed = True
        if self._poller is not None:
            self._poller.cancel()
            with suppress(asyncio.CancelledError):
                await self._poller
        for followers in self._followers.values():
            for follower in followers:
                follower.end()

    @contextmanager
    def _following(self, task_id: TaskId | None, owner: str | None) -> Iterator[_Follower]:
        follower = _Follower(owner)
        if self._closed:
            follower.end()
        alike = self._followers.setdefault(task_id, set())
        alike.add(follower)
        try:
            yield follower
        finally:
            alike.discard(follower)
            if not alike and self._followers.get(task_id) is alike:
                del self._followers[task_id]

    async def _start_poller(self) -> None:
        """Have the poller run from a place no later than any that its new follower reads the log up to."""
        if self._poller is None or self._poller.done():
            cursor = await self._database.read(ResultsStore.last_transition_id)
            if self._poller is None or self._poller.done():
                self._poller = asyncio.create_task(self._poll(cursor))

    async def _poll(self, cursor: int) -> None:
        while self._followers and not self._closed:
            try:
                batch = await self._database.read(ResultsStore.transitions_after, cursor, limit=BATCH)
            except SQLAlchemyError as error:  # a full disk, a busy pool: the log is still there when it is back
                log.warning("change_feed_waits", reason=type(error).__name__)
                batch = []
            if batch:
                cursor = batch[-1].id
                await self._hand_out([Change(move) for move in batch])
            if len(batch) < BATCH:
                await asyncio.sleep(self._poll_seconds)

    async def _hand_out(self, changes: Sequence[Change]) -> None:
        """To those who follow now: who comes meanwhile finds the changes in the log."""
        by_task: dict[TaskId | None, list[Change]] = {None: list(changes)}
        for change in changes:
            if change.move.task_id in self._followers:
                by_task.setdefault(change.move.task_id, []).append(change)
        told = 0
        for follower, theirs in [
            (each, found) for who, found in by_task.items() for each in self._followers.get(who, ())
        ]:
            told += follower.offer(theirs)
            if told == TOLD_AT_ONCE:
                await asyncio.sleep(TOLD_AT_ONCE * SECONDS_A_FOLLOWER)
                told = 0
