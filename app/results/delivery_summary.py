"""How the deliveries to webhooks stand, all together."""

from dataclasses import dataclass

from sqlalchemy import Select, func, select

from app.domain.ids import TaskId
from app.domain.states import UNFINISHED
from app.domain.webhooks import DeliveryState
from app.results.models import tasks
from app.results.reading import ReadingStore
from app.results.webhook_tables import attempts, deliveries, webhooks


@dataclass(frozen=True, slots=True)
class Trouble:
    """Deliveries that went wrong: how many, and the newest one's task, number and last error."""

    count: int
    task_id: TaskId
    n: int
    error: str


@dataclass(frozen=True, slots=True)
class DeliverySummary:
    """`awaiting` tasks are unfinished and will tell a webhook. Of the `pending` deliveries the longest overdue was due
    at `oldest_due_at`, in milliseconds since the Unix epoch. `retried` are pending after a failure, `failed` were
    given up."""

    awaiting: int
    pending: int
    oldest_due_at: int | None
    retried: Trouble | None
    failed: Trouble | None


def summarize_deliveries(store: ReadingStore) -> DeliverySummary:
    """Reads all deliveries that are kept: some seconds for a million of them."""
    connection = store.connection
    awaiting = select(func.count()).select_from(
        webhooks.join(tasks, (tasks.c.id == webhooks.c.task_id) & tasks.c.state.in_(UNFINISHED))
    )
    pending, oldest = connection.execute(
        select(func.count(), func.min(deliveries.c.next_at)).where(deliveries.c.next_at.is_not(None))
    ).one()
    return DeliverySummary(
        awaiting=connection.scalar(awaiting) or 0,
        pending=pending,
        oldest_due_at=oldest,
        retried=_trouble(store, select(deliveries).where(deliveries.c.next_at.is_not(None), deliveries.c.tries > 0)),
        failed=_trouble(store, select(deliveries).where(deliveries.c.state == DeliveryState.FAILED)),
    )


def _trouble(store: ReadingStore, which: Select[tuple[object, ...]]) -> Trouble | None:
    found = which.subquery()
    count = store.connection.scalar(select(func.count()).select_from(found)) or 0
    newest = (
        select(attempts.c.task_id, attempts.c.n, attempts.c.error)
        .join(found, (found.c.task_id == attempts.c.task_id) & (found.c.n == attempts.c.n))
        .where(attempts.c.error.is_not(None))
        .order_by(attempts.c.at.desc())
        .limit(1)
    )
    row = store.connection.execute(newest).one_or_none() if count else None
    return None if row is None else Trouble(count, TaskId(row.task_id), row.n, row.error)
