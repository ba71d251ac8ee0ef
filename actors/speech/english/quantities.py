"""Numbers as they stand in a text, with what follows them: units, ordinals, fractions, decades, dimensions."""

import re
from fractions import Fraction

from actors.speech.english import numbers
from actors.speech.english.said import Dialect, Reading, Said
from actors.speech.english.units import unit_at

# All repetitions are bounded, so that no text makes a match go on for long.
NUMBER = re.compile(
    r"(?P<whole>\d{1,3}(?:,\d{3}){1,9}(?!\d)|\d{1,3}(?:[\u00a0\u202f\u2009]\d{3}){1,9}(?!\d)|\d{1,40})"
    r"(?:\.(?P<fraction>\d{1,40}))?"
)
"""A number with groups of thousands or without, and its decimals."""

_ORDINAL = re.compile(r"(\d{1,12}|\d{1,3}(?:,\d{3}){1,3})(st|nd|rd|th|ST|ND|RD|TH|ˢᵗ|ⁿᵈ|ʳᵈ|ᵗʰ)(?![^\W_])")
_DECADE = re.compile(r"(\d{3}0|\d0)['’]?s(?![^\W_])")
_SHORT_YEAR = re.compile(r"['’](\d\d)(s?)(?![^\W_])")
_FRACTION = re.compile(r"(?:(?P<whole>\d{1,4})[ \u00a0-])?(?P<top>\d{1,4})[/⁄](?P<bottom>\d{1,4})(?![\d/]|\.\d|[^\W_])")
_VULGAR = re.compile(r"(?P<whole>\d{1,6})?[ \u00a0]?(?P<sign>[½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅐⅛⅜⅝⅞⅑⅒])")
_VULGAR_VALUES = {
    "½": (1, 2), "⅓": (1, 3), "⅔": (2, 3), "¼": (1, 4), "¾": (3, 4), "⅕": (1, 5), "⅖": (2, 5), "⅗": (3, 5), "⅘": (4, 5),
    "⅙": (1, 6), "⅚": (5, 6), "⅐": (1, 7), "⅛": (1, 8), "⅜": (3, 8), "⅝": (5, 8), "⅞": (7, 8), "⅑": (1, 9), "⅒": (1, 10),
}  # fmt: skip
_DIMENSION = re.compile(r"[ \u00a0]?x[ \u00a0]?(?=\d)|×(?=\d)")
_TIMES = re.compile(r"[x×](?![^\W_])")
_POWER = re.compile(r"\^(?P<sign>[-−]?)(?P<number>\d{1,6})(?![^\W_])")
_EXPONENT = re.compile(r"[eE](?P<sign>[-+−]?)(?P<number>\d{1,3})(?![^\W_])")
_SUPERSCRIPT = re.compile(r"(?P<sign>⁻?)(?P<number>[⁰¹²³⁴-⁹]{1,6})")
_FROM_SUPERSCRIPT = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
_DOTTED = re.compile(r"\d{1,6}(?:\.\d{1,6}){2,7}(?![^\W_])")
_DASHED = re.compile(r"\d{1,6}(?:[-–]\d{1,6}){2,7}(?![^\W_])")
_SHORT_RANGE = re.compile(r"(?P<first>1[1-9]\d\d|20\d\d)(?P<dash>[-–/])(?P<second>\d\d)(?![^\W_]|[-–/.]\d)")
_FEET_AND_INCHES = re.compile(r"(?P<feet>\d{1,2})['’′][ \u00a0]?(?P<inches>1[01]|\d)(?:\"|”|″|'')")
_HALF_OF = re.compile(r"[ \u00a0](?:an?|the|my|of)[ \u00a0]")
_ARTICLE = re.compile(r"(?:^|\W)an?[ \u00a0]$", re.IGNORECASE)
_LETTERS = re.compile(r"[^\W\d_]")
_OUT_OF = frozenset({5, 10, 20, 25, 50, 100})
_SAID_AS_IT_STANDS = {(24, 7): "twenty four seven", (9, 11): "nine eleven", (50, 50): "fifty fifty"}
_LARGEST_PART = 16
_OTHER_PARTS = frozenset({20, 32, 64, 100, 1000})


def quantity_at(text: str, at: int, dialect: Dialect) -> Reading | None:
    """What is said for the number that begins at `at`, its unit or ending included; after a letter the number alone."""
    if at > 0 and text[at - 1].isalpha():
        return _plain_number(text, at, dialect)
    for rule in (_ordinal, _decade, _fraction, _vulgar, _dotted, _dashed, _short_range, _number):
        reading = rule(text, at, dialect)
        if reading is not None:
            return reading
    return None


def short_year_at(text: str, at: int, dialect: Dialect) -> Reading | None:
    """`'90s` and `'68`, where the apostrophe is."""
    match = _SHORT_YEAR.match(text, at)
    if match is None or (at > 0 and text[at - 1].isalnum()):
        return None
    number = int(match[1])
    if match[2]:
        return [Said(at, match.end(), numbers.decade(number, dialect))] if number % 10 == 0 and number else None
    spoken = numbers.cardinal(number, dialect) if number >= 10 else f"oh {numbers.cardinal(number, dialect)}"
    return [Said(at, match.end(), spoken)]


def feet_and_inches_at(text: str, at: int, dialect: Dialect) -> Reading | None:
    """`6'2"`"""
    match = _FEET_AND_INCHES.match(text, at)
    if match is None:
        return None
    feet, inches = (numbers.cardinal(match[name], dialect) for name in ("feet", "inches"))
    return [Said(at, match.end(), f"{feet} {'foot' if feet == 'one' else 'feet'} {inches}")]


def spoken_number(whole: str, fraction: str | None, dialect: Dialect) -> str:
    """A number by its size, without a look at what it may mean."""
    plain = re.sub(r"\D", "", whole)
    if fraction is not None:
        return numbers.decimal(plain, fraction, dialect)
    if len(plain) > 1 and plain[0] == "0":
        return numbers.digits(plain)
    return numbers.cardinal(plain, dialect)


def fraction_words(top: int, bottom: int, dialect: Dialect) -> str:
    """one half, three quarters, two thirds"""
    if bottom == 1:
        return numbers.cardinal(top, dialect)
    if bottom == 2:
        part = "half" if top == 1 else "halves"
    else:
        part = "quarter" if bottom == 4 else numbers.ordinal(bottom, dialect)
        part = part if top == 1 else f"{part}s"
    return f"{numbers.cardinal(top, dialect)} {part}"


def _ordinal(text: str, at: int, dialect: Dialect) -> Reading | None:
    match = _ORDINAL.match(text, at)
    return match and [Said(at, match.end(), numbers.ordinal(int(match[1].replace(",", "")), dialect))]


def _decade(text: str, at: int, dialect: Dialect) -> Reading | None:
    match = _DECADE.match(text, at)
    if match is None or int(match[1]) == 0:
        return None
    return [Said(at, match.end(), numbers.decade(int(match[1]), dialect))]


def _fraction(text: str, at: int, dialect: Dialect) -> Reading | None:
    match = _FRACTION.match(text, at)
    if match is None:
        return None
    top, bottom = int(match["top"]), int(match["bottom"])
    if match["whole"] is not None:
        if not 0 < top < bottom or bottom > _LARGEST_PART:
            return None
        half = "a half" if (top, bottom) == (1, 2) else fraction_words(top, bottom, dialect)
        whole_end = match.end("whole")
        return [
            Said(at, whole_end, numbers.cardinal(match["whole"], dialect)),
            Said(whole_end, match.end(), f" and {half}"),
        ]
    if (top, bottom) in _SAID_AS_IT_STANDS:
        spoken = _SAID_AS_IT_STANDS[top, bottom]
    elif 0 < top < bottom and bottom not in {5, 10} and (bottom <= _LARGEST_PART or bottom in _OTHER_PARTS):
        spoken = (
            "out of".join(_both(top, bottom, dialect)) if bottom in _OUT_OF else fraction_words(top, bottom, dialect)
        )
    elif 0 < top < bottom == 5:
        spoken = fraction_words(top, bottom, dialect)
    else:
        spoken = ("out of" if bottom in _OUT_OF else "over").join(_both(top, bottom, dialect))
    return [Said(at, match.end(), spoken)]


def _both(top: int, bottom: int, dialect: Dialect) -> tuple[str, str]:
    return f"{numbers.cardinal(top, dialect)} ", f" {numbers.cardinal(bottom, dialect)}"


def _vulgar(text: str, at: int, dialect: Dialect) -> Reading | None:
    match = _VULGAR.match(text, at)
    if match is None:
        return None
    top, bottom = _VULGAR_VALUES[match["sign"]]
    if match["whole"] is None:
        is_half_of = bottom == 2 and _HALF_OF.match(text, match.end()) is not None
        readings = [Said(at, match.end(), "half" if is_half_of else fraction_words(top, bottom, dialect))]
    else:
        half = "a half" if bottom == 2 else fraction_words(top, bottom, dialect)
        whole_end = match.end("whole")
        readings = [
            Said(at, whole_end, numbers.cardinal(match["whole"], dialect)),
            Said(whole_end, match.end(), f" and {half}"),
        ]
    if unit := unit_at(text, match.end()):
        readings.append(Said(match.end(), unit.end, f" {unit.unit.after('2' if match['whole'] else '1', dialect)}"))
    return readings


def _dotted(text: str, at: int, dialect: Dialect) -> Reading | None:
    """192.168.0.1 and 1.2.3, but not 1.234.567"""
    match = _DOTTED.match(text, at)
    if match is None:
        return None
    parts = match[0].split(".")
    if len(parts) == 4:
        return [Said(at, match.end(), " dot ".join(numbers.in_groups(part, dialect) for part in parts))]
    if all(len(part) == 3 for part in parts[1:]) and parts[0] != "0":
        return [Said(at, match.end(), numbers.cardinal("".join(parts), dialect))]
    return [Said(at, match.end(), " point ".join(spoken_number(part, None, dialect) for part in parts))]


def _dashed(text: str, at: int, dialect: Dialect) -> Reading | None:
    """Numbers of things such as 123-45-6789: digit by digit from three digits on."""
    match = _DASHED.match(text, at)
    if match is None:
        return None
    groups = re.split("[-–]", match[0])
    spoken = ", ".join(
        numbers.digits(group) if len(group) > 2 or group[0] == "0" else numbers.cardinal(group, dialect)
        for group in groups
    )
    return [Said(at, match.end(), spoken)]


def _short_range(text: str, at: int, dialect: Dialect) -> Reading | None:
    """1939-45"""
    match = _SHORT_RANGE.match(text, at)
    if match is None or int(match["second"]) <= int(match["first"][2:]):
        return None
    middle = " " if match["dash"] == "/" else " to "
    second = numbers.cardinal(match["second"], dialect)
    return [
        Said(at, match.end("first"), numbers.year(int(match["first"]), dialect)),
        Said(match.end("first"), match.end(), f"{middle}{second}"),
    ]


def _number(text: str, at: int, dialect: Dialect) -> Reading | None:
    match = NUMBER.match(text, at)
    if match is None:
        return None
    whole, fraction = match["whole"], match["fraction"]
    end = match.end()
    plain = spoken_number(whole, fraction, dialect)
    exponent = _EXPONENT.match(text, end)
    if exponent is not None:
        sign = "minus " if exponent["sign"] in "-−" and exponent["sign"] else ""
        raised = numbers.cardinal(exponent["number"], dialect)
        return [Said(at, exponent.end(), f"{plain} times ten to the power of {sign}{raised}")]
    if power := power_at(text, end, dialect):
        return [Said(at, end, plain), *power]
    if unit := unit_at(text, end):
        one = "1" if (whole == "1" and fraction is None) or is_attributive(text, at) else "2"
        return [Said(at, end, plain), Said(end, unit.end, f" {unit.unit.after(one, dialect)}")]
    if by := _DIMENSION.match(text, end):
        plain = numbers.year(int(whole), dialect) if len(whole) == 4 and whole.isdecimal() else plain
        return [Said(at, end, plain), Said(end, by.end(), " by ")]
    if times := _TIMES.match(text, end):
        return [Said(at, end, plain), Said(end, times.end(), " times" if plain != "one" else " time")]
    if fraction is None and len(whole) == 4 and whole.isdecimal() and whole[0] != "0":
        plain = numbers.year(int(whole), dialect)
    elif fraction is None and at > 1 and text[at - 1] == "-" and _LETTERS.match(text[at - 2]):
        plain = numbers.in_groups(whole, dialect)
    return [Said(at, end, plain)]


def _plain_number(text: str, at: int, dialect: Dialect) -> Reading | None:
    match = NUMBER.match(text, at)
    if match is None:
        return None
    is_size = at > 1 and text[at - 1] == "x" and text[at - 2].isdecimal()
    if is_size and match["fraction"] is None and len(match["whole"]) == 4:
        return [Said(at, match.end(), numbers.year(int(match["whole"]), dialect))]
    if is_size and (unit := unit_at(text, match.end())):
        plain = spoken_number(match["whole"], match["fraction"], dialect)
        return [Said(at, match.end(), plain), Said(match.end(), unit.end, f" {unit.unit.after('2', dialect)}")]
    return [Said(at, match.end(), spoken_number(match["whole"], match["fraction"], dialect))]


def is_attributive(text: str, at: int) -> bool:
    """Whether an amount at `at` tells what kind a thing is, as in `a $20 bill`: its unit then has no plural."""
    return _ARTICLE.search(text[max(0, at - 4) : at]) is not None


def power_at(text: str, at: int, dialect: Dialect) -> Reading | None:
    """`²`, `⁻³` and `^10` behind what is raised."""
    match = _SUPERSCRIPT.match(text, at) or _POWER.match(text, at)
    if match is None:
        return None
    number = match["number"].translate(_FROM_SUPERSCRIPT)
    if not match["sign"] and number in {"2", "3"}:
        spoken = "squared" if number == "2" else "cubed"
    else:
        spoken = f"to the power of {'minus ' if match['sign'] else ''}{numbers.cardinal(number, dialect)}"
    return [Said(at, match.end(), f" {spoken}")]


def is_one(whole: str, fraction: str | None) -> bool:
    """Whether what is counted is in the singular."""
    return fraction is None and Fraction(re.sub(r"\D", "", whole)) == 1
