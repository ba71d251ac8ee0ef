"""Every change to a task, each as one verb over an open transaction.

Each verb checks the state first and does nothing where its time is over: a message that comes twice, late,
or after a cancel changes no row. `now` is in milliseconds since the Unix epoch.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, select, update

from app.domain.errors import SpeechError
from app.domain.events import Event
from app.domain.ids import TaskId
from app.domain.pronunciations import Pronunciations
from app.domain.states import FINISHED, UNFINISHED, TaskState, move
from app.domain.tasks import (
    Dropped,
    FinishedAudio,
    Segment,
    SegmentKind,
    SegmentRef,
    SegmentState,
    SpeechRequest,
    Task,
    TaskError,
)
from app.results import statements
from app.results.control import cancel_tasks, run_tasks_again
from app.results.deliveries import add_cancelled, add_delivery, add_webhook
from app.results.lexicons import keep_entries
from app.results.measurements import count_end
from app.results.models import items
from app.results.reading import ReadingStore, SegmentWork, TaskFilter
from app.results.rows import error_to_json, pending_task, segment_of

__all__ = ["PlannedSegment", "ResultsStore", "SegmentWork", "StaleTask", "TaskFilter"]

EXCERPT_CHARACTERS = 80
"""How much of a segment's text an error names."""


class StaleTask(Exception):
    """Somebody else changed the task since this transaction read it; the work may be tried again."""


@dataclass(frozen=True, slots=True)
class PlannedSegment:
    """A segment as planning leaves it: `audio_seconds` is set where it needs no rendering any more."""

    start: int
    end: int
    kind: SegmentKind
    content: str
    pause_seconds: float = 0.0
    key: str | None = None
    audio_seconds: float | None = None
    pronunciations: Pronunciations = ()


@dataclass(slots=True)
class _Head:
    """A task's own row while a verb is at work on it."""

    id: TaskId
    state: TaskState
    run: int
    attempts: int
    version: int
    started_at: int | None
    finished_at: int | None
    error: dict[str, Any] | None


class ResultsStore(ReadingStore):
    """Reads and writes over one open transaction; also the `Transaction` that events are published in."""

    def __init__(self, connection: Connection, *, keep_seconds: int = 0) -> None:
        super().__init__(connection, keep_seconds=keep_seconds)
        self._after_commit: list[Callable[[], None]] = []
        self.caused: list[Event] = []
        """What follows from the moves made so far; the database publishes it in the same transaction."""

    def execute(self, sql: str, parameters: Sequence[object]) -> None:
        self.connection.exec_driver_sql(sql, tuple(parameters))

    def after_commit(self, action: Callable[[], None]) -> None:
        if action not in self._after_commit:
            self._after_commit.append(action)

    def committed(self) -> None:
        """Called by the database once the transaction is on disk."""
        for action in self._after_commit:
            action()

    # Asking for speech, and taking it back

    def add_task(self, task_id: TaskId, request: SpeechRequest, *, now: int) -> Task:
        """The task that the request becomes, pending."""
        task = pending_task(task_id, request, now)
        chosen = (item.lexicon.lexicon for item in request.items if item.lexicon)
        for lexicon in {each.version: each for each in chosen}.values():
            keep_entries(self.connection, lexicon)
        self.connection.execute(
            statements.ADD_TASK,
            {
                "id": task_id,
                "state": task.state,
                "owner": request.owner,
                "priority": int(task.priority),
                "run": task.run,
                "attempts": task.attempts,
                "version": task.version,
                "created_at": now,
                "updated_at": now,
            },
        )
        self.connection.execute(
            statements.ADD_ITEM,
            [
                {
                    "task_id": task_id,
                    "idx": item.index,
                    "state": item.state,
                    "characters": item.text_characters,
                    "voice": item.voice,
                    "speed": item.speed,
                    "volume": item.volume,
                    "format": item.format,
                    "metadata": item.metadata,
                    "segments_total": item.segments_total,
                    "segments_done": item.segments_done,
                    "characters_done": item.characters_done,
                    "audio_seconds": item.audio_seconds,
                    "takes": item.takes,
                    "dropped": [],
                    "lexicon_version": item.lexicon.version if item.lexicon else None,
                    "lexicon_name": item.lexicon.name if item.lexicon else None,
                    "lexicon_revision": item.lexicon.revision if item.lexicon else None,
                }
                for item in task.items
            ],
        )
        self.connection.execute(
            statements.ADD_TEXT, [{"task_id": task_id, "idx": item.index, "text": item.text} for item in task.items]
        )
        if request.webhook_url is not None:
            add_webhook(self.connection, task_id, request.webhook_url)
        if request.book is not None:
            self.connection.execute(statements.ADD_BOOK, {"task_id": task_id, **asdict(request.book)})
        self._record(task_id, None, TaskState.PENDING, attempt=0, worker=None, now=now)
        return task

    def cancel(self, task_id: TaskId, *, now: int) -> Task | None:
        """The task, cancelled with all of its items that are not done; None where there is none of that id.

        Raises:
          IllegalMove: it is finished already.
        """
        head = self._head(task_id)
        if head is None:
            return None
        move(head.state, TaskState.CANCELLED)
        self.cancel_all([task_id], now=now)
        return self.task(task_id)

    def cancel_all(self, task_ids: Collection[TaskId], *, now: int) -> list[TaskId]:
        """Those of the tasks that were not finished: they are cancelled now, counted, and told to their webhooks."""
        moved = cancel_tasks(self.connection, task_ids, now=now)
        if moved:
            count_end(self.connection, TaskState.CANCELLED, len(moved))
            self.caused.extend(add_cancelled(self.connection, moved, now=now))
        return moved

    def run_again(self, task_id: TaskId, *, now: int) -> Task | None:
        """The task, pending again with all of its items that are not completed; None where there is none.

        Raises:
          IllegalMove: it is completed, or still at work.
        """
        head = self._head(task_id)
        if head is None:
            return None
        move(head.state, TaskState.PENDING)
        run_tasks_again(self.connection, [task_id], now=now)
        return self.task(task_id)

    # Planning

    def begin(self, task_id: TaskId, run: int, *, worker: str, now: int) -> bool:
        """Have the task at work from now on; False where this run of it is over."""
        head = self._live(task_id, run)
        if head is None:
            return False
        if head.state is not TaskState.PROCESSING:
            self._resume(head, worker=worker, now=now)
            self._save(head, now=now)
            self._move_items(task_id, {TaskState.PENDING, TaskState.RETRYABLE}, TaskState.PROCESSING)
        return True

    def save_plan(self, task_id: TaskId, item: int, planned: Sequence[PlannedSegment], *, place: int) -> bool:
        """Keep an item's segments, the first of them at `place` in its task; False where the item has ended, or
        a plan is there already."""
        row = self.connection.execute(statements.ITEM_STATE, {"b_id": task_id, "b_item": item}).one()
        if row.state in FINISHED or row.segments_total:
            return False
        self.connection.execute(
            statements.ADD_SEGMENT,
            [
                {
                    "task_id": task_id,
                    "item": item,
                    "idx": index,
                    "place": place + index,
                    "start_at": segment.start,
                    "end_at": segment.end,
                    "kind": segment.kind,
                    "content": segment.content,
                    "pause_seconds": segment.pause_seconds,
                    "state": SegmentState.PENDING if segment.audio_seconds is None else SegmentState.RENDERED,
                    "key": segment.key,
                    "attempts": 0,
                    "audio_seconds": segment.audio_seconds or 0.0,
                    "pronunciations": [list(entry) for entry in segment.pronunciations] or None,
                }
                for index, segment in enumerate(planned)
            ],
        )
        rendered = [segment for segment in planned if segment.audio_seconds is not None]
        self._save_item(
            task_id,
            item,
            segments_total=len(planned),
            segments_done=len(rendered),
            characters_done=sum(segment.end - segment.start for segment in rendered),
            audio_seconds=sum(segment.audio_seconds or 0.0 for segment in rendered),
        )
        return True

    # Rendering

    def resume(self, task_id: TaskId, run: int, *, worker: str, now: int) -> None:
        """The next attempt at a part of a task that was waiting for it begins."""
        head = self._live(task_id, run)
        if head is not None and head.state is not TaskState.PROCESSING:
            self._resume(head, worker=worker, now=now)
            self._save(head, now=now)
            self._move_items(task_id, {TaskState.RETRYABLE}, TaskState.PROCESSING)

    def segment_rendered(
        self, task_id: TaskId, run: int, item: int, segment: int, *, key: str, audio_seconds: float, now: int
    ) -> int | None:
        """Count a segment as done. Where it was the last one of its item, which take at the item's assembly is due.
        No sound at all makes it a drop."""
        rendered = self.connection.execute(
            statements.RENDER_SEGMENT,
            {
                "b_id": task_id,
                "b_run": run,
                "b_item": item,
                "b_segment": segment,
                "b_key": key,
                "b_seconds": audio_seconds,
                "b_kind": SegmentKind.SPEECH if audio_seconds > 0 else SegmentKind.DROP,
            },
        ).one_or_none()
        if rendered is None:
            return None
        self.touch(task_id, now=now)
        done, total, take = self._count(task_id, item, 1, rendered.characters, audio_seconds)
        return take if done == total else None

    def segments_lost(self, task_id: TaskId, run: int, item: int, indexes: Sequence[int], *, now: int) -> int:
        """Take segments back whose stored audio is gone or damaged, to be rendered again; how many there were."""
        if self._live(task_id, run) is None:
            return 0
        found = [self._segment(task_id, item, index) for index in indexes]
        lost = [segment for segment in found if segment is not None and segment.state is SegmentState.RENDERED]
        for segment in lost:
            self._save_segment(task_id, segment, state=SegmentState.PENDING, audio_seconds=0.0)
        if lost:
            characters = sum(segment.end - segment.start for segment in lost)
            seconds = sum(segment.audio_seconds for segment in lost)
            self._count(task_id, item, -len(lost), -characters, -seconds, takes=1)
            self.touch(task_id, now=now)
        return len(lost)

    # Ends

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

    def is_live(self, task_id: TaskId, run: int) -> bool:
        """Whether that run of the task is unfinished."""
        return self._live(task_id, run) is not None

    def touch(self, task_id: TaskId, *, now: int) -> None:
        """Something happened to the task just now."""
        self.connection.execute(statements.TOUCH, {"b_id": task_id, "updated_at": now})

    # What the verbs share

    def _head(self, task_id: TaskId) -> _Head | None:
        row = self.connection.execute(statements.HEAD, {"task_id": task_id}).one_or_none()
        if row is None:
            return None
        head = _Head(*row)
        head.state = TaskState(head.state)
        return head

    def _live(self, task_id: TaskId, run: int) -> _Head | None:
        head = self._head(task_id)
        return head if head is not None and head.run == run and head.state in UNFINISHED else None

    def _save(self, head: _Head, *, now: int) -> None:
        saved = self.connection.execute(
            statements.SAVE_HEAD,
            {
                "b_id": head.id,
                "b_version": head.version,
                "version": head.version + 1,
                "state": head.state,
                "run": head.run,
                "attempts": head.attempts,
                "started_at": head.started_at,
                "finished_at": head.finished_at,
                "error": head.error,
                "updated_at": now,
            },
        )
        if saved.rowcount != 1:
            raise StaleTask(f"Task {head.id} was changed by somebody else; try again.")

    def _is_open(self, task_id: TaskId, item: int | None) -> bool:
        some = select(items.c.idx).where(*_open_items(task_id, item)).limit(1)
        return self.connection.execute(some).first() is not None

    def _segment(self, task_id: TaskId, item: int | None, segment: int | None) -> Segment | None:
        about = {"b_id": task_id, "b_item": item, "b_segment": segment}
        row = self.connection.execute(statements.THE_SEGMENT, about).one_or_none()
        return segment_of(row) if row is not None else None

    def _save_segment(self, task_id: TaskId, segment: Segment, **values: object) -> None:
        about = {"b_id": task_id, "b_item": segment.item, "b_segment": segment.index}
        self.connection.execute(statements.SAVE_SEGMENT, {**about, **values})

    def _save_item(self, task_id: TaskId, item: int, **values: object) -> None:
        self.connection.execute(statements.SAVE_ITEM, {"b_id": task_id, "b_item": item, **values})

    def _count(
        self, task_id: TaskId, item: int, segments: int, characters: int, seconds: float, *, takes: int = 0
    ) -> tuple[int, int, int]:
        """Add to what is done of an item: how many of its segments are, of how many, and in which take."""
        row = self.connection.execute(
            statements.COUNT_SEGMENT,
            {
                "b_id": task_id,
                "b_item": item,
                "b_segments": segments,
                "b_characters": characters,
                "b_seconds": seconds,
                "b_takes": takes,
            },
        ).one()
        return row.segments_done, row.segments_total, row.takes

    def _resume(self, head: _Head, *, worker: str, now: int) -> None:
        head.attempts += 1
        head.started_at = head.started_at or now
        self._move(head, TaskState.PROCESSING, worker=worker, now=now)

    def _settle(self, head: _Head, *, worker: str, now: int) -> None:
        """End the task where all of its items have ended, and are bound where they are to be."""
        ends = self.connection.execute(statements.ENDS, {"b_id": head.id}).all()
        states = {end.state for end in ends}
        if not states <= FINISHED:
            return
        if head.state is not TaskState.PROCESSING:
            self._resume(head, worker=worker, now=now)
        if self.binding_due(head.id) is not None:
            return
        if states == {TaskState.COMPLETED}:
            head.error = None
            self._move(head, TaskState.COMPLETED, worker=worker, now=now)
        else:
            head.error = next(end.error for end in ends if end.state == TaskState.DISCARDED)
            self._move(head, TaskState.DISCARDED, worker=worker, now=now, detail={"error": head.error})

    def _move(
        self, head: _Head, wanted: TaskState, *, worker: str | None, now: int, detail: dict[str, Any] | None = None
    ) -> None:
        before, head.state = head.state, move(head.state, wanted)
        head.finished_at = now if wanted in FINISHED else None
        self._record(head.id, before, wanted, attempt=head.attempts, worker=worker, now=now, detail=detail)
        if wanted in FINISHED:
            count_end(self.connection, wanted)
            told = add_delivery(
                self.connection, head.id, head.run, wanted, attempts=head.attempts, error=head.error, now=now
            )
            self.caused.extend([told] if told else [])

    def _move_items(
        self,
        task_id: TaskId,
        states: Iterable[TaskState],
        wanted: TaskState,
        **values: object,
    ) -> None:
        some = update(items).where(items.c.task_id == task_id, items.c.state.in_(states))
        self.connection.execute(some.values(state=wanted, **values))

    def _record(
        self,
        task_id: TaskId,
        before: TaskState | None,
        after: TaskState,
        *,
        attempt: int,
        worker: str | None,
        now: int,
        detail: dict[str, Any] | None = None,
    ) -> None:
        self.connection.execute(
            statements.ADD_TRANSITION,
            {
                "task_id": task_id,
                "from_state": before,
                "to_state": after,
                "at": now,
                "attempt": attempt,
                "worker": worker,
                "detail": detail or {},
            },
        )


def _open_items(task_id: TaskId, item: int | None) -> tuple[ColumnElement[bool], ...]:
    """The unfinished item that a failure is about; for a plan's failure those that have no plan yet."""
    which = items.c.segments_total == 0 if item is None else items.c.idx == item
    return items.c.task_id == task_id, items.c.state.in_(UNFINISHED), which
