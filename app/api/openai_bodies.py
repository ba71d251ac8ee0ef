"""The bodies of OpenAI's API: what a client may send, and what it gets back."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from app.api import problems
from app.api.json_bodies import parse_json
from app.api.problems import BodyError, Problem, quoted
from app.api.speech_bodies import MAX_VOICE_CHARACTERS, FormatName, OneTextBody, Text
from app.api.speech_requests import item_request, misfit_of
from app.domain.audio_formats import AudioFormat
from app.domain.openai_names import MODELS, VOICE_ALIASES
from app.domain.tasks import ItemRequest
from app.domain.voices import UnknownVoice, VoiceMix
from app.services.list_voices import VoiceDirectory

SLOWEST, FASTEST = 0.5, 2.0


def _speed_of_ours(value: float) -> float:
    if not SLOWEST <= value <= FASTEST:
        raise PydanticCustomError(
            "speed", "A voice speaks at 0.5 to 2.0 times its pace here; OpenAI's range of 0.25 to 4.0 is wider."
        )
    return value


def _no_instructions(value: object) -> object:
    raise PydanticCustomError(
        "instructions", "No voice here follows instructions. Leave them out; `voice` and `speed` decide the sound."
    )


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class VoiceReference(_Strict):
    """A voice by its id, the form that OpenAI has for custom voices."""

    id: str = Field(min_length=1, max_length=MAX_VOICE_CHARACTERS)


class OpenAISpeechBody(_Strict):
    """What POST /v1/audio/speech takes."""

    input: Text
    model: str = Field(description="One of those of GET /v1/models.", examples=["tts-1"])
    voice: Annotated[str, Field(min_length=1, max_length=MAX_VOICE_CHARACTERS)] | VoiceReference = Field(
        description="One of OpenAI's voice names, a voice's id, a mix of voices, or an object with such an `id`.",
        examples=["alloy"],
    )
    response_format: FormatName = Field(AudioFormat.MP3, description="`m4b` is sent once it is finished.")
    speed: Annotated[float, AfterValidator(_speed_of_ours)] = Field(
        1.0, allow_inf_nan=False, json_schema_extra={"minimum": SLOWEST, "maximum": FASTEST}
    )
    stream_format: Literal["audio", "sse"] = Field(
        "audio", description="Bytes of the file, or events with parts of it."
    )
    instructions: Annotated[str, BeforeValidator(_no_instructions)] = Field(
        "", description="Refused: no voice here follows instructions.", json_schema_extra={"not": {}}
    )


def parse_openai_speech(
    body: bytes, voices: VoiceDirectory, max_text_chars: int
) -> tuple[OpenAISpeechBody, ItemRequest]:
    """What a body asks for, in OpenAI's words and in ours. It may take a while: call it off the event loop.

    Raises:
      Problem: the body is not JSON, does not fit, or names a model or a voice that cannot do it.
    """
    value = parse_json(body)
    if not isinstance(value, dict):
        raise Problem(problems.INVALID_INPUT, "Send a JSON object with `model`, `input` and `voice`.")
    try:
        asked = OpenAISpeechBody.model_validate(value)
    except ValidationError as error:
        raise misfit_of(error) from None
    voice = _voice(asked, voices)
    wanted: dict[str, Any] = {
        "text": asked.input,
        "voice": voice,
        "speed": asked.speed,
        "format": asked.response_format,
    }
    return asked, item_request(OneTextBody.model_construct(set(wanted), **wanted), voices, max_text_chars)


def _voice(asked: OpenAISpeechBody, voices: VoiceDirectory) -> str:
    """The voice of ours that is to speak."""
    if asked.model not in MODELS:
        detail = f"There is no model {quoted(asked.model)}; GET /v1/models lists them."
        raise Problem(problems.MODEL_NOT_FOUND, detail, errors=[BodyError("/model", detail)])
    name = asked.voice if isinstance(asked.voice, str) else asked.voice.id
    engine = MODELS[asked.model]
    if (alias := VOICE_ALIASES.get(name)) is not None:
        chosen = {"kokoro": alias.kokoro, "espeak": alias.espeak}
        return chosen[engine] if engine else str(voices.either(alias.kokoro, alias.espeak))
    try:
        mix = VoiceMix.parse(name)
    except UnknownVoice as error:
        detail = f"{error} GET /v1/audio/voices lists OpenAI's names, too."
        raise Problem(problems.UNKNOWN_VOICE, detail, errors=[BodyError("/voice", detail)]) from None
    if engine and mix.engine != engine:
        detail = f"The model {asked.model!r} does not speak with {mix}. Take another voice, or the model 'sayathing'."
        raise Problem(problems.INVALID_INPUT, detail, errors=[BodyError("/voice", detail)])
    return name


class OpenAIError(BaseModel):
    message: str
    type: str
    param: str | None
    code: str | None


class OpenAIErrorBody(BaseModel):
    """An error, as OpenAI's clients read it."""

    error: OpenAIError


class ModelBody(BaseModel):
    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str


class ModelsBody(BaseModel):
    object: Literal["list"] = "list"
    data: list[ModelBody]


class SpeakingVoiceBody(BaseModel):
    """A name that a request may give as its `voice`. `speaks_as` is the voice behind one of OpenAI's names."""

    id: str
    object: Literal["audio.voice"] = "audio.voice"
    name: str
    language: str = Field(description="A BCP 47 tag.")
    gender: Literal["female", "male"] | None
    engine: Literal["kokoro", "espeak"]
    speaks_as: str | None


class SpeakingVoicesBody(BaseModel):
    """Those that can speak here."""

    object: Literal["list"] = "list"
    voices: list[SpeakingVoiceBody]
