"""Problems as OpenAI's clients expect them: what /v1 answers with instead of problem+json."""

from collections.abc import Sequence
from typing import Any, Protocol

PREFIX = "/v1/"

_STATUSES = {422: 400}
"""OpenAI answers a body that does not fit with 400."""

_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
_OUR_NAMES = {"text": "input", "format": "response_format"}


class BodyFault(Protocol):
    """What does not fit: in a body, at `pointer`; elsewhere, in `parameter`."""

    def to_json(self) -> dict[str, str]: ...


def openai_status(status: int) -> int:
    """The status under which OpenAI's clients know it."""
    return _STATUSES.get(status, status)


def openai_error(slug: str, status: int, detail: str, errors: Sequence[BodyFault]) -> dict[str, Any]:
    """The body of an error: `code` is the problem's kind, `param` the first field that does not fit."""
    first = errors[0].to_json() if errors else {}
    name = first.get("parameter") or first.get("pointer", "").strip("/").partition("/")[0]
    kind = _TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
    return {
        "error": {
            "message": first.get("detail", detail),
            "type": kind,
            "param": _OUR_NAMES.get(name, name) or None,
            "code": slug.replace("-", "_") or None,
        }
    }
