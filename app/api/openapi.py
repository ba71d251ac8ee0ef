"""What the OpenAPI document says beyond the routes' own signatures."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from app.api import problems
from app.api.problems import MEDIA_TYPE, Kind

TITLE = "SayAThing"
DESCRIPTION = (
    "Durable text to speech: a task is answered with 202 only once it is on disk, and ends as audio or with the "
    "reason why not. Problems are `application/problem+json` (RFC 9457)."
)
TAGS = [
    {"name": "speech", "description": "Ask for speech."},
    {"name": "tasks", "description": "Look at tasks, stop them, set them going again."},
    {"name": "audio", "description": "Finished files."},
    {"name": "events", "description": "Changes as they happen, as server-sent events."},
    {"name": "webhooks", "description": "What was told to a task's webhook, and what came of it."},
    {"name": "voices", "description": "Who can speak."},
    {"name": "lexicons", "description": "How words are said."},
    {"name": "openai", "description": "OpenAI's speech API, over the same tasks."},
    {"name": "health", "description": "How the service is."},
]

JsonObject = dict[str, Any]


class ProblemError(BaseModel):
    """One thing that does not fit: at a JSON pointer into the body, or in a parameter."""

    model_config = ConfigDict(extra="forbid")

    pointer: str | None = Field(None, description="JSON pointer (RFC 6901) into the body.")
    parameter: str | None = None
    in_: str | None = Field(None, alias="in", description="`query`, `path` or `header`.")
    detail: str


class ProblemBody(BaseModel):
    """A problem (RFC 9457). `type` is stable; `detail` says what to do."""

    type: str = Field(examples=["/problems/invalid-input"])
    title: str
    status: int
    detail: str
    instance: str
    errors: list[ProblemError] | None = None


def answers(*kinds: Kind, **others: Mapping[str, Any]) -> dict[int | str, JsonObject]:
    """`responses` of a route: its own problems, and those that any route may answer with.

    `others` are answers of other statuses, named `_200`, `_304` and so on.
    """
    by_status: defaultdict[int, list[Kind]] = defaultdict(list)
    everywhere = (
        problems.UNKNOWN_HOST,
        problems.UNAUTHORIZED,
        problems.FORBIDDEN,
        problems.KEYS_NEEDED,
        problems.OTHER_SITE,
        problems.INVALID_INPUT,
        problems.SLOW_BODY,
        problems.BODY_TOO_LARGE,
        problems.TOO_MANY_REQUESTS,
        problems.INTERNAL_ERROR,
        problems.STORAGE_UNAVAILABLE,
    )
    for kind in (*kinds, *(kind for kind in everywhere if kind not in kinds)):
        by_status[kind.status].append(kind)
    documented: dict[int | str, JsonObject] = {int(name[1:]): dict(answer) for name, answer in others.items()}
    for status, alike in sorted(by_status.items()):
        documented[status] = {
            "description": " ".join(f"`{kind.type}`: {kind.title}." for kind in alike),
            "content": {
                MEDIA_TYPE: {
                    "schema": {"$ref": "#/components/schemas/ProblemBody"},
                    "examples": {kind.slug: {"value": _example(kind)} for kind in alike},
                }
            },
        }
    return documented


def header(description: str, schema: str = "string") -> JsonObject:
    return {"description": description, "schema": {"type": schema}}


def with_plain_parameters(document: JsonObject) -> JsonObject:
    """The document with parameters as they travel: none is null, and bounds have the names of JSON Schema.

    pydantic writes the bounds of a number under its own names where a validator stands before it.
    """
    for path in document["paths"].values():
        for operation in path.values():
            for parameter in operation.get("parameters", ()):
                parameter["schema"] = _plain(parameter["schema"])
    return document


def with_links(document: JsonObject) -> JsonObject:
    """The document with where one can go from an accepted task: every operation that needs its id alone."""
    accepted = document["paths"]["/api/tts"]["post"]["responses"]["202"]
    accepted["links"] = {
        operation["operationId"]: {
            "operationId": operation["operationId"],
            "parameters": {"task_id": "$response.body#/task_id"},
        }
        for path, operations in document["paths"].items()
        if path.startswith("/tasks/{task_id}") and path.count("{") == 1
        for operation in operations.values()
    }
    return document


def _plain(schema: JsonObject) -> JsonObject:
    choices = [choice for choice in schema.get("anyOf", ()) if choice.get("type") != "null"]
    if len(choices) == 1:
        schema = {**choices[0], **{name: value for name, value in schema.items() if name != "anyOf"}}
    return {{"ge": "minimum", "le": "maximum"}.get(name, name): value for name, value in schema.items()}


def with_schemas(document: JsonObject, *models: type[BaseModel]) -> JsonObject:
    """The document with the schemas of these models among its components."""
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for model in models:
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(schema.pop("$defs", {}))
        schemas[model.__name__] = schema
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    return document


def _example(kind: Kind) -> JsonObject:
    return {
        "type": kind.type,
        "title": kind.title,
        "status": kind.status,
        "detail": "What happened, and what to do about it.",
        "instance": "/",
    }
