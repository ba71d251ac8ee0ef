"""What goes along with a piece of work from process to process: the request's id, and the trace that it belongs to."""

from collections.abc import Mapping

import structlog

from app.observability import tracing

REQUEST_ID = "request_id"


def carried() -> dict[str, str]:
    """What a message that is sent from here takes along, as its options."""
    found = tracing.outgoing()
    request_id = structlog.contextvars.get_contextvars().get(REQUEST_ID)
    return {**found, REQUEST_ID: request_id} if isinstance(request_id, str) else found


def request_id_of(options: Mapping[str, object]) -> str | None:
    """The id of the request that a message goes back to; None where no request was the cause."""
    found = options.get(REQUEST_ID)
    return found if isinstance(found, str) else None
