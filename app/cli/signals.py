"""Signals as something to wait for, so that the supervisor does one thing after another in one thread."""

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STOPPING = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
WATCHED = STOPPING | {signal.SIGCHLD}


class SignalQueue:
    """The watched signals that came since the last `wait`."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def wait(self, seconds: float | None) -> list[int]:
        """The signals that came, after at most `seconds` (None: until one comes)."""
        select.select([self._descriptor], [], [], seconds)
        try:
            return list(os.read(self._descriptor, 4096))
        except BlockingIOError:
            return []


@contextmanager
def watched_signals() -> Iterator[SignalQueue]:
    """Watch them while the block runs. Only the main thread may."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    before_descriptor = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    before = {number: signal.getsignal(number) for number in WATCHED}
    for number in WATCHED:
        # nohup hands SIGHUP over as ignored, and means it.
        if not (number == signal.SIGHUP and before[number] is signal.SIG_IGN):
            signal.signal(number, _note)
    try:
        yield SignalQueue(reader)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(before_descriptor)
        os.close(reader)
        os.close(writer)


def _note(number: int, frame: FrameType | None) -> None:
    """The pipe has it already."""
