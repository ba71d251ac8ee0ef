"""Where sentences, lines, paragraphs and headings end."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from actors.speech.abbreviations import ends_sentence

# Each alternative matches wherever it is tried, so that no input makes the scan go back: it is linear.
_CANDIDATE = re.compile(
    r"(?P<stop>[.!?…‽]+(?:[\"'”’»)\]“‘«‹›]+|[ \u00a0\u202f]»(?!\w))*)"
    r"|(?P<wide>[。！？｡．]+[」』”’）】》\"'!?]*)"
    r"|(?P<script>[।॥؟۔።፧։។៕၊။།༎]+[\"'”’»)\]]*)"
    r"|(?P<greek>[;\u037e]+[\"'”’»)\]]*)"
    r"|(?P<line>(?:\r\n|[\n\r\x0b\x0c\x85\u2028\u2029])\s*)"
)
_SPACE = re.compile(r"\s*")
_LINE_END = re.compile(r"\r\n|[\n\r\x0b\x0c\x85\u2028\u2029]")
_PAGE_MARKS = frozenset("\x0c\u2029")
_OPENERS = "\"'“‘«‹„‚([¿¡*_-–—• "
_BEFORE_A_NUMBERED_ITEM = ("", *".!?:;")
_LOOK_BACK = 24
_SHORT_LINE = 50
_UNWRAPPED_LINE = 100

_HEADING_CHARACTERS = 80
_HEADING_MARK = re.compile(r"#{1,6}\s")
_LIST_MARK = re.compile(r"(?:[-*•–—+]|\(?(?:\d{1,3}|[a-zA-Z])[.)])\s")
_NOT_A_HEADING = frozenset(".!?…‽:;,。！？｡．：；，、।॥؟۔።-–—&")
_CLOSERS = "\"'”’»)]“‘«*_ "
_SCENE_BREAK = re.compile(r"[\s*_#~=•·⁂❦❧◆◇○●★☆–—-]+")
_SCENE_MARKS = frozenset("*#~=•·⁂❦❧◆◇○●★☆")


class Break(IntEnum):
    """What ends at an offset; the higher says more."""

    SENTENCE = 0
    LINE = 1
    PARAGRAPH = 2
    HEADING = 3


@dataclass(frozen=True, slots=True)
class Ending:
    """`offset` is where the next sentence begins; the white space before it belongs to what ends."""

    offset: int
    kind: Break


def endings(text: str, start: int, end: int, *, language: str) -> Iterator[Ending]:
    """The ends of sentences in `(start, end)`, rising, each with the most that ends there.

    A blank line ends a paragraph. A line break alone ends a line where that one is short (a verse, a list), or very
    long (text that is not wrapped), and the next begins like a sentence. A heading is a short paragraph of one line
    that ends without a mark, or what a `#` begins.
    """
    last: Ending | None = None
    for ending in _iter_endings(text, start, end, language):
        if last is not None and last.offset == ending.offset:
            last = max(last, ending, key=lambda one: one.kind)
            continue
        if last is not None:
            yield last
        last = ending if start < ending.offset < end else None
    if last is not None:
        yield last


def is_scene_break(paragraph: str) -> bool:
    """Whether a paragraph is only there to part two others: `* * *`, `---`, `⁂`."""
    if _SCENE_BREAK.fullmatch(paragraph) is None:
        return False
    marks = paragraph.split()
    return any(mark[0] in _SCENE_MARKS for mark in marks) or len("".join(marks)) >= 3


def without_wraps(text: str) -> str:
    """`text` with a space for each line break that ends nothing, so that what is left ends lines or paragraphs."""
    pieces, place, line_start = [], 0, 0
    for match in _LINE_END.finditer(text):
        follows = text[match.end() : match.end() + 4]
        line = text[max(line_start, match.start() - _UNWRAPPED_LINE - 1) : match.start()].strip()
        line_start = match.end()
        if line and follows[:1].strip() and not _line_stands_alone(line, follows):
            pieces += [text[place : match.start()], " " * len(match[0])]
            place = match.end()
    return "".join([*pieces, text[place:]])


def _iter_endings(text: str, start: int, end: int, language: str) -> Iterator[Ending]:
    line_start = start
    first_line = True
    for match in _CANDIDATE.finditer(text, start, end):
        if match.lastgroup == "line":
            line = text[max(line_start, match.start() - _UNWRAPPED_LINE - 1) : match.start()].strip()
            line_start = match.end()
            kind = _line_break(text, match, line, end, first_line=first_line)
            first_line = kind is not None and kind >= Break.PARAGRAPH
            if kind is not None:
                yield Ending(line_start, kind)
        else:
            cut = _past_space(text, match.end(), end)
            if _ends_sentence(text, match, cut, line_start, language):
                yield Ending(cut, Break.SENTENCE)


def _line_break(text: str, match: re.Match[str], line: str, end: int, *, first_line: bool) -> Break | None:
    """What ends with a line; `first_line`: nothing but a blank line, or the text's start, is before it."""
    if _HEADING_MARK.match(line):
        return Break.HEADING
    if _is_blank_line(match[0]):
        return Break.HEADING if first_line and _looks_like_heading(line) else Break.PARAGRAPH
    if not _line_stands_alone(line, text[match.end() : match.end() + 4]):
        return None
    if first_line and len(line) <= _SHORT_LINE and _looks_like_heading(line):
        next_end = _LINE_END.search(text, match.end(), min(end, match.end() + _UNWRAPPED_LINE))
        if next_end is None and end - match.end() > _UNWRAPPED_LINE:
            return Break.HEADING
    return Break.LINE


def _is_blank_line(gap: str) -> bool:
    return not _PAGE_MARKS.isdisjoint(gap) or len(_LINE_END.findall(gap)) > 1


def _looks_like_heading(line: str) -> bool:
    bare = line.rstrip(_CLOSERS)
    return (
        len(line) <= _HEADING_CHARACTERS
        and bare[-1:] not in _NOT_A_HEADING
        and not bare[:1].islower()
        and _LIST_MARK.match(line) is None
        and any(map(str.isalnum, bare))
    )


def _past_space(text: str, offset: int, end: int) -> int:
    space = _SPACE.match(text, offset, end)
    return space.end() if space else offset


def _line_stands_alone(line: str, following: str) -> bool:
    if not line or not following or line[-1] in ",;:-–—&":
        return _LIST_MARK.match(following) is not None
    if _LIST_MARK.match(following) or _HEADING_MARK.match(following):
        return True
    head = following.lstrip(_OPENERS)[:1]
    return (len(line) <= _SHORT_LINE or len(line) > _UNWRAPPED_LINE) and not head.islower()


def _ends_sentence(text: str, match: re.Match[str], cut: int, line_start: int, language: str) -> bool:
    if match.lastgroup == "stop":
        return _stop_ends_sentence(text, match, cut, line_start, language)
    if match.lastgroup == "greek":
        return language.split("-", 1)[0] in {"el", "grc"} and cut > match.end()
    return True


def _stop_ends_sentence(text: str, match: re.Match[str], cut: int, line_start: int, language: str) -> bool:
    if cut == match.end() and cut < len(text):
        return match[0][0] in "!?" and _is_wide(text[cut])
    following = text[cut : cut + 40].lstrip(_OPENERS)
    if following[:1].islower():
        return False
    if match[0][0] != "." or match[0].startswith(".."):
        return True
    before = text[max(line_start, match.start() - _LOOK_BACK) : match.start()]
    word = before.rsplit(None, 1)[-1].lstrip(_OPENERS) if before and not before[-1].isspace() else ""
    if word.isdigit() and len(word) <= 3 and _begins_an_item(before[: -len(word)].rstrip(), language):
        return False
    words = following.split(None, 1)
    next_word = words[0].rstrip(",.;:!?'\"”’)") if words else ""
    return ends_sentence(word, next_word, language)


def _begins_an_item(before: str, language: str) -> bool:
    """Whether the number behind `before` counts an entry, and is not the last word of `cf. p. 3`."""
    if before[-1:] not in _BEFORE_A_NUMBERED_ITEM:
        return False
    return not before.endswith(".") or ends_sentence((before[:-1].split() or [""])[-1], "", language)


def _is_wide(character: str) -> bool:
    """Han, kana or hangul, before which a sentence needs no space."""
    return "\u3040" <= character <= "\u30ff" or "\u3400" <= character <= "\u9fff" or "\uac00" <= character < "\ud7a4"
