"""The two forms of markup in a text, as the API and the engines read them."""

import re

MARKUP = re.compile(r"\[(?P<word>[^\[\]\n]{1,100})\]\(/(?P<phonemes>[^/\n]{1,100})/\)")
"""`[word](/phonemes/)`, each of 1 to 100 characters. What does not match is text like any other."""

PAUSE = re.compile(r"\[pause:(?P<number>[0-9]{1,5}(?:\.[0-9]{1,3})?)(?P<unit>ms|s)\]\s*", re.IGNORECASE)
"""`[pause:1.5s]`, with the white space behind it. One of more than 60 seconds is text like any other."""

_LONGEST_PAUSE_SECONDS = 60.0


def pause_seconds(match: re.Match[str]) -> float | None:
    """How long a match of `PAUSE` is silent; None where that is too long to be one."""
    seconds = float(match["number"]) / (1000 if match["unit"].lower() == "ms" else 1)
    return seconds if seconds <= _LONGEST_PAUSE_SECONDS else None


def is_pause(text: str, start: int) -> bool:
    """Whether a pause stands at `start`."""
    match = PAUSE.match(text, start)
    return match is not None and pause_seconds(match) is not None
