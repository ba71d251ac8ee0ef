"""The voices."""

import hashlib
import re
from typing import Annotated, Literal, Self

import anyio.to_thread
from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from app.api import problems
from app.api.dependencies import SamplesDep, VoicesDep
from app.api.file_answers import small_file
from app.api.openapi import answers, header
from app.api.parameters import NO_PARAMETERS
from app.api.problems import Problem
from app.api.worker_answers import not_answered, workers_busy
from app.asking import AnsweredWithError, NoAnswer
from app.domain.audio_formats import SAMPLE_FORMAT
from app.domain.errors import VoiceUnavailable
from app.domain.voices import UnknownVoice, VoiceMix
from app.services.list_voices import ListedVoice
from app.services.voice_samples import TooManySamples

MAX_NAME_CHARACTERS = 64

_UNSAFE = re.compile("[^A-Za-z0-9_-]+")

router = APIRouter(tags=["voices"], dependencies=[NO_PARAMETERS])


class VoiceBody(BaseModel):
    """A voice. `why_not` tells why it cannot speak here and what to do about it; null where it can."""

    id: str
    name: str
    language: str = Field(description="A BCP 47 tag.")
    gender: Literal["female", "male"] | None
    grade: str | None = Field(description="The quality that the model's authors give it, A to F+.")
    engine: Literal["kokoro", "espeak"]
    available: bool
    why_not: str | None

    @classmethod
    def of(cls, listed: ListedVoice) -> Self:
        voice = listed.voice
        return cls.model_validate(
            {
                "id": voice.id,
                "name": voice.name,
                "language": voice.language,
                "gender": voice.gender,
                "grade": voice.grade,
                "engine": voice.engine,
                "available": listed.why_not is None,
                "why_not": listed.why_not,
            }
        )


class VoicesBody(BaseModel):
    """`default` speaks where a request names no voice."""

    default: str
    voices: list[VoiceBody]


@router.get(
    "/tts/voices",
    operation_id="list_voices",
    summary="All voices, and which of them can speak here",
    responses=answers(),
)
async def list_all(voices: VoicesDep) -> VoicesBody:
    listed = await anyio.to_thread.run_sync(voices.all)
    default = await anyio.to_thread.run_sync(voices.default)
    return VoicesBody(default=str(default), voices=[VoiceBody.of(voice) for voice in listed])


VoiceId = Annotated[
    str,
    Path(
        description="The voice's `id`, or a mix of Kokoro voices of one language.",
        examples=["espeak-en-us", "af_bella:2+af_sky:1"],
    ),
]


@router.get(
    "/tts/voices/{voice_id}",
    operation_id="get_voice",
    summary="One voice, or one mix of voices",
    responses=answers(problems.VOICE_NOT_FOUND),
)
async def get(voice_id: VoiceId, voices: VoicesDep) -> VoiceBody:
    try:
        return VoiceBody.of(await anyio.to_thread.run_sync(voices.find, voice_id))
    except UnknownVoice as error:
        raise Problem(problems.VOICE_NOT_FOUND, str(error)) from None


_SAMPLE = {SAMPLE_FORMAT.media_type: {"schema": {"type": "string", "format": "binary"}}}
_SAMPLE_ANSWERS = answers(
    problems.VOICE_NOT_FOUND,
    problems.VOICE_UNAVAILABLE,
    problems.RANGE_NOT_SATISFIABLE,
    problems.WORKERS_BUSY,
    problems.WORKER_FAILED,
    _200={
        "description": "The sample.",
        "content": _SAMPLE,
        "headers": {
            "ETag": header("The SHA-256 of the file."),
            "Accept-Ranges": header("`bytes`."),
            "Content-Disposition": header("`inline`, with a name to save the file under."),
        },
    },
    _206={
        "description": "The bytes asked for with `Range`.",
        "content": _SAMPLE,
        "headers": {"Content-Range": header("Which bytes of how many.")},
    },
    _304={"description": "The client has it already (If-None-Match)."},
)


@router.get(
    "/tts/voices/{voice_id}/sample",
    operation_id="get_voice_sample",
    summary="What a voice sounds like",
    description="A sentence in the voice's own language. The first request has a worker speak it and waits for that, "
    "up to half a minute; the sample is kept.",
    response_class=Response,
    responses=_SAMPLE_ANSWERS,
)
@router.head(
    "/tts/voices/{voice_id}/sample",
    operation_id="head_voice_sample",
    summary="The headers of that sample",
    response_class=Response,
    responses=_SAMPLE_ANSWERS,
)
async def sample(request: Request, voice_id: VoiceId, samples: SamplesDep) -> Response:
    try:
        mix = VoiceMix.parse(voice_id)
    except UnknownVoice as error:
        raise Problem(problems.VOICE_NOT_FOUND, str(error)) from None
    try:
        content = await samples.sample(mix)
    except TooManySamples:
        raise workers_busy("As many samples as may be are waited for already (MAX_CONCURRENT_VOICE_SAMPLES).") from None
    except VoiceUnavailable as error:
        raise Problem(problems.VOICE_UNAVAILABLE, str(error)) from None
    except (NoAnswer, AnsweredWithError) as error:
        raise not_answered(error) from None
    etag = f'"{hashlib.sha256(content).hexdigest()}"'
    name = f"{_UNSAFE.sub('-', str(mix))[:MAX_NAME_CHARACTERS]}.{SAMPLE_FORMAT}"
    return small_file(request, content, etag=etag, media_type=SAMPLE_FORMAT.media_type, name=name)
