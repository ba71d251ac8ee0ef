"""POST /api/tts: accept a speech task."""

from dataclasses import replace
from typing import Any

import anyio.to_thread
from fastapi import APIRouter, Request
from starlette.responses import Response

from app.api import problems
from app.api.access import current_caller
from app.api.dependencies import providers_of
from app.api.idempotency import IdempotencyKeyDep, body_digest, key_stands_for_another
from app.api.json_bodies import read_json_body
from app.api.openapi import answers, header
from app.api.parameters import NO_PARAMETERS
from app.api.speech_requests import parse_speech_request
from app.api.task_answers import task_response
from app.api.task_bodies import TaskBody
from app.api.webhook_requests import require_webhooks
from app.results import IdempotencyKey
from app.services.request_speech import Accepted, KeyStandsForAnother, request_speech, request_speech_once

router = APIRouter(tags=["speech"], dependencies=[NO_PARAMETERS])

_REQUEST_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "anyOf": [
                    {"$ref": "#/components/schemas/OneTextBody"},
                    {"$ref": "#/components/schemas/SeveralTextsBody"},
                ]
            },
            "examples": {
                "one text": {"value": {"text": "Nothing is lost."}},
                "all fields": {
                    "value": {
                        "text": "Nothing is lost.",
                        "voice": "espeak-en-us",
                        "speed": 1.1,
                        "volume": 1.0,
                        "format": "mp3",
                        "priority": "interactive",
                        "lexicon": {"Nguyen": "win"},
                        "metadata": {"page": 1},
                        "webhook": {"url": "https://example.org/hooks/sayathing"},
                    }
                },
                "several texts": {
                    "value": {
                        "format": "mp3",
                        "priority": "bulk",
                        "items": [{"text": "Chapter one."}, {"text": "Chapter two.", "speed": 0.9}],
                    }
                },
                "a book": {
                    "value": {
                        "book": {"title": "The Lamp", "author": "Ann Author", "chapters": ["One", "Two"]},
                        "items": [{"text": "Chapter one."}, {"text": "Chapter two."}],
                    }
                },
            },
        }
    },
}


@router.post(
    "/api/tts",
    operation_id="request_speech",
    summary="Have a text spoken",
    description="Answers once the task is on disk. Ask for the task, or follow its events, until it is `completed`.",
    status_code=202,
    response_model=TaskBody,
    responses=answers(
        problems.MALFORMED_JSON,
        problems.UNSUPPORTED_MEDIA_TYPE,
        problems.UNKNOWN_VOICE,
        problems.UNKNOWN_LEXICON,
        problems.VOICE_UNAVAILABLE,
        problems.PHONEMES_UNSUPPORTED,
        problems.WEBHOOKS_UNAVAILABLE,
        problems.WEBHOOK_REFUSED,
        problems.IDEMPOTENCY_KEY_REUSED,
        problems.QUEUE_FULL,
        problems.DISK_FULL,
        _202={
            "description": "Accepted, and on disk.",
            "headers": {
                "Location": header("The task's address."),
                "Retry-After": header("When to ask for it, in seconds.", "integer"),
                "Idempotency-Replayed": header("`true` where the task was accepted before, under the same key."),
            },
        },
    ),
    openapi_extra={"requestBody": _REQUEST_BODY},
)
async def request(request: Request, idempotency_key: IdempotencyKeyDep) -> Response:
    parts = providers_of(request)  # and not by Depends: what FastAPI spends on ten of them shows in the rate
    caller, clock = current_caller(), parts.clock()
    body = await read_json_body(request)
    asked = await anyio.to_thread.run_sync(
        parse_speech_request, body, parts.voices(), parts.settings().max_text_chars, parts.lexicons()
    )
    require_webhooks(asked, parts.settings())
    wanted = replace(asked, owner=caller.owner)
    async with parts.admission().place():
        if idempotency_key is None:
            task = await parts.database().write(request_speech, wanted, publisher=parts.publisher(), clock=clock)
            accepted = Accepted(task, replayed=False)
        else:
            digest = await anyio.to_thread.run_sync(body_digest, body)
            key = IdempotencyKey(caller.owner, idempotency_key, digest)
            try:
                accepted = await parts.database().write(
                    request_speech_once, wanted, key, publisher=parts.publisher(), clock=clock
                )
            except KeyStandsForAnother:
                raise key_stands_for_another() from None
    headers = {"Location": f"/tasks/{accepted.task.id}"}
    if accepted.replayed:
        headers["Idempotency-Replayed"] = "true"
    return await task_response(accepted.task, clock(), status=202, headers=headers)
