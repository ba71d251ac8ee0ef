"""How items, books and attempts end."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace

from sqlalchemy import ColumnElement, select, update

from app.domain.errors import SpeechError
from app.domain.ids import TaskId
from app.domain.states import FINISHED, UNFINISHED, TaskState
from app.domain.tasks import Dropped, FinishedAudio, SegmentRef, SegmentState, TaskError
from app.results import statements
from app.results.models import items
from app.results.rows import error_to_json
from app.results.segment_changes import SegmentChanges

EXCERPT_CHARACTERS = 80
"""How much of a segment's text an error names."""


class EndChanges(SegmentChanges):
    """What assembly, binding and failures do to items and their tasks."""

    def item_assembled(
        self,
        task_id: TaskId,
        run: int,
        item: int,
        audio: FinishedAudio,
        dropped: Iterable[Dropped],
        *,
        captions_sha256: str | None = None,
        worker: str,
        now: int,
    ) -> bool:
        """An item's file and its captions are in place; the task is completed with its last item, a book once it is
        bound. False where this run is over."""
        head = self._live(task_id, run)
        if head is None:
            return False
        row = self.connection.execute(statements.ITEM_STATE, {"b_id": task_id, "b_item": item}).one()
        if row.state in FINISHED:
            return False
        self._save_item(
            task_id,
            item,
            state=TaskState.COMPLETED,
            error=None,
            duration_seconds=audio.duration_seconds,
            bytes=audio.bytes,
            sample_rate=audio.sample_rate,
            sha256=audio.sha256,
            captions_sha256=captions_sha256,
            dropped=[asdict(span) for span in dropped],
        )
        self._settle(head, worker=worker, now=now)
        self._save(head, now=now)
        return True

    def item_lost(self, task_id: TaskId, run: int, item: int, *, now: int) -> int | None:
        """Take an item back whose file is gone before its book was bound, to be assembled again: in which take. None
        where this run is over."""
        if self._live(task_id, run) is None:
            return None
        self._save_item(task_id, item, state=TaskState.PROCESSING, sha256=None)
        _, _, take = self._count(task_id, item, 0, 0, 0.0, takes=1)
        self.touch(task_id, now=now)
        return take

    def book_bound(
        self, task_id: TaskId, run: int, audio: FinishedAudio, starts: Sequence[float], *, worker: str, now: int
    ) -> bool:
        """The one file of a book is in place, and the task completed. False where this run is over."""
        head = self._live(task_id, run)
        if head is None or self.binding_due(task_id) is None:
            return False
        values = {name: getattr(audio, name) for name in ("duration_seconds", "bytes", "sample_rate", "sha256")}
        self.connection.execute(statements.SAVE_BOOK, {"b_id": task_id, "starts": list(starts), **values})
        self._settle(head, worker=worker, now=now)
        self._save(head, now=now)
        return True

    def attempt_failed(
        self,
        task_id: TaskId,
        run: int,
        error: SpeechError,
        *,
        item: int | None,
        segment: int | None,
        final: bool,
        worker: str,
        now: int,
    ) -> bool:
        """Keep why an attempt failed. The task waits for the next one, or, where this was the last, gives up
        the item it was about (where it was about none: those that have no plan yet, or the binding of them all).

        False where the work was done after all, or nobody waits for it any more: nothing is changed then.
        """
        head = self._live(task_id, run)
        failed = self._segment(task_id, item, segment)
        if head is None or (failed is not None and failed.state is SegmentState.RENDERED):
            return False
        binding = item is None and self.binding_due(task_id) is not None
        if not binding and not self._is_open(task_id, item):
            return False
        if head.state is TaskState.PENDING:
            self._resume(head, worker=worker, now=now)  # it failed before it could say that it had begun
        told = TaskError(error.type, error.title, str(error), attempt=head.attempts, at=now)
        if failed is not None:
            excerpt = failed.content[:EXCERPT_CHARACTERS]
            told = replace(told, attempt=failed.attempts + 1, segment=SegmentRef(failed.item, failed.index, excerpt))
            state = SegmentState.DISCARDED if final else failed.state
            self._save_segment(task_id, failed, attempts=failed.attempts + 1, state=state)
        head.error = error_to_json(told)
        wanted = TaskState.DISCARDED if final else TaskState.RETRYABLE
        about = update(items).where(*_open_items(task_id, item))
        self.connection.execute(about.values(state=wanted, error=head.error))
        if final and binding:
            self._move(head, TaskState.DISCARDED, worker=worker, now=now, detail={"error": head.error})
        elif final:
            self._settle(head, worker=worker, now=now)
        elif head.state is TaskState.PROCESSING:
            self._move(head, TaskState.RETRYABLE, worker=worker, now=now, detail={"error": head.error})
        self._save(head, now=now)
        return True

    def _is_open(self, task_id: TaskId, item: int | None) -> bool:
        some = select(items.c.idx).where(*_open_items(task_id, item)).limit(1)
        return self.connection.execute(some).first() is not None


def _open_items(task_id: TaskId, item: int | None) -> tuple[ColumnElement[bool], ...]:
    """The unfinished item that a failure is about; for a plan's failure those that have no plan yet."""
    which = items.c.segments_total == 0 if item is None else items.c.idx == item
    return items.c.task_id == task_id, items.c.state.in_(UNFINISHED), which
