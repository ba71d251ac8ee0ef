"""The voices."""

from typing import Annotated, Literal, Self

import anyio.to_thread
from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from app.api import problems
from app.api.dependencies import VoicesDep
from app.api.openapi import answers
from app.api.parameters import NO_PARAMETERS
from app.api.problems import Problem, quoted
from app.services.list_voices import ListedVoice

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


@router.get(
    "/tts/voices/{voice_id}",
    operation_id="get_voice",
    summary="One voice",
    responses=answers(problems.VOICE_NOT_FOUND),
)
async def get(
    voice_id: Annotated[str, Path(description="The voice's `id`.", examples=["espeak-en-us"])], voices: VoicesDep
) -> VoiceBody:
    found = await anyio.to_thread.run_sync(voices.find, voice_id)
    if found is None:
        raise Problem(
            problems.VOICE_NOT_FOUND, f"There is no voice {quoted(voice_id)}; GET /tts/voices lists all of them."
        )
    return VoiceBody.of(found)
