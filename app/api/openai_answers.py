"""What the OpenAPI document says of the answers below /v1."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from app.api import problems
from app.api.openai_errors import PREFIX, openai_error, openai_status
from app.api.openapi import JsonObject
from app.api.problems import Kind

_EVERYWHERE = (
    problems.UNKNOWN_HOST,
    problems.INVALID_INPUT,
    problems.BODY_TOO_LARGE,
    problems.INTERNAL_ERROR,
    problems.STORAGE_UNAVAILABLE,
)


def openai_answers(*kinds: Kind, **others: Mapping[str, Any]) -> dict[int | str, JsonObject]:
    """`responses` of a route below /v1; as `app.api.openapi.answers`, in OpenAI's shape and with its statuses."""
    by_status: defaultdict[int, list[Kind]] = defaultdict(list)
    for kind in dict.fromkeys((*kinds, *_EVERYWHERE)):
        by_status[openai_status(kind.status)].append(kind)
    documented: dict[int | str, JsonObject] = {int(name[1:]): dict(answer) for name, answer in others.items()}
    for status, alike in sorted(by_status.items()):
        examples = {
            kind.slug: {"value": openai_error(kind.slug, kind.status, "What happened, and what to do about it.", ())}
            for kind in alike
        }
        documented[status] = {
            "description": " ".join(f"`{kind.slug.replace('-', '_')}`: {kind.title}." for kind in alike),
            "content": {
                "application/json": {
                    "schema": {"$ref": "#/components/schemas/OpenAIErrorBody"},
                    "examples": examples,
                }
            },
        }
    return documented


def with_openai_errors(document: JsonObject) -> JsonObject:
    """The document without FastAPI's own answer to a parameter that does not fit: below /v1 there is no 422."""
    for path, operations in document["paths"].items():
        if path.startswith(PREFIX):
            for operation in operations.values():
                operation["responses"].pop("422", None)
    return document
