"""Words with their times as subtitles: SubRip (SRT) and WebVTT."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from app.domain.captions import CaptionWord
from app.domain.markup import MARKUP, PAUSE

LINE_CHARACTERS = 42
LINES = 2
SHORTEST_SECONDS = 1.0
LONGEST_SECONDS = 7.0
"""Two lines of 42 characters, 1 to 7 seconds: what subtitle guides agree on (Netflix's and the BBC's among them)."""

GAP_SECONDS = 1.5
"""A silence this long ends a cue."""

_SENTENCE_END = re.compile(r"[.!?…。！？।؟]['\"”’»)\]」』]*$")
_CLAUSE_END = re.compile(r"[,;:–—、，；：،][\"'”’»)\]」』]*$")
_TAKEN_OUT = "\0"
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Cue:
    """What is to be read from `start` to `end`, in seconds: one line or two."""

    start: float
    end: float
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Unit:
    """What is never parted: a word and the punctuation at it, or a piece of a word that no line can hold."""

    start: float
    end: float
    text: str
    spaced: bool

    @property
    def ends_sentence(self) -> bool:
        return _SENTENCE_END.search(self.text) is not None

    @property
    def ends_clause(self) -> bool:
        return self.ends_sentence or _CLAUSE_END.search(self.text) is not None


def srt(cues: Iterable[Cue]) -> str:
    """The cues as SubRip. It has no escapes, so an invisible U+200B keeps players from seeing tags in the text."""
    parts = []
    for number, cue in enumerate(cues, start=1):
        lines = "\n".join(re.sub(r"([<{]|--)(?=\S)", "\\1\u200b", line) for line in cue.lines)
        parts.append(f"{number}\n{_moment(cue.start, ',')} --> {_moment(cue.end, ',')}\n{lines}\n")
    return "\n".join(parts)


def vtt(cues: Iterable[Cue]) -> str:
    """The cues as WebVTT."""
    parts = ["WEBVTT\n"]
    for cue in cues:
        lines = "\n".join(line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") for line in cue.lines)
        parts.append(f"{_moment(cue.start, '.')} --> {_moment(cue.end, '.')}\n{lines}\n")
    return "\n".join(parts)


def _moment(seconds: float, point: str) -> str:
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}{point}{milliseconds:03d}"


def cues_of(text: str, words: Sequence[CaptionWord]) -> list[Cue]:
    """The words of `text` as cues, in order, none of which overlaps another.

    A cue ends with a sentence, before a long silence, or where it is full: then after a comma, if one is not far.
    Each lasts 1 to 7 seconds, less only where the next begins sooner. The markup of the text is left out.
    """
    groups = list(_grouped(list(_units(text, words))))
    cues: list[Cue] = []
    for index, group in enumerate(groups):
        begins = max(group[0].start, cues[-1].end if cues else 0.0)
        ends = min(max(group[-1].end, begins + SHORTEST_SECONDS), begins + LONGEST_SECONDS)
        if index + 1 < len(groups):
            ends = min(ends, groups[index + 1][0].start)
        lines = _lines(group)
        assert lines is not None, "a group is made so that it fits"
        cues.append(Cue(begins, max(ends, begins + 0.001), lines))
    return cues


def _units(text: str, words: Sequence[CaptionWord]) -> Iterator[_Unit]:
    shown = _without_markup(text, words)
    before = 0
    for index, word in enumerate(words):
        after = words[index + 1].start_char if index + 1 < len(words) else len(text)
        gap = shown[word.end_char : after]
        belongs = len(gap.rstrip(_TAKEN_OUT)) if index + 1 == len(words) else _belonging(gap)
        if index == 0:
            before = 0
        raw = shown[before : word.end_char + belongs]
        spaced = index > 0 and (raw[:1].isspace() or shown[before - 1].isspace())
        before = word.end_char + belongs
        written = _SPACE.sub(" ", raw.replace(_TAKEN_OUT, "")).strip()
        yield from _pieces(_Unit(word.start, word.end, written, spaced))


def _belonging(gap: str) -> int:
    """How much of what stands between two words belongs to the first: all up to the last white space."""
    spaces = [match.start() for match in _SPACE.finditer(gap)]
    if spaces:
        return spaces[-1]
    return next((i for i, character in enumerate(gap) if unicodedata.category(character) in {"Ps", "Pi"}), len(gap))


def _without_markup(text: str, words: Sequence[CaptionWord]) -> str:
    """The text with as many characters, those of markup replaced by U+0000; a pause stands as white space."""
    begins = {word.start_char for word in words}

    def take_out(match: re.Match[str]) -> str:
        return _TAKEN_OUT + match["word"] + _TAKEN_OUT * (len(match["phonemes"]) + 5)

    def silence(match: re.Match[str]) -> str:
        is_text = any(place in begins for place in range(match.start(), match.end()))
        return match[0] if is_text else " " * len(match[0])

    return PAUSE.sub(silence, MARKUP.sub(take_out, text))


def _pieces(unit: _Unit) -> Iterator[_Unit]:
    """The unit, cut where it is too long for a line."""
    if _width(unit.text) <= LINE_CHARACTERS:
        yield unit
        return
    pieces = [""]
    for character in unit.text:
        if _width(pieces[-1] + character) > LINE_CHARACTERS:
            pieces.append("")
        pieces[-1] += character
    each = (unit.end - unit.start) / len(pieces)
    for index, piece in enumerate(pieces):
        begins = unit.start + index * each
        yield _Unit(begins, begins + each, piece, unit.spaced and index == 0)


def _grouped(units: Sequence[_Unit]) -> Iterator[list[_Unit]]:
    group: list[_Unit] = []
    for unit in units:
        while group and not _fits([*group, unit]):
            cut = _best_cut(group)
            yield group[:cut]
            group = group[cut:]
        if group and _is_end(group, unit):
            yield group
            group = []
        group.append(unit)
    if group:
        yield group


def _is_end(group: Sequence[_Unit], following: _Unit) -> bool:
    if following.start - group[-1].end >= GAP_SECONDS:
        return True
    return group[-1].ends_sentence and following.start - group[0].start >= SHORTEST_SECONDS


def _fits(group: Sequence[_Unit]) -> bool:
    return group[-1].end - group[0].start <= LONGEST_SECONDS and _lines(group) is not None


def _best_cut(group: Sequence[_Unit]) -> int:
    """After the last comma in the later two thirds of a cue, if what comes before it is long enough; else its end."""
    for cut in range(len(group) - 1, len(group) // 3, -1):
        if group[cut - 1].ends_clause and group[cut].start - group[0].start >= SHORTEST_SECONDS:
            return cut
    return len(group)


def _lines(group: Sequence[_Unit]) -> tuple[str, ...] | None:
    """The lines of a cue; None where it needs more than there are."""
    lines = [""]
    for unit in group:
        space = " " if unit.spaced and lines[-1] else ""
        if lines[-1] and _width(lines[-1] + space + unit.text) > LINE_CHARACTERS:
            lines.append(unit.text)
        else:
            lines[-1] += space + unit.text
    return tuple(lines) if len(lines) <= LINES else None


def _width(text: str) -> int:
    """In the width of a Latin letter: Han, kana and Hangul take two."""
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
