"""Times as the API writes them."""

from typing import Annotated

from pydantic import Field

from app.domain.times import rfc_3339 as timestamp

__all__ = ["Timestamp", "optional_timestamp", "timestamp"]

Timestamp = Annotated[
    str,
    Field(
        description="RFC 3339, in UTC, with milliseconds.",
        json_schema_extra={"format": "date-time"},
        examples=["2026-11-22T12:00:00.000Z"],
    ),
]


def optional_timestamp(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else timestamp(milliseconds)
