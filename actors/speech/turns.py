"""One call at a time, for libraries that keep global state."""

import os
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

from app.domain.stopping import StopToken

_LOOK_SECONDS = 0.05


class Turns:
    """A lock that one can stop waiting for, and that a forked child gets unlocked."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        renew = weakref.WeakMethod(self._renew)
        os.register_at_fork(after_in_child=lambda: (method := renew()) and method())

    def _renew(self) -> None:
        self._lock = threading.Lock()

    @contextmanager
    def take(self, stop: StopToken) -> Iterator[None]:
        """Hold the turn; raise the reason of `stop` where that comes first."""
        lock = self._lock
        stop.raise_if_stopped()
        while not lock.acquire(timeout=_LOOK_SECONDS):
            stop.raise_if_stopped()
        try:
            yield
        finally:
            lock.release()


class WholeCalls:
    """A lock that a fork waits for: no child gets a library in the middle of a call, nor a lock that nobody opens."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        os.register_at_fork(
            before=self._lock.acquire, after_in_parent=self._lock.release, after_in_child=self._lock.release
        )

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()
