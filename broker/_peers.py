"""Hearing from the kernel that another worker process has ended."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class News:
    """What ended a wait."""

    poked: bool
    ended: bool


class Peers:
    """One thread's wait for the end of other processes, which any thread may cut short.

    Linux tells of a process's end through a descriptor (pidfd); elsewhere nothing is heard.
    """

    def __init__(self) -> None:
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)
        self._descriptors: dict[str, int] = {}
        self._poked = False
        self._closing = threading.Lock()
        self._closed = False
        # Neither other systems nor some builds of Python have it.
        self._open: Callable[[int], int] | None = getattr(os, "pidfd_open", None)

    def watch(self, peers: dict[str, int]) -> bool:
        """Listen for the end of just these processes: process ids by owner, all of them alive a moment ago.

        Returns whether the kernel will tell of each.
        """
        if self._open is None:
            return not peers
        for owner in self._descriptors.keys() - peers.keys():
            os.close(self._descriptors.pop(owner))
        for owner in peers.keys() - self._descriptors.keys():
            # The number may be another process by now: its end then means a look too many, and no more.
            with suppress(OSError):
                self._descriptors[owner] = self._open(peers[owner])
        return self._descriptors.keys() == peers.keys()

    def wait(self, seconds: float) -> News:
        """Return when a peer ends, somebody pokes, or the time is over."""
        poll = select.poll()
        poll.register(self._wake_read, select.POLLIN)
        for descriptor in self._descriptors.values():
            poll.register(descriptor, select.POLLIN)
        ready = {descriptor for descriptor, _ in poll.poll(seconds * 1000)}
        poked = self._wake_read in ready
        if poked:
            os.read(self._wake_read, 4096)
            # Not before: a poke in between would be read away, and the next ones thought it were still there.
            self._poked = False
        ended = [owner for owner, descriptor in self._descriptors.items() if descriptor in ready]
        for owner in ended:
            os.close(self._descriptors.pop(owner))
        return News(poked=poked, ended=bool(ended))

    def poke(self) -> None:
        """End a wait, now or the next one."""
        if not self._poked:
            with self._closing:
                if self._closed:
                    return
                self._poked = True
                with suppress(OSError):
                    os.write(self._wake_write, b"!")

    def forget(self) -> None:
        """Close the descriptors in a forked child, where a thread of the parent may have held the lock."""
        self._closing = threading.Lock()
        self.close()

    def close(self) -> None:
        """Close the descriptors."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
        for descriptor in (self._wake_read, self._wake_write, *self._descriptors.values()):
            os.close(descriptor)
        self._descriptors.clear()
