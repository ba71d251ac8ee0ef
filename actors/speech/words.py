"""The words of a text, and when each of them sounds."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import accumulate

from app.domain.speech import WordTime

_RUN = re.compile(r"[^\s—–…]+")
_WITHOUT_SPACES = re.compile(
    r"[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]|[\u3040-\u30ff]+|[^\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+"
)
_SPOKEN_MARKS = frozenset("%&@#§°")


def words_of(text: str) -> list[tuple[int, int]]:
    """The words as pairs of character offsets, in order and without the punctuation around them.

    A word is what white space or a dash ends; a Han character is one by itself, a run of kana is one.
    """
    return list(_iter_words(text))


def _iter_words(text: str) -> Iterator[tuple[int, int]]:
    for run in _RUN.finditer(text):
        for part in _WITHOUT_SPACES.finditer(text, run.start(), run.end()):
            start, end = part.span()
            while start < end and _is_punctuation(text[start]):
                start += 1
            while start < end and _is_punctuation(text[end - 1]):
                end -= 1
            if start < end:
                yield start, end


def _is_punctuation(character: str) -> bool:
    return unicodedata.category(character)[0] in "PCZ" and character not in _SPOKEN_MARKS


def spread(words: Sequence[tuple[int, int]], start_seconds: float, end_seconds: float) -> list[WordTime]:
    """Times for words that nothing is known about but when the first begins and the last ends: by length."""
    lengths = [end - start for start, end in words]
    total = sum(lengths)
    if not total:
        return []
    scale = (end_seconds - start_seconds) / total
    marks = [min(start_seconds + done * scale, end_seconds) for done in accumulate(lengths, initial=0)]
    return [
        WordTime(start, end, begins, ends) for (start, end), begins, ends in zip(words, marks, marks[1:], strict=False)
    ]


def timed_words(words: Sequence[tuple[int, int]], begins: Sequence[float | None], end_seconds: float) -> list[WordTime]:
    """Each word from its own beginning to the next one's; a word without a beginning shares its neighbour's time.

    `begins` has an entry for each word, in seconds or None, and need not be sorted.
    """
    known: list[tuple[int, float]] = []
    for index, begin in enumerate(begins):
        if begin is not None:
            known.append((index, min(max(begin, known[-1][1] if known else 0.0), end_seconds)))
    if not known:
        known = [(0, 0.0)]
    known[0] = (0, known[0][1])
    times: list[WordTime] = []
    for (index, begin), (next_index, next_begin) in zip(known, [*known[1:], (len(words), end_seconds)], strict=True):
        times += spread(words[index:next_index], begin, next_begin)
    return times
