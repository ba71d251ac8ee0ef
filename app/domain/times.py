"""Times as the world writes them."""

from datetime import UTC, datetime


def rfc_3339(milliseconds: int) -> str:
    """The time so many milliseconds after the Unix epoch, in UTC."""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03d}Z"
