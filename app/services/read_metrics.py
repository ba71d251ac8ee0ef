"""What a scrape asks of the results store, in one view of it."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.domain.states import TaskState
from app.results import ResultsStore
from app.results.measurements import (
    Cell,
    count_pending_deliveries,
    count_unfinished,
    measured,
    oldest_unfinished,
)


@dataclass(frozen=True, slots=True)
class StoreMetrics:
    """`oldest_created_at` is in milliseconds; None where no task is unfinished."""

    cells: Mapping[Cell, float]
    unfinished: Mapping[TaskState, int]
    oldest_created_at: int | None
    pending_deliveries: int


def read_metrics(store: ResultsStore) -> StoreMetrics:
    """A few looks at indexes, whatever the number of tasks."""
    return StoreMetrics(
        measured(store), count_unfinished(store), oldest_unfinished(store), count_pending_deliveries(store)
    )
