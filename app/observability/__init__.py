"""What the service tells those who run it."""

from app.observability.context import carried, request_id_of
from app.observability.logs import configure_logging
from app.observability.tally import Tally
from app.observability.tracing import configure_tracing

__all__ = ["Tally", "carried", "configure_logging", "configure_tracing", "request_id_of"]
