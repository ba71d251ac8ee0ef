"""What the service tells those who run it."""

from app.observability.logs import configure_logging

__all__ = ["configure_logging"]
