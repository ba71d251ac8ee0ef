"""Marks of punctuation, dashes and other signs: a pause, a word or nothing."""

import re
import unicodedata

from actors.speech.english.said import Reading, Said
from actors.speech.english.symbols import mark_of, said_of

APOSTROPHES = frozenset("'’ʼ＇‘")
DASHES = frozenset("-‐‑‒–—―−")
JOINERS = frozenset("\u200c\u200d\u00ad\u2060\ufeff\u200b\u200e\u200f\u2061\u2062\u2063\u2064")
"""What is seen nowhere and said nowhere."""

_CLIPPED = frozenset("tis twas twere twill em cause til bout round n cuz neath mid tween gainst".split())  # noqa: SIM905 - words
_CLIPPED_WORD = re.compile(r"[A-Za-z]{1,6}(?![^\W_]|['’])")
_LETTERS = re.compile(r"[A-Za-z]{1,30}")
_LETTERS_BEFORE = re.compile(r"[A-Za-z]+$")
_RANGE_BEFORE = re.compile(r"(?:[\d%°\]]|[ap]\.?m\.?|\d[kMG]?[a-zA-Z]{1,2})$", re.IGNORECASE)
_RANGE_AFTER = re.compile(r"[$£€]?~?(?:\d|\.\d)")
_ALTERNATIVES = frozenset(
    {"he she", "she he", "his her", "her his", "him her", "his hers", "s he", "yes no", "true false"}
)
_COMPARISONS = {
    ">=": "is at least", "<=": "is at most", "!=": "is not", "==": "equals", "=>": "to", "&&": "and", "||": "or", "::": "",
}  # fmt: skip
_LONGEST_RUN = 1000
_RUN = 3
"""So many of a sign are a line, not words."""


def dash_at(text: str, at: int) -> Reading:
    """A hyphen in a word stays, between numbers it is `to`, before one `minus`; a dash in a sentence is a pause."""
    end = at + 1
    while end < len(text) and text[end] in DASHES and end - at < _LONGEST_RUN:
        end += 1
    before, after = text[max(0, at - 8) : at], text[end : end + 3]
    if end < len(text) and text[end] == ">":
        return [Said(at, end + 1, " to ")]
    if end - at == 1:
        spaced = before[-1:].isspace() and after[:1].isspace()
        numeric = bool(_RANGE_BEFORE.search(before.rstrip())) and _RANGE_AFTER.match(after.lstrip()) is not None
        if numeric and (spaced or not (before[-1:].isspace() or after[:1].isspace())):
            minus = spaced and (text[at] == "−" or "=" in text[end : end + 30])
            return [Said(at, end, " minus " if minus else " to ")]
        if (not before or not before[-1].isalnum()) and after[:1].isdecimal() and text[at] in "-−–":
            return [Said(at, end, "minus ")]
        if text[at] == "−":
            return [Said(at, end, " minus ")]
        if before[-1:].isalpha() and after[:1].isalpha() and text[at] in "-‐‑":
            return [Said(at, end, "-")]
        if before[-1:].isalnum() and after[:1].isalnum() and text[at] in "-‐‑–":
            return [Said(at, end, " ")]
        if text[at] in "-‐‑" and not spaced:
            return [Said(at, end, " ")]
    if not before.strip() or end - at > _RUN:
        return [Said(at, end, " ")]
    return [Said(at, end, "—")]


def apostrophe_at(text: str, at: int) -> Reading:
    """Of a word that begins with one, or of a quotation, which has no mark in Kokoro's alphabet."""
    match = _CLIPPED_WORD.match(text, at + 1)
    if text[at + 1 : at + 3].lower() in {"n'", "n’"} and not text[at - 1 : at].isalnum():
        return [Said(at, at + 3, " 'n' ")]
    if match is not None and not text[at - 1 : at].isalnum() and match[0].lower() in _CLIPPED:
        return [Said(at, match.end(), f"'{match[0]}")]
    if text[at - 1 : at].isdigit() and text[at + 1 : at + 2] == "s":
        return [Said(at, at + 2, "'s")]
    return [Said(at, at + 1, "")]


def sign_at(text: str, at: int) -> Reading:
    """Whatever no rule knows better."""
    character = text[at]
    if (compared := _COMPARISONS.get(text[at : at + 2])) is not None:
        return [Said(at, at + 2, f" {compared} ")]
    if text.startswith("()", at):
        return [Said(at, at + 2, "")]
    end = at + 1
    while end < len(text) and text[end] == character and end - at < _LONGEST_RUN:
        end += 1
    mark = mark_of(character)
    if mark is not None:
        return _mark(text, at, end, mark)
    if character in '"″':
        before = text[at - 1 : at]
        opens = not before or before.isspace() or before in "([{—–-'‘“"
        return [Said(at, end, "“" if opens else "”")]
    if end - at >= _RUN and not character.isalnum():
        return [Said(at, end, " ")]
    end = at + 1
    before, after = text[at - 1 : at], text[end : end + 1]
    if character in "<>":
        return [Said(at, end, _comparison(text, at))] if not text.startswith(">", end) else [Said(at, end + 1, " ")]
    if character == "/":
        return _slash(text, at)
    if character == "*":
        between = text[max(0, at - 2) : at].strip()[-1:].isalnum() and text[end : end + 2].strip()[:1].isalnum()
        return [Said(at, end, " times " if between and (before.isspace() == after.isspace()) else "")]
    if character == "~":
        return [Said(at, end, "about " if after.isdecimal() or after in set("$£€") else "")]
    if character == "\\" and not after.isalnum():
        return [Said(at, end, "")]
    said = said_of(character)
    if said:
        return [Said(at, end, f" {said} ")]
    return [Said(at, end, "" if character in JOINERS or unicodedata.combining(character) else " ")]


def _mark(text: str, at: int, end: int, mark: str) -> Reading:
    if mark == "." and end - at >= _RUN - 1:
        return [Said(at, end, "…" if end - at < 2 * _RUN else " ")]
    if mark == "." and end - at == 1 and text[at - 1 : at].isalpha() and text[end : end + 1].isalpha():
        return [Said(at, end, ". ")]
    if mark == "." and not text[at - 1 : at].isalnum() and text[end : end + 1].isalpha():
        return [Said(at, end, " dot ")]
    if mark == ":" and text[end : end + 1].isalnum():
        return [Said(at, end, ": ")]
    if mark == "," and text[at] not in ",，、،､" and not text[max(0, at - 40) : at].strip():
        return [Said(at, end, "")]
    return [Said(at, end, mark)]


def _comparison(text: str, at: int) -> str:
    than = "less than" if text[at] == "<" else "greater than"
    after = text[at + 1 : at + 3].strip()[:1]
    before = text[max(0, at - 2) : at].strip()[-1:]
    compares = after.isalnum() and (before.isalnum() or after.isdecimal())
    return f" {than} " if compares else " "


def _slash(text: str, at: int) -> Reading:
    before = _LETTERS_BEFORE.search(text[max(0, at - 30) : at])
    after = _LETTERS.match(text, at + 1)
    if before is None or after is None:
        between = text[at - 1 : at].isalnum() and text[at + 1 : at + 2].isalnum()
        return [Said(at, at + 1, " slash " if between else " ")]
    pair = f"{before[0]} {after[0]}".lower()
    if pair in _ALTERNATIVES:
        return [Said(at, at + 1, " or ")]
    silent = pair == "and or" or (before[0].isupper() and after[0].isupper())
    return [Said(at, at + 1, " " if silent else " slash ")]
