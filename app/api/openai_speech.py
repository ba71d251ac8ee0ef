"""POST /v1/audio/speech: OpenAI's speech API over the same tasks."""

import base64
import json
import math
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from functools import partial
from typing import Any

import anyio.to_thread
from fastapi import APIRouter, Request
from starlette.responses import Response

from app.api import problems
from app.api.dependencies import (
    AdmissionDep,
    CallerDep,
    ClockDep,
    DatabaseDep,
    PublisherDep,
    SettingsDep,
    StreamsDep,
    VoicesDep,
)
from app.api.json_bodies import read_json_body
from app.api.openai_answers import openai_answers
from app.api.openai_bodies import parse_openai_speech
from app.api.openai_errors import openai_error
from app.api.openapi import header
from app.api.parameters import NO_PARAMETERS
from app.api.problems import Problem
from app.api.stream_answers import StreamAnswer
from app.domain.audio_formats import AudioFormat
from app.domain.errors import IllegalMove
from app.domain.states import TaskState
from app.domain.tasks import Priority, SpeechRequest, Task
from app.services.control_tasks import cancel_task
from app.services.request_speech import request_speech
from app.services.stream_speech import ItemSpeech, StreamEnded

router = APIRouter(tags=["openai"], dependencies=[NO_PARAMETERS])

PCM_SAMPLE_RATE = 24_000
"""What OpenAI's clients take raw samples for: nothing in them says otherwise."""

OUTPUT_TOKENS_A_SECOND = 20
"""Of OpenAI's audio models a token is 50 ms of sound."""

_NOT_SPOKEN = frozenset({"nothing-to-say", "phonemes-unknown", "segment-silent", "voice-unavailable"})
"""Why a text that was accepted cannot be spoken, and will not be if it is sent again."""

_NO_SECOND_TRY = {"X-Should-Retry": "false"}
"""OpenAI's clients send a request again after 409 and 5xx: here every attempt has been made already."""

_EVENT_SCHEMA = {
    "type": "object",
    "properties": {
        "event": {"type": "string"},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {
                "type": "object",
                "required": ["type"],
                "properties": {"type": {"enum": ["speech.audio.delta", "speech.audio.done", "error"]}},
            },
        },
    },
    "required": ["data"],
}


@router.post(
    "/v1/audio/speech",
    operation_id="create_speech",
    summary="Speak a text, and send the sound while it is made (OpenAI's speech API)",
    description="The task has the priority `interactive`, and is cancelled where the client leaves. The headers go out "
    "with the first bytes, as soon as the first segment is rendered. An error after that cuts the connection; with "
    "`stream_format=sse` it is an event.",
    response_class=Response,
    responses=openai_answers(
        problems.MALFORMED_JSON,
        problems.UNSUPPORTED_MEDIA_TYPE,
        problems.MODEL_NOT_FOUND,
        problems.UNKNOWN_VOICE,
        problems.VOICE_UNAVAILABLE,
        problems.PHONEMES_UNSUPPORTED,
        problems.NOT_SPOKEN,
        problems.SPEECH_CANCELLED,
        problems.SPEECH_FAILED,
        problems.STOPPING,
        problems.QUEUE_FULL,
        problems.DISK_FULL,
        _200={
            "description": "The sound, or events with parts of it.",
            "content": {
                **{format.media_type: {"schema": {"type": "string", "format": "binary"}} for format in AudioFormat},
                "text/event-stream": {"itemSchema": _EVENT_SCHEMA},
            },
            "headers": {
                "X-Task-Id": header("The task; GET /tasks/{id} tells of it."),
                "X-Voice": header("The voice that speaks."),
            },
        },
    ),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/OpenAISpeechBody"}}},
        }
    },
)
async def speak(
    request: Request,
    settings: SettingsDep,
    voices: VoicesDep,
    caller: CallerDep,
    admission: AdmissionDep,
    database: DatabaseDep,
    publisher: PublisherDep,
    streams: StreamsDep,
    clock: ClockDep,
) -> Response:
    body = await read_json_body(request)
    asked, item = await anyio.to_thread.run_sync(parse_openai_speech, body, voices, settings.max_text_chars)
    wanted = SpeechRequest((item,), Priority.INTERACTIVE, owner=caller.owner)
    async with admission.place():
        task = await database.write(request_speech, wanted, publisher=publisher, clock=clock)
    rate = PCM_SAMPLE_RATE if item.format is AudioFormat.PCM else None
    speech = streams.speech(task.id, 0, item.format, volume=item.volume, output_rate=rate)

    async def cancel() -> None:
        with suppress(IllegalMove):  # it is finished: nothing is left to stop
            await database.write(cancel_task, task.id, clock=clock)

    headers = {"X-Task-Id": task.id, "X-Voice": item.voice}
    if asked.stream_format == "sse":
        return StreamAnswer(
            _events(speech, task),
            lambda: {**headers, "Content-Type": "text/event-stream"},
            streams.watch,
            left=cancel,
            farewell=_error_event(_stopping()),
        )
    return StreamAnswer(
        _sound(speech, task),
        lambda: {**headers, "Content-Type": item.format.content_type(speech.sample_rate)},
        streams.watch,
        left=cancel,
    )


async def _sound(speech: ItemSpeech, task: Task) -> AsyncGenerator[bytes]:
    async with aclosing(speech.chunks()) as chunks:
        try:
            async for chunk in chunks:
                yield chunk
        except StreamEnded as ended:
            raise _problem_of(ended, task) from ended


async def _events(speech: ItemSpeech, task: Task) -> AsyncGenerator[bytes]:
    begun = False
    try:
        async with aclosing(_sound(speech, task)) as chunks:
            async for chunk in chunks:
                begun = True
                yield _event({"type": "speech.audio.delta", "audio": base64.b64encode(chunk).decode()})
    except Problem as problem:
        if not begun:
            raise
        yield _error_event(problem)
        return
    heard = math.ceil(speech.seconds * OUTPUT_TOKENS_A_SECOND)
    read = task.items[0].text_characters
    usage = {"input_tokens": read, "output_tokens": heard, "total_tokens": read + heard}
    yield _event({"type": "speech.audio.done", "usage": usage})


def _event(data: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(data).encode() + b"\n\n"


def _error_event(problem: Problem) -> bytes:
    kind = problem.kind
    return b"event: error\n" + _event({"type": "error", **openai_error(kind.slug, kind.status, problem.detail, ())})


def _stopping() -> Problem:
    return Problem(problems.STOPPING, "The service is stopping. The task is kept; ask again once it is back.")


def _problem_of(ended: StreamEnded, task: Task) -> Problem:
    """What a client is told of a task that ended without all of its sound."""
    answer = partial(Problem, headers={**_NO_SECOND_TRY, "X-Task-Id": task.id})
    if ended.state is None:
        return answer(problems.SPEECH_CANCELLED, f"Task {task.id} was deleted by somebody else.")
    if ended.state is TaskState.CANCELLED:
        return answer(problems.SPEECH_CANCELLED, f"Task {task.id} was cancelled by somebody else.")
    error = ended.error
    kind = problems.NOT_SPOKEN if error is not None and error.type in _NOT_SPOKEN else problems.SPEECH_FAILED
    why = f"{error.title}: {error.detail}" if error else "Its stored audio is missing. Send it again."
    return answer(kind, f"Task {task.id} has ended. {why}")
