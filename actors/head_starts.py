"""The first sound of a text that somebody listens to comes before all else of it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from app.domain.events import SegmentRequested
from app.domain.tasks import Priority

HEAD_START_SECONDS = 0.05


class HeadStarts:
    """Lets the first segment of an interactive task go ahead of the others in this process, for `seconds` at most.

    Side by side they slow each other down, most of all an engine that is quick: its calls wait for the interpreter's lock.
    A slow engine's first segment is not waited for to its end, so that no core stands idle. Safe between threads.
    """

    def __init__(self, seconds: float = HEAD_START_SECONDS) -> None:
        self._seconds = seconds
        self._ahead: dict[tuple[str, int], threading.Event] = {}

    @contextmanager
    def given(self, event: SegmentRequested) -> Iterator[None]:
        """Run the block as the first segment, or once the first one is done or has had its start."""
        if event.priority is not Priority.INTERACTIVE:
            yield
            return
        run = event.task_id, event.run
        if event.place:
            if (first := self._ahead.get(run)) is not None:
                first.wait(self._seconds)
            yield
            return
        done = self._ahead[run] = threading.Event()
        try:
            yield
        finally:
            done.set()
            if self._ahead.get(run) is done:
                del self._ahead[run]
