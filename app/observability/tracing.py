"""Spans, by OpenTelemetry where `sayathing[otel]` is installed; without it every call here does nothing.

The trace goes along in W3C's `traceparent`, over HTTP and in messages. Attributes are ids and numbers, never a text.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

import structlog

try:
    from opentelemetry import propagate, trace
except ImportError:  # the extra is not installed
    HAS_API = False
else:
    HAS_API = True

log = structlog.get_logger(__name__)

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
"""Either of these, from OpenTelemetry's own specification, turns tracing on."""

CARRIED = ("traceparent", "tracestate")

SpanKind = Literal["server", "consumer"]


def configure_tracing(process: str) -> bool:
    """Send this process's spans where the environment says; whether there is such a place.

    Parameters:
      process: `api` or `worker`.
    """
    disabled = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    if disabled or not any(os.environ.get(name) for name in ENDPOINTS):
        return False
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        log.warning("tracing_not_installed", mend="pip install 'sayathing[otel]', or unset OTEL_EXPORTER_OTLP_ENDPOINT")
        return False
    name = os.environ.get("OTEL_SERVICE_NAME", "sayathing")
    provider = TracerProvider(resource=Resource.create({"service.name": name, "sayathing.process": process}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return True


def outgoing() -> dict[str, str]:
    """What tells another process of the span that is open here; nothing where none is."""
    carrier: dict[str, str] = {}
    if HAS_API:
        propagate.inject(carrier)
    return {name: value for name, value in carrier.items() if name in CARRIED}


class Span:
    """An open span. What is set on it must be no text of a client."""

    def __init__(self, span: "trace.Span | None") -> None:
        self._span = span

    def rename(self, name: str) -> None:
        if self._span is not None:
            self._span.update_name(name)

    def set(self, **attributes: str | float | None) -> None:
        """Attributes, `a_b` shown as `sayathing.a_b`; those that are None are left out."""
        if self._span is not None:
            for name, value in attributes.items():
                if value is not None:
                    self._span.set_attribute(f"sayathing.{name}", value)

    def fail(self, kind: str) -> None:
        """The span's work failed, with an error of this kind. Its message stays out: it may quote a text."""
        if self._span is not None:
            self._span.set_attribute("error.type", kind)
            self._span.set_status(trace.StatusCode.ERROR)


@contextmanager
def span(name: str, kind: SpanKind, carrier: Mapping[str, object]) -> Iterator[Span]:
    """A span around the block, as a child of the one that `carrier` tells of, if it does."""
    if not HAS_API:
        yield Span(None)
        return
    told = {key: value for key in CARRIED if isinstance(value := carrier.get(key), str)}
    tracer = trace.get_tracer("sayathing")
    with tracer.start_as_current_span(
        name,
        context=propagate.extract(told),
        kind=trace.SpanKind.SERVER if kind == "server" else trace.SpanKind.CONSUMER,
        record_exception=False,
        set_status_on_exception=False,
    ) as opened:
        yield Span(opened)
