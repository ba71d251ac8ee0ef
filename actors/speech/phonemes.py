"""Text to the phonemes that Kokoro was trained with."""

import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, pairwise
from typing import Protocol

from actors.speech.plain_text import iter_markup, without_controls
from actors.speech.words import words_of
from app.domain.errors import EngineMissing

_GROUP = re.compile(r"\S+")
_PARAGRAPH = re.compile(r"(?<=\w)[ \t]*\n\s*\n")


@dataclass(frozen=True, slots=True)
class WordPhonemes:
    """Which piece `[first, last)` of a phoneme string says the word `[start, end)` of the text, in characters."""

    start: int
    end: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Phonemes:
    text: str
    words: tuple[WordPhonemes, ...]


class Phonemizer(Protocol):
    version: str
    """Part of a segment's key: rises when the same text gets other phonemes."""

    def __call__(self, text: str, language: str) -> Phonemes:
        """The phonemes of `text`, whose `[word](/phonemes/)` is taken as it says.

        Raises:
          EngineMissing: a library for the language is not installed.
        """


class EspeakPhonemizer:
    """Phonemes of any language by espeak-ng, through misaki, which turns them into Kokoro's alphabet.

    One call at a time. Both libraries are loaded at the first use of a language.
    """

    version = "misaki-espeak 1"

    def __init__(self) -> None:
        self._speakers: dict[str, Callable[[str], str]] = {}
        self._lock = threading.Lock()

    def __call__(self, text: str, language: str) -> Phonemes:
        with self._lock:
            speaker = self._speakers.get(language)
            if speaker is None:
                speaker = self._speakers[language] = _speaker(language)
            return _phonemize(_with_paragraph_stops(without_controls(text)), speaker)


def _speaker(language: str) -> Callable[[str], str]:
    try:
        from misaki.espeak import EspeakG2P
    except ImportError as error:
        raise EngineMissing(f"Kokoro needs the packages misaki and phonemizer-fork: {error}.") from error
    try:
        return partial(_spoken, EspeakG2P(language=language))
    except RuntimeError as error:
        raise EngineMissing(f"espeak-ng gives no phonemes for the language {language!r}: {error}.") from error


def _spoken(g2p: Callable[[str], tuple[str, None]], text: str) -> str:
    return " ".join(g2p(text)[0].split()) if text.strip() else ""


def _with_paragraph_stops(text: str) -> str:
    """`text` with a full stop for the first character of a paragraph break that has no mark before it."""
    return _PARAGRAPH.sub(lambda match: "." + match[0][1:], text)


def align(text: str, phonemes: str, *, speaker: Callable[[str], str] | None = None) -> tuple[WordPhonemes, ...]:
    """Which phonemes say which word, told by the groups that white space makes in both.

    A number is one word and several groups; `speaker` then says how many each word has by itself. Where even
    that does not add up, the groups are shared out by the words' lengths.
    """
    words = words_of(text)
    groups = [match.span() for match in _GROUP.finditer(phonemes) if any(map(str.isalnum, match[0]))]
    if not words or not groups:
        return ()
    counts = [1] * len(words)
    if len(words) != len(groups) and speaker is not None:
        counts = [_group_count(speaker(text[start:end])) for start, end in words]
    if sum(counts) != len(groups):
        counts = _shared_out([end - start for start, end in words], len(groups))
    return tuple(_iter_aligned(words, counts, groups))


def _group_count(phonemes: str) -> int:
    return sum(any(map(str.isalnum, group)) for group in phonemes.split())


def _shared_out(lengths: list[int], count: int) -> list[int]:
    total = sum(lengths)
    ends = [round(done * count / total) for done in accumulate(lengths, initial=0)]
    return [end - begin for begin, end in pairwise(ends)]


def _iter_aligned(
    words: list[tuple[int, int]], counts: list[int], groups: list[tuple[int, int]]
) -> Iterator[WordPhonemes]:
    """A word without a group of its own has an empty piece where it would be."""
    index = 0
    for (start, end), count in zip(words, counts, strict=True):
        if count:
            yield WordPhonemes(start, end, groups[index][0], groups[index + count - 1][1])
        else:
            place = groups[index][0] if index < len(groups) else groups[-1][1]
            yield WordPhonemes(start, end, place, place)
        index += count


def _phonemize(text: str, speaker: Callable[[str], str]) -> Phonemes:
    phonemes = ""
    words: list[WordPhonemes] = []
    spaced = False
    for start, end, given in _iter_parts(text):
        part = text[start:end]
        spoken = (given if given is not None else speaker(part)).strip()
        if phonemes and spoken and (spaced or part[0].isspace()):
            phonemes += " "
        place = len(phonemes)
        if given is not None:
            words.append(WordPhonemes(start, end, place, place + len(spoken)))
        else:
            words += (
                WordPhonemes(word.start + start, word.end + start, word.first + place, word.last + place)
                for word in align(part, spoken, speaker=speaker)
            )
        phonemes += spoken
        spaced = part[-1].isspace()
    return Phonemes(phonemes, tuple(words))


def _iter_parts(text: str) -> Iterator[tuple[int, int, str | None]]:
    """The pieces of the text with their phonemes where markup gives them; a marked-up piece is the word alone."""
    place = 0
    for match in iter_markup(text):
        if match.start() > place:
            yield place, match.start(), None
        yield match.start("word"), match.end("word"), match["phonemes"]
        place = match.end()
    if place < len(text):
        yield place, len(text), None
