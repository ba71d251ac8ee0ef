"""Every kind of problem that the API answers with, and the one way to raise one (RFC 9457).

`type` is stable: clients may branch on it. docs/api.md has a row for each kind.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from starlette.responses import Response
from starlette.types import Scope

from app.api.openai_errors import PREFIX, openai_error, openai_status

MEDIA_TYPE = "application/problem+json"

MAX_ERRORS = 100
"""How many errors one problem lists; a request with more of them is told so."""

MAX_QUOTED_CHARACTERS = 100
"""How much of a client's own words a problem repeats."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of problem. `slug` is the last part of its `type`; an empty one says no more than the status does."""

    slug: str
    status: int
    title: str

    @property
    def type(self) -> str:
        return f"/problems/{self.slug}" if self.slug else "about:blank"


MALFORMED_JSON: Final = Kind("malformed-json", 400, "The body is not JSON")
UNKNOWN_HOST: Final = Kind("unknown-host", 400, "The request names a host that is not served here")
UNAUTHORIZED: Final = Kind("unauthorized", 401, "An API key is needed")
FORBIDDEN: Final = Kind("forbidden", 403, "The API key does not allow this")
KEYS_NEEDED: Final = Kind("keys-needed", 403, "Without API keys only this machine is answered")
OTHER_SITE: Final = Kind("other-site", 403, "Another site's page sent this")
NOT_FOUND: Final = Kind("not-found", 404, "There is nothing here")
TASK_NOT_FOUND: Final = Kind("task-not-found", 404, "There is no such task")
ITEM_NOT_FOUND: Final = Kind("item-not-found", 404, "The task has no such item")
MODEL_NOT_FOUND: Final = Kind("model-not-found", 404, "There is no such model")
VOICE_NOT_FOUND: Final = Kind("voice-not-found", 404, "There is no such voice")
METHOD_NOT_ALLOWED: Final = Kind("method-not-allowed", 405, "This method is not for this address")
ILLEGAL_MOVE: Final = Kind("illegal-move", 409, "The task's state forbids this")
LEXICON_NOT_FOUND: Final = Kind("lexicon-not-found", 404, "There is no such lexicon")
CAPTIONS_NOT_FOUND: Final = Kind("captions-not-found", 404, "The item has no captions")
PEAKS_NOT_FOUND: Final = Kind("peaks-not-found", 404, "The item has no peaks")
TASK_AT_WORK: Final = Kind("task-at-work", 409, "The task is being worked on")
TOO_MANY_LEXICONS: Final = Kind("too-many-lexicons", 409, "There is no room for another lexicon")
AUDIO_NOT_READY: Final = Kind("audio-not-ready", 409, "The audio is not finished")
SPEECH_CANCELLED: Final = Kind("speech-cancelled", 409, "The task was cancelled")
SEVERAL_ITEMS: Final = Kind("several-items", 409, "The task has several items")
AUDIO_MISSING: Final = Kind("audio-missing", 410, "The audio is no longer on disk")
PRECONDITION_FAILED: Final = Kind("precondition-failed", 412, "Somebody else has changed it")
SLOW_BODY: Final = Kind("slow-body", 408, "The body came too slowly")
BODY_TOO_LARGE: Final = Kind("body-too-large", 413, "The body is too large")
UNSUPPORTED_MEDIA_TYPE: Final = Kind("unsupported-media-type", 415, "The body is of the wrong media type")
RANGE_NOT_SATISFIABLE: Final = Kind("range-not-satisfiable", 416, "The range lies outside the file")
INVALID_INPUT: Final = Kind("invalid-input", 422, "The request does not fit")
UNKNOWN_VOICE: Final = Kind("unknown-voice", 422, "There is no such voice")
UNKNOWN_LEXICON: Final = Kind("unknown-lexicon", 422, "There is no such lexicon")
VOICE_UNAVAILABLE: Final = Kind("voice-unavailable", 422, "The voice is not available")
PHONEMES_UNSUPPORTED: Final = Kind("phonemes-unsupported", 422, "The voice cannot speak phonemes")
WEBHOOKS_UNAVAILABLE: Final = Kind("webhooks-unavailable", 422, "Webhooks are not set up here")
WEBHOOK_REFUSED: Final = Kind("webhook-refused", 422, "The webhook's address is not public")
DELIVERY_NOT_FOUND: Final = Kind("delivery-not-found", 404, "The task has no such delivery")
IDEMPOTENCY_KEY_REUSED: Final = Kind("idempotency-key-reused", 422, "The idempotency key stands for another request")
NOT_SPOKEN: Final = Kind("not-spoken", 422, "The text cannot be spoken so")
TOO_MANY_REQUESTS: Final = Kind("too-many-requests", 429, "Too many requests")
INTERNAL_ERROR: Final = Kind("internal-error", 500, "Something went wrong here")
SPEECH_FAILED: Final = Kind("speech-failed", 500, "The text was not spoken")
QUEUE_FULL: Final = Kind("queue-full", 503, "Too many tasks are unfinished")
DISK_FULL: Final = Kind("disk-full", 503, "The disk is almost full")
STORAGE_UNAVAILABLE: Final = Kind("storage-unavailable", 503, "The storage cannot be used right now")
STOPPING: Final = Kind("stopping", 503, "The service is stopping")
WORKERS_BUSY: Final = Kind("workers-busy", 503, "No worker has answered in time")
WORKER_FAILED: Final = Kind("worker-failed", 503, "The worker could not do it this time")
NOT_READY: Final = Kind("not-ready", 503, "The service is not ready")

KINDS: Final[Mapping[str, Kind]] = {
    kind.slug: kind
    for kind in (
        MALFORMED_JSON,
        UNKNOWN_HOST,
        UNAUTHORIZED,
        FORBIDDEN,
        KEYS_NEEDED,
        OTHER_SITE,
        NOT_FOUND,
        TASK_NOT_FOUND,
        ITEM_NOT_FOUND,
        MODEL_NOT_FOUND,
        VOICE_NOT_FOUND,
        LEXICON_NOT_FOUND,
        CAPTIONS_NOT_FOUND,
        PEAKS_NOT_FOUND,
        METHOD_NOT_ALLOWED,
        ILLEGAL_MOVE,
        TASK_AT_WORK,
        TOO_MANY_LEXICONS,
        AUDIO_NOT_READY,
        SPEECH_CANCELLED,
        SEVERAL_ITEMS,
        AUDIO_MISSING,
        PRECONDITION_FAILED,
        SLOW_BODY,
        BODY_TOO_LARGE,
        UNSUPPORTED_MEDIA_TYPE,
        RANGE_NOT_SATISFIABLE,
        INVALID_INPUT,
        UNKNOWN_VOICE,
        UNKNOWN_LEXICON,
        VOICE_UNAVAILABLE,
        PHONEMES_UNSUPPORTED,
        WEBHOOKS_UNAVAILABLE,
        WEBHOOK_REFUSED,
        DELIVERY_NOT_FOUND,
        IDEMPOTENCY_KEY_REUSED,
        NOT_SPOKEN,
        TOO_MANY_REQUESTS,
        INTERNAL_ERROR,
        SPEECH_FAILED,
        QUEUE_FULL,
        DISK_FULL,
        STORAGE_UNAVAILABLE,
        STOPPING,
        WORKERS_BUSY,
        WORKER_FAILED,
        NOT_READY,
    )
}


@dataclass(frozen=True, slots=True)
class BodyError:
    """What does not fit in a body, at a JSON pointer (RFC 6901)."""

    pointer: str
    detail: str

    def to_json(self) -> dict[str, str]:
        return {"pointer": self.pointer, "detail": self.detail}


@dataclass(frozen=True, slots=True)
class ParameterError:
    """What does not fit in a parameter; `place` is `query`, `path` or `header`."""

    place: str
    parameter: str
    detail: str

    def to_json(self) -> dict[str, str]:
        return {"in": self.place, "parameter": self.parameter, "detail": self.detail}


class Problem(Exception):
    """Answers the request with a problem.

    Parameters:
      kind: Which kind it is.
      detail: What happened, and what the client can do about it.
      errors: What does not fit, one by one.
      headers: Further headers of the answer.
      more: Further members of the problem, such as a task's state.
    """

    def __init__(
        self,
        kind: Kind,
        detail: str,
        *,
        errors: Sequence[BodyError | ParameterError] = (),
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.errors = errors
        self.headers = dict(headers or {})
        self.more = dict(more or {})

    def response(self, scope: Scope) -> Response:
        """The answer to the request of `scope`: below /v1 in the shape that OpenAI's clients read."""
        if str(scope.get("path", "/")).startswith(PREFIX):
            error = openai_error(self.kind.slug, self.kind.status, self.detail, self.errors)
            body, status = json.dumps(error).encode("ascii"), openai_status(self.kind.status)
            return Response(body, status, headers=self.headers, media_type="application/json")
        content: dict[str, object] = {
            "type": self.kind.type,
            "title": self.kind.title,
            "status": self.kind.status,
            "detail": self.detail,
            "instance": quote(str(scope.get("path", "/"))[:2000], errors="replace"),
            **self.more,
        }
        if self.errors:
            content["errors"] = [error.to_json() for error in self.errors[:MAX_ERRORS]]
        body = json.dumps(content).encode("ascii")
        return Response(body, self.kind.status, headers=self.headers, media_type=MEDIA_TYPE)


def quoted(text: str) -> str:
    """The start of a client's own words, fit to be repeated in an answer: printable, and never long."""
    short = text if len(text) <= MAX_QUOTED_CHARACTERS else text[:MAX_QUOTED_CHARACTERS] + "..."
    return repr(short)


def pointer(*parts: str | int) -> str:
    """The JSON pointer that leads to a value by these keys and indexes; a very long key is cut short."""
    keys = (str(part)[: 2 * MAX_QUOTED_CHARACTERS].replace("~", "~0").replace("/", "~1") for part in parts)
    return "".join(f"/{key}" for key in keys).encode("utf-8", "backslashreplace").decode()


def misfit(errors: Sequence[BodyError], kind: Kind = INVALID_INPUT) -> Problem:
    """The problem of a body in which these things do not fit."""
    first = errors[0]
    where = f"{first.pointer}: " if first.pointer else ""
    others = {1: "", 2: " There is one more error in the body."}.get(
        len(errors), f" There are {len(errors) - 1} more errors in the body."
    )
    return Problem(kind, f"{where}{first.detail}{others}", errors=errors)
