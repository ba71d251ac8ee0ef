"""The header `Idempotency-Key`: a client's own name for a request, so that sending it again is harmless."""

import hashlib
import json
import re
from typing import Annotated

from fastapi import Depends, Header, Request

from app.api import problems
from app.api.json_bodies import parse_json
from app.api.problems import ParameterError, Problem

HEADER = "Idempotency-Key"
MAX_KEY_CHARACTERS = 255

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


async def _idempotency_key(
    request: Request,
    _: Annotated[
        str | None,
        Header(
            alias=HEADER,
            description="Your own name for this request, 1 to 255 visible ASCII characters, such as a UUID. Sent "
            "again with the same body it gives the same task, and `Idempotency-Replayed: true`. Quotation marks "
            "around it make no difference. It is kept as long as the task.",
            json_schema_extra={"pattern": "^[!#-~][!-~]{0,254}$"},
        ),
    ] = None,
) -> str | None:
    given = request.headers.getlist(HEADER)
    if not given:
        return None
    if len(given) > 1:
        raise _misfit("Give it once.")
    key = given[0]
    if len(key) > 1 and key[0] == key[-1] == '"':  # as the IETF's draft writes it
        key = key[1:-1]
    if _KEY.fullmatch(key) is None:
        raise _misfit(f"Give 1 to {MAX_KEY_CHARACTERS} visible ASCII characters without spaces, such as a UUID.")
    return key


IdempotencyKeyDep = Annotated[str | None, Depends(_idempotency_key)]


def body_digest(body: bytes) -> str:
    """The SHA-256 of what an accepted body says, however it is spaced and in whatever order its keys stand."""
    said = json.dumps(_plain(parse_json(body)), ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(said.encode("ascii")).hexdigest()


def key_stands_for_another() -> Problem:
    return Problem(
        problems.IDEMPOTENCY_KEY_REUSED,
        f"This {HEADER} came before with another body. Give each request a key of its own, and send a request again "
        "as it was.",
    )


def _plain(value: object) -> object:
    """The value with 1.0 written as 1."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _misfit(detail: str) -> Problem:
    return Problem(
        problems.INVALID_INPUT,
        f"Header parameter {HEADER!r}: {detail}",
        errors=[ParameterError("header", HEADER, detail)],
    )
