"""What every actor has at hand."""

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass

from actors.calls import LongWork
from actors.head_starts import HeadStarts
from actors.posting import Poster
from actors.speech import Engines
from app.observability import Tally
from app.ports import AudioStore, Clock, EventPublisher
from app.results import Database
from broker import SQLiteBroker


def worker_name() -> str:
    """How this process is named in transitions and logs: `host:pid`."""
    return f"{socket.gethostname()}:{os.getpid()}"


@dataclass(frozen=True, slots=True)
class Workbench:
    database: Database
    audio: AudioStore
    broker: SQLiteBroker
    publisher: EventPublisher
    engines: Engines
    long_work: LongWork
    head_starts: HeadStarts
    clock: Clock
    cache_max_bytes: int
    post: Poster
    webhook_keys: tuple[bytes, ...]
    tally: Tally

    def now(self) -> int:
        """Milliseconds since the Unix epoch."""
        return int(self.clock() * 1000)


Extend = Callable[[], None]
"""Tells the queue that a message is still being worked on."""
