"""How it went: depths and throughput by the minute, and the waits of a sample of finished tasks."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import bindparam, func, select

from app.domain.states import TaskState
from app.results.models import items, task_minutes, tasks
from app.results.reading import ReadingStore


@dataclass(frozen=True, slots=True)
class StateMinute:
    """`entered` tasks came into the state within the minute (since 1970); `depth` were in it after its last change."""

    minute: int
    entered: int
    depth: int


@dataclass(frozen=True, slots=True)
class FinishedSample:
    """A completed task: how long it waited and was worked on, and how long its audio is; all in seconds."""

    wait: float
    work: float
    audio: float


_MINUTES = (
    select(task_minutes.c.minute, task_minutes.c.entered, task_minutes.c.depth)
    .where(task_minutes.c.state == bindparam("state"), task_minutes.c.minute >= bindparam("first"))
    .order_by(task_minutes.c.minute)
)
_BEFORE = (
    select(task_minutes.c.depth)
    .where(task_minutes.c.state == bindparam("state"), task_minutes.c.minute < bindparam("first"))
    .order_by(task_minutes.c.minute.desc())
    .limit(1)
)
_OLDEST = select(tasks.c.updated_at).where(tasks.c.state == bindparam("state")).order_by(tasks.c.id).limit(1)
_FINISHED = (
    select(tasks.c.id, tasks.c.created_at, tasks.c.started_at, tasks.c.finished_at)
    .where(tasks.c.finished_at >= bindparam("since"), tasks.c.finished_at < bindparam("until"))
    .where(tasks.c.state == TaskState.COMPLETED, tasks.c.started_at.is_not(None))
    .order_by(tasks.c.finished_at.desc())
    .limit(bindparam("limit"))
)
_AUDIO = (
    select(items.c.task_id, func.sum(items.c.audio_seconds))
    .where(items.c.task_id.in_(bindparam("task_ids", expanding=True)))
    .group_by(items.c.task_id)
)


def state_minutes(store: ReadingStore, state: TaskState, *, first: int) -> tuple[int, list[StateMinute]]:
    """The depth before the minute `first`, and the minutes from it on in which something changed."""
    about = {"state": state, "first": first}
    before = store.connection.scalar(_BEFORE, about) or 0
    return before, [StateMinute(*row) for row in store.connection.execute(_MINUTES, about)]


def oldest_in(store: ReadingStore, state: TaskState) -> int | None:
    """Since when the oldest task of the state is in it, in milliseconds; None where there is none."""
    return store.connection.scalar(_OLDEST, {"state": state})


def finished_sample(store: ReadingStore, spans: Iterable[tuple[int, int]], *, limit: int) -> list[list[FinishedSample]]:
    """At most `limit` completed tasks of each span `[since, until)` in milliseconds, the last to finish first."""
    found = [
        store.connection.execute(_FINISHED, {"since": since, "until": until, "limit": limit}).all()
        for since, until in spans
    ]
    ids = [row.id for rows in found for row in rows]
    audio: dict[str, float] = {}
    for first in range(0, len(ids), 1000):
        some = store.connection.execute(_AUDIO, {"task_ids": ids[first : first + 1000]})
        audio.update((task_id, seconds or 0.0) for task_id, seconds in some)
    return [
        [
            FinishedSample(
                wait=max(0, row.started_at - row.created_at) / 1000,
                work=max(0, row.finished_at - row.started_at) / 1000,
                audio=audio.get(row.id, 0.0),
            )
            for row in rows
        ]
        for rows in found
    ]
