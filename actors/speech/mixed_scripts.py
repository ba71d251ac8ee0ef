"""Texts of Japanese and Mandarin with Latin words in them, and characters that no dictionary has."""

import re
from collections.abc import Callable

from actors.speech.phonemes import Speaker

_LATIN = re.compile(r"[A-Za-z][A-Za-z'’-]{0,60}(?: [A-Za-z][A-Za-z'’-]{0,60}){0,20}")


_CLAUSE = re.compile(
    rf"{_LATIN.pattern}\W*"
    r"|(?:(?![A-Za-z])[^，。！？；：、「」（）,.!?;:()\n]){1,60}[，。！？；：、「」（）,.!?;:()\s]*"
    r"|[，。！？；：、「」（）,.!?;:()\s]+"
    r"|.",
    re.DOTALL,
)


def clauses(text: str) -> list[str]:
    """The text in pieces that end with a mark or are in one script, none much longer than 60 characters."""
    return _CLAUSE.findall(text)


def with_english(speaker: Speaker, english: Callable[[], Speaker]) -> Speaker:
    """`speaker`, but for words in Latin letters, which an English one says; it is made at the first such word."""

    def speak(text: str) -> str:
        said: list[str] = []
        place = 0
        for match in _LATIN.finditer(text):
            said += speaker(text[place : match.start()]), english()(match[0])
            place = match.end()
        said.append(speaker(text[place:]))
        return " ".join(part for part in said if part)

    return speak


def without_failures(speaker: Speaker) -> Speaker:
    """`speaker`, which leaves out the characters that its library fails on, and says all others."""

    def speak(text: str) -> str:
        if not text.strip():
            return ""
        try:
            return speaker(text)
        except (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError):
            if len(text) == 1:
                return ""
            half = len(text) // 2
            return f"{speak(text[:half])} {speak(text[half:])}".strip()

    return speak
