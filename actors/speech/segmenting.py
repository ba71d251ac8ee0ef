"""A text as the spans that are spoken one by one."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from actors.speech.cutting import LIMIT_TOKENS, Cutter
from actors.speech.graphemes import joins
from actors.speech.sentences import Break, Ending, endings, is_scene_break
from actors.speech.token_costs import running_costs
from app.domain.markup import PAUSE, pause_seconds
from app.domain.tasks import SegmentKind

TARGET_TOKENS = 160
FIRST_TARGET_TOKENS = 60
TINY_TOKENS = 12
"""Below this Kokoro garbles; such a sentence is joined to a neighbour of its paragraph."""

LONE_TOKENS = 6
"""A paragraph below this (`“No.”`, `IV`) is joined to the next one, too."""

PARAGRAPH_SECONDS = 0.5
HEADING_SECONDS = 1.0
SCENE_SECONDS = 1.5
"""The silence after a paragraph, after a heading, and where a scene ends, at speed 1, beyond what the voice leaves."""

_SECONDS_AFTER = {Break.PARAGRAPH: PARAGRAPH_SECONDS, Break.HEADING: HEADING_SECONDS}
_LETTER = re.compile(r"\w")


@dataclass(frozen=True, slots=True)
class Span:
    """`[start, end)` of a text in characters; `content` is that piece as it stands."""

    start: int
    end: int
    kind: SegmentKind
    content: str
    pause_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class _Piece:
    """What is spoken together. The white space behind it is its own, or a pause where `ends` is a paragraph."""

    start: int
    end: int
    tokens: float
    ends: Break
    silent: bool
    scene: bool

    @property
    def tiny(self) -> bool:
        return self.silent or self.tokens < TINY_TOKENS

    @property
    def lone(self) -> bool:
        return self.silent or self.tokens < LONE_TOKENS

    def joined(self, other: "_Piece") -> "_Piece":
        return _Piece(
            self.start, other.end, self.tokens + other.tokens, other.ends, self.silent and other.silent, scene=False
        )


def split(text: str, *, language: str, speed: float = 1.0) -> list[Span]:
    """The spans that tile `text`: the first starts at 0, each where the one before ended, the last ends with it.

    Cuts are made at sentence ends of `language` (a BCP 47 tag); a longer sentence is cut at clause marks, else
    at white space, else between two letters. White space belongs to the span before it, but that between two
    paragraphs is a span of silence, and so is a line of `* * *`. `[pause:1.5s]` (0 to 60 seconds, also in `ms`) is a
    span of its own; a tag that says anything else is text. `[word](/phonemes/)` is never cut. Nothing is dropped,
    not even what gives no sound. At `speed` 2.0 the silences, but for those of tags, are half as long.
    Takes time linear in the length.
    """
    speaker = _Splitter(text, language, speed)
    spans: list[Span] = []
    position = 0
    for match in PAUSE.finditer(text):
        seconds = pause_seconds(match)
        if seconds is None or joins(text, match.end()):
            continue
        start = match.start()
        if text[position:start].strip():
            spans += speaker.spoken(position, start, first=not spans)
        else:
            start = position
        spans.append(Span(start, match.end(), SegmentKind.PAUSE, text[start : match.end()], seconds))
        position = match.end()
    if position < len(text):
        spans += speaker.spoken(position, len(text), first=not spans)
    return spans


class _Splitter:
    def __init__(self, text: str, language: str, speed: float) -> None:
        self._text = text
        self._language = language
        self._speed = speed
        self._tokens = running_costs(text)
        self._cutter = Cutter(text, self._tokens)

    def spoken(self, start: int, end: int, *, first: bool) -> Iterator[Span]:
        """The spans of a stretch without tags; `first`: nothing is to be heard before it."""
        pieces = _together(self._paragraphs(start, end, first=first))
        if all(piece.scene for piece in pieces):
            pieces = [replace(piece, scene=False) for piece in pieces]
        place = start
        for piece, following in zip_longest(pieces, pieces[1:]):
            if piece.scene:
                seconds = SCENE_SECONDS if place > start and following is not None else 0.0
                yield self._pause(place, piece.end, seconds)
                place = piece.end
                continue
            seconds = _SECONDS_AFTER.get(piece.ends, 0.0) if following is not None else 0.0
            gap = self._gap(place, piece.end) if seconds else piece.end
            yield Span(place, gap, SegmentKind.SPEECH, self._text[place:gap])
            place = gap
            if following is not None and not following.scene and place < piece.end:
                yield self._pause(place, piece.end, seconds)
                place = piece.end

    def _pause(self, start: int, end: int, seconds: float) -> Span:
        return Span(start, end, SegmentKind.PAUSE, self._text[start:end], round(seconds / self._speed, 3))

    def _gap(self, start: int, end: int) -> int:
        """Where the white space begins that ends `[start, end)`; `end` where no cut can be there."""
        gap = start + len(self._text[start:end].rstrip())
        return gap if gap > start and self._cutter.may_cut(gap) else end

    def _paragraphs(self, start: int, end: int, *, first: bool) -> Iterator[_Piece]:
        """The pieces that each paragraph is spoken in. The first ones are smaller until there is some sound."""
        target = FIRST_TARGET_TOKENS if first else TARGET_TOKENS
        paragraph: list[_Piece] = []
        for piece in self._pieces(start, end):
            paragraph.append(piece)
            if piece.ends >= Break.PARAGRAPH:
                yield from _joined(paragraph, target)
                if sum(one.tokens for one in paragraph) >= FIRST_TARGET_TOKENS / 2:
                    target = TARGET_TOKENS
                paragraph = []

    def _pieces(self, start: int, end: int) -> Iterator[_Piece]:
        begin = start
        for ending in (*endings(self._text, start, end, language=self._language), Ending(end, Break.PARAGRAPH)):
            if ending.offset == end or self._cutter.may_cut(ending.offset):
                yield from self._within_limit(begin, ending.offset, ending.kind)
                begin = ending.offset

    def _within_limit(self, start: int, end: int, ends: Break) -> Iterator[_Piece]:
        for cut in self._cutter.cuts(start, end):
            yield self._piece(start, cut, Break.SENTENCE)
            start = cut
        yield self._piece(start, end, ends)

    def _piece(self, start: int, end: int, ends: Break) -> _Piece:
        silent = _LETTER.search(self._text, start, end) is None
        scene = silent and ends >= Break.PARAGRAPH and is_scene_break(self._text[start:end].strip())
        return _Piece(start, end, self._tokens[end] - self._tokens[start], ends, silent, scene)


def _joined(paragraph: Sequence[_Piece], target: int) -> Iterator[_Piece]:
    """The pieces of a paragraph joined up to the target, the later ones to `TARGET_TOKENS`; lines only where they are
    tiny."""
    current = paragraph[0]
    for index, piece in enumerate(paragraph[1:], start=2):
        total = current.tokens + piece.tokens
        same_line = current.ends is Break.SENTENCE
        leftover = piece.tiny and (index == len(paragraph) or piece.ends is Break.LINE or piece.silent)
        if (total <= target and same_line) or (total <= LIMIT_TOKENS and (current.tiny or leftover)):
            current = current.joined(piece)
        else:
            yield current
            current = piece
            target = TARGET_TOKENS
    yield current


def _together(pieces: Iterable[_Piece]) -> list[_Piece]:
    """The pieces, a paragraph that is too little to be spoken alone joined to the next, or else to the one before."""
    found: list[_Piece] = []
    for piece in pieces:
        if found and found[-1].lone and _go_together(found[-1], piece):
            found[-1] = found[-1].joined(piece)
        else:
            _join_backwards(found)
            found.append(piece)
    _join_backwards(found)
    return found


def _join_backwards(found: list[_Piece]) -> None:
    if len(found) > 1 and found[-1].lone and _go_together(found[-2], found[-1]):
        found[-2:] = [found[-2].joined(found[-1])]


def _go_together(one: _Piece, other: _Piece) -> bool:
    return not one.scene and not other.scene and one.tokens + other.tokens <= LIMIT_TOKENS
