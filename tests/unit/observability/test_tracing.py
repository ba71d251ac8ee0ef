"""One trace from a request to its file and its webhook, and nothing at all without the extra."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from actors.speech import FakeEngine
from app.domain.errors import EngineFailed, NothingToSay
from app.domain.ids import TaskId
from app.observability import tracing
from app.settings import Settings
from tests.support.api import running_api
from tests.support.processes import until
from tests.unit.actors.conftest import Workshop, failing, logs_as_they_were
from tests.unit.webhooks.conftest import SECRET
from tests.unit.webhooks.receiver import a_receiver

__all__ = ["logs_as_they_were"]

PROJECT = Path(__file__).parents[3]
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"


@pytest.fixture(scope="module")
def exporter() -> InMemorySpanExporter:
    """OpenTelemetry's provider can be set once in a process."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return exporter


@pytest.fixture
def spans(exporter: InMemorySpanExporter) -> InMemorySpanExporter:
    exporter.clear()
    return exporter


@pytest.fixture
def tracing_settings(settings: Settings) -> Settings:
    return Settings.load(
        _env_file=None,
        data_dir=settings.data_dir,
        model_dir=settings.model_dir,
        webhook_secret=SECRET,
        webhook_allow_private=True,
        retry_min_seconds=0.01,
        retry_max_seconds=0.05,
        max_attempts=2,
        log_level="error",
    )


@pytest.fixture
def workshop(tracing_settings: Settings, logs_as_they_were: None) -> Iterator[Workshop]:
    workshop = Workshop(tracing_settings, FakeEngine())
    yield workshop
    workshop.stop()
    workshop.broker.close()
    workshop.bench.database.close()


async def test_one_trace_leads_from_the_request_to_the_file_and_the_webhook(
    tracing_settings: Settings, workshop: Workshop, spans: InMemorySpanExporter
) -> None:
    with a_receiver() as receiver:
        async with running_api(tracing_settings) as api:
            answer = await api.client.post(
                "/api/tts",
                json={"text": "MARKER speaks.", "webhook": {"url": receiver.url}},
                headers={"traceparent": f"00-{TRACE}-{PARENT}-01"},
            )
        task_id = TaskId(answer.json()["task_id"])
        workshop.work()
        await asyncio.to_thread(until, lambda: receiver.told)
        workshop.stop()

    found: dict[str, ReadableSpan] = {span.name: span for span in spans.get_finished_spans()}
    chain = ["POST /api/tts", "plan_speech", "synthesize_segment", "assemble_speech", "notify_webhook"]
    assert set(chain) <= set(found)
    before = int(PARENT, 16)
    for name in chain:
        span = found[name]
        assert span.context is not None
        assert span.parent is not None
        assert format(span.context.trace_id, "032x") == TRACE, name
        assert span.parent.span_id == before, name
        before = span.context.span_id
    assert found["synthesize_segment"].attributes is not None
    assert found["synthesize_segment"].attributes["sayathing.task_id"] == task_id
    assert found["synthesize_segment"].attributes["sayathing.segment"] == 0
    written = "".join(span.to_json() for span in spans.get_finished_spans())
    assert "MARKER" not in written
    assert receiver.url not in written


def test_a_span_of_work_that_failed_tells_the_kind_of_error_and_no_message(
    workshop: Workshop, spans: InMemorySpanExporter
) -> None:
    failing(workshop, "MARKER", EngineFailed("MARKER broke it."), NothingToSay("MARKER has no sound."))
    workshop.work()
    workshop.finished(workshop.say("MARKER speaks."))
    workshop.stop()

    failed = [span for span in spans.get_finished_spans() if span.name == "synthesize_segment"]
    assert [(span.attributes or {}).get("error.type") for span in failed] == ["engine-failed", "nothing-to-say"]
    assert all(span.status.status_code is trace.StatusCode.ERROR for span in failed)
    assert "MARKER" not in "".join(span.to_json() for span in spans.get_finished_spans())


def test_a_trace_that_is_none_begins_a_new_one(spans: InMemorySpanExporter) -> None:
    with tracing.span("work", "consumer", {"traceparent": "nonsense", "tracestate": 7}):
        assert tracing.outgoing()["traceparent"].startswith("00-")
    assert spans.get_finished_spans()[0].parent is None
    assert tracing.outgoing() == {}


WITHOUT = """
import sys
sys.modules["opentelemetry.sdk"] = sys.modules["opentelemetry.exporter"] = None
import app.main, actors
from app.observability import tracing, configure_tracing
with tracing.span("work", "consumer", {}) as span:
    span.set(task_id="x"); span.rename("y"); span.fail("z")
    assert tracing.outgoing() == {}
assert configure_tracing("api") is False
"""


def test_without_the_extra_nothing_is_traced_and_nothing_breaks(tmp_path: Path) -> None:
    environment = {"SAYATHING_DATA_DIR": str(tmp_path), "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT], cwd=PROJECT, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert "tracing_not_installed" in ended.stdout + ended.stderr


def test_tracing_is_off_until_there_is_somewhere_to_send_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in tracing.ENDPOINTS:
        monkeypatch.delenv(name, raising=False)
    assert tracing.configure_tracing("api") is False
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert tracing.configure_tracing("api") is False
