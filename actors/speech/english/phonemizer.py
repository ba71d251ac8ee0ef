"""From English text to phonemes with their places in it."""

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from pathlib import Path

from actors.speech.english.g2p import EnglishG2P, SpokenToken
from actors.speech.english.reading import read
from actors.speech.english.said import Dialect
from actors.speech.english.script import Script
from actors.speech.phonemes import Phonemes, WordPhonemes
from actors.speech.plain_text import without_controls, without_markup
from actors.speech.words import words_of
from app.domain.phonemes import Rung
from app.domain.pronunciations import given_phonemes, occurring

_MARKS = frozenset(".!?…,;:—")
_ORDER = (Rung.SILENT, Rung.GIVEN, Rung.DICTIONARY, Rung.ESPEAK)
"""Of the parts of a word the one that fewest knew is told."""

_STRONG = frozenset(".!?…")
_SYLLABLES = re.compile(r"[-·\u2010]")


class EnglishPhonemizer:
    """Phonemes of one dialect. One call at a time: espeak-ng keeps global state.

    Parameters:
      spacy_model: where en_core_web_sm would be; without it words that are spelled alike and said differently are told
        apart by the words beside them only.
    """

    def __init__(self, dialect: Dialect, spacy_model: Path | None = None) -> None:
        self._dialect = dialect
        self._g2p = EnglishG2P(dialect, spacy_model)

    def __call__(self, text: str, pronunciations: Mapping[str, str]) -> Phonemes:
        clean = without_controls(text)
        spoken = tuple(
            (word, said if given_phonemes(said) is not None else f"/{self._respelled(said)}/")
            for word, said in occurring(clean, tuple(pronunciations.items()))
        )
        script = read(clean, self._dialect, spoken)
        tokens = self._g2p.speak(script.text, list(script.given()))
        return _placed(words_of(without_markup(clean)), script, tokens, script.shown(clean))

    def _respelled(self, respelling: str) -> str:
        """`sy-KWEL`: syllables between hyphens, that in capitals with the stress, else the first."""
        words = [self._respelled_word(word) for word in respelling.split()]
        return " ".join(word for word in words if word)

    def _respelled_word(self, word: str) -> str:
        parts = [part for part in _SYLLABLES.split(word) if part]
        if len(parts) < 2:
            tokens = self._g2p.speak(read(word, self._dialect).text)
            return " ".join(token.phonemes for token in tokens if token.phonemes)
        stressed = next((place for place, part in enumerate(parts) if len(part) > 1 and part.isupper()), 0)
        return "".join(self._g2p.syllable(part.lower(), stressed=place == stressed) for place, part in enumerate(parts))


class _Line:
    """Phonemes one after the other, with single spaces, and no two marks of punctuation side by side."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self.length = 0

    def add(self, said: str) -> tuple[int, int]:
        """Where it stands now."""
        first = self.length
        self._parts.append(said)
        self.length += len(said)
        return first, self.length

    def add_space(self) -> None:
        if self._parts and self._parts[-1] != " ":
            self.add(" ")

    def add_mark(self, mark: str) -> None:
        """Directly behind what is there. Of two in a row the stronger stays, of two that are as strong the first."""
        spaced = bool(self._parts) and self._parts[-1] == " " and mark != "—"
        if spaced:
            self._parts.pop()
            self.length -= 1
        last = self._parts[-1][-1] if self._parts else " "
        if last in _MARKS:
            if last not in _STRONG and mark in _STRONG:
                self._parts[-1] = self._parts[-1][:-1] + mark
        elif self._parts:
            self.add(mark)

    @property
    def text(self) -> str:
        return "".join(self._parts).rstrip()


def _placed(words: Sequence[tuple[int, int]], script: Script, tokens: Sequence[SpokenToken], spoken: str) -> Phonemes:
    """The tokens' phonemes in one string, and the stretch of it that each word of the original has."""
    starts = [start for start, _ in words]
    stretches: list[tuple[int, int] | None] = [None] * len(words)
    rungs = [Rung.SILENT] * len(words)
    line = _Line()
    current = 0
    for token in tokens:
        said = token.phonemes.strip()
        if said and all(character in _MARKS for character in said):
            line.add_mark(said[-1])
        elif said:
            first, last = line.add(said)
            if words and any(map(str.isalnum, said)):
                current = max(current, _word_of(words, starts, *script.origin(token.start, token.end)))
                known = stretches[current]
                stretches[current] = (known[0] if known is not None else first, last)
                rungs[current] = max(rungs[current], token.rung, key=_ORDER.index)
        if token.after:
            line.add_space()
    text = line.text
    placed = []
    place = len(text)
    for (start, end), stretch, rung in reversed(list(zip(words, stretches, rungs, strict=True))):
        first, last = stretch if stretch is not None else (place, place)
        placed.append(WordPhonemes(start, end, first, last, rung))
        place = first
    return Phonemes(text, tuple(reversed(placed)), spoken)


def _word_of(words: Sequence[tuple[int, int]], starts: Sequence[int], start: int, end: int) -> int:
    """The word that `[start, end)` of the text is in, or begins before; else the one behind which it is."""
    index = max(0, bisect_right(starts, start) - 1)
    behind = start >= words[index][1]
    return index + 1 if behind and index + 1 < len(words) and words[index + 1][0] <= end else index
