"""How it went: depths and throughput by the minute, and the waits of a sample of finished tasks."""

from collections.abc import Iterable, Sequence
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
    """Completed tasks: how long each waited and was worked on, and how long their audio is together; in seconds."""

    waits: Sequence[float]
    works: Sequence[float]
    audio: float


FOR_EVER = 2**62
"""Milliseconds that no task will see."""

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
_COMPLETED = (
    select(tasks.c.id)
    .where(tasks.c.finished_at >= bindparam("since"), tasks.c.finished_at < bindparam("until"))
    .where(tasks.c.state == TaskState.COMPLETED, tasks.c.started_at.is_not(None))
    .order_by(tasks.c.finished_at.desc())
    .limit(bindparam("limit"))
)
_WAITS = _COMPLETED.with_only_columns(tasks.c.started_at - tasks.c.created_at)
_TIMES = _COMPLETED.with_only_columns(tasks.c.started_at - tasks.c.created_at, tasks.c.finished_at - tasks.c.started_at)
_AUDIO = select(func.sum(items.c.audio_seconds)).where(items.c.task_id.in_(select(_COMPLETED.subquery().c.id)))


def state_minutes(store: ReadingStore, state: TaskState, *, first: int) -> tuple[int, list[StateMinute]]:
    """The depth before the minute `first`, and the minutes from it on in which something changed."""
    about = {"state": state, "first": first}
    before = store.connection.scalar(_BEFORE, about) or 0
    return before, [StateMinute(*row) for row in store.connection.execute(_MINUTES, about)]


def oldest_in(store: ReadingStore, state: TaskState) -> int | None:
    """Since when the oldest task of the state is in it, in milliseconds; None where there is none."""
    return store.connection.scalar(_OLDEST, {"state": state})


def finished_waits(store: ReadingStore, spans: Iterable[tuple[int, int]], *, limit: int) -> list[list[float]]:
    """How long, in seconds, at most `limit` completed tasks of each span `[since, until)` in milliseconds waited: those
    that finished last."""
    return [
        _seconds(store.connection.scalars(_WAITS, {"since": since, "until": until, "limit": limit}))
        for since, until in spans
    ]


def finished_sample(store: ReadingStore, since: int, *, limit: int) -> FinishedSample:
    """At most `limit` tasks that were completed from `since` (milliseconds) on, the last ones."""
    about = {"since": since, "until": FOR_EVER, "limit": limit}
    times = store.connection.execute(_TIMES, about).all()
    return FinishedSample(
        waits=_seconds(wait for wait, _ in times),
        works=_seconds(work for _, work in times),
        audio=store.connection.scalar(_AUDIO, about) or 0.0,
    )


def _seconds(milliseconds: Iterable[int]) -> list[float]:
    return [max(0, each) / 1000 for each in milliseconds]
