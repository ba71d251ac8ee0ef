"""A fair way to SQLite's write lock.

SQLite lets writers sleep and try again, so that one who comes back at once can keep another waiting for seconds. Here
they queue, and the kernel wakes the next one. It is a courtesy only: SQLite's own lock still decides, so a writer that
does not know the gate, or a folder without one, costs patience and no data.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue


class GateShut(Exception):
    """The turn did not come in time."""


class Gate:
    """One thread's place at the gate of a database file; the kernel opens it when a process dies inside.

    Parameters:
      run_dir: The folder of the gate's file, the same for all processes; it is created.
      patience_seconds: How long a wait may last. Who is stopped inside keeps the gate shut.
    """

    def __init__(self, run_dir: Path, *, patience_seconds: float) -> None:
        self._path = run_dir / "gate"
        self._patience_seconds = patience_seconds
        self._descriptor = -1
        self._queuer: _Queuer | None = None
        self._maybe_inside = False
        with suppress(OSError):
            run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    @contextmanager
    def passed(self) -> Iterator[None]:
        """Wait for one's turn; the next one's comes at the end of the block.

        Raises:
          GateShut: the turn did not come.
        """
        if self._descriptor < 0:
            yield
            return
        self._maybe_inside = True
        try:
            self._enter()
            yield
        finally:
            self._leave()

    def let_go(self) -> None:
        """Leave if a thread was interrupted on its way out, as by a time limit. For when nobody uses the gate."""
        if self._maybe_inside:
            self._leave()

    def close(self) -> None:
        """Close the descriptor and end what waits beside it."""
        queuer, self._queuer = self._queuer, None
        if queuer is not None:
            queuer.dismiss()
        self.forget()

    def forget(self) -> None:
        """Close the descriptors only, as a forked child must do with its parent's."""
        if self._queuer is not None:
            self._queuer.forget()
            self._queuer = None
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _enter(self) -> None:
        if self._queuer is None or not self._queuer.is_queuing:
            with suppress(BlockingIOError):
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
        if self._queuer is None:
            self._queuer = _Queuer(self._descriptor)
        if not self._queuer.queue(self._patience_seconds):
            raise GateShut

    def _leave(self) -> None:
        if self._queuer is not None:
            self._queuer.step_back()
        if self._descriptor >= 0:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        self._maybe_inside = False


class _Queuer:
    """Stands in the kernel's queue, which knows no time limit, for a thread that has one.

    A thread within flock cannot be called back: its place is kept for who asks next, or let go once its turn comes.
    """

    def __init__(self, descriptor: int) -> None:
        # The same lock by another number, which stays this object's own until its thread ends.
        self._descriptor = os.dup(descriptor)
        self._lock = threading.Lock()
        self._asked: SimpleQueue[bool] = SimpleQueue()
        self._wanted: threading.Event | None = None
        self.is_queuing = False
        self._thread = threading.Thread(target=self._run, name="broker-gate", daemon=True)
        self._thread.start()

    def queue(self, seconds: float) -> bool:
        """Whether the turn came within that time. Who was told so, or may have been, shall `step_back` at its end."""
        came = threading.Event()
        with self._lock:
            self._wanted = came
            if not self.is_queuing:
                self.is_queuing = True
                self._asked.put(True)
        return came.wait(seconds)

    def step_back(self) -> None:
        """Nobody wants the turn any longer."""
        with self._lock:
            self._wanted = None

    def dismiss(self) -> None:
        """End the thread, now or when its last turn comes."""
        self.step_back()
        self._asked.put(False)
        if not self.is_queuing:
            self._thread.join(timeout=1)

    def forget(self) -> None:
        """Close the descriptor in a forked child, where there is no thread."""
        os.close(self._descriptor)

    def _run(self) -> None:
        while self._asked.get():
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            with self._lock:
                came, self._wanted = self._wanted, None
                if came is None:
                    fcntl.flock(self._descriptor, fcntl.LOCK_UN)
                self.is_queuing = False
                if came is not None:
                    came.set()
        os.close(self._descriptor)
