"""What became of messages, counted by queue and minute."""

from __future__ import annotations

import sqlite3
from collections import Counter
from typing import Literal, get_args

MILLISECONDS_A_MINUTE = 60_000

#: Counts wait this long to be written together.
WRITE_AFTER_MS = 1_000

ADD = """
INSERT INTO broker_rates (queue, minute, finished, retried, died)
VALUES (:queue, :minute, :finished, :retried, :died)
ON CONFLICT (queue, minute) DO UPDATE SET
    finished = finished + excluded.finished, retried = retried + excluded.retried, died = died + excluded.died
"""


Outcome = Literal["finished", "retried", "died"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)


class Rates:
    """Counts that ride with the process's transactions, about once a second; a killed process takes its last along."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, int, Outcome]] = Counter()
        self._written_at_ms = 0

    def note(self, outcomes: Counter[tuple[str, Outcome]], wall_ms: int) -> None:
        """Count what became of messages, by queue."""
        for (queue, outcome), count in outcomes.items():
            self._counts[queue, wall_ms // MILLISECONDS_A_MINUTE, outcome] += count

    def are_due(self, steady_ms: int) -> bool:
        """Whether there is something that has waited long enough."""
        return bool(self._counts) and steady_ms - self._written_at_ms >= WRITE_AFTER_MS

    def write(self, connection: sqlite3.Connection) -> None:
        """Add the counts to the table."""
        for queue, minute in {(queue, minute) for queue, minute, _ in self._counts}:
            values: dict[str, str | int] = {"queue": queue, "minute": minute}
            for outcome in OUTCOMES:
                values[outcome] = self._counts[queue, minute, outcome]
            connection.execute(ADD, values)

    def written(self, steady_ms: int) -> None:
        """The counts are committed."""
        self._counts.clear()
        self._written_at_ms = steady_ms
