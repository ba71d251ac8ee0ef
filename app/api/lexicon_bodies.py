"""Lexicons as they come and go: a JSON object from words to what is said for them."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from app.api.problems import BodyError, misfit, pointer
from app.api.times import Timestamp, timestamp
from app.domain.kokoro_alphabet import ALPHABET, SOUNDS
from app.domain.lexicons import (
    MAX_ENTRIES,
    MAX_SAID_CHARACTERS,
    MAX_WORD_CHARACTERS,
    NAME_PATTERN,
    BadLexicon,
    Lexicon,
    LexiconHeading,
    LexiconRef,
    StoredLexicon,
    is_lexicon_name,
)

EXAMPLE_ENTRIES = {"SQL": "/sˈikwəl/", "Nguyen": "win"}

_NEVER = r"\u0000-\u001f\u007f-\u009f\u2028\u2029\ufffe\uffff"
_WORD = rf"^[^\s{_NEVER}]([^{_NEVER}]*[^\s{_NEVER}])?$"
_INNER, _EDGE, _SPOKEN = rf"[^{_NEVER}\[\]]*", rf"[^\s{_NEVER}/\[\]]", r"[^\W_]"
_RESPELLING = f"({_SPOKEN}|{_EDGE}{_INNER}{_SPOKEN})({_INNER}{_EDGE})?"
_ANY_PHONEMES, _SOUND = (f"[{''.join(sorted(each))}]" for each in (ALPHABET, SOUNDS))
_PHONEMES = f"/{_ANY_PHONEMES}*{_SOUND}{_ANY_PHONEMES}*/"

ENTRIES_SCHEMA: dict[str, Any] = {
    "type": "object",
    "title": "Entries",
    "description": "Words, each with what is said for it: a respelling in plain letters, or `/phonemes/` of Kokoro's "
    "alphabet. No white space around either, no control characters, no markup; at most 1 MiB as JSON.",
    "maxProperties": MAX_ENTRIES,
    "propertyNames": {"type": "string", "minLength": 1, "maxLength": MAX_WORD_CHARACTERS, "pattern": _WORD},
    "additionalProperties": {
        "type": "string",
        "minLength": 1,
        "maxLength": MAX_SAID_CHARACTERS,
        "pattern": f"^({_RESPELLING}|{_PHONEMES})$",
    },
    "examples": [EXAMPLE_ENTRIES],
}
"""What `Lexicon.parse` demands of each entry, for readers of the OpenAPI document."""


def _named_or_inline(value: object) -> object:
    if isinstance(value, dict) or (isinstance(value, str) and is_lexicon_name(value)):
        return value
    if isinstance(value, str):
        raise PydanticCustomError(
            "lexicon_name", "A lexicon's name has 1 to 64 letters, digits, - and _, and begins with no mark."
        )
    raise PydanticCustomError("lexicon", "Give the name of a stored lexicon, or an object of words.")


LexiconChoice = Annotated[
    Any,
    BeforeValidator(_named_or_inline),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": NAME_PATTERN}, ENTRIES_SCHEMA]}),
]
"""The name of a stored lexicon, or entries that are not checked yet."""


def parse_entries(value: object, *at: str | int) -> Lexicon:
    """The lexicon of the entries that stand at this place of a body.

    Raises:
      Problem: they are none; with a pointer to each that does not fit.
    """
    errors = [BodyError(pointer(*at), "Send a JSON object of words, each with what is said for it.")]
    if isinstance(value, dict):
        try:
            return Lexicon.parse(value)
        except BadLexicon as error:
            errors = entry_errors(error, *at)
    raise misfit(errors)


def entry_errors(error: BadLexicon, *at: str | int) -> list[BodyError]:
    """What does not fit, each at its place below `at`."""
    return [
        BodyError(pointer(*at) if each.word is None else pointer(*at, each.word), each.detail) for each in error.errors
    ]


class LexiconRefBody(BaseModel):
    """Which lexicon a text is spoken with: a `revision` of a stored one, or one that came with the request, which has
    no name. `version` is the SHA-256 of the entries."""

    model_config = ConfigDict(extra="forbid")

    name: str | None
    revision: int | None
    version: str

    @classmethod
    def of(cls, ref: LexiconRef) -> Self:
        return cls(name=ref.name, revision=ref.revision, version=ref.version)


class LexiconHeadingBody(BaseModel):
    """A stored lexicon without its entries. `revision` counts its changes; `version` is the SHA-256 of the entries."""

    name: str
    revision: int
    version: str
    entry_count: int
    created_at: Timestamp
    updated_at: Timestamp

    @classmethod
    def of(cls, heading: LexiconHeading) -> Self:
        return cls(**_heading(heading))


class LexiconsBody(BaseModel):
    lexicons: list[LexiconHeadingBody]


class LexiconBody(LexiconHeadingBody):
    """A stored lexicon. PUT takes its `entries`."""

    entries: dict[str, str] = Field(examples=[EXAMPLE_ENTRIES])

    @classmethod
    def of_stored(cls, stored: StoredLexicon) -> Self:
        return cls(**_heading(stored.heading), entries=dict(stored.lexicon.entries))


def _heading(heading: LexiconHeading) -> dict[str, Any]:
    return {
        "name": heading.name,
        "revision": heading.revision,
        "version": heading.version,
        "entry_count": heading.entry_count,
        "created_at": timestamp(heading.created_at),
        "updated_at": timestamp(heading.updated_at),
    }
