"""The body of POST /api/tts: what it looks like, as a client may send it."""

import json
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, Strict, field_validator
from pydantic_core import PydanticCustomError

from app.api.lexicon_bodies import EXAMPLE_ENTRIES, LexiconChoice
from app.domain.audio_formats import AudioFormat
from app.domain.webhooks import MAX_URL_CHARACTERS, BadWebhook, check_url

MAX_ITEMS = 1000
MAX_METADATA_BYTES = 16 * 1024
MAX_METADATA_DEPTH = 32
MAX_VOICE_CHARACTERS = 2000
MAX_TITLE_CHARACTERS = 500

FormatName = Annotated[AudioFormat, Strict(strict=False)]
PriorityName = Literal["interactive", "normal", "bulk"]

_UNSPEAKABLE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_LINE_BREAK = re.compile("[\t\n\x0b\x0c\r\u2028\u2029]")
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")

_ANY = r"[^\u0000-\u0008\u000e-\u001f\u007f-\u009f\ufffe\uffff]"
_VISIBLE = r"[^\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufffe\uffff]"
TEXT_PATTERN = f"^{_ANY}*{_VISIBLE}{_ANY}*$"
"""What `_speakable` and the trimming demand, for readers of the OpenAPI document."""

_ANY_IN_LINE = r"[^\u0000-\u001f\u007f-\u009f\u2028\u2029\ufffe\uffff]"
TITLE_PATTERN = f"^{_ANY_IN_LINE}*{_VISIBLE}{_ANY_IN_LINE}*$"


def _speakable(value: object) -> object:
    """The text without the white space around it."""
    if not isinstance(value, str):
        return value
    found = _UNSPEAKABLE.search(value)
    if found is not None:
        raise PydanticCustomError(
            "unspeakable",
            "Character {offset} is U+{code}, {what}. Remove it.",
            {"offset": found.start(), "code": f"{ord(found[0]):04X}", "what": _what(found[0])},
        )
    text = value.strip()
    if not text:
        raise PydanticCustomError("empty_text", "The text is empty. Give at least one character besides white space.")
    return text


def _one_line(value: object) -> object:
    """A title without the white space around it."""
    title = _speakable(value)
    if isinstance(title, str) and (found := _LINE_BREAK.search(title)) is not None:
        raise PydanticCustomError(
            "title_lines", "Character {offset} ends a line; a title is one line.", {"offset": found.start()}
        )
    return title


def _what(character: str) -> str:
    if "\ud800" <= character <= "\udfff":
        return "half of a surrogate pair"
    return "a control character" if character < "\xa0" else "no character"


def _keepable(value: dict[str, Any]) -> dict[str, Any]:
    """Metadata that every store can keep and every client can read."""
    _refuse_deep(value)
    try:
        written = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        size = len(written.encode("utf-8"))
    except UnicodeEncodeError:
        raise PydanticCustomError("metadata_surrogate", "It holds half of a surrogate pair. Remove it.") from None
    except ValueError:
        raise PydanticCustomError("metadata_number", "It holds a number that is too large.") from None
    if _NUL.search(written):
        raise PydanticCustomError("metadata_nul", "It holds the character U+0000. Remove it.")
    if size > MAX_METADATA_BYTES:
        raise PydanticCustomError(
            "metadata_size",
            "It has {size} bytes as JSON; at most {limit} are kept.",
            {"size": size, "limit": MAX_METADATA_BYTES},
        )
    return value


def _refuse_deep(value: object) -> None:
    level: list[object] = [value]
    for _ in range(MAX_METADATA_DEPTH):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return
    raise PydanticCustomError("metadata_depth", "It is nested more than {limit} levels.", {"limit": MAX_METADATA_DEPTH})


Text = Annotated[
    str,
    BeforeValidator(_speakable),
    Field(
        description="What is to be spoken, at most MAX_TEXT_CHARS characters after trimming; no control characters "
        "but tab, line feed, form feed, vertical tab and carriage return.",
        json_schema_extra={"minLength": 1, "pattern": TEXT_PATTERN},
        examples=["Nothing is lost."],
    ),
]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class SpokenAs(_Strict):
    """How a text is spoken. Which fields a client has set is in `model_fields_set`."""

    voice: str = Field(
        default_factory=str,
        min_length=1,
        max_length=MAX_VOICE_CHARACTERS,
        description="A voice's id, or a mix of Kokoro voices of one language with weights; without it, the best "
        "voice that can speak here.",
        examples=["espeak-en-us", "af_bella:2+af_sky:1"],
    )
    speed: float = Field(1.0, ge=0.5, le=2.0, allow_inf_nan=False, description="1.0 is the voice's own pace.")
    volume: float = Field(1.0, ge=0.1, le=2.0, allow_inf_nan=False, description="1.0 is as loud as rendered.")
    format: FormatName = Field(AudioFormat.WAV, description="The format of the finished file.")
    lexicon: LexiconChoice = Field(
        default_factory=dict,
        description="How words are said: the name of a stored lexicon, or words with their respellings or /phonemes/.",
        examples=["names", EXAMPLE_ENTRIES],
    )
    metadata: Annotated[dict[str, Any], AfterValidator(_keepable)] = Field(
        default_factory=dict,
        description="Anything of the client's own, given back with the task; at most 16 KiB as JSON, no U+0000.",
        examples=[{"chapter": 3}],
    )


class WebhookBody(_Strict):
    """Where the end of the task is told, signed by Standard Webhooks."""

    url: str = Field(
        min_length=1,
        max_length=MAX_URL_CHARACTERS,
        description="An address of https or http that anybody can reach, without user name and fragment.",
        examples=["https://example.org/hooks/sayathing"],
    )

    @field_validator("url")
    @classmethod
    def _usable(cls, value: str) -> str:
        try:
            return check_url(value)
        except BadWebhook as error:
            raise PydanticCustomError("bad_webhook", "{reason}", {"reason": str(error)}) from None


Webhook = Annotated[
    WebhookBody,
    Field(
        default_factory=WebhookBody.model_construct,  # nobody; null is refused, as everywhere
        description="Told of the end of the whole task: completed, cancelled or discarded.",
    ),
]


class ItemBody(SpokenAs):
    """One of several texts. A field that it lacks is taken from the top."""

    text: Text


Title = Annotated[
    str,
    BeforeValidator(_one_line),
    Field(max_length=MAX_TITLE_CHARACTERS, json_schema_extra={"minLength": 1, "pattern": TITLE_PATTERN}),
]


class BookBody(_Strict):
    """Makes all items one M4B file with chapter marks and tags. Their format is then `m4b`."""

    title: Title = Field(description="The book's title.", examples=["The Lamp and the Sea"])
    author: Title = Field(default_factory=str, description="Who wrote it.", examples=["Ann Author"])
    language: str = Field(
        default_factory=str,
        max_length=64,
        pattern="^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}$",
        description="A BCP 47 tag.",
        examples=["en-GB"],
    )
    chapters: list[Title] = Field(
        default_factory=list,
        min_length=1,
        max_length=MAX_ITEMS,
        description="A title for each item, in their order; without them chapters are numbered.",
        examples=[["The Lamp", "The Sea"]],
    )


def _no_book() -> BookBody:
    """Stands where none is given; `model_fields_set` tells."""
    return BookBody.model_construct()  # type: ignore[call-arg]  # it has nothing


class _TaskBody(SpokenAs):
    priority: PriorityName = Field("normal", description="Who goes first: interactive before normal before bulk.")
    book: BookBody = Field(
        default_factory=_no_book,
        description="Binds all items into one M4B file: `GET /tasks/{id}/audio` gives it.",
    )
    webhook: Webhook


class OneTextBody(_TaskBody):
    """One text."""

    text: Text


class SeveralTextsBody(_TaskBody):
    """Several texts, each of which becomes a file, or a chapter of a `book`; the fields at the top are their
    defaults."""

    items: list[ItemBody] = Field(min_length=1, max_length=MAX_ITEMS)
