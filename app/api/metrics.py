"""GET /metrics: everything that is measured, in Prometheus' own format or OpenMetrics."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated

from fastapi import APIRouter, Header
from prometheus_client import Metric as Family
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response

from app.api.dependencies import ClockDep, DatabaseDep, HealthDep, HttpMetricsDep
from app.api.health import VERSION
from app.api.health_check import Health
from app.api.openapi import answers
from app.api.parameters import NO_PARAMETERS
from app.domain import metrics
from app.domain.metrics import KEPT, Kind, Metric
from app.results.measurements import Cell
from app.services.read_metrics import StoreMetrics, read_metrics

router = APIRouter(tags=["health"], dependencies=[NO_PARAMETERS])


class _Page:
    """A collector, as prometheus_client's encoders want one."""

    def __init__(self, families: Iterable[Family]) -> None:
        self._families = families

    def collect(self) -> Iterator[Family]:
        yield from self._families


@router.get(
    "/metrics",
    operation_id="get_metrics",
    summary="What is measured, for Prometheus",
    response_class=Response,
    responses=answers(
        _200={
            "description": "Every metric of docs/operations.md that has a value.",
            "content": {
                "text/plain": {"schema": {"type": "string"}},
                "application/openmetrics-text": {"schema": {"type": "string"}},
            },
        }
    ),
)
async def show(
    database: DatabaseDep,
    health: HealthDep,
    http: HttpMetricsDep,
    clock: ClockDep,
    accept: Annotated[str, Header(include_in_schema=False)] = "",
) -> Response:
    found = await health.check()
    try:
        kept = await database.read(read_metrics) if found.results_reachable else None
    except SQLAlchemyError:  # a scrape that fails hides what else is wrong
        kept = None
    families = [*http.registry.collect(), *_of_machine(found), *(_of_store(kept, clock()) if kept else ())]
    encode, media_type = choose_encoder(accept)
    return Response(encode(_Page(families)), headers={"Content-Type": media_type})


def _gauge(metric: Metric, values: Mapping[tuple[str, ...], float]) -> Family:
    family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, value in values.items():
        family.add_metric(labels, value)
    return family


def _of_machine(health: Health) -> Iterator[Family]:
    yield _gauge(metrics.INFO, {(VERSION,): 1})
    yield _gauge(metrics.UP, {(): float(health.ready)})
    yield _gauge(metrics.DISK_FREE, {(): health.free_bytes})
    if health.cache is not None:
        yield _gauge(metrics.CACHE_BYTES, {(): health.cache.bytes})
    if health.workers_alive is not None:
        yield _gauge(metrics.WORKERS, {(): health.workers_alive})
    if health.worker_last_seen is not None:
        yield _gauge(metrics.WORKER_SEEN, {(): health.worker_last_seen})
    if health.queues is not None:
        states = ("ready", "scheduled", "blocked", "claimed", "dead")
        yield _gauge(
            metrics.QUEUE, {(queue.queue, state): getattr(queue, state) for queue in health.queues for state in states}
        )
        yield _gauge(
            metrics.QUEUE_AGE, {(queue.queue,): queue.oldest_ready_age_seconds or 0 for queue in health.queues}
        )


def _of_store(kept: StoreMetrics, now: float) -> Iterator[Family]:
    age = 0.0 if kept.oldest_created_at is None else max(0.0, now - kept.oldest_created_at / 1000)
    yield _gauge(metrics.TASKS, {(state.value,): count for state, count in kept.unfinished.items()})
    yield _gauge(metrics.OLDEST_TASK, {(): age})
    yield _gauge(metrics.DELIVERIES_DUE, {(): kept.pending_deliveries})
    by_metric: defaultdict[str, dict[Cell, float]] = defaultdict(dict)
    for cell, value in kept.cells.items():
        by_metric[cell[0]][cell] = value
    for name, cells in sorted(by_metric.items()):
        if name in KEPT:  # a later version may have left others
            yield _family(KEPT[name], cells)


def _family(metric: Metric, cells: Mapping[Cell, float]) -> Family:
    series: defaultdict[tuple[str, ...], dict[str, float]] = defaultdict(dict)
    for (_, written, cell), value in sorted(cells.items()):
        series[tuple(json.loads(written))][cell] = value
    if metric.kind is Kind.COUNTER:
        counter = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
        for labels, values in series.items():
            counter.add_metric(labels, values.get("total", 0.0))
        return counter
    histogram = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, values in series.items():
        histogram.add_metric(labels, _cumulative(metric, values), values.get("sum", 0.0))
    return histogram


def _cumulative(metric: Metric, values: Mapping[str, float]) -> list[tuple[str, float]]:
    so_far = 0.0
    buckets = []
    for bound in (*map(repr, metric.buckets), "+Inf"):
        so_far += values.get(f"le:{bound}", 0.0)
        buckets.append((bound, so_far))
    return buckets
