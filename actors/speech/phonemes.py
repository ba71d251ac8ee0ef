"""Text to the phonemes that Kokoro was trained with."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, pairwise
from types import MappingProxyType
from typing import Protocol

from actors.speech.plain_text import iter_markup, without_controls
from actors.speech.turns import WholeCalls
from actors.speech.words import words_of
from app.domain.errors import EngineMissing
from app.domain.phonemes import Rung
from app.domain.pronunciations import Pronunciations, occurrences

Speaker = Callable[[str], str]
"""From a piece of text to its phonemes, in groups with white space between them."""

NO_PRONUNCIATIONS: Mapping[str, str] = MappingProxyType({})

_GROUP = re.compile(r"\S+")
_PARAGRAPH = re.compile(r"(?<=\w)[ \t]*\n\s*\n")


@dataclass(frozen=True, slots=True)
class WordPhonemes:
    """Which piece `[first, last)` of a phoneme string says the word `[start, end)` of the text, in characters.

    A word that nothing is said for has an empty piece where it would be. `rung` is who knew the word.
    """

    start: int
    end: int
    first: int
    last: int
    rung: Rung = Rung.ESPEAK


@dataclass(frozen=True, slots=True)
class Phonemes:
    """`words` has every word of the text, in order; `spoken` is the text as it is read out, where that differs."""

    text: str
    words: tuple[WordPhonemes, ...]
    spoken: str | None = None


class Phonemizer(Protocol):
    def version(self, language: str) -> str:
        """Part of a segment's key: changes when the same text of the language gets other phonemes."""

    def __call__(self, text: str, language: str, pronunciations: Mapping[str, str] = NO_PRONUNCIATIONS) -> Phonemes:
        """The phonemes of `text`, whose `[word](/phonemes/)` is taken as it says.

        `pronunciations` are those of `app.domain.pronunciations`: a word's respelling, or its `/phonemes/`. They go
        before everything but `[word](/phonemes/)`.

        Raises:
          EngineMissing: a library for the language is not installed.
        """


class EspeakPhonemizer:
    """Phonemes of any language by espeak-ng, through misaki, which turns them into Kokoro's alphabet.

    One call at a time. Both libraries are loaded at the first use of a language.
    """

    def __init__(self) -> None:
        self._speakers: dict[str, Speaker] = {}
        self._lock = WholeCalls()

    def version(self, language: str) -> str:
        return "misaki-espeak 1"

    def __call__(self, text: str, language: str, pronunciations: Mapping[str, str] = NO_PRONUNCIATIONS) -> Phonemes:
        with self._lock:
            speaker = self._speakers.get(language)
            if speaker is None:
                speaker = self._speakers[language] = _speaker(language)
            return phonemize(text, speaker, tuple(pronunciations.items()))


def _speaker(language: str) -> Speaker:
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


def align(text: str, phonemes: str, *, speaker: Speaker | None = None) -> tuple[WordPhonemes, ...]:
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


def phonemize(
    text: str,
    speaker: Speaker,
    pronunciations: Pronunciations,
    *,
    rung: Rung = Rung.ESPEAK,
    cut: Callable[[str], Iterable[str]] | None = None,
) -> Phonemes:
    """What `speaker` says for the text, word by word, but for what the text and `pronunciations` say themselves.

    `rung` is who the speaker is. `cut` gives the pieces of a text that are spoken and aligned by themselves, with a
    space after each; without it there are no such pieces.
    """
    text = _with_paragraph_stops(without_controls(text))
    phonemes = ""
    words: list[WordPhonemes] = []
    spaced = False
    for part in _iter_parts(text, pronunciations, cut or (lambda whole: (whole,))):
        piece = text[part.start : part.end]
        spoken = (part.phonemes if part.phonemes is not None else speaker(part.respelling or piece)).strip()
        if phonemes and spoken and (spaced or piece[0].isspace() or cut is not None):
            phonemes += " "
        place = len(phonemes)
        if part.is_given:
            words.append(WordPhonemes(part.start, part.end, place, place + len(spoken), Rung.GIVEN))
        else:
            words += (
                WordPhonemes(
                    word.start + part.start, word.end + part.start, word.first + place, word.last + place, rung
                )
                for word in align(piece, spoken, speaker=speaker)
            )
        phonemes += spoken
        spaced = piece[-1].isspace()
    return Phonemes(phonemes, tuple(words))


@dataclass(frozen=True, slots=True)
class _Part:
    """A piece of the text and, where somebody said how it is pronounced, its phonemes or what to read instead."""

    start: int
    end: int
    phonemes: str | None = None
    respelling: str | None = None

    @property
    def is_given(self) -> bool:
        return self.phonemes is not None or self.respelling is not None


def _iter_parts(text: str, pronunciations: Pronunciations, cut: Callable[[str], Iterable[str]]) -> Iterator[_Part]:
    """The pieces of the text; a marked-up piece is the word alone."""
    for part in _iter_told(text, pronunciations):
        if part.is_given:
            yield part
            continue
        place = part.start
        for piece in cut(text[part.start : part.end]):
            yield _Part(place, place + len(piece))
            place += len(piece)


def _iter_told(text: str, pronunciations: Pronunciations) -> Iterator[_Part]:
    place = 0
    for match in iter_markup(text):
        yield from _iter_pronounced(text, place, match.start(), pronunciations)
        yield _Part(match.start("word"), match.end("word"), phonemes=match["phonemes"])
        place = match.end()
    yield from _iter_pronounced(text, place, len(text), pronunciations)


def _iter_pronounced(text: str, start: int, end: int, pronunciations: Pronunciations) -> Iterator[_Part]:
    place = start
    for found in occurrences(text[start:end], pronunciations):
        if start + found.start > place:
            yield _Part(place, start + found.start)
        respelling = found.said if found.phonemes is None else None
        yield _Part(start + found.start, start + found.end, found.phonemes, respelling)
        place = start + found.end
    if place < end:
        yield _Part(place, end)
