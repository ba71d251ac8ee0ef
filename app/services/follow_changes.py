"""Follow the change log: one poller a process reads it and hands each change to everyone who follows.

A follower's place is a transition id. One who was away, or too slow for the bounded queue, comes back with the
last id it saw and misses nothing.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.domain.ids import TaskId
from app.domain.tasks import Transition
from app.results import AsyncDatabase, ResultsStore

log = structlog.get_logger(__name__)

POLL_SECONDS = 0.2
BATCH = 500
QUEUE_LENGTH = 1000


class _Follower:
    def __init__(self, task_id: TaskId | None, owner: str | None) -> None:
        self.task_id = task_id
        self.owner = owner
        self.queue: asyncio.Queue[Transition | None] = asyncio.Queue(QUEUE_LENGTH)
        self.dropped = False

    def offer(self, change: Transition) -> None:
        if self.dropped or (self.task_id is not None and change.task_id != self.task_id):
            return
        if self.owner is not None and change.owner != self.owner:
            return
        try:
            self.queue.put_nowait(change)
        except asyncio.QueueFull:
            self.dropped = True


class ChangeFeed:
    """The poller and its followers. It asks the store only while somebody follows."""

    def __init__(self, database: AsyncDatabase, *, poll_seconds: float = POLL_SECONDS) -> None:
        self._database = database
        self._poll_seconds = poll_seconds
        self._followers: set[_Follower] = set()
        self._poller: asyncio.Task[None] | None = None
        self._closed = False

    async def follow(
        self, *, after: int | None = None, task_id: TaskId | None = None, owner: str | None = None
    ) -> AsyncIterator[Transition]:
        """The changes after transition `after` (from now on where it is None), of one task or of all, of one owner's
        tasks or of everybody's.

        Ends where the feed is closed, or where the follower was too slow: come back with the last id.
        """
        async with self._following(task_id, owner) as follower:
            cursor = await self._database.read(ResultsStore.last_transition_id) if after is None else after
            while True:  # first what is in the log already; then the queue, which overlaps it
                batch = await self._database.read(
                    ResultsStore.transitions_after, cursor, limit=BATCH, task_id=task_id, owner=owner
                )
                for change in batch:
                    cursor = change.id
                    yield change
                if len(batch) < BATCH:
                    break
            while not (follower.dropped and follower.queue.empty()):
                queued = await follower.queue.get()
                if queued is None:
                    return
                if queued.id > cursor:
                    cursor = queued.id
                    yield queued

    async def close(self) -> None:
        """End every follower's stream and the poller."""
        self._closed = True
        if self._poller is not None:
            self._poller.cancel()
            with suppress(asyncio.CancelledError):
                await self._poller
        for follower in self._followers:
            with suppress(asyncio.QueueFull):
                follower.queue.put_nowait(None)
            follower.dropped = True

    @asynccontextmanager
    async def _following(self, task_id: TaskId | None, owner: str | None) -> AsyncIterator[_Follower]:
        follower = _Follower(task_id, owner)
        if self._closed:
            follower.queue.put_nowait(None)
        self._followers.add(follower)
        try:
            await self._start_poller()
            yield follower
        finally:
            self._followers.discard(follower)

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
            for change in batch:
                cursor = change.id
                for follower in self._followers:
                    follower.offer(change)
            if len(batch) < BATCH:
                await asyncio.sleep(self._poll_seconds)
