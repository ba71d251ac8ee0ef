"""Where sentences end."""

import re
from collections.abc import Iterator

from actors.speech.abbreviations import ends_sentence

# Each alternative matches wherever it is tried, so that no input makes the scan go back: it is linear.
_CANDIDATE = re.compile(
    r"(?P<stop>[.!?…‽]+[\"'”’»)\]]*)"
    r"|(?P<wide>[。！？｡．]+[」』”’）】》\"'!?]*)"
    r"|(?P<script>[।॥؟۔።፧։။៕]+[\"'”’»)\]]*)"
    r"|(?P<line>\n\s*)"
)
_SPACE = re.compile(r"\s*")
_OPENERS = "\"'“‘«([¿¡*_-–— "
_BEFORE_A_NUMBERED_ITEM = ("", *".!?:;")
_LOOK_BACK = 24
_SHORT_LINE = 50
_UNWRAPPED_LINE = 100


def sentence_ends(text: str, start: int, end: int, *, language: str) -> Iterator[tuple[int, bool]]:
    """Offsets in `(start, end)` at which a new sentence begins, rising, and whether a new paragraph does.

    White space belongs to the sentence before it. A line break alone ends a sentence after a short line (a
    heading, a verse) or a very long one (text that is not wrapped), where the next begins like a sentence.
    """
    last: tuple[int, bool] | None = None
    for cut, paragraph in _iter_ends(text, start, end, language):
        if last is not None and last[0] == cut:
            last = cut, last[1] or paragraph
            continue
        if last is not None:
            yield last
        last = (cut, paragraph) if start < cut < end else None
    if last is not None:
        yield last


def _iter_ends(text: str, start: int, end: int, language: str) -> Iterator[tuple[int, bool]]:
    line_start = start
    for match in _CANDIDATE.finditer(text, start, end):
        if match.lastgroup == "line":
            line = text[max(line_start, match.start() - _UNWRAPPED_LINE - 1) : match.start()].strip()
            line_start = match.end()
            if match[0].count("\n") > 1 or _line_stands_alone(line, text[line_start : line_start + 4]):
                yield line_start, True
        else:
            cut = _past_space(text, match.end(), end)
            if match.lastgroup != "stop" or _stop_ends_sentence(text, match, cut, line_start, language):
                yield cut, False


def _past_space(text: str, offset: int, end: int) -> int:
    space = _SPACE.match(text, offset, end)
    return space.end() if space else offset


def _line_stands_alone(line: str, following: str) -> bool:
    if not line or not following or line[-1] in ",;:-–—&":
        return False
    head = following.lstrip(_OPENERS)[:1]
    return (len(line) <= _SHORT_LINE or len(line) > _UNWRAPPED_LINE) and not head.islower()


def _stop_ends_sentence(text: str, match: re.Match[str], cut: int, line_start: int, language: str) -> bool:
    if cut == match.end() and cut < len(text):
        return False
    following = text[cut : cut + 40].lstrip(_OPENERS)
    if following[:1].islower():
        return False
    if match[0][0] != "." or match[0].startswith(".."):
        return True
    before = text[max(line_start, match.start() - _LOOK_BACK) : match.start()]
    word = before.rsplit(None, 1)[-1].lstrip(_OPENERS) if before and not before[-1].isspace() else ""
    if word.isdigit() and len(word) <= 3 and before[: -len(word)].rstrip()[-1:] in _BEFORE_A_NUMBERED_ITEM:
        return False
    words = following.split(None, 1)
    next_word = words[0].rstrip(",.;:!?'\"”’)") if words else ""
    return ends_sentence(word, next_word, language)
