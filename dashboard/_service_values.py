"""What the pages about the service show. Times are milliseconds since the Unix epoch unless a name says seconds."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from ._values import Count, State

Span = Literal["15m", "1h", "6h", "24h"]

SPANS: Mapping[Span, str] = MappingProxyType({"15m": "15 minutes", "1h": "1 hour", "6h": "6 hours", "24h": "24 hours"})


@dataclass(frozen=True, slots=True)
class Rights:
    """What the visitor may do: `act` on tasks, `administer` queues and see the machine. `why_not` says why they may
    not act, and what would let them. Where `hides_text`, no text of any task is given to the pages; `by_key`, the
    service wants to be shown a key."""

    act: bool = True
    administer: bool = True
    hides_text: bool = False
    why_not: str = ""
    by_key: bool = False


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Seconds."""

    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True)
class ChartPoint:
    """At the end of a step: unfinished tasks by state, completed tasks a minute, and what the slowest 5 % waited, in
    seconds."""

    at: int
    depth: Mapping[State, int]
    completed_per_minute: float | None
    wait_p95: float | None


@dataclass(frozen=True, slots=True)
class Check:
    """One light of the health strip; `detail` says how it is in a few words."""

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class JobView:
    """What a worker holds; `task_id` is None where it is about no task that the visitor may see."""

    actor: str
    task_id: str | None
    since: int


@dataclass(frozen=True, slots=True)
class WorkerView:
    """A worker process. `memory_bytes` is its resident memory, None where it runs on another machine."""

    host: str
    pid: int
    started_at: int
    last_seen: int
    alive: bool
    jobs: tuple[JobView, ...]
    memory_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class History:
    """How it went in the span. `audio_per_second` is the real-time factor: seconds of audio that a second of work
    gives. `sampled`: how many tasks, the last ones, the percentiles are of."""

    oldest_wait_seconds: float | None
    discarded_day: int
    completed_per_minute: float
    audio_per_second: float | None
    wait: Percentiles | None
    synthesis: Percentiles | None
    sampled: int
    points: tuple[ChartPoint, ...]


@dataclass(frozen=True, slots=True)
class Overview:
    """`history` and `workers` are None where the visitor may see their own tasks only."""

    counts: Mapping[State, Count]
    history: History | None
    workers: tuple[WorkerView, ...] | None
    checks: tuple[Check, ...]
    reasons: tuple[str, ...]
    last_change: int
    events_url: str


@dataclass(frozen=True, slots=True)
class QueueView:
    """How many messages a queue holds, and what became of them a minute over the last five minutes."""

    name: str
    ready: Count
    delayed: Count
    blocked: Count
    in_flight: Count
    dead: Count
    oldest_seconds: float | None
    paused: bool
    out_per_minute: float
    retried_per_minute: float
    died_per_minute: float


@dataclass(frozen=True, slots=True)
class DeadLetterView:
    """A message that was given up, and why."""

    id: int
    queue: str
    actor: str
    reason: str
    died_at: int
    attempts: int
    task_id: str | None


@dataclass(frozen=True, slots=True)
class DeadLetterPage:
    letters: tuple[DeadLetterView, ...]
    total: Count
    next_after: int | None


@dataclass(frozen=True, slots=True)
class VoiceCard:
    """A voice. `language` is a BCP 47 tag and `language_name` its name; `why_not` says why it cannot speak here."""

    id: str
    name: str
    language: str
    language_name: str
    sex: str | None
    grade: str | None
    engine: str
    why_not: str | None
    sample_url: str | None


@dataclass(frozen=True, slots=True)
class SettingLine:
    """`source`: `environment`, `.env` or `default`. A secret's value is masked."""

    name: str
    value: str
    source: str
    description: str


@dataclass(frozen=True, slots=True)
class About:
    """`versions` by the name of what has them."""

    settings: tuple[SettingLine, ...]
    versions: Mapping[str, str]
