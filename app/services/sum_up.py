"""Does the service keep up, and if not, since when: one look that costs the same with a million tasks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.domain.states import UNFINISHED, TaskState
from app.ports import Clock
from app.results import ResultsStore
from app.results.history import StateMinute, finished_sample, finished_waits, oldest_in, state_minutes

MINUTE_MS = 60_000
DAY_MINUTES = 24 * 60
RATE_MINUTES = 5
SAMPLED = 1_000
"""Finished tasks that percentiles are taken of: the last ones of the span."""

SAMPLED_A_POINT = 20
"""Finished tasks that one point of a chart is taken of."""


class Span(StrEnum):
    QUARTER = "15m"
    HOUR = "1h"
    SIX_HOURS = "6h"
    DAY = "24h"

    @property
    def minutes(self) -> int:
        return {Span.QUARTER: 15, Span.HOUR: 60, Span.SIX_HOURS: 360, Span.DAY: DAY_MINUTES}[self]

    @property
    def step(self) -> int:
        """Minutes between two points of a chart."""
        return {Span.QUARTER: 1, Span.HOUR: 1, Span.SIX_HOURS: 5, Span.DAY: 15}[self]


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Seconds."""

    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True)
class Point:
    """What was so at the end of a step, `at` milliseconds: unfinished tasks by state; completed tasks a minute (None
    where less than a minute of the step is over); how long the slowest 5 % waited, in seconds (None where none was
    completed)."""

    at: int
    depth: Mapping[TaskState, int]
    completed_per_minute: float | None
    wait_p95: float | None


@dataclass(frozen=True, slots=True)
class Summary:
    """`audio_per_second` is the real-time factor: seconds of audio that a second of work on a task gives."""

    oldest_wait_seconds: float | None
    discarded_day: int
    completed_per_minute: float
    audio_per_second: float | None
    wait: Percentiles | None
    synthesis: Percentiles | None
    sampled: int
    points: Sequence[Point]


def sum_up(store: ResultsStore, span: Span, *, clock: Clock) -> Summary:
    now = int(clock() * 1000)
    minute = now // MINUTE_MS
    ends = list(range(minute - span.minutes + span.step, minute + 1, span.step))
    first = ends[0] - span.step + 1
    unfinished = {state: state_minutes(store, state, first=first) for state in UNFINISHED}
    bounds = [((end - span.step + 1) * MINUTE_MS, (end + 1) * MINUTE_MS) for end in ends]
    waits = finished_waits(store, bounds, limit=SAMPLED_A_POINT)
    sample = finished_sample(store, first * MINUTE_MS, limit=SAMPLED)
    _, discarded = state_minutes(store, TaskState.DISCARDED, first=minute - DAY_MINUTES)
    _, completed = state_minutes(store, TaskState.COMPLETED, first=min(first, minute - RATE_MINUTES))
    oldest = oldest_in(store, TaskState.PENDING)
    work = sum(sample.works)
    depths = {state: _at_ends(ends, *of_state) for state, of_state in unfinished.items()}
    entered = _entered(ends, span.step, completed)
    return Summary(
        oldest_wait_seconds=None if oldest is None else max(0, now - oldest) / 1000,
        discarded_day=sum(each.entered for each in discarded),
        completed_per_minute=sum(each.entered for each in completed if minute - RATE_MINUTES <= each.minute < minute)
        / RATE_MINUTES,
        audio_per_second=sample.audio / work if work else None,
        wait=_percentiles(sample.waits),
        synthesis=_percentiles(sample.works),
        sampled=len(sample.waits),
        points=[
            Point(
                at=(end + 1) * MINUTE_MS,
                depth={state: depths[state][index] for state in UNFINISHED},
                completed_per_minute=_pace(entered[index], now - (end - span.step + 1) * MINUTE_MS, span.step),
                wait_p95=_p95(waits[index]),
            )
            for index, end in enumerate(ends)
        ],
    )


def _at_ends(ends: Sequence[int], depth: int, changes: Sequence[StateMinute]) -> list[int]:
    found, position = [], 0
    for end in ends:
        while position < len(changes) and changes[position].minute <= end:
            depth = changes[position].depth
            position += 1
        found.append(depth)
    return found


def _entered(ends: Sequence[int], step: int, changes: Sequence[StateMinute]) -> list[int]:
    found = [0] * len(ends)
    for change in changes:
        index = (change.minute - (ends[0] - step + 1)) // step
        if 0 <= index < len(found):
            found[index] += change.entered
    return found


def _pace(entered: int, elapsed_ms: int, step: int) -> float | None:
    minutes = min(step, elapsed_ms / MINUTE_MS)
    return entered / minutes if minutes >= 1 else None


def _p95(values: Sequence[float]) -> float | None:
    found = _percentiles(values)
    return found.p95 if found else None


def _percentiles(values: Sequence[float]) -> Percentiles | None:
    if not values:
        return None
    ordered = sorted(values)

    def at(share: float) -> float:
        return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]

    return Percentiles(at(0.5), at(0.95), at(0.99))
