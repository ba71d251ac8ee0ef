"""How far a pull is, on standard error: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from app.models import PullWatcher

if TYPE_CHECKING:
    from rich.progress import Progress

LINE_EVERY_SECONDS = 5.0
MB = 1_000_000


@contextmanager
def shown_pull() -> Iterator[PullWatcher]:
    """A watcher that shows what it is told while the block runs."""
    if not sys.stderr.isatty():
        yield PullLines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield PullBar(progress)


class PullBar:
    """A watcher for a terminal: one bar for all bytes, beside it the name of what comes."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._row = progress.add_task("looking at what is here", total=None)

    def waiting(self) -> None:
        self._progress.update(self._row, description="waiting for another pull")

    def planned(self, total_bytes: int) -> None:
        self._progress.update(self._row, total=total_bytes)

    def begun(self, name: str) -> None:
        self._progress.update(self._row, description=name)

    def fetched(self, count: int) -> None:
        self._progress.advance(self._row, count)

    def replaced(self, path: Path) -> None:
        self._progress.console.print(_replaced(path))


class PullLines:
    """A watcher for a log: one line every 5 seconds."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._due = monotonic() + LINE_EVERY_SECONDS
        self._name = ""
        self._total = 0
        self._have = 0

    def waiting(self) -> None:
        print("Another pull is at work; waiting for it.", file=sys.stderr)

    def planned(self, total_bytes: int) -> None:
        self._total = total_bytes

    def begun(self, name: str) -> None:
        self._name = name

    def fetched(self, count: int) -> None:
        self._have += count
        if self._monotonic() >= self._due:
            self._due = self._monotonic() + LINE_EVERY_SECONDS
            print(f"{self._have / MB:,.1f} of {self._total / MB:,.1f} MB, {self._name}", file=sys.stderr)

    def replaced(self, path: Path) -> None:
        print(_replaced(path), file=sys.stderr)


def _replaced(path: Path) -> str:
    return f"{path} was not what it should be; it is replaced."
