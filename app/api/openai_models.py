"""The models and the voices, as OpenAI's clients ask for them."""

from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Path

from app.api import problems
from app.api.dependencies import VoicesDep
from app.api.openai_answers import openai_answers
from app.api.openai_bodies import ModelBody, ModelsBody, SpeakingVoiceBody, SpeakingVoicesBody
from app.api.parameters import NO_PARAMETERS
from app.api.problems import Problem, quoted
from app.domain.openai_names import MODELS, VOICE_ALIASES
from app.domain.voices import Voice
from app.services.list_voices import VoiceDirectory

router = APIRouter(tags=["openai"], dependencies=[NO_PARAMETERS])

CREATED = 1_795_348_800
"""2026-11-22, for every model: the field is required, and nothing depends on it."""


@router.get(
    "/v1/models",
    operation_id="list_models",
    summary="The names that a request may give as its model",
    responses=openai_answers(),
)
async def list_models() -> ModelsBody:
    return ModelsBody(data=[_model(name) for name in MODELS])


@router.get(
    "/v1/models/{model}",
    operation_id="get_model",
    summary="One of them",
    responses=openai_answers(problems.MODEL_NOT_FOUND),
)
async def get_model(model: Annotated[str, Path(description="The model's `id`.", examples=["tts-1"])]) -> ModelBody:
    if model not in MODELS:
        raise Problem(problems.MODEL_NOT_FOUND, f"There is no model {quoted(model)}; GET /v1/models lists them.")
    return _model(model)


@router.get(
    "/v1/audio/voices",
    operation_id="list_speaking_voices",
    summary="The names that a request may give as its voice, and that can speak here: OpenAI's first, then ours",
    responses=openai_answers(),
)
async def list_voices(voices: VoicesDep) -> SpeakingVoicesBody:
    return await anyio.to_thread.run_sync(_speaking, voices)


def _model(name: str) -> ModelBody:
    return ModelBody(id=name, created=CREATED, owned_by="sayathing")


def _speaking(voices: VoiceDirectory) -> SpeakingVoicesBody:
    behind = {name: voices.either(alias.kokoro, alias.espeak).parts[0][0] for name, alias in VOICE_ALIASES.items()}
    aliases = [
        _body(voice, name=name, speaks_as=voice.id) for name, voice in behind.items() if voices.why_not(voice) is None
    ]
    ours = [_body(listed.voice) for listed in voices.all() if listed.why_not is None]
    return SpeakingVoicesBody(voices=[*aliases, *ours])


def _body(voice: Voice, *, name: str | None = None, speaks_as: str | None = None) -> SpeakingVoiceBody:
    return SpeakingVoiceBody.model_validate(
        {
            "id": name or voice.id,
            "name": name.capitalize() if name else voice.name,
            "language": voice.language,
            "gender": voice.gender,
            "engine": voice.engine,
            "speaks_as": speaks_as,
        }
    )
