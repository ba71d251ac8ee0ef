"""Where a text may be cut without tearing a letter from its marks."""

import unicodedata

_JOINER = "\u200d"
_VIRAMAS = 9
"""The canonical combining class of the signs that join two consonants of an Indic script."""

_LEADING_JAMO = range(0x1100, 0x1160)
_LATER_JAMO = range(0x1160, 0x1200)
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_FLAG_LETTERS = range(0x1F1E6, 0x1F200)
_TAGS = range(0xE0020, 0xE0080)
_HIGH_SURROGATES = range(0xD800, 0xDC00)
_LOW_SURROGATES = range(0xDC00, 0xE000)


def joins(text: str, offset: int) -> bool:
    """Whether the characters before and at `offset` belong to one letter, emoji or line end.

    A simplification of Unicode's UAX 29 that never cuts where it would not. Flags of two letters are kept
    together in runs of up to 32; in a longer run of flag letters any cut is as good.
    """
    if not 0 < offset < len(text):
        return False
    before, after = text[offset - 1], text[offset]
    code, next_code = ord(before), ord(after)
    if next_code < 0x300:
        return before == "\r" and after == "\n"
    if after == _JOINER or before == _JOINER or next_code in _SKIN_TONES or next_code in _TAGS:
        return True
    if unicodedata.category(after) in {"Mn", "Mc", "Me"} or unicodedata.combining(before) == _VIRAMAS:
        return True
    if next_code in _LOW_SURROGATES:
        return code in _HIGH_SURROGATES
    if next_code in _LATER_JAMO:
        return code in _LEADING_JAMO or code in _LATER_JAMO or 0xAC00 <= code < 0xD7A4
    if next_code in _LEADING_JAMO:
        return code in _LEADING_JAMO
    if next_code in _FLAG_LETTERS and code in _FLAG_LETTERS:
        first = offset - 1
        while first > 0 and offset - first < 64 and ord(text[first - 1]) in _FLAG_LETTERS:
            first -= 1
        return (offset - first) % 2 == 1
    return False
