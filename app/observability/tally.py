"""What a process has measured and not yet handed over."""

import json
import threading
from bisect import bisect_left
from collections import defaultdict

from app.domain.metrics import Kind, Metric

Cell = tuple[str, str, str]
"""A metric's name, its labels' values as JSON, and which of its numbers: `total`, `sum`, or `le:` and a bound."""


class Tally:
    """Adds up until it is drained. Safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cells: defaultdict[Cell, float] = defaultdict(float)

    def count(self, metric: Metric, *labels: str, amount: float = 1.0) -> None:
        """Add to a counter; the labels' values in the metric's own order."""
        assert metric.kind is Kind.COUNTER and len(labels) == len(metric.labels), metric.name  # noqa: PT018
        with self._lock:
            self._cells[metric.name, json.dumps(labels), "total"] += amount

    def observe(self, metric: Metric, value: float, *labels: str) -> None:
        """Put a value into a histogram."""
        assert metric.kind is Kind.HISTOGRAM and len(labels) == len(metric.labels), metric.name  # noqa: PT018
        place = bisect_left(metric.buckets, value)
        bound = repr(metric.buckets[place]) if place < len(metric.buckets) else "+Inf"
        values = json.dumps(labels)
        with self._lock:
            self._cells[metric.name, values, f"le:{bound}"] += 1
            self._cells[metric.name, values, "sum"] += value

    def drain(self) -> dict[Cell, float]:
        """What came together since the last time; it is the caller's now."""
        with self._lock:
            cells, self._cells = self._cells, defaultdict(float)
        return dict(cells)

    def put_back(self, cells: dict[Cell, float]) -> None:
        """Take back what could not be handed over."""
        with self._lock:
            for cell, value in cells.items():
                self._cells[cell] += value
