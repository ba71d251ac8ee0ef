"""Who lives: each worker process keeps a lock on a file, which the kernel lets go when the process ends.

No clock and no heartbeat: a starved or stopped process is alive, a killed one is dead at once.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SUFFIX = ".lock"
OUR_NAMES = re.compile("[0-9a-f]{32}")

#: The coarsest clock that files are stamped by, with a margin.
SETTLED_NANOSECONDS = 50_000_000


class LockFile:
    """An exclusive lock on a file, held until released or until this process ends.

    A forked child must call `forget`, or it would keep its parent's lock alive.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    @property
    def is_held(self) -> bool:
        """Whether it was taken and not let go."""
        return self._descriptor is not None

    def take(self) -> bool:
        """Try to get the lock, or make sure of it, without waiting; True where it is held now.

        If someone removed the file, it is made again: without it, its owner looks dead.
        """
        if self._descriptor is not None and _is_at(self.path, self._descriptor):
            return True
        self.forget()
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        while True:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                return False
            # Someone may have tidied the file away between the open and the lock: such a lock protects nothing.
            if _is_at(self.path, descriptor):
                self._descriptor = descriptor
                return True
            os.close(descriptor)

    def remove(self) -> None:
        """Let go and delete the file."""
        if self._descriptor is not None:
            self.path.unlink(missing_ok=True)
        self.forget()

    def forget(self) -> None:
        """Let go by closing this process's descriptor; the file stays."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def lock_of(run_dir: Path, owner: str) -> Path:
    """Where an owner's lock file lies."""
    return run_dir / (owner + SUFFIX)


def names_as_of(folder: os.stat_result) -> object:
    """What stays equal while no name comes into the folder or goes; never equal while that cannot be told yet."""
    # A name that comes within the same tick of the file system's clock does not change the folder's time again.
    if time.time_ns() - folder.st_mtime_ns <= SETTLED_NANOSECONDS:
        return object()
    return folder.st_ino, folder.st_mtime_ns


def is_alive(run_dir: Path, owner: str) -> bool:
    """Whether the process that goes by this name still runs."""
    try:
        descriptor = os.open(lock_of(run_dir, owner), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        # Shared, so that two who ask at once do not take each other for the owner.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)


@contextmanager
def found_dead(run_dir: Path, owner: str) -> Iterator[bool]:
    """Whether the process that goes by this name is gone for good.

    Within the block its lock is held, so that nobody who only begins to go by that name is taken for dead; a block that
    is told True must not let the name live on. Its file is removed at the end.
    """
    path = lock_of(run_dir, owner)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        yield True
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        if not _is_at(path, descriptor):
            yield False
            return
        yield True
        path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def owners_on_disk(run_dir: Path) -> set[str]:
    """The names that have a lock file, alive or not."""
    with suppress(FileNotFoundError):
        names = (name.removesuffix(SUFFIX) for name in os.listdir(run_dir) if name.endswith(SUFFIX))
        return {name for name in names if is_ours(name)}
    return set()


def is_ours(name: str) -> bool:
    """Whether a process may have been named so: other files may lie in the folder."""
    return OUR_NAMES.fullmatch(name) is not None


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(there, os.fstat(descriptor))
