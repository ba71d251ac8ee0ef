"""Doing something every so often."""

from __future__ import annotations

import time


class Interval:
    """Is over every so many seconds, and the first time at once."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._over_at = time.monotonic()

    @property
    def left(self) -> float:
        """Seconds until it is over."""
        return max(self._over_at - time.monotonic(), 0.0)

    def cut_to(self, seconds: float) -> None:
        """Let it be over within so many seconds from now."""
        self._over_at = min(self._over_at, time.monotonic() + seconds)

    def is_over(self) -> bool:
        """Whether it is; then the next one begins."""
        if self.left > 0:
            return False
        self._over_at = time.monotonic() + self._seconds
        return True
