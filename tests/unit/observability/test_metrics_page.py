"""GET /metrics: of all processes, in a format that Prometheus reads, at a cost that does not grow."""

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Connection, event

from actors.speech import FakeEngine
from app.domain.errors import NothingToSay
from app.domain.metrics import CACHE_LOOKUPS, SHOWN
from app.results import Database, migrate
from app.results.measurements import add_measurements
from app.services.read_metrics import read_metrics
from app.settings import Settings
from tests.support.api import Api, running_api
from tests.unit.actors.conftest import Workshop, failing, logs_as_they_were

__all__ = ["logs_as_they_were"]

PROJECT = Path(__file__).parents[3]

Samples = dict[tuple[str, tuple[str, ...]], float]


@pytest.fixture
async def api(settings: Settings) -> AsyncIterator[Api]:
    async with running_api(settings) as service:
        yield service


@pytest.fixture
def workshop(settings: Settings, logs_as_they_were: None) -> Iterator[Workshop]:
    quick = {"retry_min_seconds": 0.01, "retry_max_seconds": 0.05, "max_attempts": 3, "log_level": "error"}
    workshop = Workshop(settings.model_copy(update=quick), FakeEngine())
    yield workshop
    workshop.stop()
    workshop.broker.close()
    workshop.bench.database.close()


async def scrape(api: Api) -> Samples:
    answer = await api.client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_the_documentation_lists_every_metric_with_its_labels_and_no_other() -> None:
    table = (PROJECT / "docs/operations.md").read_text().partition("## Metrics")[2].partition("### Alerts")[0]
    told = dict(re.findall(r"^\| `(sayathing_\w+)` \| (.*?) ?\|", table, re.MULTILINE))
    assert told == {metric.shown: ", ".join(f"`{label}`" for label in metric.labels) for metric in SHOWN}


def test_alerts_and_queries_name_metrics_that_there_are() -> None:
    named = set(re.findall(r"sayathing_\w+", (PROJECT / "docs/operations.md").read_text()))
    shown = {metric.shown for metric in SHOWN}
    assert {re.sub("_(sum|count|bucket)$", "", name) for name in named - shown - {"sayathing_http_"}} <= shown


async def test_what_a_worker_measured_stands_in_the_scrape_of_the_api(workshop: Workshop, settings: Settings) -> None:
    failing(workshop, "Nobody", NothingToSay("Nothing."))
    workshop.work()
    for text in ("Nothing is lost.", "Nothing is lost.", "Nobody hears this."):
        workshop.finished(workshop.say(text))
    workshop.stop()

    async with running_api(settings) as api:
        found = await scrape(api)

    assert found["sayathing_tasks_finished_total", ("completed",)] == 2
    assert found["sayathing_tasks_finished_total", ("discarded",)] == 1
    assert found["sayathing_task_wait_seconds_count", ()] == 3
    assert found["sayathing_segment_cache_lookups_total", ("hit",)] == 1
    assert found["sayathing_segment_cache_lookups_total", ("miss",)] == 2
    assert found["sayathing_segment_render_seconds_count", ("espeak",)] == 1
    assert found["sayathing_segment_realtime_factor_count", ("espeak",)] == 1
    assert found["sayathing_rendered_audio_seconds_total", ("espeak",)] > 0
    assert found["sayathing_assembly_seconds_count", ()] == 2
    assert found["sayathing_messages_total", ("plan_speech", "done")] == 3
    assert found["sayathing_messages_total", ("synthesize_segment", "failed")] == 1
    assert found["sayathing_queue_messages", ("speech", "dead")] == 1
    assert found["sayathing_oldest_unfinished_task_age_seconds", ()] == 0


async def test_what_waits_is_counted_at_the_scrape(api: Api) -> None:
    for _ in range(3):
        await api.say()

    found = await scrape(api)

    assert found["sayathing_tasks", ("pending",)] == 3
    assert found["sayathing_tasks", ("processing",)] == 0
    assert found["sayathing_queue_messages", ("speech", "ready")] == 3
    assert found["sayathing_up", ()] == 1
    assert found["sayathing_workers", ()] == 0
    assert found["sayathing_disk_free_bytes", ()] > 0
    assert ("sayathing_build_info", (api.app.version,)) in found


async def test_requests_are_counted_by_the_template_of_their_route(api: Api) -> None:
    task_id = (await api.say())["task_id"]
    await api.client.get(f"/tasks/{task_id}")
    await api.client.get("/tasks/nothing")
    await api.client.get("/no/such/page")
    await api.client.get("/docs/assets/docs.js")
    await api.client.request("BREW", "/tasks")

    found = await scrape(api)

    assert found["sayathing_http_requests_total", ("GET", "/tasks/{task_id}", "200")] == 1
    assert found["sayathing_http_requests_total", ("GET", "/tasks/{task_id}", "404")] == 1
    assert found["sayathing_http_requests_total", ("POST", "/api/tts", "202")] == 1
    assert found["sayathing_http_requests_total", ("GET", "unmatched", "404")] == 1
    assert found["sayathing_http_requests_total", ("GET", "/docs/assets/*", "200")] == 1
    assert found["sayathing_http_request_duration_seconds_count", ("GET", "/tasks/{task_id}")] == 2
    methods = {labels[0] for name, labels in found if name == "sayathing_http_requests_total"}
    assert methods == {"GET", "POST", "other"}
    assert not any(task_id in label for _, labels in found for label in labels)
    assert found["sayathing_http_requests_in_progress", ()] == 1, "the scrape itself"


async def test_a_scraper_that_asks_for_openmetrics_gets_it(api: Api) -> None:
    await api.say()
    answer = await api.client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})

    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert "sayathing_tasks" in {family.name for family in read_openmetrics(answer.text)}


async def test_health_tells_the_workers_last_sign_of_life(workshop: Workshop, settings: Settings) -> None:
    workshop.work()
    workshop.finished(workshop.say("Nothing is lost."))
    async with running_api(settings) as api:
        workers = (await api.client.get("/healthz")).json()["workers"]
        found = await scrape(api)
    assert workers["alive"] == 1
    assert workers["last_seen_at"] is not None
    assert found["sayathing_worker_last_seen_timestamp_seconds", ()] > 1_700_000_000


def test_a_scrape_searches_indexes_and_walks_no_table_that_grows(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'plans.db'}")
    migrate(database)
    asked: list[tuple[str, object]] = []

    def note(_: Connection, __: object, sql: str, parameters: object, *___: object) -> None:
        asked.append((sql, parameters))

    with database.read() as store:
        event.listen(store.connection, "before_cursor_execute", note)
        read_metrics(store)
        event.remove(store.connection, "before_cursor_execute", note)
        steps = [
            row.detail
            for sql, parameters in asked
            for row in store.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", parameters)  # type: ignore[arg-type]
        ]
    database.close()
    on_tasks = [step for step in steps if "tasks" in step]
    assert on_tasks
    assert all(step.startswith("SEARCH tasks USING") for step in on_tasks), steps
    on_deliveries = [step for step in steps if "deliveries" in step]
    assert on_deliveries
    assert all("ix_deliveries_next_at" in step for step in on_deliveries), steps
    assert all(" LIMIT " in sql for sql, _ in asked if "count(" in sql)


def test_two_processes_add_to_the_same_numbers(tmp_path: Path) -> None:
    first, second = (Database(f"sqlite:///{tmp_path / 'shared.db'}") for _ in range(2))
    migrate(first)
    cell = (CACHE_LOOKUPS.name, '["hit"]', "total")
    for database in (first, second):
        with database.step() as store:
            add_measurements(store, {cell: 2.0})
    with first.read() as store:
        assert read_metrics(store).cells == {cell: 4.0}
    first.close()
    second.close()
