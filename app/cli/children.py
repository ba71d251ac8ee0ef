"""One child of the supervisor: how it is started, told to stop, and made to end with all that it started."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

SHIM = Path(__file__).with_name("child.py")

FIRST_RESTART_SECONDS = 0.5
LONGEST_RESTART_SECONDS = 30.0
STEADY_SECONDS = 30.0
"""A child that lived this long has its earlier deaths forgotten."""


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """What to run, and how it ends.

    Parameters:
      name: What the log calls it.
      argv: The command; it must end in order on SIGTERM.
      stage: Children of a lower stage are stopped first.
      patience_seconds: How long the next stage's stop waits for this child's end.
      hopeless: Exit statuses that starting again cannot help, such as a wrong setting.
      environment: Added to the supervisor's own.
      descriptors: File descriptors that the child inherits under the same numbers.
    """

    name: str
    argv: tuple[str, ...]
    stage: int = 0
    patience_seconds: float = 0.0
    hopeless: frozenset[int] = frozenset()
    environment: Mapping[str, str] = field(default_factory=dict)
    descriptors: tuple[int, ...] = ()


class Child:
    """A spec's present process, in a session and process group of its own, and the record of its deaths.

    Times are seconds of a monotonic clock.
    """

    def __init__(self, spec: ChildSpec) -> None:
        self.spec = spec
        self.starts = 0
        self.start_at = 0.0
        self.stopped_at: float | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._quick_deaths = 0

    @property
    def pid(self) -> int | None:
        """The process id of the group's leader, None between two lives."""
        return self._process.pid if self._process is not None else None

    def start(self, now: float) -> None:
        """Start a process; the thread that calls this must outlive it, or the kernel takes its parent for dead."""
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(SHIM), str(os.getpid()), *self.spec.argv],
            stdin=subprocess.DEVNULL,
            stdout=2,  # the supervisor's own standard output is for its announcements
            env={**os.environ, **self.spec.environment},
            pass_fds=self.spec.descriptors,
            start_new_session=True,
        )
        self.starts += 1
        self._started_at = now

    def stop(self, now: float) -> None:
        """Ask the leader to end in order; once is enough, since a second SIGTERM means "at once" to Dramatiq."""
        if self._process is not None and self.stopped_at is None:
            self.stopped_at = now
            os.kill(self._process.pid, signal.SIGTERM)

    def kill(self) -> None:
        """End the whole group now."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def reap(self, now: float) -> int | None:
        """The exit status (negative: the signal) where the process has ended; what it left in its group is killed.

        Sets `start_at`, when it is time for the next life.
        """
        if self._process is None:
            return None
        if os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return None
        self.kill()  # before the leader is reaped, since only until then the group's id is surely ours
        status = self._process.wait()
        self._process = None
        self._quick_deaths = 0 if now - self._started_at >= STEADY_SECONDS else self._quick_deaths + 1
        self.start_at = now + self._pause_seconds(status)
        return status

    def _pause_seconds(self, status: int) -> float:
        if status in self.spec.hopeless:
            return LONGEST_RESTART_SECONDS
        doublings = min(max(self._quick_deaths - 1, 0), 16)
        return min(FIRST_RESTART_SECONDS * 2.0**doublings, LONGEST_RESTART_SECONDS)
