"""What the service tells those who run it."""

from app.observability.logs import configure_logging
from app.observability.tally import Tally

__all__ = ["Tally", "configure_logging"]
