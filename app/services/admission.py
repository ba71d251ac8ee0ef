"""Is there room for one more task? Asked before anything is written."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar

import structlog

from app.results import AsyncDatabase, ResultsStore

log = structlog.get_logger(__name__)

FRESH_SECONDS = 5.0
"""How long a count of the unfinished tasks is gone by, as long as it leaves room: other processes accept tasks too."""

RECOUNT_SECONDS = 0.25
"""How long a full queue is believed to be full."""

DISK_SECONDS = 1.0


class NoRoom(Exception):
    """The task cannot be taken now. `str(error)` says why and what to do; nothing was written."""

    retry_after_seconds: ClassVar[int] = 10


class QueueFull(NoRoom):
    pass


class DiskFull(NoRoom):
    retry_after_seconds = 60


class Admission:
    """Lets tasks in while fewer than `max_queued` are unfinished and each of `folders` has `min_free_bytes` free.

    It counts in the store seldom, and in between by itself: exact in one process, and where several accept tasks, off
    by what they accept within `FRESH_SECONDS`.
    """

    def __init__(
        self, database: AsyncDatabase, folders: Sequence[Path], *, max_queued: int, min_free_bytes: int
    ) -> None:
        self._database = database
        self._folders = folders
        self._max_queued = max_queued
        self._min_free_bytes = min_free_bytes
        self._counting = asyncio.Lock()
        self._counted_at = float("-inf")
        self._room = 0
        self._taken = 0
        self._coming = 0
        self._disk_looked_at = float("-inf")
        self._short_of_disk: Path | None = None

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """A place for one task, for the block that accepts it; free again where the block raises.

        Raises:
          QueueFull, DiskFull
        """
        self._look_at_disks()
        await self._take_room()
        self._coming += 1
        try:
            yield
        except BaseException:
            self._room += 1
            raise
        finally:
            self._coming -= 1

    def _look_at_disks(self) -> None:
        now = time.monotonic()
        if now - self._disk_looked_at >= DISK_SECONDS:
            self._disk_looked_at = now
            self._short_of_disk = next((each for each in self._folders if self._is_short(each)), None)
            if self._short_of_disk is not None:
                log.warning("disk_almost_full", folder=str(self._short_of_disk))
        if self._short_of_disk is not None:
            raise DiskFull(
                f"The disk has less than {self._min_free_bytes} bytes free. Nothing was accepted; try again later, or "
                "delete tasks that are no longer needed."
            )

    def _is_short(self, folder: Path) -> bool:
        there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
        return shutil.disk_usage(there).free < self._min_free_bytes

    async def _take_room(self) -> None:
        if not self._believed(FRESH_SECONDS) or self._room <= 0:
            async with self._counting:
                if not self._believed(RECOUNT_SECONDS):
                    coming, taken = self._coming, self._taken
                    count = await self._database.read(ResultsStore.count_unfinished, most=self._max_queued)
                    # Of what came meanwhile the count may have some: rather too little room than too much.
                    self._room = self._max_queued - count - coming - (self._taken - taken)
                    self._counted_at = time.monotonic()
        if self._room <= 0:
            raise QueueFull(
                f"{self._max_queued} tasks are unfinished already. Nothing was accepted; try again when some are done."
            )
        self._room -= 1
        self._taken += 1

    def _believed(self, seconds: float) -> bool:
        return time.monotonic() - self._counted_at < seconds
