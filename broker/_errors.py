"""What can go wrong in the broker.

dramatiq.errors.BrokerError
└── BrokerError
    ├── DatabaseUnavailable   (also dramatiq.errors.ConnectionClosed)
    │   ├── DatabaseCorrupt
    │   ├── DatabaseFull
    │   ├── DatabaseLocked
    │   └── DatabaseReadOnly
    ├── InvalidOption         (also ValueError)
    └── SchemaTooNew
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from pathlib import Path
from typing import ClassVar

from dramatiq import errors as dramatiq_errors

#: A disk with less room than this is called full where SQLite only knows that a write failed.
NO_ROOM_BYTES = 1 << 20


class BrokerError(dramatiq_errors.BrokerError):
    """The base of every error the broker raises itself.

    Attributes:
      permanent: False where the same call may succeed later without a change.
    """

    permanent: ClassVar[bool] = True

    def __init__(self, message: str) -> None:
        super().__init__(message)  # type: ignore[no-untyped-call]  # Dramatiq's errors carry no annotations


class DatabaseUnavailable(BrokerError, dramatiq_errors.ConnectionClosed):
    """The database file cannot be used now; nothing of the call was stored.

    Being a `ConnectionClosed`, it makes Dramatiq's worker try again instead of dropping an ack.
    """

    permanent = False


class DatabaseLocked(DatabaseUnavailable):
    """Somebody else kept the write lock for longer than the busy timeout."""


class DatabaseFull(DatabaseUnavailable):
    """There is no room on the disk. Work goes on by itself once there is."""


class DatabaseReadOnly(DatabaseUnavailable):
    """The file or its folder cannot be written."""


class DatabaseCorrupt(DatabaseUnavailable):
    """The file is damaged, or no database at all. Work goes on once a sound one is put in its place."""


class InvalidOption(BrokerError, ValueError):
    """A message carries an option that the broker cannot store."""


class SchemaTooNew(BrokerError):
    """The file was written by a newer broker, which this one must not touch."""

    def __init__(self, found: int, known: int) -> None:
        super().__init__(f"The queue's tables have version {found}, this broker knows {known}: update the program.")
        self.found = found
        self.known = known


def locked(path: Path, reason: str) -> DatabaseLocked:
    """The exception for a lock that did not come."""
    return DatabaseLocked(f"{path} is locked by another process ({reason}): end what holds it, or try again.")


def spoiled(path: Path) -> DatabaseUnavailable:
    """The exception in a child that was forked in the middle of its parent's work on the file."""
    return DatabaseUnavailable(
        f"{path} cannot be used in this process: it was forked while its parent worked on the file. Fork before the "
        "first message is sent, or start processes with `spawn`."
    )


def unavailable(path: Path, error: sqlite3.Error | OSError) -> DatabaseUnavailable:
    """The exception that says what happened to which file and what to do."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return locked(path, str(error))
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _is_full(path)):
        return DatabaseFull(f"There is no room left for {path} ({error}): make room on its disk.")
    if code == sqlite3.SQLITE_READONLY or (code == sqlite3.SQLITE_CANTOPEN and _is_read_only(path)):
        return _read_only(path, error)
    if isinstance(error, OSError) and error.errno in {errno.EROFS, errno.EACCES, errno.EPERM}:
        return _read_only(path, error)
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return DatabaseFull(f"There is no room left for {path} ({error}): make room on its disk.")
    if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
        return DatabaseCorrupt(
            f"{path} is damaged ({error}): end all that use it, delete the files beside it "
            "that end in -wal and -shm, and put a sound copy in its place."
        )
    return DatabaseUnavailable(f"{path} cannot be used: {error}.")


def means_unavailable(error: sqlite3.Error) -> bool:
    """Whether the file is at fault, and not the statement."""
    if isinstance(error, sqlite3.OperationalError):
        return True
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def _read_only(path: Path, error: Exception) -> DatabaseReadOnly:
    return DatabaseReadOnly(
        f"{path} cannot be written ({error}): check its disk, and the permissions of its folder, of it and of the files "
        f"beside it that end in -wal and -shm."
    )


def _is_read_only(path: Path) -> bool:
    files = [path, Path(f"{path}-wal"), Path(f"{path}-shm"), path.parent]
    return any(file.exists() and not os.access(file, os.W_OK) for file in files)


def _is_full(path: Path) -> bool:
    try:
        return shutil.disk_usage(path.parent).free < NO_ROOM_BYTES
    except OSError:
        return False
