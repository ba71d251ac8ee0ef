"""How many requests each caller may send in how much time."""

import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
MOST_CALLERS = 10_000
"""So many are remembered before those whose quota is whole again are forgotten."""

_RATE = re.compile(r"(?P<count>[0-9]{1,9})\s*/\s*(?P<unit>second|minute|hour|day)")


@dataclass(frozen=True, slots=True)
class Rate:
    """`count` requests in `seconds`, all at once if need be."""

    count: int
    seconds: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """The rate that `60/minute` spells.

        Raises:
          ValueError: it spells none.
        """
        found = _RATE.fullmatch(text.strip())
        if found is None or int(found["count"]) < 1:
            raise ValueError("give a number of requests and a time: 10/second, 60/minute, 1000/hour or 5000/day")
        return cls(int(found["count"]), SECONDS[found["unit"]])


@dataclass(frozen=True, slots=True)
class Verdict:
    """`remaining` requests may follow at once; all of the quota is back in `whole_again_seconds`. Where this one was
    not allowed, another is in `retry_after_seconds`."""

    allowed: bool
    remaining: int
    whole_again_seconds: int
    retry_after_seconds: int


class RateLimits:
    """Counts by the generic cell rate algorithm: one number a caller, and no window whose edge lets twice as many in.

    It counts what this process answers. `clock` tells seconds from any moment on.
    """

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate = rate
        self._clock = clock
        self._interval = rate.seconds / rate.count
        self._whole_at: dict[str, float] = {}

    def take(self, caller: str) -> Verdict:
        """Count one request of the caller, unless it is one too many: those cost nothing."""
        now = self._clock()
        whole_at = max(self._whole_at.get(caller, now), now)
        room = self.rate.seconds - (whole_at - now)
        allowed = room >= self._interval * (1 - 1e-9)
        if allowed:
            whole_at += self._interval
            room -= self._interval
            if len(self._whole_at) >= MOST_CALLERS:
                self._forget(now)
            self._whole_at[caller] = whole_at
        return Verdict(
            allowed,
            remaining=max(0, math.floor(room / self._interval + 1e-9)) if allowed else 0,
            whole_again_seconds=_whole_seconds(whole_at - now),
            retry_after_seconds=0 if allowed else max(1, _whole_seconds(self._interval - room)),
        )

    def _forget(self, now: float) -> None:
        self._whole_at = {caller: whole_at for caller, whole_at in self._whole_at.items() if whole_at > now}
        while len(self._whole_at) >= MOST_CALLERS:  # all of them busy: those that were seen first go
            del self._whole_at[next(iter(self._whole_at))]


def _whole_seconds(seconds: float) -> int:
    """Rounded up; what a sum of floats adds by itself is not a second more."""
    return math.ceil(round(seconds, 6))
