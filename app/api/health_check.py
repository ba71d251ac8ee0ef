"""How the service is: its stores, its queues, its workers and its disk, asked at most once a second."""

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import anyio.to_thread
import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.ports import AudioStore, CacheSize, Clock
from app.results import AsyncDatabase, ResultsStore
from broker import BrokerError, QueueDepth, SQLiteBroker

MOST_COUNTED = 10_000
"""Messages of one state in one queue that are counted: health is asked for often."""

log = structlog.get_logger(__name__)

FRESH_SECONDS = 1.0
"""How long an answer is given again before the stores are asked anew."""

LOW_DISK_BYTES = 512 * 1024**2
"""Less free space than this is worth a warning: about 90 minutes of WAV."""

SILENT_SECONDS = 60.0
"""A worker notes that it lives every 15 seconds."""


@dataclass(frozen=True, slots=True)
class _Machine:
    """What only blocking calls can tell; None where the broker did not answer."""

    queues: Sequence[QueueDepth] | None
    workers_alive: int | None
    worker_last_seen: float | None
    free_bytes: int
    total_bytes: int
    cache: CacheSize | None


@dataclass(frozen=True, slots=True)
class Health:
    """`reasons` says in words why `status` is not `ok`; `worker_last_seen` is the last sign of life of any worker, in
    seconds since the Unix epoch."""

    status: Literal["ok", "degraded", "failing"]
    reasons: tuple[str, ...]
    results_reachable: bool
    queues: Sequence[QueueDepth] | None
    workers_alive: int | None
    worker_last_seen: float | None
    free_bytes: int
    total_bytes: int
    cache: CacheSize | None
    cache_max_bytes: int

    @property
    def ready(self) -> bool:
        """Can a task be accepted?"""
        return self.status != "failing"


@dataclass
class HealthChecker:
    """Looks at everything off the event loop, and for many askers at once."""

    database: AsyncDatabase
    broker: SQLiteBroker
    audio: AudioStore
    cache_max_bytes: int
    data_dir: Path
    clock: Clock
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    _last: Health | None = field(default=None, init=False)
    _at: float = field(default=0.0, init=False)

    async def check(self) -> Health:
        """How the service is now, or was within the last second."""
        async with self._lock:
            if self._last is None or not 0 <= self.clock() - self._at < FRESH_SECONDS:
                self._last = await self._look()
                self._at = self.clock()
            return self._last

    async def _look(self) -> Health:
        reachable = await self._results_reachable()
        machine = await anyio.to_thread.run_sync(self._look_at_machine)
        failing = []
        if not reachable:
            failing.append("The results store does not answer.")
        if machine.queues is None:
            failing.append("The message broker does not answer.")
        warnings = []
        if machine.workers_alive == 0:
            warnings.append("No worker is running: tasks wait. Start one with `sayathing worker`.")
        elif machine.worker_last_seen is not None and (
            (silent := self.clock() - machine.worker_last_seen) > SILENT_SECONDS
        ):
            warnings.append(f"No worker has given a sign of life for {silent:.0f} s: they are stopped, or starved.")
        if machine.free_bytes < LOW_DISK_BYTES:
            warnings.append("The disk is almost full.")
        return Health(
            status="failing" if failing else "degraded" if warnings else "ok",
            reasons=(*failing, *warnings),
            results_reachable=reachable,
            queues=machine.queues,
            workers_alive=machine.workers_alive,
            worker_last_seen=machine.worker_last_seen,
            free_bytes=machine.free_bytes,
            total_bytes=machine.total_bytes,
            cache=machine.cache,
            cache_max_bytes=self.cache_max_bytes,
        )

    async def _results_reachable(self) -> bool:
        try:
            await self.database.read(ResultsStore.last_transition_id)
        except SQLAlchemyError as error:
            log.warning("results_unreachable", error=type(error).__name__)
            return False
        return True

    def _look_at_machine(self) -> _Machine:
        disk = shutil.disk_usage(self.data_dir)
        cache = self.audio.cache_size()
        try:
            queues = self.broker.inspect.queues(most=MOST_COUNTED)
            workers = self.broker.inspect.workers()
        except BrokerError as error:
            log.warning("broker_unreachable", error=type(error).__name__)
            return _Machine(None, None, None, disk.free, disk.total, cache)
        seen = max((worker.last_seen.timestamp() for worker in workers), default=None)
        return _Machine(queues, sum(worker.alive for worker in workers), seen, disk.free, disk.total, cache)
