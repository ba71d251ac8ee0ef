"""A text as the spans that are spoken one by one."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate

from actors.speech.graphemes import joins
from actors.speech.plain_text import iter_markup
from actors.speech.sentences import sentence_ends
from app.domain.markup import PAUSE
from app.domain.tasks import SegmentKind

LIMIT_TOKENS = 200
"""The most that a span asks of a model: beyond this Kokoro fades and its memory doubles."""

TARGET_TOKENS = 160
FIRST_TARGET_TOKENS = 60
TINY_TOKENS = 12
"""Below this Kokoro garbles; such a sentence is joined to a neighbour."""

_LONGEST_PAUSE_SECONDS = 60.0
_CLAUSE_MARKS = frozenset(",;:—–)،、，；：")
_WIDE_MARKS = frozenset("、，；：")
_LETTER = re.compile(r"\w")


@dataclass(frozen=True, slots=True)
class Span:
    """`[start, end)` of a text in characters; `content` is that piece as it stands."""

    start: int
    end: int
    kind: SegmentKind
    content: str
    pause_seconds: float = 0.0


@dataclass(slots=True)
class _Piece:
    start: int
    end: int
    tokens: float
    ends_paragraph: bool
    silent: bool

    @property
    def tiny(self) -> bool:
        return self.silent or self.tokens < TINY_TOKENS


class _Costs(dict[str, float]):
    """About how many model tokens a character takes."""

    def __missing__(self, character: str) -> float:
        self[character] = cost = _tokens_of(character)
        return cost


def _tokens_of(character: str) -> float:
    if character.isspace():
        return 0.0
    code = ord(character)
    if character.isdigit():
        return 4.0
    if 0x3040 <= code <= 0x30FF:
        return 2.5
    if 0x3400 <= code <= 0x9FFF or 0xAC00 <= code < 0xD7A4 or 0x20000 <= code < 0x40000:
        return 4.0
    if code >= 0x2190 and not character.isalnum():
        return 12.0 if code >= 0x1F000 or 0x2190 <= code < 0x2E00 else 0.95
    return 0.95


def split(text: str, *, language: str) -> list[Span]:
    """The spans that tile `text`: the first starts at 0, each where the one before ended, the last ends with it.

    Cuts are made at sentence ends of `language` (a BCP 47 tag); a longer sentence is cut at clause marks, else
    at white space, else between two letters. White space belongs to the span before it. `[pause:1.5s]` (0 to 60
    seconds, also in `ms`) is a span of its own; a tag that says anything else is text. `[word](/phonemes/)` is
    never cut. Nothing is dropped, not even what gives no sound. Takes time linear in the length.
    """
    costs = _Costs()
    tokens = list(accumulate(map(costs.__getitem__, text), initial=0.0))
    markup = _Markup([match.span() for match in iter_markup(text) if not _is_pause(text, match.start())])
    spans: list[Span] = []
    position = 0
    for match in PAUSE.finditer(text):
        seconds = _pause_seconds(match)
        if seconds is None or joins(text, match.end()):
            continue
        start = match.start()
        if text[position:start].strip():
            spans += _spoken(text, position, start, tokens, markup, language, first=not spans)
        else:
            start = position
        spans.append(Span(start, match.end(), SegmentKind.PAUSE, text[start : match.end()], seconds))
        position = match.end()
    if position < len(text):
        spans += _spoken(text, position, len(text), tokens, markup, language, first=not spans)
    return spans


def _pause_seconds(match: re.Match[str]) -> float | None:
    seconds = float(match["number"]) / (1000 if match["unit"].lower() == "ms" else 1)
    return seconds if seconds <= _LONGEST_PAUSE_SECONDS else None


def _is_pause(text: str, start: int) -> bool:
    match = PAUSE.match(text, start)
    return match is not None and _pause_seconds(match) is not None


class _Markup:
    """The places where `[word](/phonemes/)` stands, none of which may be cut."""

    def __init__(self, spans: list[tuple[int, int]]) -> None:
        self._starts = [start for start, _ in spans]
        self._ends = [end for _, end in spans]

    def around(self, offset: int) -> tuple[int, int] | None:
        """The markup that a cut at `offset` would tear."""
        index = bisect_right(self._starts, offset) - 1
        if index >= 0 and self._starts[index] < offset < self._ends[index]:
            return self._starts[index], self._ends[index]
        return None


def _spoken(
    text: str, start: int, end: int, tokens: list[float], markup: _Markup, language: str, *, first: bool
) -> Iterator[Span]:
    target = FIRST_TARGET_TOKENS if first else TARGET_TOKENS
    ready: _Piece | None = None
    for piece in _joined(_pieces(text, start, end, tokens, markup, language), target):
        if ready is None:
            ready = piece
        elif piece.tiny and ready.tokens + piece.tokens <= LIMIT_TOKENS:
            ready = _both(ready, piece)
        else:
            yield Span(ready.start, ready.end, SegmentKind.SPEECH, text[ready.start : ready.end])
            ready = piece
    if ready is not None:
        yield Span(ready.start, ready.end, SegmentKind.SPEECH, text[ready.start : ready.end])


def _joined(pieces: Iterable[_Piece], target: int) -> Iterator[_Piece]:
    """The pieces joined up to the target, the later ones to `TARGET_TOKENS`, across paragraphs where one is tiny."""
    current: _Piece | None = None
    for piece in pieces:
        if current is None:
            current = piece
            continue
        total = current.tokens + piece.tokens
        same_paragraph = not current.ends_paragraph
        leftover = piece.tiny and piece.ends_paragraph and same_paragraph
        if (total <= target and same_paragraph) or (total <= LIMIT_TOKENS and (current.tiny or leftover)):
            current = _both(current, piece)
        else:
            yield current
            current = piece
            target = TARGET_TOKENS
    if current is not None:
        yield current


def _both(one: _Piece, other: _Piece) -> _Piece:
    return _Piece(one.start, other.end, one.tokens + other.tokens, other.ends_paragraph, one.silent and other.silent)


def _pieces(text: str, start: int, end: int, tokens: list[float], markup: _Markup, language: str) -> Iterator[_Piece]:
    begin = start
    for cut, paragraph in (*sentence_ends(text, start, end, language=language), (end, True)):
        if cut > begin and _may_cut(text, cut, markup):
            yield from _cut_to_limit(text, begin, cut, tokens, markup, ends_paragraph=paragraph)
            begin = cut


def _cut_to_limit(
    text: str, start: int, end: int, tokens: list[float], markup: _Markup, *, ends_paragraph: bool
) -> Iterator[_Piece]:
    while tokens[end] - tokens[start] > LIMIT_TOKENS:
        furthest = bisect_right(tokens, tokens[start] + LIMIT_TOKENS, start, end) - 1
        cut = _best_cut(text, start, max(furthest, start + 1), end, markup)
        if cut >= end:
            break
        yield _piece(text, start, cut, tokens, ends_paragraph=False)
        start = cut
    yield _piece(text, start, end, tokens, ends_paragraph=ends_paragraph)


def _piece(text: str, start: int, end: int, tokens: list[float], *, ends_paragraph: bool) -> _Piece:
    silent = _LETTER.search(text, start, end) is None
    return _Piece(start, end, tokens[end] - tokens[start], ends_paragraph, silent)


def _best_cut(text: str, start: int, furthest: int, end: int, markup: _Markup) -> int:
    """The last clause mark in the later two thirds of `[start, furthest]`, else the last white space, else any."""
    floor = start + (furthest - start) // 3
    last_space: int | None = None
    offset = furthest
    while offset > start and (offset > floor or last_space is None):
        before = text[offset - 1]
        if before.isspace():
            word_end = offset - 1
            while word_end > start and text[word_end - 1].isspace():
                word_end -= 1
            if _may_cut(text, offset, markup) and word_end > start:
                if offset > floor and text[word_end - 1] in _CLAUSE_MARKS:
                    return offset
                last_space = last_space or offset
            offset = word_end
        elif offset > floor and before in _WIDE_MARKS and _may_cut(text, offset, markup):
            return offset
        else:
            offset -= 1
    return last_space or _nearest_cut(text, start, furthest, end, markup)


def _nearest_cut(text: str, start: int, wanted: int, end: int, markup: _Markup) -> int:
    offset = wanted
    while offset > start:
        torn = markup.around(offset)
        if torn is None and not joins(text, offset):
            return offset
        offset = torn[0] if torn else offset - 1
    offset = wanted + 1
    while offset < end and (text[offset].isspace() or not _may_cut(text, offset, markup)):
        offset += 1
    return offset


def _may_cut(text: str, offset: int, markup: _Markup) -> bool:
    return markup.around(offset) is None and not joins(text, offset)
