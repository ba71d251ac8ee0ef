"""What a reader says for a piece of a text."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Dialect(StrEnum):
    """By the language tag of its voices."""

    AMERICAN = "en-us"
    BRITISH = "en-gb"


@dataclass(frozen=True, slots=True)
class Said:
    """For `[start, end)` of the original text, in characters, a reader says `text`: words and marks, or nothing.

    `phonemes`, where given, are what is said, and `text` is only what stands there.
    """

    start: int
    end: int
    text: str
    phonemes: str | None = None


Reading = Sequence[Said]
"""Pieces in order that leave no gap between them: the first starts where the reader was, the last ends where it goes on.

A piece for each word of the original, as far as words and what is said for them come in the same order.
"""


def word_set(words: str) -> frozenset[str]:
    """The words of a line."""
    return frozenset(words.split())
