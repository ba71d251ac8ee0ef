"""A small warm process that forks puppets: real processes with a broker each, for the price of a fork.

It stays single-threaded and opens no database, so that a fork of it is as good as a fresh interpreter.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from typing import Any

from tests.chaos.broker_programs.puppet import Puppet
from tests.support.processes import PROJECT


class Raised(Exception):
    """What an operation raised in the puppet: the names of its class and of that one's bases, and its text."""

    def __init__(self, names: list[str], text: str, permanent: bool | None) -> None:
        super().__init__(f"{names[0]}: {text}")
        self.names = names
        self.text = text
        self.permanent = permanent


class Killed(Exception):
    """The puppet ended before it answered."""


class Strings:
    """The handle of a puppet: each method call is made over there, and answered here.

    Use `send` and `answer` where the test has something to do in between.
    """

    def __init__(self, zygote: Zygote, pid: int, pipe: Connection) -> None:
        self._zygote = zygote
        self.pid = pid
        self._pipe = pipe

    def do(self, operation: str, *arguments: Any, **options: Any) -> Any:
        """Have it done.

        Raises:
          Raised: what it raised.
          Killed: the puppet is gone.
        """
        self.send(operation, *arguments, **options)
        return self.answer()

    def send(self, operation: str, *arguments: Any, **options: Any) -> None:
        try:
            self._pipe.send((operation, arguments, options))
        except OSError as error:
            raise Killed(operation) from error

    def answer(self) -> Any:
        try:
            good, value = self._pipe.recv()
        except (EOFError, OSError) as error:
            raise Killed from error
        if good:
            return value
        raise Raised(*value)

    def has_answered(self, seconds: float = 0.0) -> bool:
        return self._pipe.poll(seconds)

    def kill(self) -> None:
        """`kill -9`; once this returns, the kernel has let go of all it had."""
        self._zygote.kill(self.pid)
        self._pipe.close()

    def pause(self) -> None:
        """SIGSTOP; once this returns, it stands still."""
        os.kill(self.pid, signal.SIGSTOP)
        while stopped(self.pid) is False:
            pass

    def go_on(self) -> None:
        os.kill(self.pid, signal.SIGCONT)


def stopped(pid: int) -> bool:
    """Whether every thread of the process is stopped."""
    states = []
    for thread in os.listdir(f"/proc/{pid}/task"):
        with suppress(FileNotFoundError, ProcessLookupError), open(f"/proc/{pid}/task/{thread}/stat") as stat:
            states.append(stat.read().rpartition(")")[2].split()[0])
    return all(state in "TZX" for state in states)


class Zygote:
    """The forking process, as the test sees it."""

    def __init__(self) -> None:
        ours, its = socket.socketpair()
        with its:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.broker_programs.zygote", str(its.fileno())],
                cwd=PROJECT,
                pass_fds=[its.fileno()],
            )
        self._socket = ours
        self._pids: set[int] = set()

    def puppet(self) -> Strings:
        """A new process."""
        ours, its = socket.socketpair()
        with its:
            socket.send_fds(self._socket, [b"fork"], [its.fileno()])
        pid = int(self._socket.recv(64))
        self._pids.add(pid)
        return Strings(self, pid, Connection(ours.detach()))

    def kill(self, pid: int) -> None:
        if pid in self._pids:
            self._socket.send(b"%d" % pid)
            self._socket.recv(64)
            self._pids.discard(pid)

    def kill_all(self) -> None:
        """End every puppet there is."""
        for pid in list(self._pids):
            self.kill(pid)

    def close(self) -> None:
        self.kill_all()
        self._socket.close()
        self._process.wait(30)


@contextmanager
def a_zygote() -> Iterator[Zygote]:
    zygote = Zygote()
    try:
        yield zygote
    finally:
        zygote.close()


def main() -> None:
    control = socket.socket(fileno=int(sys.argv[1]))
    while True:
        request, descriptors, _, _ = socket.recv_fds(control, 64, 1)
        if not request:
            return
        if request == b"fork":
            pid = os.fork()
            if pid == 0:
                control.close()
                Puppet().obey(Connection(descriptors[0]))
                os._exit(0)
            os.close(descriptors[0])
        else:
            pid = int(request)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        control.send(b"%d" % pid)


if __name__ == "__main__":
    main()
