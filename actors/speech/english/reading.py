"""English text as a person would read it out: words and marks only, each with its place in the original."""

import re
import unicodedata
from collections.abc import Iterator, Mapping

from actors.speech.english.addresses import address_at, phone_at, tag_at, version_at
from actors.speech.english.calendar import date_at, named_date_at, time_at
from actors.speech.english.markdown import is_set_off, line_start_at, markup_at
from actors.speech.english.money import money_at, money_behind
from actors.speech.english.punctuation import APOSTROPHES, DASHES, JOINERS, apostrophe_at, dash_at, sign_at
from actors.speech.english.quantities import feet_and_inches_at, power_at, quantity_at, short_year_at
from actors.speech.english.said import Dialect, Reading, Said
from actors.speech.english.script import Script
from actors.speech.english.shortened import shortened_at
from actors.speech.english.symbols import emoji_at, greek_letter, said_of
from actors.speech.plain_text import iter_markup
from app.domain.pronunciations import Pronunciations, occurrences

_LONGEST_WORD = 60
"""Longer words are no words; they are cut so that everything that looks at a word stays quick."""

_PLACEHOLDER = "thing"
"""Stands in a script for a word whose phonemes are given: a noun, which takes no full stop to itself."""

_LONGEST_LINE = 1000
_ENDS_OF_PARAGRAPH = ".!?…:;,—"
_SPACES = re.compile(r"\s+")
_VULGAR = frozenset("½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅐⅛⅜⅝⅞⅑⅒")
_SUPERSCRIPTS = frozenset("^⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def read(text: str, dialect: Dialect, pronunciations: Pronunciations = ()) -> Script:
    """`text` in words. The time grows with its length, whatever it holds."""
    return Script.of(_Reader(text, dialect, pronunciations).pieces())


class _Reader:
    def __init__(self, text: str, dialect: Dialect, pronunciations: Pronunciations) -> None:
        self._text = text
        self._dialect = dialect
        self._given = _given_places(text, pronunciations)
        self._silences: dict[int, int] = {}

    def pieces(self) -> Iterator[Said]:
        at = 0
        text = self._text
        while at < len(text):
            reading = self._next(at)
            yield from reading
            at = reading[-1].end

    def _next(self, at: int) -> Reading:
        text = self._text
        if at in self._given:
            return self._given[at]
        if at in self._silences:
            return [Said(at, self._silences[at], "")]
        character = text[at]
        if (at == 0 or text[at - 1] == "\n") and (end := line_start_at(text, at)) > at:
            return [Said(at, min(end, self._stop(at, end)), "")]
        if character.isspace():
            return self._space(at)
        return self._clear_of_given(at, self._sign_or_word(at, character))

    def _clear_of_given(self, at: int, reading: Reading) -> Reading:
        """`reading`, unless it runs over a place where somebody said how a word is pronounced: then the word alone."""
        end = reading[-1].end
        if self._stop(at, end) < end:
            return self._word(at) if self._text[at].isalpha() else [Said(at, at + 1, said_of(self._text[at]))]
        return reading

    def _stop(self, at: int, end: int) -> int:
        """The first place in `(at, end)` that is given, or `end`."""
        if not self._given:
            return end
        return next((place for place in range(at + 1, end) if place in self._given), end)

    def _sign_or_word(self, at: int, character: str) -> Reading:
        text = self._text
        if markup := markup_at(text, at):
            reading, silent_until = markup
            if silent_until is not None:
                self._silences[text.index("]", reading[-1].end)] = silent_until
            return reading
        before = text[at - 1] if at else " "
        fresh = not before.isalnum() or (before == "T" and self._text[at - 2 : at - 1].isdecimal())
        found: Reading | None = emoji_at(text, at)
        if found is None and character.isdecimal():
            found = self._digits(at, fresh)
        elif found is None and character.isalpha():
            found = self._letters(at, fresh)
        elif found is None:
            found = self._sign(at, character)
        if found is not None:
            return found
        return self._word(at) if character.isalpha() else sign_at(text, at)

    def _digits(self, at: int, fresh: bool) -> Reading | None:
        text, dialect = self._text, self._dialect
        if fresh:
            for rule in (feet_and_inches_at, phone_at, date_at, time_at, address_at, money_behind):
                if reading := rule(text, at, dialect):
                    return reading
        return quantity_at(text, at, dialect)

    def _letters(self, at: int, fresh: bool) -> Reading | None:
        text, dialect = self._text, self._dialect
        if not fresh:
            return None
        for rule in (named_date_at, address_at, version_at, money_at, shortened_at):
            if reading := rule(text, at, dialect):
                return reading
        return None

    def _sign(self, at: int, character: str) -> Reading | None:
        text, dialect = self._text, self._dialect
        if character in "@#№":
            return tag_at(text, at, dialect)
        if character in "/~." and (reading := address_at(text, at, dialect)):
            return reading
        if character in "+(" and (reading := phone_at(text, at, dialect)):
            return reading
        if character in DASHES:
            return money_at(text, at, dialect) or dash_at(text, at)
        if character in APOSTROPHES:
            return short_year_at(text, at, dialect) or apostrophe_at(text, at)
        if character in _SUPERSCRIPTS and at and (text[at - 1].isalnum() or text[at - 1] in ")]"):
            return power_at(text, at, dialect)
        if character in _VULGAR:
            return quantity_at(text, at, dialect)
        if character == "." and text[at + 1 : at + 2].isdecimal() and not text[at - 1 : at].isalnum():
            reading = quantity_at(f"0{text[at : at + 60]}", 0, dialect)
            if reading is not None and len(reading) <= 2:
                shifted = [Said(piece.start + at - 1, piece.end + at - 1, piece.text) for piece in reading]
                return [Said(at, shifted[0].end, shifted[0].text.removeprefix("zero ")), *shifted[1:]]
        return money_at(text, at, dialect)

    def _space(self, at: int) -> Reading:
        match = _SPACES.match(self._text, at)
        assert match is not None
        end = self._stop(at, match.end())
        breaks = self._text.count("\n", at, end)
        if breaks and self._pauses(at, end, breaks):
            return [Said(at, end, ". ")]
        return [Said(at, end, " ")]

    def _pauses(self, at: int, end: int, breaks: int) -> bool:
        """Whether the break of lines is that of a paragraph, heading or item that has no mark at its end."""
        text = self._text
        begin = max(text.rfind("\n", max(0, at - _LONGEST_LINE), at) + 1, at - _LONGEST_LINE)
        line = text[max(0, begin) : at].rstrip('*_`~ \t"”’)')
        if not line or line[-1] in _ENDS_OF_PARAGRAPH or end == len(text):
            return False
        following = text[end : end + 20]
        return breaks > 1 or is_set_off(text[max(0, begin) : at]) or is_set_off(following)

    def _word(self, at: int) -> Reading:
        """The letters from `at` on, with their marks and the apostrophes between them, as a dictionary has them."""
        text = self._text
        limit = self._stop(at, min(len(text), at + _LONGEST_WORD))
        end = at + 1
        while end < limit and _goes_on(text, end):
            end += 1
        if end < limit and text[end] in "'’" and text[max(at, end - 2) : end].lower() == "in":
            end += 1
        word = unicodedata.normalize("NFKC", text[at:end])
        plain = "".join("'" if letter in APOSTROPHES else letter for letter in word if letter not in JOINERS)
        if plain.isupper() and 1 < len(plain) < 4 and "&" in {text[at - 1 : at], text[end : end + 1]}:
            return [Said(at, end, " ".join(plain))]
        if len(plain) == 1 and (name := greek_letter(plain)):
            return [Said(at, end, f" {name} ")]
        if (
            text[end : end + 1] in {"#", "♯"}
            and len(plain) == 1
            and plain in "ACDFG"
            and not text[end + 1 : end + 2].isalnum()
        ):
            return [Said(at, end + 1, f"{plain} sharp")]
        return [Said(at, end, plain)]


def _goes_on(text: str, at: int) -> bool:
    character = text[at]
    if character.isalpha() or character in JOINERS:
        return True
    if character in "'’ʼ" and text[at + 1 : at + 2].isalpha():
        return text[at - 1].isalpha()
    return (
        character > "\u0300"
        and unicodedata.category(character)[0] == "M"
        and character != "\ufe0f"
        and character != "\u20e3"
    )


def _given_places(text: str, pronunciations: Pronunciations) -> Mapping[int, Reading]:
    """Readings for `[word](/phonemes/)` and for the words of a lexicon, by where they begin."""
    given: dict[int, Reading] = {}
    place = 0
    for match in iter_markup(text):
        _add_pronounced(given, text, place, match.start(), pronunciations)
        given[match.start()] = [
            Said(match.start(), match.start("word"), ""),
            Said(match.start("word"), match.end("word"), _PLACEHOLDER, match["phonemes"].strip()),
            Said(match.end("word"), match.end(), ""),
        ]
        place = match.end()
    _add_pronounced(given, text, place, len(text), pronunciations)
    return given


def _add_pronounced(given: dict[int, Reading], text: str, start: int, end: int, pronunciations: Pronunciations) -> None:
    for found in occurrences(text[start:end], pronunciations) if pronunciations else ():
        at, until = start + found.start, start + found.end
        possessive = text[until : until + 2].lower() in {"'s", "’s"}
        if found.phonemes is None:
            given[at] = [Said(at, until, found.said)]
        else:
            given[at] = [
                Said(at, until + (2 if possessive else 0), _PLACEHOLDER, found.phonemes + ("'s" if possessive else ""))
            ]
