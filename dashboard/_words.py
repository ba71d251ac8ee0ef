"""Numbers and times in words, as the pages say them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from math import ceil

from markupsafe import Markup, escape

from ._values import FINISHED, Choices, Count, Fault, Moment, State, VoiceChoice

MINUTE, HOUR, DAY = 60, 3600, 86400
KILO = 1000

EXCERPT_CHARACTERS = 90
LONGEST_CUT_WORD = 16


@dataclass(frozen=True, slots=True)
class Step:
    """A move and how long the state after it lasted, or has lasted so far (None where it is the end)."""

    moment: Moment
    lasted_seconds: float | None
    goes_on: bool


def steps(moments: Sequence[Moment], now: float) -> list[Step]:
    """The moves with the time between them; `now` is in seconds since the Unix epoch."""
    told = [Step(moment, max(0, after.at - moment.at) / KILO, goes_on=False) for moment, after in pairwise(moments)]
    for last in moments[-1:]:
        ended = last.to_state in FINISHED
        told.append(Step(last, None if ended else max(0.0, now - last.at / KILO), goes_on=not ended))
    return told


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt: when and where it began, how long it lasted, what it ended in and why."""

    number: int
    begun: int
    worker: str | None
    lasted_seconds: float | None
    goes_on: bool
    ended_as: State | None
    fault: Fault | None


def attempts(steps: Sequence[Step]) -> list[Attempt]:
    """The attempts that the moves tell of, the first one first."""
    found = []
    for step, after in pairwise((*steps, None)):
        if step is not None and step.moment.to_state == "processing":
            found.append(
                Attempt(
                    step.moment.attempt,
                    step.moment.at,
                    step.moment.worker,
                    step.lasted_seconds,
                    step.goes_on,
                    after.moment.to_state if after else None,
                    after.moment.fault if after else None,
                )
            )
    return found


def duration(seconds: float) -> str:
    """`0.42 s`, `12.3 s`, `3 min 05 s`, `2 h 07 min`."""
    if seconds < 9.995:  # what rounds to 10.0 is said with one digit
        return f"{seconds:.2f} s"
    if seconds < MINUTE - 0.05:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < HOUR:
        return f"{whole // MINUTE} min {whole % MINUTE:02d} s"
    return f"{whole // HOUR} h {whole % HOUR // MINUTE:02d} min"


def roughly(seconds: float) -> str:
    """`14 s`, `4 min`, `2 h 07 min`: an estimate, rounded up."""
    whole = max(1, ceil(seconds))
    if whole < MINUTE:
        return f"{whole} s"
    return f"{ceil(whole / MINUTE)} min" if whole <= HOUR - MINUTE else duration(max(whole, HOUR))


def age(at: int, now: float) -> str:
    """How long ago `at` (milliseconds) was at `now` (seconds), roughly; live.js says the same."""
    seconds = max(0, int(now - at / KILO))
    if seconds < MINUTE:
        return f"{seconds} s ago"
    if seconds < HOUR:
        return f"{seconds // MINUTE} min ago"
    return f"{seconds // HOUR} h ago" if seconds < DAY else f"{seconds // DAY} d ago"


def clock(at: int) -> str:
    """`2026-11-22 12:00:00` in UTC."""
    return _moment(at).strftime("%Y-%m-%d %H:%M:%S")


def iso(at: int) -> str:
    """RFC 3339 in UTC with milliseconds."""
    return _moment(at).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def number(value: int) -> str:
    return f"{value:,}"


def counted(count: Count) -> str:
    """`12`, or `10,000+` where counting stopped there."""
    return number(count.number) + ("+" if count.more else "")


def total(counts: Mapping[State, Count]) -> Count:
    return Count(sum(count.number for count in counts.values()), any(count.more for count in counts.values()))


def size(bytes_: int) -> str:
    """`812 bytes`, `44.1 kB`, `3.2 MB`."""
    if bytes_ < KILO:
        return f"{bytes_} bytes"
    return f"{bytes_ / KILO:.1f} kB" if bytes_ < KILO * KILO else f"{bytes_ / KILO / KILO:.1f} MB"


def rate(value: float) -> str:
    """`0`, `0.4`, `12`: how many a minute."""
    return number(round(value)) if value >= 10 or value == round(value) else f"{value:.1f}"


def excerpt(text: str, length: int = EXCERPT_CHARACTERS) -> str:
    """The beginning of a text on one line, cut between words where there is such a place near the end."""
    line = " ".join(text[: length * 2].split())
    if len(line) <= length and len(text) <= length * 2:
        return line
    cut = line[:length]
    between = cut.rfind(" ", length - LONGEST_CUT_WORD) if line[length : length + 1].strip() else -1
    return (cut[:between] if between > 0 else cut).rstrip() + "…"


def with_code(text: str) -> Markup:
    """What stands between backticks as code; a text with an odd one stays as it is."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return escape(text)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if index % 2 else part for index, part in enumerate(parts)
    )


def by_language(choices: Choices) -> list[tuple[str, list[VoiceChoice]]]:
    """The voices in groups: the default's language and the default itself first, then by name."""
    groups: dict[str, list[VoiceChoice]] = {}
    for voice in choices.voices:
        groups.setdefault(voice.language, []).append(voice)

    def is_other(voice: VoiceChoice) -> bool:
        return voice.id != choices.default_voice

    for voices in groups.values():
        voices.sort(key=is_other)
    return sorted(groups.items(), key=lambda group: (is_other(group[1][0]), group[0]))


def _moment(at: int) -> datetime:
    return datetime.fromtimestamp(at / KILO, UTC)
