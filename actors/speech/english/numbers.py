"""Numbers as English words, by num2words' rules and a reader's habits."""

from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

from num2words import num2words

from actors.speech.english.said import Dialect

MOST_DIGITS = 15
"""A longer number is read digit by digit: nobody counts in quintillions."""

_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TENS_PLURAL = {
    "twenty": "twenties",
    "thirty": "thirties",
    "forty": "forties",
    "fifty": "fifties",
    "sixty": "sixties",
    "seventy": "seventies",
    "eighty": "eighties",
    "ninety": "nineties",
    "hundred": "hundreds",
    "thousand": "thousands",
    "ten": "tens",
}
_ROMAN_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
_ROMAN_NUMERALS = (
    (1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"), (40, "XL"), (10, "X"),
    (9, "IX"), (5, "V"), (4, "IV"), (1, "I"),
)  # fmt: skip
_LONGEST_ROMAN = len("MMMDCCCLXXXVIII")


def digits(number: str) -> str:
    """Digit by digit; what is no digit is left out."""
    return " ".join(_DIGITS[int(digit)] for digit in number if digit.isdecimal())


def cardinal(number: int | str, dialect: Dialect) -> str:
    """British English says `and` before the tens of a hundred or thousand, American does not."""
    text = str(number)
    if len(text.lstrip("-")) > MOST_DIGITS:
        return digits(text)
    return _cardinal(int(text), dialect)


@lru_cache(4096)
def _cardinal(number: int, dialect: Dialect) -> str:
    words = num2words(number).replace(",", "").replace("-", " ")
    return str(words if dialect is Dialect.BRITISH else words.replace(" and ", " "))


@lru_cache(4096)
def ordinal(number: int, dialect: Dialect) -> str:
    words = num2words(number, to="ordinal").replace(",", "").replace("-", " ")
    return str(words if dialect is Dialect.BRITISH else words.replace(" and ", " "))


def decimal(whole: str, fraction: str, dialect: Dialect) -> str:
    """`3`, `14`: three point one four. Nothing is said for a whole part that is not written."""
    before = f"{cardinal(whole, dialect)} " if whole else ""
    return f"{before}point {digits(fraction)}"


@lru_cache(4096)
def year(number: int, dialect: Dialect) -> str:
    """1066 and 1999 in pairs, 2005 as two thousand five, 1900 as nineteen hundred; other numbers as they are."""
    if not 1010 <= number <= 2099 or 2000 <= number <= 2009:
        return cardinal(number, dialect)
    century, rest = divmod(number, 100)
    if rest == 0:
        return f"{cardinal(century, dialect)} hundred"
    low = cardinal(rest, dialect)
    return f"{cardinal(century, dialect)} {low if rest >= 10 else f'oh {low}'}"


def decade(number: int, dialect: Dialect) -> str:
    """1990: nineteen nineties; 80: eighties."""
    words = (year(number, dialect) if number >= 100 else cardinal(number, dialect)).split()
    return " ".join([*words[:-1], _TENS_PLURAL.get(words[-1], f"{words[-1]}s")])


def in_groups(number: str, dialect: Dialect) -> str:
    """How numbers that are names are said, such as those of rooms and flights: 747 seven forty seven, 101 one oh one."""
    if len(number) != 3 or number[0] == "0":
        return cardinal(number, dialect) if number[0] != "0" else digits(number)
    if number[1:] == "00":
        return cardinal(number, dialect)
    low = cardinal(int(number[1:]), dialect)
    return f"{cardinal(number[0], dialect)} {low if number[1] != '0' else f'oh {low}'}"


def roman(numeral: str) -> int | None:
    """The value of a numeral in capitals as Romans are taught to write it; None of anything else."""
    if not 0 < len(numeral) <= _LONGEST_ROMAN or any(letter not in _ROMAN_VALUES for letter in numeral):
        return None
    values = [_ROMAN_VALUES[letter] for letter in numeral]
    total = sum(-value if value < after else value for value, after in pairwise([*values, 0]))
    return total if "".join(_iter_roman(total)) == numeral else None


def _iter_roman(number: int) -> Iterator[str]:
    for value, letters in _ROMAN_NUMERALS:
        count, number = divmod(number, value)
        yield letters * count
