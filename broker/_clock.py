"""Two clocks: one that people set, one that nobody can."""

from __future__ import annotations

import time
from collections.abc import Callable


class Clocks:
    """Wall time for what people named a time for, steady time for how long a claim may last.

    The steady clock is CLOCK_MONOTONIC, which all processes of one machine share: it stands still while the machine
    sleeps and starts anew when it boots, by when every claim's owner is dead anyway.

    Parameters:
      wall: UNIX time in seconds.
      steady: Seconds since some fixed instant, the same for all processes.
    """

    def __init__(self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic) -> None:
        self._wall = wall
        self._steady = steady

    def wall_ms(self) -> int:
        """UNIX milliseconds."""
        return int(self._wall() * 1000)

    def steady_ms(self) -> int:
        """Milliseconds of the steady clock."""
        return int(self._steady() * 1000)
