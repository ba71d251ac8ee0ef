"""The questions that the results store answers."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Text,
    TextClause,
    bindparam,
    case,
    cast,
    exists,
    false,
    func,
    literal,
    or_,
    select,
    union_all,
)
from sqlalchemy import text as sql

from app.domain.ids import TaskId
from app.domain.states import UNFINISHED, TaskState
from app.domain.tasks import Item, Segment, Task, TaskProgress, Transition
from app.domain.voices import ESPEAK_PREFIX
from app.results import statements
from app.results.control import finished_before
from app.results.models import books, items, segments, tasks, texts, transitions
from app.results.rows import item_of, progress_of, segment_of, task_of, transition_of

SHORTENED_CHARACTERS = 500
"""How much of each text a list gives, in characters."""

LISTED_ITEMS = 20
"""How many items of each task a list gives: the first ones."""

LISTED_JSON_CHARACTERS = 1024
"""A list leaves an item's `metadata` or `dropped` out where it is longer than this, as JSON."""

_OTHERS = items.alias()
_IS_UNFINISHED = tasks.c.state.in_(UNFINISHED)

_TASKS: Select[Any] = select(tasks, *(column.label(f"book_{column.key}") for column in books.c)).outerjoin(
    books, books.c.task_id == tasks.c.id
)
_TASK = _TASKS.where(tasks.c.id == bindparam("task_id"))
_OWNER = select(tasks.c.owner).where(tasks.c.id == bindparam("task_id"))
_LAST_TRANSITION = select(func.max(transitions.c.id))
_OWNED_TRANSITIONS = select(transitions, tasks.c.owner).join(tasks, tasks.c.id == transitions.c.task_id)
_TRANSITIONS = _OWNED_TRANSITIONS.where(transitions.c.task_id == bindparam("task_id")).order_by(transitions.c.id)
_UNBOUND = (
    select(items.c.takes)
    .join(tasks, tasks.c.id == items.c.task_id)
    .join(books, books.c.task_id == items.c.task_id)
    .where(items.c.task_id == bindparam("task_id"), books.c.sha256.is_(None), _IS_UNFINISHED)
    .where(
        ~exists().where(_OTHERS.c.task_id == items.c.task_id, _OTHERS.c.state != TaskState.COMPLETED),
    )
)
_SEGMENTS = (
    select(segments)
    .where(segments.c.task_id == bindparam("task_id"), segments.c.item == bindparam("item"))
    .order_by(segments.c.idx)
)
_SEGMENT_WORK = (
    select(tasks.c.state.label("task_state"), items.c.voice, items.c.speed, segments)
    .join(items, items.c.task_id == tasks.c.id)
    .join(segments, (segments.c.task_id == items.c.task_id) & (segments.c.item == items.c.idx))
    .where(tasks.c.id == bindparam("task_id"), tasks.c.run == bindparam("run"), statements.TASK_IS_UNFINISHED)
    .where(items.c.idx == bindparam("item"), statements.ITEM_IS_UNFINISHED)
    .where(segments.c.idx == bindparam("segment"))
)
_KEYS_IN_USE = (
    select(segments.c.key)
    .join(tasks, tasks.c.id == segments.c.task_id)
    .where(_IS_UNFINISHED, segments.c.key.is_not(None))
)
_KNOWN = select(tasks.c.id).where(tasks.c.id.in_(bindparam("task_ids", expanding=True)))
_NOT_CANCELLED = select(tasks.c.id).where(
    tasks.c.id.in_(bindparam("task_ids", expanding=True)), tasks.c.state != TaskState.CANCELLED
)


def _where_small(column: ColumnElement[Any]) -> ColumnElement[Any]:
    return case((func.length(cast(column, Text)) <= LISTED_JSON_CHARACTERS, column)).label(column.key)


_OF_TASKS = items.c.task_id.in_(bindparam("task_ids", expanding=True))
_WITH_TEXTS = (texts.c.task_id == items.c.task_id) & (texts.c.idx == items.c.idx)
_ITEMS: Select[Any] = (
    select(items, texts.c.text)
    .join(texts, _WITH_TEXTS)
    .where(items.c.task_id == bindparam("task_id"))
    .order_by(items.c.idx)
)
_LISTED_ITEMS: Select[Any] = (
    select(
        *(column for column in items.c if column.key not in {"metadata", "dropped"}),
        _where_small(items.c.metadata),
        _where_small(items.c.dropped),
        func.substr(texts.c.text, 1, SHORTENED_CHARACTERS).label("text"),
    )
    .join(texts, _WITH_TEXTS)
    .where(_OF_TASKS, items.c.idx < LISTED_ITEMS)
    .order_by(items.c.task_id, items.c.idx)
)
_LEFT = items.c.characters - items.c.characters_done
_SUMS: Select[Any] = (
    select(
        items.c.task_id,
        func.count().label("item_count"),
        *(
            func.sum(column).label(column.key)
            for column in (
                items.c.segments_done,
                items.c.segments_total,
                items.c.audio_seconds,
                items.c.characters,
                items.c.characters_done,
            )
        ),
        func.sum(case((items.c.voice.startswith(ESPEAK_PREFIX), _LEFT), else_=0)).label("espeak_characters_left"),
    )
    .where(_OF_TASKS)
    .group_by(items.c.task_id)
)


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Which tasks: all that are set must hold. `since` is in milliseconds; `text` is sought in texts and ids, `error`
    in the error's type and words; `id` is how the id begins; `owner` is whose they are."""

    state: TaskState | None = None
    voice: str | None = None
    text: str | None = None
    since: int | None = None
    owner: str | None = None
    id: str | None = None
    error: str | None = None

    @property
    def reads_each_task(self) -> bool:
        """Whether no index answers it."""
        return not (self.voice is None and self.text is None and self.error is None)


@dataclass(frozen=True, slots=True)
class SegmentWork:
    """What a worker needs to render one segment."""

    task_id: TaskId
    task_state: TaskState
    voice: str
    speed: float
    segment: Segment


class ReadingStore:
    """Reads over one open transaction."""

    def __init__(self, connection: Connection, *, keep_seconds: int = 0) -> None:
        self.connection = connection
        self._keep_seconds = keep_seconds

    def task(self, task_id: TaskId) -> Task | None:
        """The task with its whole texts; None where there is none of that id."""
        row = self.connection.execute(_TASK, {"task_id": task_id}).one_or_none()
        if row is None:
            return None
        found = tuple(item_of(item, item.text) for item in self.connection.execute(_ITEMS, {"task_id": task_id}))
        return task_of(row, found, len(found), TaskProgress.of(found), keep_seconds=self._keep_seconds)

    def tasks(
        self, wanted: TaskFilter, *, limit: int, before: TaskId | None = None, not_before: TaskId | None = None
    ) -> list[Task]:
        """At most `limit` tasks, newest first, from those older than `before`, down to `not_before`.

        Each has its first `LISTED_ITEMS` items, with shortened texts, and without long `metadata` and `dropped`.
        """
        query = _matching(wanted, _TASKS).order_by(tasks.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(tasks.c.id < before)
        if not_before is not None:
            query = query.where(tasks.c.id >= not_before)
        rows = self.connection.execute(query).all()
        found: dict[str, list[Item]] = {row.id: [] for row in rows}
        wanted_ids = {"task_ids": list(found)}
        for row in self.connection.execute(_LISTED_ITEMS, wanted_ids):
            found[row.task_id].append(item_of(row, row.text))
        sums = {row.task_id: row for row in self.connection.execute(_SUMS, wanted_ids)}
        return [
            task_of(
                row,
                tuple(found[row.id]),
                sums[row.id].item_count,
                progress_of(sums[row.id]),
                keep_seconds=self._keep_seconds,
            )
            for row in rows
        ]

    def matching(
        self, wanted: TaskFilter, *, limit: int, before: TaskId | None = None
    ) -> list[tuple[TaskId, TaskState]]:
        """The ids and states of at most `limit` tasks, newest first, from those older than `before`."""
        query = _matching(wanted, select(tasks.c.id, tasks.c.state)).order_by(tasks.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(tasks.c.id < before)
        return [(TaskId(row.id), TaskState(row.state)) for row in self.connection.execute(query)]

    def nth_older(self, wanted: TaskFilter, n: int, *, before: TaskId | None = None) -> TaskId | None:
        """The id of the `n`th task of that state and owner from the newest, or from `before`; None where there are
        fewer."""
        query = select(tasks.c.id).order_by(tasks.c.id.desc()).offset(n - 1).limit(1)
        if wanted.owner is not None:
            query = query.where(*_of(wanted.owner))
        if wanted.state is not None:
            query = query.where(tasks.c.state == wanted.state)
        if before is not None:
            query = query.where(tasks.c.id < before)
        found = self.connection.scalar(query)
        return TaskId(found) if found is not None else None

    def owner_of(self, task_id: TaskId) -> str | None:
        """Whose the task is; None where there is none of that id."""
        return self.connection.scalar(_OWNER, {"task_id": task_id})

    def count_by_state(
        self, *, most: int, wanted: TaskFilter | None = None, not_before: TaskId | None = None
    ) -> dict[TaskState, int]:
        """How many tasks that match are in each state, down to `not_before`, counted up to `most`: no count scans a
        million rows."""
        wanted = wanted or TaskFilter()
        counts = []
        for state in TaskState:
            some = _matching(replace(wanted, state=state), select(tasks.c.id))
            if not_before is not None:
                some = some.where(tasks.c.id >= not_before)
            if wanted.state not in {None, state}:
                some = some.where(false())
            counts.append(select(literal(state.value), func.count()).select_from(some.limit(most).subquery()))
        return {TaskState(state): count for state, count in self.connection.execute(union_all(*counts))}

    def count_unfinished(self, *, most: int) -> int:
        """How many tasks are unfinished, counted up to `most`."""
        some = select(tasks.c.id).where(_IS_UNFINISHED).limit(most).subquery()
        return self.connection.scalars(select(func.count()).select_from(some)).one()

    def expired(self, now: int, *, limit: int) -> list[TaskId]:
        """Tasks whose time is over at `now`, in milliseconds, those that ended first."""
        if not self._keep_seconds:
            return []
        return finished_before(self.connection, now - self._keep_seconds * 1000, limit=limit)

    def segments(self, task_id: TaskId, item: int) -> list[Segment]:
        found = self.connection.execute(_SEGMENTS, {"task_id": task_id, "item": item})
        return [segment_of(row) for row in found]

    def binding_due(self, task_id: TaskId) -> int | None:
        """In which take an unfinished task waits for its items to be bound; None where it does not."""
        takes = self.connection.scalars(_UNBOUND, {"task_id": task_id}).all()
        return sum(takes) if takes else None

    def segment_work(self, task_id: TaskId, run: int, item: int, segment: int) -> SegmentWork | None:
        """What is needed to render the segment; None where nobody waits for it any more."""
        about = {"task_id": task_id, "run": run, "item": item, "segment": segment}
        row = self.connection.execute(_SEGMENT_WORK, about).one_or_none()
        if row is None:
            return None
        return SegmentWork(task_id, TaskState(row.task_state), row.voice, row.speed, segment_of(row))

    def segment_keys_in_use(self) -> set[str]:
        """The keys of all segments that unfinished tasks have, or will have."""
        return set(self.connection.scalars(_KEYS_IN_USE))

    def known_among(self, task_ids: Collection[TaskId]) -> set[TaskId]:
        """Those of the tasks that there are."""
        return {TaskId(task_id) for task_id in self.connection.scalars(_KNOWN, {"task_ids": list(task_ids)})}

    def cancelled_among(self, task_ids: Collection[TaskId]) -> set[TaskId]:
        """Those of the tasks that are cancelled, or gone."""
        others = self.connection.scalars(_NOT_CANCELLED, {"task_ids": list(task_ids)})
        return set(task_ids) - {TaskId(task_id) for task_id in others}

    def transitions(self, task_id: TaskId) -> list[Transition]:
        return [transition_of(row) for row in self.connection.execute(_TRANSITIONS, {"task_id": task_id})]

    def transitions_after(
        self, cursor: int, *, limit: int, task_id: TaskId | None = None, owner: str | None = None
    ) -> list[Transition]:
        """The moves after `cursor`, oldest first: of one task or of all, of one owner's tasks or of everybody's."""
        query = _OWNED_TRANSITIONS.where(transitions.c.id > cursor).order_by(transitions.c.id).limit(limit)
        if owner is not None:
            query = query.where(tasks.c.owner == owner)
        if task_id is not None:
            query = query.where(transitions.c.task_id == task_id)
        return [transition_of(row) for row in self.connection.execute(query)]

    def last_transition_id(self) -> int:
        return self.connection.scalar(_LAST_TRANSITION) or 0

    def unfinished_since(self, updated_before: int, *, limit: int) -> list[TaskId]:
        """Unfinished tasks that nothing has happened to since `updated_before`, the oldest first."""
        query = (
            select(tasks.c.id)
            .where(_IS_UNFINISHED, tasks.c.updated_at < updated_before)
            .order_by(tasks.c.updated_at)
            .limit(limit)
        )
        return [TaskId(task_id) for task_id in self.connection.scalars(query)]


def _of(owner: str) -> tuple[ColumnElement[bool] | TextClause, ...]:
    """Whose the tasks are. The second term, which is true anyway, tells SQLite that the partial index holds them all."""
    is_theirs = tasks.c.owner == owner
    return (is_theirs, sql("tasks.owner <> ''")) if owner else (is_theirs,)


def _matching(wanted: TaskFilter, query: Select[Any]) -> Select[Any]:
    if wanted.owner is not None:
        query = query.where(*_of(wanted.owner))
    if wanted.state is not None:
        query = query.where(tasks.c.state == wanted.state)
    if wanted.since is not None:
        query = query.where(tasks.c.created_at >= wanted.since)
    if wanted.id is not None:
        query = query.where(tasks.c.id >= wanted.id, tasks.c.id < wanted.id + "~")
    if wanted.error is not None:
        told = (tasks.c.error[name].as_string() for name in ("type", "title", "detail"))
        query = query.where(or_(*(each.icontains(wanted.error, autoescape=True) for each in told)))
    if wanted.voice is not None:
        query = query.where(exists().where(items.c.task_id == tasks.c.id, items.c.voice == wanted.voice))
    if wanted.text is not None:
        in_text = exists().where(texts.c.task_id == tasks.c.id, texts.c.text.icontains(wanted.text, autoescape=True))
        query = query.where(in_text | tasks.c.id.icontains(wanted.text, autoescape=True))
    return query
