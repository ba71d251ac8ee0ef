"""About how many of a model's tokens a text takes, without asking its phonemizer."""

from itertools import accumulate


class _Costs(dict[str, float]):
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


def running_costs(text: str) -> list[float]:
    """The tokens before each character, and at last those of the whole: a piece costs the difference of two."""
    costs = _Costs()
    return list(accumulate(map(costs.__getitem__, text), initial=0.0))
