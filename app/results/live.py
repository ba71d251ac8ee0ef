"""What those ask who look on while a task is at work."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import bindparam, func, select

from app.domain.ids import TaskId
from app.domain.states import TaskState
from app.domain.tasks import FinishedAudio, Segment, SegmentState, TaskError
from app.results.models import items, segments, tasks, transitions
from app.results.reading import ReadingStore
from app.results.rows import audio_of, error_from_json, segment_of

Sign = tuple[int, int, int, int, int]
"""Changes with everything that happens to a task."""

_SIGNS = (
    select(
        tasks.c.id,
        tasks.c.version,
        tasks.c.updated_at,
        func.sum(items.c.segments_done).label("done"),
        func.sum(items.c.segments_total).label("total"),
        func.sum(items.c.takes).label("takes"),
    )
    .join(items, items.c.task_id == tasks.c.id)
    .where(tasks.c.id.in_(bindparam("task_ids", expanding=True)))
    .group_by(tasks.c.id, tasks.c.version, tasks.c.updated_at)
)
_FIRST_TRANSITION = select(func.min(transitions.c.id))
_ITEM = select(items).where(items.c.task_id == bindparam("task_id"), items.c.idx == bindparam("item"))
_NEXT = (
    select(segments)
    .where(
        segments.c.task_id == bindparam("task_id"),
        segments.c.item == bindparam("item"),
        segments.c.idx >= bindparam("first"),
    )
    .order_by(segments.c.idx)
    .limit(bindparam("most"))
)


@dataclass(frozen=True, slots=True)
class LiveItem:
    """How far an item is. `ready` are those of its segments that can be heard now, without a gap, from the one asked
    for. `segments_total` is 0 before the text is planned, `audio` None before the item is completed."""

    state: TaskState
    error: TaskError | None
    audio: FinishedAudio | None
    segments_total: int
    ready: tuple[Segment, ...]


def first_transition_id(store: ReadingStore) -> int:
    """The oldest that is kept; 0 where there is none."""
    return store.connection.scalar(_FIRST_TRANSITION) or 0


def signs(store: ReadingStore, task_ids: Collection[TaskId]) -> dict[TaskId, Sign]:
    """A sign of each of the tasks that there are."""
    rows = store.connection.execute(_SIGNS, {"task_ids": list(task_ids)})
    return {TaskId(row.id): (row.version, row.updated_at, row.done, row.total, row.takes) for row in rows}


def live_item(store: ReadingStore, task_id: TaskId, item: int, *, first: int, most: int) -> LiveItem | None:
    """The item, with at most `most` segments from the one with the index `first`; None where there is none."""
    about = {"task_id": task_id, "item": item}
    row = store.connection.execute(_ITEM, about).one_or_none()
    if row is None:
        return None
    ready = []
    for segment in map(segment_of, store.connection.execute(_NEXT, {**about, "first": first, "most": most})):
        if segment.state is not SegmentState.RENDERED:
            break
        ready.append(segment)
    return LiveItem(TaskState(row.state), error_from_json(row.error), audio_of(row), row.segments_total, tuple(ready))
