"""When each word of an item sounds in its finished file."""

import hashlib
import json
from collections.abc import Sequence
from typing import BinaryIO

from actors.speech.plain_text import without_controls, without_markup
from actors.speech.words import timed_words, words_of
from app.domain.captions import CaptionWord
from app.domain.speech import WordTime


class WordList:
    """Writes the words of an item as JSON, segment by segment, holding no more than one of them in memory.

    The document is `{"words": [{"start", "end", "start_char", "end_char", "text"}, ...]}`: seconds in the finished
    file, rounded to ms, and offsets into the original text. Every word of the text is in it, in order: a word that an
    engine gave no time for shares its neighbour's, and one of a span without sound has the place of that span.
    """

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._digest = hashlib.sha256()
        self._separator = '{"words": ['
        self._last = 0.0

    def add(
        self, content: str, start: int, times: Sequence[WordTime], *, start_seconds: float, end_seconds: float
    ) -> None:
        """The words of a segment: `content` stands at `start` in the text and sounds between these two moments.

        `times` is what the engine said: offsets into `content`, seconds from its own beginning.
        """
        for word in _every_word(content, times, end_seconds - start_seconds):
            begins = self._later(start_seconds + word.start_seconds)
            ends = self._later(start_seconds + word.end_seconds)
            text = content[word.start : word.end]
            self._write(CaptionWord(begins, ends, start + word.start, start + word.end, text))

    def end(self) -> str:
        """Finish the document; its SHA-256 in hex."""
        if self._separator != ",\n":
            self._put(self._separator)
        self._put("]}\n")
        return self._digest.hexdigest()

    def _later(self, seconds: float) -> float:
        self._last = max(self._last, round(seconds, 3))
        return self._last

    def _write(self, word: CaptionWord) -> None:
        self._put(self._separator + json.dumps(word.to_json(), ensure_ascii=False))
        self._separator = ",\n"

    def _put(self, text: str) -> None:
        content = text.encode()
        self._digest.update(content)
        self._out.write(content)


def _every_word(content: str, times: Sequence[WordTime], seconds: float) -> list[WordTime]:
    """The words of `content` with what the engine said about them.

    The engine may have cut the text otherwise: a word begins with the first of its words that begins in it, and ends
    with the last of them. Where none begins in it, it shares the time of the word before.
    """
    words = words_of(without_markup(without_controls(content)))
    begins: list[float | None] = []
    ends: list[float | None] = []
    said = sorted(times, key=lambda time: time.start)
    place = 0
    for start, end in words:
        while place < len(said) and said[place].start < start:
            place += 1
        first = place
        while place < len(said) and said[place].start < end:
            place += 1
        begins.append(said[first].start_seconds if place > first else None)
        whole = place > first and said[place - 1].end <= end
        ends.append(said[place - 1].end_seconds if whole else None)
    timed = timed_words(words, begins, seconds) if words else []
    return [
        WordTime(word.start, word.end, word.start_seconds, _within(end, word))
        for word, end in zip(timed, ends, strict=True)
    ]


def _within(seconds: float | None, word: WordTime) -> float:
    return word.end_seconds if seconds is None else max(word.start_seconds, min(seconds, word.end_seconds))
