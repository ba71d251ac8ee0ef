"""Times as the API writes them."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import Field

Timestamp = Annotated[
    str,
    Field(
        description="RFC 3339, in UTC, with milliseconds.",
        json_schema_extra={"format": "date-time"},
        examples=["2026-11-22T12:00:00.000Z"],
    ),
]


def timestamp(milliseconds: int) -> str:
    """The time so many milliseconds after the Unix epoch."""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03d}Z"


def optional_timestamp(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else timestamp(milliseconds)
