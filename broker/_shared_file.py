"""The broker's file as its two backends use it: writing with a message's ack, and waiting for what others write."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import TypeVar

from ._connection import Connections
from ._wakeup import Bell, Ears

#: Who waits looks again after this time, should an announcement be lost.
LOOK_AGAIN_SECONDS = 1.0

Found = TypeVar("Found")


class SharedFile:
    """One database file, the announcements about it, and the message that is being processed, if any.

    Parameters:
      connections: The database.
      ears: Where this process hears what is announced.
      now_ms: UNIX milliseconds.
      defer: Called with a statement, its parameters and its topic. True: the statement commits together with the ack
        of the message being processed in this context, and its topic is announced then. False: nothing is processed.
      settle: Commits what the message being processed in this context has deferred and sent so far.
    """

    def __init__(
        self,
        connections: Connections,
        *,
        ears: Ears,
        now_ms: Callable[[], int],
        defer: Callable[[str, tuple[object, ...], str], bool],
        settle: Callable[[], None],
    ) -> None:
        self.connections = connections
        self.now_ms = now_ms
        self._ears = ears
        self._defer = defer
        self._settle = settle

    def write_with_ack(self, sql: str, parameters: tuple[object, ...], topic: str) -> None:
        """Run one statement in the transaction of the current message's ack, or at once where there is none.

        Raises:
          DatabaseUnavailable: nothing was written.
        """
        if self._defer(sql, parameters, topic):
            return
        with self.connections.noting() as connection:
            connection.execute(sql, parameters)
        self.announce([topic])

    def announce(self, topics: Iterable[str]) -> None:
        """Wake those who wait for these topics, in all processes. Never raises, never waits."""
        self._ears.announce(_name(topic) for topic in topics)

    def listening(self, topic: str) -> AbstractContextManager[Bell]:
        """A bell that rings whenever the topic is announced. Arm, look at the table, then wait."""
        return self._ears.listening(_name(topic))

    def settle_current(self) -> None:
        """Commit what the current message has deferred and sent so far, so that others see it before its ack.

        Raises:
          DatabaseUnavailable: nothing was committed.
        """
        self._settle()

    def wait_for(self, topic: str, look: Callable[[], Found | None], seconds: float | None) -> Found | None:
        """What `look` finds, as soon as it finds anything, or None once the time is over. None as `seconds`: for ever.

        The last look comes after the last wait, and one look is taken however short the time.
        """
        self.settle_current()
        give_up_at = None if seconds is None else time.monotonic() + seconds
        with self.listening(topic) as bell:
            while True:
                armed = bell.arm()
                if (found := look()) is not None:
                    return found
                left = LOOK_AGAIN_SECONDS if give_up_at is None else give_up_at - time.monotonic()
                if left <= 0:
                    return None
                bell.wait(armed, min(left, LOOK_AGAIN_SECONDS))


def _name(topic: str) -> str:
    # Of one length whatever the key, and free of line ends, as the datagrams need it.
    return hashlib.blake2b(topic.encode(errors="surrogatepass"), digest_size=16).hexdigest()
