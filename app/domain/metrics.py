"""What is measured: each metric's name, meaning and labels, by the conventions of Prometheus.

Labels have few values that we choose ourselves, never a client's: every combination is a series for ever.
docs/operations.md has a row for each; a test compares them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    COUNTER = "counter"
    HISTOGRAM = "histogram"
    GAUGE = "gauge"


@dataclass(frozen=True, slots=True)
class Metric:
    """`buckets` are a histogram's upper bounds, the infinite one left out. A counter is shown with `_total`."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def shown(self) -> str:
        return f"{self.name}_total" if self.kind is Kind.COUNTER else self.name


def _counter(name: str, told: str, *labels: str) -> Metric:
    return Metric(f"sayathing_{name}", Kind.COUNTER, told, labels)


def _gauge(name: str, told: str, *labels: str) -> Metric:
    return Metric(f"sayathing_{name}", Kind.GAUGE, told, labels)


def _histogram(name: str, told: str, buckets: tuple[float, ...], *labels: str) -> Metric:
    return Metric(f"sayathing_{name}", Kind.HISTOGRAM, told, labels, buckets)


_QUICK = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_WORK = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_WAITS = (0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14400.0)
_FACTORS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 0.75, 1.0, 1.5, 2.0, 5.0)

TASKS_FINISHED = _counter("tasks_finished", "Tasks that came to an end.", "state")
TASK_WAIT = _histogram("task_wait_seconds", "From accepted until a worker began.", _WAITS)
MESSAGES = _counter("messages", "Messages that workers were through with: done, retried or failed.", "actor", "result")
SEGMENT_SECONDS = _histogram("segment_render_seconds", "What rendering one segment took.", _WORK, "engine")
SEGMENT_FACTOR = _histogram(
    "segment_realtime_factor", "What rendering a segment took, by what it lasts: below 1 is faster.", _FACTORS, "engine"
)
SPOKEN_SECONDS = _counter("rendered_audio_seconds", "Seconds of audio that were rendered.", "engine")
CACHE_LOOKUPS = _counter("segment_cache_lookups", "Segments that were found (hit) or had to be rendered.", "result")
ASSEMBLY_SECONDS = _histogram("assembly_seconds", "What putting an item's file together took.", _WORK)
WEBHOOK_ATTEMPTS = _counter("webhook_attempts", "Attempts at webhooks, by what became of the delivery.", "state")
WEBHOOK_SECONDS = _histogram("webhook_seconds", "What one attempt at a webhook took.", _QUICK)

KEPT: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        TASKS_FINISHED,
        TASK_WAIT,
        MESSAGES,
        SEGMENT_SECONDS,
        SEGMENT_FACTOR,
        SPOKEN_SECONDS,
        CACHE_LOOKUPS,
        ASSEMBLY_SECONDS,
        WEBHOOK_ATTEMPTS,
        WEBHOOK_SECONDS,
    )
}
"""Those that many processes add to, kept in the results store."""

HTTP_REQUESTS = _counter("http_requests", "Answered requests, by the route's template.", "method", "route", "status")
HTTP_SECONDS = _histogram("http_request_duration_seconds", "Until the head of the answer.", _QUICK, "method", "route")
HTTP_IN_PROGRESS = _gauge("http_requests_in_progress", "Requests, streams among them, that are being answered.")

INFO = _gauge("build_info", "Always 1.", "version")
UP = _gauge("up", "1 where tasks can be accepted.")
TASKS = _gauge("tasks", "Unfinished tasks, counted up to 100,000 in each state.", "state")
OLDEST_TASK = _gauge("oldest_unfinished_task_age_seconds", "Since the oldest unfinished task was accepted; 0: none.")
QUEUE = _gauge(
    "queue_messages",
    "Messages: ready, scheduled (retries too), blocked, claimed, dead; each counted up to 10,000.",
    "queue",
    "state",
)
QUEUE_AGE = _gauge(
    "queue_oldest_ready_age_seconds", "How long the oldest ready message has been ready, of the next 10,000.", "queue"
)
WORKERS = _gauge("workers", "Worker processes that are alive.")
WORKER_SEEN = _gauge("worker_last_seen_timestamp_seconds", "The last sign of life of any worker.")
DISK_FREE = _gauge("disk_free_bytes", "Free on the disk of the data folder.")
CACHE_BYTES = _gauge("segment_cache_bytes", "What rendered segments take on the disk.")
DELIVERIES_DUE = _gauge("webhook_deliveries_pending", "Deliveries that wait for an attempt, up to 100,000.")

SHOWN = (
    *KEPT.values(),
    *(HTTP_REQUESTS, HTTP_SECONDS, HTTP_IN_PROGRESS, INFO, UP, TASKS, OLDEST_TASK, QUEUE, QUEUE_AGE),
    *(WORKERS, WORKER_SEEN, DISK_FREE, CACHE_BYTES, DELIVERIES_DUE),
)
"""All that `GET /metrics` may show."""
