"""How a text would be said: phonemes, before anything is spoken."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

import anyio.to_thread
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.api import problems
from app.api.dependencies import LexiconsDep, PreviewsDep
from app.api.json_bodies import parse_json, read_json_body
from app.api.lexicon_bodies import EXAMPLE_ENTRIES, LexiconChoice
from app.api.openapi import answers
from app.api.parameters import NO_PARAMETERS
from app.api.problems import BodyError, misfit
from app.api.request_lexicons import RequestLexicons
from app.api.speech_bodies import MAX_VOICE_CHARACTERS, Text
from app.api.speech_requests import misfit_of
from app.api.worker_answers import not_answered
from app.asking import AnsweredWithError, NoAnswer
from app.domain.kokoro_alphabet import ALPHABET
from app.domain.lexicons import ChosenLexicon
from app.domain.markup import MARKUP
from app.domain.phonemes import PhonemePreview, Rung
from app.domain.voices import BEST_KOKORO_VOICE, CATALOGUE, UnknownVoice, VoiceMix
from app.services.find_lexicons import LexiconFinder

MAX_PREVIEW_CHARACTERS = 5000

router = APIRouter(tags=["lexicons"], dependencies=[NO_PARAMETERS])


class PreviewBody(BaseModel):
    """A text whose phonemes are wanted."""

    model_config = ConfigDict(extra="forbid", strict=True)

    text: Annotated[Text, Field(max_length=MAX_PREVIEW_CHARACTERS)]
    voice: str = Field(
        BEST_KOKORO_VOICE,
        min_length=1,
        max_length=MAX_VOICE_CHARACTERS,
        description="A Kokoro voice, or a mix; its language decides. Its model need not be there.",
        examples=["af_heart", "bf_emma"],
    )
    lexicon: LexiconChoice = Field(
        default_factory=dict, description="As in POST /api/tts.", examples=["names", EXAMPLE_ENTRIES]
    )


class WordBody(BaseModel):
    """A word at `start_char` to `end_char` of the text, in characters, the end excluded, and what is said for it.

    `source` tells who knew: the text or the lexicon (`given`), a `dictionary`, `espeak` by its rules, or nobody
    (`silent`).
    """

    text: str
    start_char: int
    end_char: int
    phonemes: str
    source: Literal["given", "dictionary", "espeak", "silent"]


class PhonemesBody(BaseModel):
    """What the model is given. `text` is the text that the offsets are for, `spoken` how it is read out, in words;
    `unknown` are the words that no dictionary has, each once."""

    voice: str
    language: str
    text: str
    spoken: str
    phonemes: str
    words: list[WordBody]
    unknown: list[str]

    @classmethod
    def of(cls, wanted: "_Wanted", preview: PhonemePreview) -> Self:
        words = [
            WordBody(
                text=word.text,
                start_char=word.start,
                end_char=word.end,
                phonemes=word.phonemes,
                source=_SOURCES[word.rung],
            )
            for word in preview.words
        ]
        return cls(
            voice=str(wanted.voice),
            language=wanted.voice.language,
            text=wanted.text,
            spoken=preview.spoken,
            phonemes=preview.phonemes,
            words=words,
            unknown=list(preview.unknown),
        )


_SOURCES: dict[Rung, Literal["given", "dictionary", "espeak", "silent"]] = {
    Rung.GIVEN: "given",
    Rung.DICTIONARY: "dictionary",
    Rung.ESPEAK: "espeak",
    Rung.SILENT: "silent",
}


@dataclass(frozen=True, slots=True)
class _Wanted:
    text: str
    voice: VoiceMix
    lexicon: ChosenLexicon | None


_REQUEST_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {"$ref": "#/components/schemas/PreviewBody"},
            "examples": {
                "a text": {"value": {"text": "Dr. Nguyen paid $12.50."}},
                "with a lexicon": {
                    "value": {"text": "Dr. Nguyen paid.", "voice": "bf_emma", "lexicon": {"Nguyen": "win"}}
                },
            },
        }
    },
}


@router.post(
    "/tts/phonemes",
    operation_id="preview_phonemes",
    summary="How a text would be said",
    description="A worker tells; the answer waits for it, up to 20 seconds. Nothing is spoken or stored.",
    responses=answers(
        problems.MALFORMED_JSON,
        problems.UNSUPPORTED_MEDIA_TYPE,
        problems.UNKNOWN_VOICE,
        problems.UNKNOWN_LEXICON,
        problems.VOICE_UNAVAILABLE,
        problems.PHONEMES_UNSUPPORTED,
        problems.WORKERS_BUSY,
        problems.WORKER_FAILED,
    ),
    openapi_extra={"requestBody": _REQUEST_BODY},
)
async def preview(request: Request, lexicons: LexiconsDep, previews: PreviewsDep) -> PhonemesBody:
    body = await read_json_body(request)
    wanted = await anyio.to_thread.run_sync(_parse, body, lexicons)
    lexicon = wanted.lexicon.lexicon if wanted.lexicon else None
    try:
        return PhonemesBody.of(wanted, await previews.preview(wanted.text, wanted.voice, lexicon))
    except (NoAnswer, AnsweredWithError) as error:
        raise not_answered(error) from None


def _parse(content: bytes, stored: LexiconFinder) -> _Wanted:
    value = parse_json(content)
    if not isinstance(value, dict):
        raise misfit([BodyError("", "Send a JSON object with `text`.")])
    try:
        body = PreviewBody.model_validate(value)
    except ValidationError as error:
        raise misfit_of(error) from None
    lexicons = RequestLexicons(stored)
    lexicon = lexicons.choose(body.lexicon, "lexicon")
    if lexicons.misfits:
        kinds = {kind for kind, _ in lexicons.misfits}
        raise misfit([error for _, error in lexicons.misfits], kinds.pop())
    _check_markup(body.text)
    return _Wanted(body.text, _voice(body.voice), lexicon)


def _voice(name: str) -> VoiceMix:
    try:
        voice = VoiceMix.parse(name)
    except UnknownVoice as error:
        raise misfit([BodyError("/voice", str(error))], problems.UNKNOWN_VOICE) from None
    if voice.engine != "kokoro":
        alike = [each.id for each in CATALOGUE.values() if each.engine == "kokoro" and each.language == voice.language]
        advice = f"Take one of its language, such as {alike[0]}" if alike else "Take a Kokoro voice"
        detail = f"{voice} speaks without phonemes that could be shown or given. {advice}."
        raise misfit([BodyError("/voice", detail)], problems.PHONEMES_UNSUPPORTED)
    return voice


def _check_markup(text: str) -> None:
    for found in MARKUP.finditer(text):
        if unknown := sorted(set(found["phonemes"]) - ALPHABET):
            symbols = ", ".join(f"{symbol} (U+{ord(symbol):04X})" for symbol in unknown[:10])
            detail = f"Kokoro has no phonemes {symbols}, which are given at character {found.start()}."
            raise misfit([BodyError("/text", detail)])
