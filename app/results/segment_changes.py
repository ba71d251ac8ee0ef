"""An item's segments from the plan to the last one that is rendered."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.ids import TaskId
from app.domain.pronunciations import Pronunciations
from app.domain.states import FINISHED, TaskState
from app.domain.tasks import Segment, SegmentKind, SegmentState
from app.results import statements
from app.results.changing import ChangingStore
from app.results.rows import segment_of


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


class SegmentChanges(ChangingStore):
    """What planning and rendering do to segments."""

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

    def _segment(self, task_id: TaskId, item: int | None, segment: int | None) -> Segment | None:
        about = {"b_id": task_id, "b_item": item, "b_segment": segment}
        row = self.connection.execute(statements.THE_SEGMENT, about).one_or_none()
        return segment_of(row) if row is not None else None

    def _save_segment(self, task_id: TaskId, segment: Segment, **values: object) -> None:
        about = {"b_id": task_id, "b_item": segment.item, "b_segment": segment.index}
        self.connection.execute(statements.SAVE_SEGMENT, {**about, **values})
