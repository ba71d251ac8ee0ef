"""The long work of this process: how much of it runs at once, and how each piece is told to end."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from app.domain.errors import Cancelled, SegmentTimeout, SpeechError
from app.domain.ids import TaskId
from app.domain.stopping import StopToken


class WorkerStopping(SpeechError):
    """The worker is shutting down: the message goes back to the queue as if it had never been taken."""

    type = "worker-stopping"
    title = "The worker is stopping"


@dataclass(eq=False, slots=True)
class _Piece:
    task_id: TaskId | None
    run: int
    yields_to_shutdown: bool
    token: StopToken
    overdue_at: float | None = None


class LongWork:
    """Gives out engine slots, and keeps the stop token of everything that may take long.

    `engine_calls` engines run at once; each call may take `timeout_seconds`. Safe between threads.
    """

    def __init__(self, *, engine_calls: int, timeout_seconds: float) -> None:
        self._timeout_seconds = timeout_seconds
        self._free = engine_calls
        self._pieces: set[_Piece] = set()
        self._lock = threading.Lock()
        self._freed = threading.Condition(self._lock)
        self._begun = threading.Condition(self._lock)
        self._nothing_due = False
        self._closing = False

    @contextmanager
    def engine_call(self, task_id: TaskId | None, run: int = 0) -> Iterator[StopToken]:
        """Wait for a free slot, then run one engine call; its time limit counts from the token's `begin`.
        `task_id` is None for what is no task's, and cannot be cancelled.

        A call that has a slot when the worker shuts down may end; one that still waits goes back.

        Raises:
          WorkerStopping: the worker shut down before a slot was free.
        """
        with self._lock:
            self._freed.wait_for(lambda: self._free > 0 or self._closing)
            if self._closing:
                raise WorkerStopping("The worker shut down before this segment began.")
            self._free -= 1
        try:
            with self._kept(task_id, run, yields_to_shutdown=False) as token:
                yield token
        finally:
            with self._lock:
                self._free += 1
                self._freed.notify()

    @contextmanager
    def interruptible(self, task_id: TaskId, run: int) -> Iterator[StopToken]:
        """Long work with no time limit, such as writing a book's file; it stops when the worker does."""
        with self._kept(task_id, run, yields_to_shutdown=True) as token:
            yield token

    @contextmanager
    def _kept(self, task_id: TaskId | None, run: int, *, yields_to_shutdown: bool) -> Iterator[StopToken]:
        piece = _Piece(task_id, run, yields_to_shutdown, StopToken(on_begin=lambda: self._begin(piece)))
        with self._lock:
            if yields_to_shutdown and self._closing:
                raise WorkerStopping("The worker shut down before this began.")
            self._pieces.add(piece)
        try:
            yield piece.token
        finally:
            with self._lock:
                self._pieces.discard(piece)

    def _begin(self, piece: _Piece) -> None:
        with self._lock:
            if piece.overdue_at is None and not piece.yields_to_shutdown:
                piece.overdue_at = time.monotonic() + self._timeout_seconds
                if self._nothing_due:  # else it wakes for an earlier limit, and then sees this one
                    self._begun.notify()

    def tasks(self) -> set[tuple[TaskId, int]]:
        """The runs of tasks that long work is going on for."""
        with self._lock:
            return {(piece.task_id, piece.run) for piece in self._pieces if piece.task_id is not None}

    def stop_task(self, task_id: TaskId, run: int) -> None:
        """End all long work of a run that was cancelled."""
        for piece in self._matching(lambda piece: (piece.task_id, piece.run) == (task_id, run)):
            piece.token.stop(Cancelled("The task was cancelled."))

    def wait_for_overdue(self) -> None:
        """Sleep until the next time limit passes, then stop what it was for. Returns early where work begins after
        there was none."""
        with self._lock:
            limits = [p.overdue_at for p in self._pieces if p.overdue_at is not None and not p.token.stopped]
            now = time.monotonic()
            if not limits or min(limits) > now:
                self._nothing_due = not limits
                self._begun.wait(min(limits) - now if limits else None)
                self._nothing_due = False
        now = time.monotonic()
        for piece in self._matching(lambda piece: piece.overdue_at is not None and piece.overdue_at <= now):
            piece.token.stop(
                SegmentTimeout(
                    f"The segment took longer than {self._timeout_seconds:g} s. Raise TTS_GENERATION_TIMEOUT, "
                    "or give the worker fewer engine calls at once (TTS_THREAD_POOL_MAX_WORKERS)."
                )
            )

    def close(self) -> None:
        """Begin no more engine calls; end what yields to a shutdown. The calls that run may end."""
        with self._lock:
            self._closing = True
            self._freed.notify_all()
            self._begun.notify_all()
        for piece in self._matching(lambda piece: piece.yields_to_shutdown):
            piece.token.stop(WorkerStopping("The worker is shutting down."))

    def _matching(self, wanted: Callable[[_Piece], bool]) -> list[_Piece]:
        with self._lock:
            return [piece for piece in self._pieces if wanted(piece)]
