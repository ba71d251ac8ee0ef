"""How words are to be pronounced: what a lexicon says, found in a text."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

Pronunciations = tuple[tuple[str, str], ...]
"""Pairs of a word and what is said for it: a respelling in plain letters (`sy-kwel`), or `/phonemes/`."""

_LOOKUPS_KEPT = 16
_HEAD = 4
_HEADS = range(_HEAD, 0, -1)
_APOSTROPHES = "'’"
_CONTRACTED = frozenset({"s", "t", "d", "m", "ll", "re", "ve"})
"""What follows an apostrophe in English without being a word of its own; in French `l'eau` has the word `eau`."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """`word`, as its lexicon writes it, stands in the text at `[start, end)`, in characters, and is said as `said`."""

    start: int
    end: int
    word: str
    said: str

    @property
    def phonemes(self) -> str | None:
        return given_phonemes(self.said)


def given_phonemes(said: str) -> str | None:
    """What stands between the slashes of `/phonemes/`; None of a respelling."""
    return said[1:-1] if len(said) > 2 and said[0] == said[-1] == "/" else None


def occurrences(text: str, pronunciations: Pronunciations) -> Iterator[Occurrence]:
    """Where the words stand in the text, in order, none within another; the longest of several wins.

    A word in small letters stands for itself in any case; one with a capital only for itself as it is written, and
    goes before the other. Only whole words are found, and words before a possessive `'s`; in scripts without spaces
    between words any place will do. The time grows with the text's length, not with the number of words.
    """
    return _lookup(pronunciations).occurrences(text)


def occurring(text: str, pronunciations: Pronunciations) -> Pronunciations:
    """Those pronunciations that decide how the text is said, in one order: all that a segment's key needs of them."""
    return tuple(sorted({(found.word, found.said) for found in occurrences(text, pronunciations)}))


class _Lookup:
    def __init__(self, pronunciations: Pronunciations) -> None:
        self._exact: dict[str, tuple[str, str]] = {}
        self._any_case: dict[str, tuple[str, str]] = {}
        for word, said in pronunciations:
            for form in {unicodedata.normalize("NFC", word), unicodedata.normalize("NFD", word)}:
                if form:
                    (self._any_case if form == form.lower() else self._exact)[form] = word, said
        lengths: defaultdict[str, set[int]] = defaultdict(set)
        for form in (*self._exact, *self._any_case):
            lengths[_head(form)].add(len(form))
        self._lengths = {head: sorted(some, reverse=True) for head, some in lengths.items()}

    def occurrences(self, text: str) -> Iterator[Occurrence]:
        place = 0
        while self._lengths and place < len(text):
            found = self._at(text, place) if _may_begin(text, place) else None
            if found is not None:
                yield found
            place = found.end if found is not None else place + 1

    def _at(self, text: str, start: int) -> Occurrence | None:
        beginning = text[start : start + _HEAD]
        for length in chain.from_iterable(self._lengths.get(_head(beginning[:size]), ()) for size in _HEADS):
            form = text[start : start + length]
            entry = self._exact.get(form) or self._any_case.get(form.lower())
            if entry is not None and len(form) == length and _is_whole(text, start, start + length):
                return Occurrence(start, start + length, *entry)
        return None


def _head(form: str) -> str:
    """The beginning that a form is looked up by, so that few lengths are tried where no word stands. Case folding,
    unlike lower case, does not depend on what follows."""
    return form[:_HEAD].casefold()


_lookup = lru_cache(_LOOKUPS_KEPT)(_Lookup)


def _may_begin(text: str, place: int) -> bool:
    return not text[place].isspace() and (place == 0 or not (_is_letter(text[place - 1]) and _is_letter(text[place])))


def _is_whole(text: str, start: int, end: int) -> bool:
    contracts = start > 1 and text[start - 1] in _APOSTROPHES and text[start - 2].isalpha()
    if contracts and text[start:end].lower() in _CONTRACTED:
        return False
    if end == len(text) or not _is_letter(text[end - 1]):
        return True
    if text[end] in _APOSTROPHES and text[end + 1 : end + 2].isalpha():
        return text[end + 1] in "sS" and not text[end + 2 : end + 3].isalnum()
    return not _is_letter(text[end])


def _is_letter(character: str) -> bool:
    """Whether the character ties to its neighbour in one word: a letter, digit or mark of a script with spaces."""
    if character < "\u0300":
        return character.isalnum() or character == "_"
    if "\u3040" <= character <= "\u9fff" or "\u0e00" <= character <= "\u0eff" or character >= "\U00020000":
        return False
    return character.isalnum() or unicodedata.category(character)[0] == "M"
