"""Wait until something happens to a task: one look at the store for all who wait, however many there are."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.domain.ids import TaskId
from app.results import AsyncDatabase
from app.results.live import Sign, signs

log = structlog.get_logger(__name__)

QUICKEST_SECONDS = 0.005
SLOWEST_SECONDS = 0.1
PATIENCE = 50
"""The next look is due after this part of the time for which nothing has happened: what took a second may be seen
20 ms late, and nobody looks 200 times a second for a book."""


class Watch:
    """One task, as one waiter sees it."""

    def __init__(self, task_id: TaskId, now: float) -> None:
        self.task_id = task_id
        self._sign: Sign | None = None
        self._looked = False
        self._quiet_since = now
        self._happened = asyncio.Event()

    async def changed(self) -> None:
        """Wait until something has happened since this was last called.

        The first call may return at once, so read the task between entering and waiting.
        """
        await self._happened.wait()
        self._happened.clear()

    def see(self, sign: Sign | None, now: float) -> None:
        """Called with every look; None stands for a task that is gone."""
        if self._looked and sign == self._sign:
            return
        self._looked, self._sign, self._quiet_since = True, sign, now
        self._happened.set()

    def next_look(self, now: float) -> float:
        """In how many seconds it is worth looking again."""
        return min(SLOWEST_SECONDS, max(QUICKEST_SECONDS, (now - self._quiet_since) / PATIENCE))


class TaskWatch:
    """Looks at the watched tasks of this process, and asks nothing of the store while there are none.

    `closing` is set as soon as the process is told to stop: whoever can answer early does.
    """

    def __init__(self, database: AsyncDatabase) -> None:
        self._database = database
        self._watches: set[Watch] = set()
        self._joined = asyncio.Event()
        self._looker: asyncio.Task[None] | None = None
        self.closing = asyncio.Event()

    @asynccontextmanager
    async def watching(self, task_id: TaskId) -> AsyncIterator[Watch]:
        """A watch on the task while the block runs."""
        watch = Watch(task_id, asyncio.get_running_loop().time())
        self._watches.add(watch)
        self._joined.set()
        if self._looker is None or self._looker.done():
            self._looker = asyncio.create_task(self._look())
        try:
            yield watch
        finally:
            self._watches.discard(watch)

    def open(self) -> None:
        """Begin in the event loop that runs now, also after a `close`."""
        self._joined, self.closing = asyncio.Event(), asyncio.Event()
        self._looker = None

    async def close(self) -> None:
        """Stop looking."""
        self.closing.set()
        if self._looker is not None:
            self._looker.cancel()
            with suppress(asyncio.CancelledError):
                await self._looker

    async def _look(self) -> None:
        clock = asyncio.get_running_loop().time
        while self._watches:
            self._joined.clear()
            watches = tuple(self._watches)
            try:
                found = await self._database.read(signs, {watch.task_id for watch in watches})
            except SQLAlchemyError as error:  # a full disk, a busy pool: the tasks are still there when it is back
                log.warning("task_watch_waits", reason=type(error).__name__)
                await asyncio.sleep(SLOWEST_SECONDS)
                continue
            for watch in watches:
                watch.see(found.get(watch.task_id), clock())
            with suppress(TimeoutError):
                async with asyncio.timeout(min(watch.next_look(clock()) for watch in watches)):
                    await self._joined.wait()
