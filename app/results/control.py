"""Stopping, running again and forgetting tasks: a few statements for any number of them.

Each verb looks at the states itself, under the rows' locks, and leaves alone what may not go there: what a caller
found a moment ago may have moved on. `now` is in milliseconds since the Unix epoch.
"""

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from app.domain.ids import TaskId
from app.domain.states import FINISHED, MOVES, UNFINISHED, TaskState
from app.domain.tasks import Priority, SegmentState
from app.results.models import items, segments, tasks, transitions

CANCELLABLE = frozenset(state for state in TaskState if TaskState.CANCELLED in MOVES[state])
RUNNABLE_AGAIN = frozenset(state for state in TaskState if TaskState.PENDING in MOVES[state])
DELETABLE = FINISHED | {TaskState.PENDING}
"""Not what is being worked on, nor what waits for its next attempt: other parts of it may be at work meanwhile."""


def cancel_tasks(connection: Connection, task_ids: Collection[TaskId], *, now: int) -> list[TaskId]:
    """Those of the tasks that were not finished: they are cancelled now, with all of their items that are not done."""
    found = _locked(connection, task_ids, CANCELLABLE)
    moved = _ids(found)
    if not moved:
        return []
    _record(connection, found, TaskState.CANCELLED, now=now)
    connection.execute(
        update(tasks)
        .where(tasks.c.id.in_(moved))
        .values(state=TaskState.CANCELLED, version=tasks.c.version + 1, updated_at=now, finished_at=now)
    )
    connection.execute(
        update(items).where(items.c.task_id.in_(moved), items.c.state.in_(UNFINISHED)).values(state=TaskState.CANCELLED)
    )
    return moved


def run_tasks_again(
    connection: Connection, task_ids: Collection[TaskId], *, now: int
) -> list[tuple[TaskId, int, Priority]]:
    """Those of the tasks that were cancelled or discarded, each with the number of its new run and its priority: they
    are pending now, with all of their items that are not completed. What they have rendered is kept."""
    found = _locked(connection, task_ids, RUNNABLE_AGAIN)
    moved = _ids(found)
    if not moved:
        return []
    _record(connection, found, TaskState.PENDING, now=now)
    connection.execute(
        update(tasks)
        .where(tasks.c.id.in_(moved))
        .values(
            state=TaskState.PENDING,
            run=tasks.c.run + 1,
            version=tasks.c.version + 1,
            updated_at=now,
            started_at=None,
            finished_at=None,
            error=None,
        )
    )
    connection.execute(
        update(items)
        .where(items.c.task_id.in_(moved), items.c.state.in_(FINISHED - {TaskState.COMPLETED}))
        .values(state=TaskState.PENDING, error=None)
    )
    connection.execute(
        update(segments)
        .where(segments.c.task_id.in_(moved), segments.c.state != SegmentState.RENDERED)
        .values(state=SegmentState.PENDING, attempts=0)
    )
    return [(TaskId(row.id), row.run + 1, Priority(row.priority)) for row in found]


def delete_tasks(connection: Connection, task_ids: Collection[TaskId]) -> list[TaskId]:
    """Those of the tasks that nobody is at work on: they are gone now, with all that the store had of them."""
    gone = delete(tasks).where(tasks.c.id.in_(task_ids), tasks.c.state.in_(DELETABLE)).returning(tasks.c.id)
    return [TaskId(task_id) for task_id in connection.scalars(gone)]


def finished_before(connection: Connection, time: int, *, limit: int) -> list[TaskId]:
    """Tasks that ended before `time`, those that ended first."""
    some = select(tasks.c.id).where(tasks.c.finished_at < time).order_by(tasks.c.finished_at).limit(limit)
    return [TaskId(task_id) for task_id in connection.scalars(some)]


def _locked(connection: Connection, task_ids: Iterable[TaskId], states: Iterable[TaskState]) -> list[Row[Any]]:
    """In the order of their ids, so that two that lock the same tasks do not wait for one another."""
    wanted = (
        select(tasks.c.id, tasks.c.state, tasks.c.run, tasks.c.attempts, tasks.c.priority)
        .where(tasks.c.id.in_(task_ids), tasks.c.state.in_(states))
        .order_by(tasks.c.id)
        .with_for_update()
    )
    return list(connection.execute(wanted))


def _ids(rows: Iterable[Row[Any]]) -> list[TaskId]:
    return [TaskId(row.id) for row in rows]


def _record(connection: Connection, rows: Iterable[Row[Any]], wanted: TaskState, *, now: int) -> None:
    connection.execute(
        insert(transitions),
        [
            {
                "task_id": row.id,
                "from_state": row.state,
                "to_state": wanted,
                "at": now,
                "attempt": row.attempts,
                "worker": None,
                "detail": {},
            }
            for row in rows
        ],
    )
