"""How far a task is, on standard error: a bar on a terminal, a line now and then elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from app.cli.client import Look

LINE_EVERY_SECONDS = 5.0

Clock = Callable[[], float]


@contextmanager
def shown_progress(*, monotonic: Clock = time.monotonic) -> Iterator[Callable[[Look], None]]:
    """A function that shows each look at a task while the block runs."""
    if sys.stderr.isatty():
        with _bar() as show:
            yield show
    else:
        yield _lines(monotonic)


def described(look: Look) -> str:
    """One line for a person, such as `processing: 3 of 12 segments, 21.4 s of audio`."""
    progress = look.task["progress"]
    if not progress["segments_total"]:
        return look.task["state"]
    return (
        f"{look.task['state']}: {progress['segments_done']} of {progress['segments_total']} segments, "
        f"{progress['audio_seconds']:.1f} s of audio"
    )


@contextmanager
def _bar() -> Iterator[Callable[[Look], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        row = bar.add_task("pending", total=None)

        def show(look: Look) -> None:
            progress = look.task["progress"]
            bar.update(
                row,
                description=described(look),
                total=progress["segments_total"] or None,
                completed=progress["segments_done"],
            )

        yield show


def _lines(monotonic: Clock) -> Callable[[Look], None]:
    due = monotonic() + LINE_EVERY_SECONDS

    def show(look: Look) -> None:
        nonlocal due
        if monotonic() >= due:
            due = monotonic() + LINE_EVERY_SECONDS
            print(f"{look.task['task_id']} {described(look)}", file=sys.stderr)

    return show
