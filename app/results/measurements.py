"""The numbers that all processes add to, in the results store: they outlive every process, and leave nothing behind.

What is counted in a move's own transaction is exact; what workers add every few seconds may lack a killed one's last.
"""

import json
from collections.abc import Mapping

from sqlalchemy import Connection, Float, String, func, literal, select, text, union_all
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.metrics import TASKS_FINISHED
from app.domain.states import UNFINISHED, TaskState
from app.results.models import Base, tasks
from app.results.reading import ReadingStore
from app.results.webhook_tables import deliveries

Cell = tuple[str, str, str]

COUNTED_AT_MOST = 100_000
"""Where counting stops, so that a scrape never walks a million rows."""


class MeasurementRow(Base):
    """`labels` are a metric's labels' values as JSON; `cell` is which of its numbers."""

    __tablename__ = "measurements"

    metric: Mapped[str] = mapped_column(String(64), primary_key=True)
    labels: Mapped[str] = mapped_column(String(255), primary_key=True)
    cell: Mapped[str] = mapped_column(String(32), primary_key=True)
    value: Mapped[float] = mapped_column(Float)


measurements = Base.metadata.tables["measurements"]

_ADD = text(
    "INSERT INTO measurements (metric, labels, cell, value) VALUES (:metric, :labels, :cell, :value)"
    " ON CONFLICT (metric, labels, cell) DO UPDATE SET value = measurements.value + excluded.value"
)
_OLDEST = [select(func.min(tasks.c.id)).where(tasks.c.state == state).scalar_subquery() for state in sorted(UNFINISHED)]
_OLDEST_TIMES = select(func.min(tasks.c.created_at)).where(tasks.c.id.in_(_OLDEST))


def add_measurements(store: ReadingStore, cells: Mapping[Cell, float]) -> None:
    """Add to the numbers. In one order for all, so that two processes never wait for each other."""
    rows = [
        {"metric": metric, "labels": labels, "cell": cell, "value": value}
        for (metric, labels, cell), value in sorted(cells.items())
    ]
    if rows:
        store.connection.execute(_ADD, rows)


def count_end(connection: Connection, state: TaskState, tasks: int = 1) -> None:
    """Count tasks' ends, in the transaction that ends them."""
    labels = json.dumps([state.value])
    connection.execute(_ADD, {"metric": TASKS_FINISHED.name, "labels": labels, "cell": "total", "value": float(tasks)})


def measured(store: ReadingStore) -> dict[Cell, float]:
    """All numbers that were ever added to: some hundred."""
    found = store.connection.execute(select(measurements)).all()
    return {(row.metric, row.labels, row.cell): row.value for row in found}


def count_unfinished(store: ReadingStore) -> dict[TaskState, int]:
    """How many tasks are in each unfinished state, up to `COUNTED_AT_MOST` each."""
    counts = []
    for state in sorted(UNFINISHED):
        some = select(tasks.c.id).where(tasks.c.state == state).limit(COUNTED_AT_MOST).subquery()
        counts.append(select(literal(state.value), func.count()).select_from(some))
    return {TaskState(state): count for state, count in store.connection.execute(union_all(*counts))}


def count_pending_deliveries(store: ReadingStore) -> int:
    """How many deliveries wait for an attempt, up to `COUNTED_AT_MOST`."""
    some = select(deliveries.c.next_at).where(deliveries.c.next_at.is_not(None)).limit(COUNTED_AT_MOST).subquery()
    return store.connection.scalar(select(func.count()).select_from(some)) or 0


def oldest_unfinished(store: ReadingStore) -> int | None:
    """When the oldest unfinished task was accepted; ids are in the order of time."""
    oldest: int | None = store.connection.scalar(_OLDEST_TIMES)
    return oldest
