"""One SQLite connection per thread, none across a fork, each write in its own BEGIN IMMEDIATE."""

from __future__ import annotations

import ctypes
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from . import _schema
from ._errors import locked, means_unavailable, spoiled, unavailable
from ._gate import Gate, GateShut

Durability = Literal["full", "normal"]
SYNCHRONOUS = {"full": "FULL", "normal": "NORMAL"}

#: As `PRAGMA wal_checkpoint` has them.
CheckpointMode = Literal["PASSIVE", "RESTART", "TRUNCATE"]

#: SQLite's default; a file made with other pages is measured by these all the same.
PAGE_BYTES = 4096

# The housekeeper checkpoints. This is the net for a file that only ever sees producers: 12,288 pages are 48 MiB.
AUTOCHECKPOINT_PAGES = 12_288

#: A commit is seen once its sync is over, which takes no longer than this; nor do file systems keep coarser times.
SYNC_NANOSECONDS = 5_000_000_000

#: How long a fork waits for the threads that use the file.
FORK_PATIENCE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Log:
    """The write-ahead log after a checkpoint.

    Attributes:
      used_bytes: What of it is in use.
      is_moved: Whether the database has all of it, so that the next writer begins at its start unless somebody reads it.
    """

    used_bytes: int
    is_moved: bool


@dataclass(slots=True, eq=False)
class _Slot:
    thread: threading.Thread
    connection: sqlite3.Connection
    inode: int
    gate: Gate
    synchronous: str
    # Taken by the thread for each use, and by who closes it from another thread.
    lock: threading.RLock = field(default_factory=threading.RLock)
    is_closed: bool = False


class Connections:
    """The threads' connections to one database file.

    Parameters:
      path: The database file; it and its folder are created at the first use.
      run_dir: Where the gate to its write lock is.
      durability: "full" survives a power cut, "normal" a killed process.
      busy_timeout_seconds: How long a call waits for the write lock.
    """

    def __init__(self, path: Path, *, run_dir: Path, durability: Durability, busy_timeout_seconds: float) -> None:
        self.path = path
        self._log_path = f"{path}-wal"
        self._run_dir = run_dir
        self._synchronous = SYNCHRONOUS[durability]
        self._busy_timeout_seconds = busy_timeout_seconds
        self._is_spoiled = False
        self._frozen: list[_Slot] = []
        self._reset()

    def read(self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of one SELECT.

        Raises:
          DatabaseUnavailable: see the class.
        """
        with self.using() as connection:
            return connection.execute(sql, parameters).fetchall()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One view of the rows for several statements; keep it short, it holds up the write-ahead log.

        Raises:
          DatabaseUnavailable: see the class.
        """
        with self.using() as connection:
            connection.execute("BEGIN")
            yield connection
            connection.execute("COMMIT")

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that holds the write lock from its start and commits at the end of the block.

        Raises:
          DatabaseUnavailable: see the class; nothing of the block was stored.
        """
        with self._transaction(self._synchronous) as connection:
            yield connection

    @contextmanager
    def noting(self) -> Iterator[sqlite3.Connection]:
        """Like `writing`, for claims and answers: not synced, so a power cut may take the last of them back.

        That costs a repeat and no more: the write-ahead log is cut at one place, so an answer is never kept without
        everything that was committed before it.
        """
        with self._transaction("NORMAL") as connection:
            yield connection

    @contextmanager
    def _transaction(self, synchronous: str) -> Iterator[sqlite3.Connection]:
        with self._using() as slot:
            connection = slot.connection
            if slot.synchronous != synchronous:
                connection.execute(f"PRAGMA synchronous = {synchronous}")
                slot.synchronous = synchronous
            with self._turn(slot):
                connection.execute("BEGIN IMMEDIATE")
                try:
                    yield connection
                    connection.execute("COMMIT")
                except BaseException:
                    # Inside the gate still: whoever comes next shall find the lock free.
                    if connection.in_transaction:
                        connection.rollback()
                    raise

    @contextmanager
    def _turn(self, slot: _Slot) -> Iterator[None]:
        try:
            with slot.gate.passed():
                yield
        except GateShut as error:
            raise locked(self.path, "it did not let go in time") from error

    @contextmanager
    def using(self) -> Iterator[sqlite3.Connection]:
        """This thread's connection, in autocommit mode."""
        with self._using() as slot:
            yield slot.connection

    @contextmanager
    def _using(self) -> Iterator[_Slot]:
        while True:
            slot = self._slot()
            with slot.lock:
                if slot.is_closed:  # by another thread, before this one had the lock
                    continue
                try:
                    # Dramatiq's TimeLimit raises at any bytecode: it may have cut this thread's last transaction short.
                    if slot.connection.in_transaction:
                        slot.connection.rollback()
                    yield slot
                except sqlite3.Error as error:
                    if means_unavailable(error):
                        # The next use opens the path anew: the file may have been replaced by a sound one.
                        self._discard(slot)
                        self._installed = False
                        raise unavailable(self.path, error) from error
                    if slot.connection.in_transaction:
                        slot.connection.rollback()
                    raise
                except BaseException:
                    if slot.connection.in_transaction:
                        slot.connection.rollback()
                    raise
                return

    def log_stamp(self) -> tuple[int, int]:
        """What changes whenever something is written: time (ns) and size (bytes) of the write-ahead log."""
        try:
            # Only its name is looked at: closing a descriptor of a live database drops SQLite's locks.
            there = os.stat(self._log_path)
        except FileNotFoundError:
            return 0, 0
        return there.st_mtime_ns, there.st_size

    def written_as_of(self) -> object:
        """What stays equal while nothing is written; never equal while that cannot be told yet."""
        written_at_ns, size = stamp = self.log_stamp()
        return stamp if size and time.time_ns() - written_at_ns > SYNC_NANOSECONDS else object()

    def checkpoint(self, mode: CheckpointMode, *, patience_seconds: float = 0.0) -> Log:
        """Move the write-ahead log into the database, as far as can be within that time.

        Raises:
          DatabaseUnavailable: see the class.
        """
        with self.using() as connection:
            connection.execute(f"PRAGMA busy_timeout = {int(patience_seconds * 1000)}").fetchall()
            try:
                _, used, moved = connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchall()[0]
            finally:
                connection.execute(f"PRAGMA busy_timeout = {int(self._busy_timeout_seconds * 1000)}").fetchall()
            return Log(used_bytes=max(used, 0) * PAGE_BYTES, is_moved=0 <= used <= moved)  # -1: another one is at it

    def close_current(self) -> None:
        """Close this thread's connection; the next use opens another."""
        slot = self._slots.get(threading.get_ident())
        if slot is not None and slot.thread is threading.current_thread():
            self._discard(slot)

    def close_dead_threads(self) -> None:
        """Close the connections that ended threads left behind."""
        for slot in list(self._slots.values()):
            if not slot.thread.is_alive():
                self._discard(slot)

    def open_forgotten_gates(self) -> None:
        """Let the gate go that a thread holds which was interrupted on its way out."""
        for slot in list(self._slots.values()):
            if slot.lock.acquire(blocking=False):
                try:
                    slot.gate.let_go()
                finally:
                    slot.lock.release()

    def close(self) -> None:
        """Close every connection of this process, once the call using it has ended."""
        self._installed = False
        for slot in list(self._slots.values()):
            self._discard(slot)

    def before_fork(self) -> None:
        """Close every connection and let nobody open one: SQLite, copied with one open, believes it holds its locks.

        What is written through such a copy is lost once another process cleans the write-ahead log away. Where a thread
        is busy for longer than `FORK_PATIENCE_SECONDS`, or the forking one has a transaction, the child cannot use
        the file.
        """
        give_up_at = time.monotonic() + FORK_PATIENCE_SECONDS
        self._spoils_child = not self._opening.acquire(timeout=FORK_PATIENCE_SECONDS)
        self._is_opening_held = not self._spoils_child
        for slot in list(self._slots.values()):
            if not slot.lock.acquire(timeout=max(give_up_at - time.monotonic(), 0)):
                self._spoils_child = True
                continue
            self._frozen.append(slot)
            if slot.connection.in_transaction:
                self._spoils_child = True
            else:
                slot.connection.close()
                slot.is_closed = True

    def after_fork_in_parent(self) -> None:
        """Go on; each thread opens its connection anew."""
        frozen = self._frozen
        self._frozen = []
        for slot in frozen:
            if slot.is_closed:
                self._discard(slot)
            slot.lock.release()
        if self._is_opening_held:
            self._opening.release()

    def after_fork_in_child(self) -> None:
        """Forget the parent's connections.

        One that could not be closed is kept for ever: closing it here would run SQLite's code on the parent's locks.
        """
        for slot in self._slots.values():
            if not slot.is_closed:
                ctypes.pythonapi.Py_IncRef(ctypes.py_object(slot.connection))
            slot.gate.forget()
        self._is_spoiled = self._is_spoiled or self._spoils_child
        self._reset()

    def _reset(self) -> None:
        self._opening = threading.Lock()
        self._is_opening_held = False
        self._frozen = []
        self._spoils_child = False
        self._slots: dict[int, _Slot] = {}
        self._lock = threading.Lock()
        self._installed = False

    def _slot(self) -> _Slot:
        thread = threading.current_thread()
        slot = self._slots.get(threading.get_ident())
        if slot is not None and slot.thread is thread:
            if slot.inode == self._inode():
                return slot
            # Another file lies in its place: what is written to the old one is seen by nobody.
            self._discard(slot)
            self._installed = False
        self.close_dead_threads()
        if self._is_spoiled:
            raise spoiled(self.path)
        with self._opening:
            try:
                connection = self._open()
            except (sqlite3.DatabaseError, OSError) as error:
                raise unavailable(self.path, error) from error
            slot = _Slot(
                thread,
                connection,
                self._inode(),
                Gate(self._run_dir, patience_seconds=self._busy_timeout_seconds),
                self._synchronous,
            )
            with self._lock:
                self._slots[threading.get_ident()] = slot
        return slot

    def _inode(self) -> int:
        try:
            return os.stat(self.path).st_ino
        except OSError:
            return 0

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # check_same_thread is off only so that close() may come from another thread.
        connection = sqlite3.connect(
            self.path, timeout=self._busy_timeout_seconds, isolation_level=None, check_same_thread=False
        )
        try:
            self._enter_wal(connection)
            connection.execute(f"PRAGMA synchronous = {self._synchronous}")
            connection.execute("PRAGMA foreign_keys = ON")
            # A claim's UPDATE of several rows keeps an undo journal: as a file it would cost more than all the rest.
            connection.execute("PRAGMA temp_store = MEMORY")
            connection.execute(f"PRAGMA wal_autocheckpoint = {AUTOCHECKPOINT_PAGES}").fetchall()
            if not self._installed:
                _schema.install(connection)
                self._installed = True
        except BaseException:
            connection.close()
            raise
        return connection

    def _enter_wal(self, connection: sqlite3.Connection) -> None:
        give_up_at = time.monotonic() + self._busy_timeout_seconds
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL").fetchall()
            except sqlite3.OperationalError as error:
                # SQLite does not wait for the lock when several processes turn a new file to WAL at once.
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > give_up_at:
                    raise
                time.sleep(0.01)
            else:
                return

    def _discard(self, slot: _Slot) -> None:
        with self._lock:
            for ident, other in list(self._slots.items()):
                if other is slot:
                    del self._slots[ident]
        with slot.lock:
            slot.is_closed = True
            slot.connection.close()
            slot.gate.close()
