"""How a text would be said, for people who want to see it before they hear it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self


class Rung(StrEnum):
    """Who said how a word is pronounced, the first that knew."""

    GIVEN = "given"
    """The text or a lexicon."""
    DICTIONARY = "dictionary"
    ESPEAK = "espeak"
    """Nobody knew the word; espeak-ng's rules say it."""
    SILENT = "silent"
    """Nothing is said for it."""


@dataclass(frozen=True, slots=True)
class WordPreview:
    """`[start, end)` of the text, in characters, and the phonemes that are said for it."""

    start: int
    end: int
    text: str
    phonemes: str
    rung: Rung


@dataclass(frozen=True, slots=True)
class PhonemePreview:
    """`phonemes` is what the model is given for the whole text, `spoken` the text as it is read out, in words.

    `unknown` are the words that no dictionary has, each once, in the order of the text; it is told of English
    alone.
    """

    phonemes: str
    spoken: str
    words: tuple[WordPreview, ...]
    unknown: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        return {
            "phonemes": self.phonemes,
            "spoken": self.spoken,
            "words": [
                {"start": w.start, "end": w.end, "text": w.text, "phonemes": w.phonemes, "rung": w.rung.value}
                for w in self.words
            ],
            "unknown": list(self.unknown),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        words = tuple(
            WordPreview(w["start"], w["end"], w["text"], w["phonemes"], Rung(w["rung"])) for w in value["words"]
        )
        return cls(value["phonemes"], value["spoken"], words, tuple(value["unknown"]))
