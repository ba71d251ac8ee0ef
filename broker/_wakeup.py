"""Waking those who wait: a bell for each in this process, a datagram socket for each process that listens.

A worker process hears of its queues on `<owner>.sock`; a process that waits for results or notices hears of their
topics on `<uuid>.wait`.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path

from . import _liveness

LOGGER = logging.getLogger(__name__)

SUFFIX = ".sock"
WAIT_SUFFIX = ".wait"
LARGEST_DATAGRAM = 65_536

#: Names in one datagram, so that no list of names is too long for one.
NAMES_AT_ONCE = 200


class Bell:
    """What one consumer waits on. Arm, look at the table, then wait: a ring in between is not lost."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._rings = 0
        self._somebody_waits = False

    def arm(self) -> int:
        """A mark to hand to `wait`; take it before looking."""
        return self._rings

    def ring(self) -> None:
        """Wake whoever waits, now or with a mark taken before."""
        self._rings += 1
        # Who begins to wait says so first and then counts the rings: this order misses nobody.
        if self._somebody_waits:
            with self._condition:
                self._somebody_waits = False
                self._condition.notify_all()

    def wait(self, armed: int, seconds: float) -> bool:
        """Return at the first ring since `armed`, or after `seconds`; whether it rang."""
        give_up_at = time.monotonic() + seconds
        with self._condition:
            while True:
                self._somebody_waits = True
                left = give_up_at - time.monotonic()
                if self._rings != armed or left <= 0:
                    return self._rings != armed
                self._condition.wait(left)


class Bells:
    """The bells of this process by queue."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bells: list[tuple[str, Bell]] = []

    def hang(self, queue: str) -> Bell:
        """A new bell for a consumer of the queue."""
        bell = Bell()
        with self._lock:
            self._bells.append((queue, bell))
        return bell

    def take_down(self, bell: Bell) -> None:
        """Forget a bell."""
        with self._lock:
            self._bells = [entry for entry in self._bells if entry[1] is not bell]

    def ring(self, queues: Iterable[str]) -> None:
        """Ring the bells of these queues."""
        names = set(queues)
        for queue, bell in list(self._bells):
            if queue in names:
                bell.ring()

    def ring_all(self) -> None:
        """Ring every bell."""
        for _, bell in list(self._bells):
            bell.ring()


class Listener(threading.Thread):
    """Receives the datagrams for this process and rings its bells.

    Parameters:
      run_dir: The folder of the sockets; it exists.
      owner: This process's name, and its socket's.
      bells: What to ring.
      suffix: How the socket's name ends: who listens.
    """

    def __init__(self, run_dir: Path, owner: str, bells: Bells, *, suffix: str = SUFFIX) -> None:
        super().__init__(name="broker-listener", daemon=True)
        self.owner = owner
        self._path = run_dir / (owner + suffix)
        self._bells = bells
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        folder = os.open(run_dir, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._socket.bind(_short(folder, self._path.name))
        except BaseException:
            self._socket.close()
            raise
        finally:
            os.close(folder)

    def run(self) -> None:
        """Ring until closed."""
        while True:
            try:
                data = self._socket.recv(LARGEST_DATAGRAM)
            except OSError:
                return
            if not data:
                return
            self._bells.ring(data.decode(errors="replace").split("\n"))

    def close(self) -> None:
        """End the thread and remove the socket."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        if self.is_alive():
            self.join(timeout=2)
        self.forget()
        self._path.unlink(missing_ok=True)

    def forget(self) -> None:
        """Close this process's descriptor only, as a forked child must."""
        self._socket.close()


class Ears:
    """Where the threads of one process wait for topics announced by any process.

    The socket and its thread come with the first wait and stay until `close`: most processes never wait.

    Parameters:
      run_dir: The folder of the sockets; the first wait creates it.
    """

    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir
        self._bells = Bells()
        self._caller = Caller(run_dir, WAIT_SUFFIX)
        self._opening = threading.Lock()
        self._listener: Listener | None = None

    @contextmanager
    def listening(self, topic: str) -> Iterator[Bell]:
        """A bell that rings whenever the topic is announced.

        Where no socket can be had, only this process's own announcements ring it: look again now and then.
        """
        bell = self._bells.hang(topic)
        try:
            self._open()
            yield bell
        finally:
            self._bells.take_down(bell)

    def announce(self, topics: Iterable[str]) -> None:
        """Ring the bells of these topics in every process. Never raises, never waits."""
        names = set(topics)
        self._bells.ring(names)
        listener = self._listener
        self._caller.call(names, skip=listener.owner if listener is not None else None)

    def close(self) -> None:
        """End the thread and remove the socket; whoever waits looks again at once. The next wait opens another."""
        with self._opening:
            listener, self._listener = self._listener, None
        if listener is not None:
            listener.close()
        self._caller.close()
        self._bells.ring_all()

    def forget(self) -> None:
        """Let go of the parent's socket in a forked child."""
        if self._listener is not None:
            self._listener.forget()
        # A thread of the parent may have held any of their locks.
        self._bells = Bells()
        self._caller.forget()
        self._opening = threading.Lock()
        self._listener = None

    def _open(self) -> None:
        with self._opening:
            if self._listener is not None:
                return
            try:
                self._run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
                listener = Listener(self._run_dir, uuid.uuid4().hex, self._bells, suffix=WAIT_SUFFIX)
            except OSError as error:
                LOGGER.warning("Nothing wakes this process, it looks once a second: %s", error)
                return
            listener.start()
            self._listener = listener


class Caller:
    """Tells the processes that listen in a folder that queues or topics changed.

    It keeps its socket and, as long as the folder does not change, the list of whom to tell: a call costs one look at
    the folder and one datagram a listener.

    Parameters:
      run_dir: The folder of the sockets; it need not exist.
      suffix: Whom to tell.
    """

    def __init__(self, run_dir: Path, suffix: str = SUFFIX) -> None:
        self._run_dir = run_dir
        self._suffix = suffix
        self._opening = threading.Lock()
        self._folder = -1
        self._socket: socket.socket | None = None
        self._seen: object = None
        self._listeners: list[str] = []

    def call(self, queues: Iterable[str], *, skip: str | None = None) -> None:
        """Tell each of them, but `skip`. Never raises, never waits.

        A datagram that is not taken is no loss: that process has others to read, or is gone, and looks once a second
        anyway. The socket of one that is gone is removed: its name is never used again.
        """
        names = sorted(set(queues))
        if not names:
            return
        with suppress(OSError):
            there = os.stat(self._run_dir)
            if _liveness.names_as_of(there) != self._seen:
                with self._opening:
                    self._look_around(there)
            skipped = f"{skip}{self._suffix}"
            sender = self._socket
            for name in self._listeners:
                if name != skipped and sender is not None:
                    _send_to(sender, self._folder, name, names)

    def close(self) -> None:
        """Close the descriptors; the next call opens others."""
        with self._opening:
            self._seen = None
            if self._socket is not None:
                self._socket.close()
                self._socket = None
            if self._folder >= 0:
                os.close(self._folder)
                self._folder = -1

    def forget(self) -> None:
        """Begin anew in a forked child, where a thread of the parent may have held the lock."""
        self._opening = threading.Lock()

    def _look_around(self, there: os.stat_result) -> None:
        if self._socket is None:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        if self._folder < 0 or there.st_ino != os.fstat(self._folder).st_ino:
            folder, self._folder = self._folder, os.open(self._run_dir, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            if folder >= 0:
                os.close(folder)
        as_of = _liveness.names_as_of(there)
        self._listeners = [
            name
            for name in os.listdir(self._run_dir)
            if name.endswith(self._suffix) and _liveness.is_ours(name.removesuffix(self._suffix))
        ]
        self._seen = as_of


def _send_to(sender: socket.socket, folder: int, name: str, names: list[str]) -> None:
    rest = iter(names)
    with suppress(OSError):
        try:
            while some := list(islice(rest, NAMES_AT_ONCE)):
                sender.sendto("\n".join(some).encode(), _short(folder, name))
        except ConnectionRefusedError:
            os.unlink(name, dir_fd=folder)


def _short(folder: int, name: str) -> str:
    # A socket's address holds 108 bytes; a path through the folder's descriptor always fits.
    return f"/proc/self/fd/{folder}/{name}"
