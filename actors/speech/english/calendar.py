"""Dates and times of day."""

import re

from actors.speech.english import numbers
from actors.speech.english.said import Dialect, Reading, Said

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_ABBREVIATED = {
    "Jan": 1, "Feb": 2, "Mar": 3, "Apr": 4, "Jun": 6, "Jul": 7, "Aug": 8, "Sep": 9, "Sept": 9, "Oct": 10, "Nov": 11, "Dec": 12,
}  # fmt: skip
_NUMBERS_OF_MONTHS = {name: number for number, name in enumerate(MONTHS, start=1)} | _ABBREVIATED
_MONTH = "|".join(sorted(_NUMBERS_OF_MONTHS, key=len, reverse=True))
_WEEKDAYS = {
    "Mon": "Monday", "Tue": "Tuesday", "Tues": "Tuesday", "Wed": "Wednesday", "Thu": "Thursday", "Thur": "Thursday",
    "Thurs": "Thursday", "Fri": "Friday", "Sat": "Saturday", "Sun": "Sunday",
}  # fmt: skip
_WORD_ENDS = r"(?![^\W_])"
_DAY = r"(?P<day>0?[1-9]|[12]\d|3[01])"
_ENDING = r"(?P<ending>st|nd|rd|th)?"
_YEAR = rf"(?P<year>1\d{{3}}|20\d\d){_WORD_ENDS}(?![,.:/]\d)"

_ISO = re.compile(r"(?P<year>\d{4})-(?P<month>0[1-9]|1[0-2])-(?P<day>0[1-9]|[12]\d|3[01])(?![\w-])|"
                  r"(?P<year2>\d{4})-(?P<month2>0[1-9]|1[0-2])-(?P<day2>0[1-9]|[12]\d|3[01])(?=T\d\d:\d\d)")  # fmt: skip
_NUMERIC = re.compile(
    r"(?P<first>\d{1,2})(?P<mark>[/.-])(?P<second>\d{1,2})(?P=mark)(?P<year>\d{4}|\d\d)(?![\w/-]|\.\d)"
)
_MONTH_FIRST = re.compile(
    rf"(?P<month>{_MONTH})(?:\.(?=[ \u00a0]))?(?P<gap>[ \u00a0](?:the )?){_DAY}{_ENDING}{_WORD_ENDS}(?![:./]\d|[ ]?[ap]\.?m{_WORD_ENDS})"
    rf"(?:(?P<comma>,?[ \u00a0]){_YEAR})?"
)
_DAY_FIRST = re.compile(
    rf"{_DAY}{_ENDING}(?P<gap>[ \u00a0-](?:of )?)(?P<month>{_MONTH})\b(?:\.(?=[ \u00a0]\d))?(?:(?P<comma>,?[ \u00a0-]){_YEAR})?"
)
_ABBREVIATED_MONTH = re.compile(
    rf"(?P<month>{'|'.join(sorted(_ABBREVIATED, key=len, reverse=True))})\.?(?=[ \u00a0](?:1\d{{3}}|20\d\d){_WORD_ENDS})"
)
_WEEKDAY = re.compile(rf"(?P<day>{'|'.join(sorted(_WEEKDAYS, key=len, reverse=True))})(?:\.(?=[ ,])|(?=,))")

_WEEKDAY_ONLY = re.compile(
    rf"(?P<day>Tues?|Thurs?|Thu|Fri){_WORD_ENDS}(?![’'])"
)  # these three letters are nothing else
_HALF = r"(?:[ \u00a0\u202f]?(?P<half>[AaPp])(?:\.[ \u00a0]?[Mm]\.?|[Mm]))(?![^\W_])"
_CLOCK = re.compile(
    rf"T?(?P<hour>[01]?\d|2[0-4])(?P<mark>[:.])(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d)(?:[.,]\d{{1,6}})?)?{_HALF}"
    r"|T?(?P<hour2>[01]?\d|2[0-4]):(?P<minute2>[0-5]\d)(?::(?P<second2>[0-5]\d)(?:[.,]\d{1,6})?)?(?![\d:]|\.\d)(?P<zulu>Z(?![^\W_]))?"
)  # fmt: skip
_ON_THE_HOUR = re.compile(rf"(?P<hour>1[0-2]|0?[1-9]){_HALF}")
_RATIO = re.compile(r"(?P<first>\d{1,4}):(?P<second>\d{1,4})(?![\d:]|\.\d)")
_NOON = 12


def date_at(text: str, at: int, dialect: Dialect) -> Reading | None:
    """A date that begins with a digit: ISO, by numbers, or the day before the month's name."""
    if iso := _ISO.match(text, at):
        year, month, day = (int(part) for part in iso.groups() if part is not None)
        with_time = text[iso.end() : iso.end() + 1] == "T"
        return [Said(at, iso.end() + with_time, _whole(day, month, year, dialect) + (", " if with_time else ""))]
    if numeric := _NUMERIC.match(text, at):
        found = _numeric(numeric, dialect)
        return None if found is None else [Said(at, numeric.end(), found)]
    match = _DAY_FIRST.match(text, at)
    if match is None:
        return None
    said_day = numbers.ordinal(int(match["day"]), dialect)
    gap_end = match.end("gap")
    article = "" if _follows_the(text, at) else "the "
    readings = [
        Said(at, gap_end, f"{article}{said_day} of "),
        Said(gap_end, match.end("month"), MONTHS[_NUMBERS_OF_MONTHS[match["month"]] - 1]),
    ]
    return _with_year(readings, match, dialect)


def named_date_at(text: str, at: int, dialect: Dialect) -> Reading | None:
    """A date that begins with the month's name; an abbreviated month before a year; a weekday's short name."""
    if match := _MONTH_FIRST.match(text, at):
        month = MONTHS[_NUMBERS_OF_MONTHS[match["month"]] - 1]
        article = "the " if dialect is Dialect.BRITISH or "the" in match["gap"] else ""
        day_start = match.start("day")
        day_end = max(match.end("day"), match.end("ending"))
        readings = [
            Said(at, day_start, f"{month} "),
            Said(day_start, day_end, article + numbers.ordinal(int(match["day"]), dialect)),
        ]
        return _with_year(readings, match, dialect)
    if match := _ABBREVIATED_MONTH.match(text, at):
        return [Said(at, match.end(), MONTHS[_ABBREVIATED[match["month"]] - 1])]
    if match := _WEEKDAY.match(text, at) or _WEEKDAY_ONLY.match(text, at):
        return [Said(at, match.end(), _WEEKDAYS[match["day"]])]
    return None


def time_at(text: str, at: int, dialect: Dialect) -> Reading | None:
    """`3:30pm`, `15:00`, `3 p.m.`; of two numbers that are no time, a ratio."""
    if match := _ON_THE_HOUR.match(text, at):
        return _in_two(text, at, match.end("hour"), match, numbers.cardinal(int(match["hour"]), dialect))
    match = _CLOCK.match(text, at)
    if match is None:
        ratio = _RATIO.match(text, at)
        if ratio is None:
            return None
        both = (numbers.cardinal(part, dialect) for part in ratio.groups())
        return [Said(at, ratio.end(), " to ".join(both))]
    if match["half"]:
        hour, minute, second = int(match["hour"]), int(match["minute"]), match["second"]
        said = numbers.cardinal(hour, dialect) if minute == 0 and not second else _clock(hour, minute, second, dialect)
        return _in_two(text, at, match.start("half"), match, said)
    hour, minute, second = int(match["hour2"]), int(match["minute2"]), match["second2"]
    if second:
        said = _clock(hour, minute, second, dialect)
    elif minute:
        said = _clock(hour, minute, None, dialect)
    elif hour in {0, 24}:
        said = "midnight"
    elif hour <= _NOON and match["hour2"][0] != "0":
        behind = text[match.end() : match.end() + 8].lower().lstrip()
        said = numbers.cardinal(hour, dialect) + ("" if behind.startswith(("o'clock", "o’clock")) else " o'clock")
    else:
        said = (
            f"{numbers.cardinal(hour, dialect)} hundred"
            if hour > 9
            else f"oh {numbers.cardinal(hour, dialect)} hundred"
        )
    return [Said(at, match.end(), said + (" U T C" if match["zulu"] else ""))]


def _in_two(text: str, at: int, split: int, match: re.Match[str], said: str) -> Reading:
    while text[split - 1].isspace():
        split -= 1
    letter = "A" if match["half"] in "Aa" else "P"
    end = match.end()
    # The stop of `p.m.` ends the sentence too where a capital follows it, and where nothing does.
    rest = text[end : end + 3].lstrip()
    stop = " ." if text[end - 1] == "." and (not rest or rest[0].isupper()) else ""
    return [Said(at, split, said), Said(split, end, f" {letter} M{stop}")]


def _clock(hour: int, minute: int, second: str | None, dialect: Dialect) -> str:
    said = "zero" if hour == 0 else numbers.cardinal(hour, dialect)
    if minute == 0:
        said += " hundred" if hour > _NOON or hour == 0 else " o'clock"
    else:
        said += f" {numbers.cardinal(minute, dialect)}" if minute >= 10 else f" oh {numbers.cardinal(minute, dialect)}"
    if second and int(second):
        count = int(second)
        said += f" and {numbers.cardinal(count, dialect)} second{'s' if count != 1 else ''}"
    return said


def _numeric(match: re.Match[str], dialect: Dialect) -> str | None:
    first, second, year = int(match["first"]), int(match["second"]), int(match["year"])
    if len(match["year"]) == 2:
        if match["mark"] != "/":
            return None
        year += 2000 if year < 50 else 1900
    month_first = dialect is Dialect.AMERICAN and match["mark"] != "."
    month, day = (first, second) if month_first else (second, first)
    if month > len(MONTHS):
        month, day = day, month
    if not (1 <= month <= len(MONTHS) and 1 <= day <= 31):
        return None
    return _whole(day, month, year, dialect)


def _whole(day: int, month: int, year: int, dialect: Dialect) -> str:
    said_day, said_year = numbers.ordinal(day, dialect), numbers.year(year, dialect)
    if dialect is Dialect.BRITISH:
        return f"the {said_day} of {MONTHS[month - 1]} {said_year}"
    return f"{MONTHS[month - 1]} {said_day}, {said_year}"


def _with_year(readings: list[Said], match: re.Match[str], dialect: Dialect) -> Reading:
    if match["year"] is None:
        return readings
    comma = ", " if "," in match["comma"] else " "
    return [*readings, Said(readings[-1].end, match.end(), comma + numbers.year(int(match["year"]), dialect))]


def _follows_the(text: str, at: int) -> bool:
    return text[max(0, at - 4) : at].lower() == "the "
