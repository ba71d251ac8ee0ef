"""What every change to a task is made of: its row read, its state moved, the move recorded, the row saved."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, update

from app.domain.events import Event
from app.domain.ids import TaskId
from app.domain.states import FINISHED, UNFINISHED, TaskState, move
from app.results import statements
from app.results.deliveries import add_delivery
from app.results.measurements import count_end
from app.results.models import items
from app.results.reading import ReadingStore


class StaleTask(Exception):
    """Somebody else changed the task since this transaction read it; the work may be tried again."""


@dataclass(slots=True)
class Head:
    """A task's own row while a verb is at work on it."""

    id: TaskId
    state: TaskState
    run: int
    attempts: int
    version: int
    started_at: int | None
    finished_at: int | None
    error: dict[str, Any] | None


class ChangingStore(ReadingStore):
    """Reads and moves over one open transaction; also the `Transaction` that events are published in."""

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

    def is_live(self, task_id: TaskId, run: int) -> bool:
        """Whether that run of the task is unfinished."""
        return self._live(task_id, run) is not None

    def touch(self, task_id: TaskId, *, now: int) -> None:
        """Something happened to the task just now."""
        self.connection.execute(statements.TOUCH, {"b_id": task_id, "updated_at": now})

    def _head(self, task_id: TaskId) -> Head | None:
        row = self.connection.execute(statements.HEAD, {"task_id": task_id}).one_or_none()
        if row is None:
            return None
        head = Head(*row)
        head.state = TaskState(head.state)
        return head

    def _live(self, task_id: TaskId, run: int) -> Head | None:
        head = self._head(task_id)
        return head if head is not None and head.run == run and head.state in UNFINISHED else None

    def _save(self, head: Head, *, now: int) -> None:
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

    def _save_item(self, task_id: TaskId, item: int, **values: object) -> None:
        self.connection.execute(statements.SAVE_ITEM, {"b_id": task_id, "b_item": item, **values})

    def _resume(self, head: Head, *, worker: str, now: int) -> None:
        head.attempts += 1
        head.started_at = head.started_at or now
        self._move(head, TaskState.PROCESSING, worker=worker, now=now)

    def _settle(self, head: Head, *, worker: str, now: int) -> None:
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
        self, head: Head, wanted: TaskState, *, worker: str | None, now: int, detail: dict[str, Any] | None = None
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
