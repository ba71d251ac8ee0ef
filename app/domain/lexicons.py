"""Lexicons: how words are to be said, checked once and for all."""

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from app.domain.kokoro_alphabet import ALPHABET, SOUNDS, phonemes_in_alphabet
from app.domain.pronunciations import Pronunciations, given_phonemes, occurrences

MAX_ENTRIES = 10_000
MAX_WORD_CHARACTERS = 100
MAX_SAID_CHARACTERS = 200
MAX_LEXICON_BYTES = 1024 * 1024
"""Of all entries together, as JSON."""

MAX_LEXICONS = 1000
"""So many have a name at a time."""

NAME_PATTERN = "^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"

_NAME = re.compile(NAME_PATTERN[1:-1])
_UNSPEAKABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")
_NAMED_SYMBOLS = 10


@dataclass(frozen=True, slots=True)
class LexiconError:
    """What does not fit: an entry, by its word, or the whole (None)."""

    word: str | None
    detail: str


class BadLexicon(ValueError):
    """Some entries cannot be. `errors` names each."""

    def __init__(self, errors: list[LexiconError]) -> None:
        super().__init__(errors[0].detail)
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Pairs of a word and what is said for it, in the order of the words, in Unicode's form NFC.

    `version` is the SHA-256 of the entries, as 64 hex digits: the same entries, the same version.
    """

    entries: Pronunciations
    version: str

    @classmethod
    def parse(cls, entries: Mapping[str, object]) -> Self:
        """The lexicon that says these values for these words.

        Raises:
          BadLexicon: a word or a value is none, is too long, or has phonemes that Kokoro has not.
        """
        if len(entries) > MAX_ENTRIES:
            raise BadLexicon([LexiconError(None, f"It has {len(entries)} entries; at most {MAX_ENTRIES} are kept.")])
        errors: list[LexiconError] = []
        checked: dict[str, str] = {}
        for word, said in entries.items():
            composed = unicodedata.normalize("NFC", word)
            problem = _problem_of_word(word) or _problem_of_value(said)
            if problem is None and composed in checked:
                problem = "The word is there twice, once with composed and once with decomposed letters."
            if problem is not None:
                errors.append(LexiconError(word, problem))
            else:
                checked[composed] = _normal(str(said))
        if errors:
            raise BadLexicon(errors)
        return cls.of(tuple(sorted(checked.items())))

    @classmethod
    def of(cls, entries: Pronunciations) -> Self:
        """The lexicon of entries that were checked before.

        Raises:
          BadLexicon: they are too long together.
        """
        written = json.dumps(entries, ensure_ascii=False, separators=(",", ":")).encode()
        if len(written) > MAX_LEXICON_BYTES:
            detail = f"It has {len(written)} bytes as JSON; at most {MAX_LEXICON_BYTES} are kept."
            raise BadLexicon([LexiconError(None, detail)])
        return cls(entries, hashlib.sha256(written).hexdigest())

    @property
    def has_phonemes(self) -> bool:
        return any(given_phonemes(said) is not None for _, said in self.entries)

    def first_phonemes(self, text: str) -> int | None:
        """Where in `text` the first word stands that this lexicon gives phonemes to; None where there is none."""
        if not self.has_phonemes:
            return None
        return next((found.start for found in occurrences(text, self.entries) if found.phonemes is not None), None)


@dataclass(frozen=True, slots=True)
class LexiconRef:
    """Which lexicon a text is spoken with: the `revision` of a stored one, or one that came with the request."""

    version: str
    name: str | None = None
    revision: int | None = None


@dataclass(frozen=True, slots=True)
class ChosenLexicon:
    """A lexicon as a request named it, or brought it along."""

    lexicon: Lexicon
    name: str | None = None
    revision: int | None = None

    @property
    def ref(self) -> LexiconRef:
        return LexiconRef(self.lexicon.version, self.name, self.revision)


@dataclass(frozen=True, slots=True)
class LexiconHeading:
    """A stored lexicon without its entries. `revision` counts its changes, from 1; times are milliseconds since the
    Unix epoch."""

    name: str
    revision: int
    version: str
    entry_count: int
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class StoredLexicon:
    heading: LexiconHeading
    lexicon: Lexicon


def is_lexicon_name(text: str) -> bool:
    return _NAME.fullmatch(text) is not None


def _problem_of_word(word: str) -> str | None:
    if not word:
        return "The word is empty."
    if len(word) > MAX_WORD_CHARACTERS:
        return f"The word has {len(word)} characters; at most {MAX_WORD_CHARACTERS} are kept."
    return _problem_of_text(word, "The word")


def _problem_of_value(said: object) -> str | None:
    if not isinstance(said, str):
        return "Give a string: a respelling, or /phonemes/."
    if len(said) > MAX_SAID_CHARACTERS:
        return f"What is said for it has {len(said)} characters; at most {MAX_SAID_CHARACTERS} are kept."
    if (problem := _problem_of_text(said, "What is said for it")) is not None:
        return problem
    if said.startswith("/") or said.endswith("/"):
        return _problem_of_phonemes(given_phonemes(said))
    if "[" in said or "]" in said:
        return "A respelling is plain text, without markup. Phonemes stand between slashes: /…/."
    if not any(map(str.isalnum, said)):
        return "A respelling needs a letter or a digit, or nothing would be said."
    return None


def _problem_of_text(text: str, what: str) -> str | None:
    if text != text.strip() or not text:
        return f"{what} has white space around it, or is nothing else. Remove it."
    found = _UNSPEAKABLE.search(text)
    return f"{what} has U+{ord(found[0]):04X}, which nobody can say. Remove it." if found is not None else None


def _problem_of_phonemes(phonemes: str | None) -> str | None:
    if phonemes is None or "/" in phonemes:
        return "Phonemes stand between two slashes and hold none: /sˈikwəl/."
    if unknown := sorted(set(phonemes_in_alphabet(phonemes)) - ALPHABET):
        named = ", ".join(f"{symbol} (U+{ord(symbol):04X})" for symbol in unknown[:_NAMED_SYMBOLS])
        return f"Kokoro has no phonemes {named}. Its own alphabet is in docs/speech.md."
    if SOUNDS.isdisjoint(phonemes):
        return "There is no phoneme between the slashes that sounds."
    return None


def _normal(said: str) -> str:
    phonemes = given_phonemes(said)
    return unicodedata.normalize("NFC", said) if phonemes is None else f"/{phonemes_in_alphabet(phonemes)}/"
