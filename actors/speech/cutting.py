"""Where a sentence that is too long for a model is cut."""

import re
from bisect import bisect_right
from collections.abc import Iterator

from actors.speech.graphemes import joins
from actors.speech.plain_text import iter_markup
from app.domain.markup import is_pause

LIMIT_TOKENS = 200
"""The most that a span asks of a model: beyond this Kokoro fades and its memory doubles."""

_CLAUSE_MARKS = frozenset(",;:—–)،؛、，；：၊፣·")
_WIDE_MARKS = frozenset("、，；：၊")
_WORD_ENDS = frozenset("\u200b\u0f0bๆฯ")
"""The zero width space that Khmer and Thai texts have between words, Tibetan's tsheg, Thai's marks after a word."""

_SYLLABLE_STARTS = re.compile("[\u0e40-\u0e44\u0ec0-\u0ec4]")
"""Thai's and Lao's vowels that are written before their consonant: a syllable, mostly a word, begins with one."""


class Cutter:
    """Cuts within one text. Nothing that it gives out tears a letter from its marks, or `[word](/phonemes/)`."""

    def __init__(self, text: str, tokens: list[float]) -> None:
        self._text = text
        self._tokens = tokens
        markup = [match.span() for match in iter_markup(text) if not is_pause(text, match.start())]
        self._starts = [start for start, _ in markup]
        self._ends = [end for _, end in markup]

    def may_cut(self, offset: int) -> bool:
        return self._torn(offset) is None and not joins(self._text, offset)

    def _torn(self, offset: int) -> tuple[int, int] | None:
        """The markup that a cut at `offset` would tear."""
        index = bisect_right(self._starts, offset) - 1
        if index >= 0 and self._starts[index] < offset < self._ends[index]:
            return self._starts[index], self._ends[index]
        return None

    def cuts(self, start: int, end: int) -> Iterator[int]:
        """Where `[start, end)` is cut so that no piece takes more than the limit, rising; none where it is short."""
        tokens = self._tokens
        while tokens[end] - tokens[start] > LIMIT_TOKENS:
            furthest = bisect_right(tokens, tokens[start] + LIMIT_TOKENS, start, end) - 1
            cut = self._best(start, max(furthest, start + 1), end)
            if cut >= end:
                return
            yield cut
            start = cut

    def _best(self, start: int, furthest: int, end: int) -> int:
        """The last clause mark in the later two thirds of `[start, furthest]`, else the last white space, else the
        last end of a word that is told without one, else any."""
        floor = start + (furthest - start) // 3
        last_space: int | None = None
        last_word_end: int | None = None
        offset = furthest
        while offset > start and (offset > floor or last_space is None):
            before = self._text[offset - 1]
            if before.isspace():
                word_end = offset - 1
                while word_end > start and self._text[word_end - 1].isspace():
                    word_end -= 1
                if self.may_cut(offset) and word_end > start:
                    if offset > floor and self._text[word_end - 1] in _CLAUSE_MARKS:
                        return offset
                    last_space = last_space or offset
                offset = word_end
            elif offset > floor and before in _WIDE_MARKS and self.may_cut(offset):
                return offset
            else:
                if last_word_end is None and offset > floor and self._ends_word(offset):
                    last_word_end = offset
                offset -= 1
        return last_space or last_word_end or self._nearest(start, furthest, end)

    def _ends_word(self, offset: int) -> bool:
        told = self._text[offset - 1] in _WORD_ENDS or _SYLLABLE_STARTS.match(self._text, offset) is not None
        return told and self.may_cut(offset)

    def _nearest(self, start: int, wanted: int, end: int) -> int:
        offset = wanted
        while offset > start:
            torn = self._torn(offset)
            if torn is None and not joins(self._text, offset):
                return offset
            offset = torn[0] if torn else offset - 1
        offset = wanted + 1
        while offset < end and (self._text[offset].isspace() or not self.may_cut(offset)):
            offset += 1
        return offset
