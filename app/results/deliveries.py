"""Deliveries in the results store, each as one verb over an open transaction. `now` is in milliseconds."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update

from app.domain.events import DeliveryRequested
from app.domain.ids import TaskId
from app.domain.states import TaskState
from app.domain.tasks import Priority
from app.domain.webhooks import Delivery, DeliveryAttempt, DeliveryState, event_of, payload_of
from app.results.models import tasks
from app.results.reading import ReadingStore
from app.results.webhook_tables import attempts, deliveries, webhooks

KEPT_ATTEMPTS = 50
"""So many attempts of one delivery are kept, the newest ones."""

LISTED_DELIVERIES = 100

_URL = select(webhooks.c.url).where(webhooks.c.task_id == bindparam("task_id"))
_PRIORITY = select(tasks.c.priority).where(tasks.c.id == bindparam("task_id"))
_DELIVERIES = select(deliveries, webhooks.c.url).join(webhooks, webhooks.c.task_id == deliveries.c.task_id)


def add_webhook(connection: Connection, task_id: TaskId, url: str) -> None:
    """Have the end of the task told at `url`."""
    connection.execute(insert(webhooks).values(task_id=task_id, url=url))


def add_delivery(
    connection: Connection,
    task_id: TaskId,
    run: int,
    state: TaskState,
    *,
    attempts: int,
    error: Mapping[str, Any] | None,
    now: int,
) -> DeliveryRequested | None:
    """What is to be told of a task that has just come to its end; None where nobody is to be told."""
    if connection.scalar(_URL, {"task_id": task_id}) is None:
        return None
    connection.execute(
        insert(deliveries).values(
            task_id=task_id,
            n=run,
            event=event_of(state),
            payload=payload_of(task_id, run, state, attempts=attempts, error=error, now=now),
            state=DeliveryState.PENDING,
            ticket=1,
            tries=0,
            created_at=now,
            next_at=now,
        )
    )
    return _asked_for(connection, task_id, run, ticket=1, at=now)


def add_cancelled(connection: Connection, task_ids: Collection[TaskId], *, now: int) -> list[DeliveryRequested]:
    """What is to be told of tasks that were just cancelled."""
    query = (
        select(tasks.c.id, tasks.c.run, tasks.c.attempts)
        .join(webhooks, webhooks.c.task_id == tasks.c.id)
        .where(tasks.c.id.in_(task_ids))
        .order_by(tasks.c.id)
    )
    told = (
        add_delivery(
            connection, TaskId(row.id), row.run, TaskState.CANCELLED, attempts=row.attempts, error=None, now=now
        )
        for row in connection.execute(query).all()
    )
    return [each for each in told if each is not None]


def delivery(store: ReadingStore, task_id: TaskId, n: int) -> Delivery | None:
    """One delivery with its attempts."""
    query = _DELIVERIES.where(deliveries.c.task_id == task_id, deliveries.c.n == n)
    row = store.connection.execute(query).one_or_none()
    return None if row is None else _delivery_of(row, _attempts_of(store, task_id, [n]).get(n, ()))


def deliveries_of(store: ReadingStore, task_id: TaskId) -> list[Delivery] | None:
    """The newest deliveries of a task, oldest first; None where there is no such task."""
    if not store.known_among([task_id]):
        return None
    query = _DELIVERIES.where(deliveries.c.task_id == task_id).order_by(deliveries.c.n.desc()).limit(LISTED_DELIVERIES)
    rows = list(reversed(store.connection.execute(query).all()))
    tried = _attempts_of(store, task_id, [row.n for row in rows])
    return [_delivery_of(row, tried.get(row.n, ())) for row in rows]


def _attempts_of(store: ReadingStore, task_id: TaskId, numbers: list[int]) -> dict[int, tuple[DeliveryAttempt, ...]]:
    query = (
        select(attempts)
        .where(attempts.c.task_id == task_id, attempts.c.n.in_(numbers))
        .order_by(attempts.c.n, attempts.c.attempt)
    )
    found: dict[int, tuple[DeliveryAttempt, ...]] = {}
    for row in store.connection.execute(query):
        found[row.n] = (*found.get(row.n, ()), _attempt_of(row))
    return found


def save_attempt(
    store: ReadingStore, told: Delivery, attempt: DeliveryAttempt, state: DeliveryState, *, next_at: int | None
) -> DeliveryRequested | None:
    """Keep how an attempt ended, and ask for the next one where there is to be one.

    Nothing is kept where the delivery has gone on without it: another worker has sent it too, or it was asked for anew.
    """
    kept = store.connection.execute(
        update(deliveries)
        .where(
            deliveries.c.task_id == told.task_id,
            deliveries.c.n == told.n,
            deliveries.c.ticket == told.ticket,
            deliveries.c.state == DeliveryState.PENDING,
        )
        .values(state=state, next_at=next_at, tries=told.tries + 1, ticket=told.ticket + 1)
    )
    if kept.rowcount != 1:
        return None
    store.connection.execute(
        insert(attempts).values(
            task_id=told.task_id,
            n=told.n,
            attempt=attempt.attempt,
            at=attempt.at,
            duration_ms=attempt.duration_ms,
            status=attempt.status,
            error=attempt.error,
            excerpt=attempt.excerpt,
        )
    )
    old = attempts.c.attempt <= attempt.attempt - KEPT_ATTEMPTS
    store.connection.execute(delete(attempts).where(attempts.c.task_id == told.task_id, attempts.c.n == told.n, old))
    if next_at is None:
        return None
    return _asked_for(store.connection, told.task_id, told.n, ticket=told.ticket + 1, at=next_at)


def ask_again(store: ReadingStore, task_id: TaskId, n: int, *, now: int) -> DeliveryRequested | None:
    """Have a delivery tried now, and from the start of its schedule; None where there is none of that number."""
    ticket = store.connection.scalar(
        update(deliveries)
        .where(deliveries.c.task_id == task_id, deliveries.c.n == n)
        .values(state=DeliveryState.PENDING, next_at=now, tries=0, ticket=deliveries.c.ticket + 1)
        .returning(deliveries.c.ticket)
    )
    return None if ticket is None else _asked_for(store.connection, task_id, n, ticket=ticket, at=now)


def overdue_deliveries(store: ReadingStore, *, due_before: int, limit: int) -> list[DeliveryRequested]:
    """Attempts that should have been made before `due_before`, the oldest first."""
    query = (
        select(deliveries.c.task_id, deliveries.c.n, deliveries.c.ticket, deliveries.c.next_at)
        .where(deliveries.c.next_at.is_not(None), deliveries.c.next_at < due_before)
        .order_by(deliveries.c.next_at)
        .limit(limit)
    )
    rows = store.connection.execute(query).all()
    return [_asked_for(store.connection, TaskId(row.task_id), row.n, ticket=row.ticket, at=row.next_at) for row in rows]


def last_attempt(store: ReadingStore, task_id: TaskId, n: int) -> int:
    """The number of the last attempt that was made; 0 before the first."""
    query = select(func.max(attempts.c.attempt)).where(attempts.c.task_id == task_id, attempts.c.n == n)
    return store.connection.scalar(query) or 0


def _asked_for(connection: Connection, task_id: TaskId, n: int, *, ticket: int, at: int) -> DeliveryRequested:
    priority = Priority(connection.scalar(_PRIORITY, {"task_id": task_id}) or 0)
    return DeliveryRequested(task_id=task_id, run=n, priority=priority, ticket=ticket, at=at)


def _delivery_of(row: Row[Any], tried: tuple[DeliveryAttempt, ...]) -> Delivery:
    return Delivery(
        task_id=TaskId(row.task_id),
        n=row.n,
        url=row.url,
        event=row.event,
        payload=row.payload,
        state=DeliveryState(row.state),
        ticket=row.ticket,
        tries=row.tries,
        created_at=row.created_at,
        next_at=row.next_at,
        attempts=tried,
    )


def _attempt_of(row: Row[Any]) -> DeliveryAttempt:
    return DeliveryAttempt(row.attempt, row.at, row.duration_ms, row.status, row.error, row.excerpt)
