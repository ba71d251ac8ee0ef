"""Text as an engine may be given it: every character replaced by one character, so that offsets stay true."""

import re
from collections.abc import Iterator

from app.domain.markup import MARKUP

_UNSPEAKABLE = dict.fromkeys(
    (*range(9), *range(11, 32), *range(127, 160), *range(55296, 57344), *range(65529, 65536)), " "
)


def without_controls(text: str) -> str:
    """`text` with a space for each control character, lone surrogate and non-character; tabs and newlines stay.

    NUL would end the text for a C library, and 0x01 starts a command in espeak-ng.
    """
    return text.translate(_UNSPEAKABLE)


def iter_markup(text: str) -> Iterator[re.Match[str]]:
    """Each `[word](/phonemes/)` of the text as a match with the groups `word` and `phonemes`."""
    return MARKUP.finditer(text)


def without_markup(text: str) -> str:
    """`text` with spaces for the brackets and the phonemes of `[word](/phonemes/)`: the word alone is left."""

    def blank(match: re.Match[str]) -> str:
        return " " + match["word"] + " " * (len(match["phonemes"]) + 5)

    return MARKUP.sub(blank, text)
