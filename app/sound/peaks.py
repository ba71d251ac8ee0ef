"""What a player draws: the highest and the lowest sample of each short stretch of a finished file."""

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt

POINTS_A_SECOND = 20
MOST_POINTS = 12_000
"""Ten minutes at 20 a second, and some 80 KB. What is longer has fewer a second: each time the points are as many,
two become one."""


class Peaks:
    """Gathers the peaks of 16-bit samples as they come by, holding no more than `MOST_POINTS` pairs.

    The document is JSON as the program `audiowaveform` writes it (version 2), which players' libraries read:
    `{"version", "channels", "sample_rate", "samples_per_pixel", "bits", "length", "data"}`. `data` is minimum and
    maximum in turn, from -128 to 127, `length` pairs of them, each of `samples_per_pixel` samples at `sample_rate`.
    """

    def __init__(self, sample_rate: int) -> None:
        self._sample_rate = sample_rate
        self._span = max(1, round(sample_rate / POINTS_A_SECOND))
        self._pairs: list[tuple[int, int]] = []
        self._open: tuple[int, int] | None = None  # the stretch that is not full yet
        self._filled = 0

    def add(self, samples: npt.NDArray[np.int16]) -> None:
        """The samples that come next, of shape (n,)."""
        while samples.size:
            if self._filled or samples.size < self._span:
                taken = samples[: self._span - self._filled]
                self._fill(int(taken.min()), int(taken.max()), taken.size)
            else:
                stretches = samples[: samples.size // self._span * self._span].reshape(-1, self._span)
                stretches = stretches[: MOST_POINTS - len(self._pairs)]
                lows, highs = stretches.min(axis=1).tolist(), stretches.max(axis=1).tolist()
                self._pairs.extend(zip(lows, highs, strict=True))
                taken = samples[: stretches.size]
            samples = samples[taken.size :]
            if len(self._pairs) >= MOST_POINTS:
                self._halve()

    def _fill(self, low: int, high: int, count: int) -> None:
        before = self._open or (low, high)
        self._open = min(before[0], low), max(before[1], high)
        self._filled += count
        if self._filled == self._span:
            self._pairs.append(self._open)
            self._open, self._filled = None, 0

    def _halve(self) -> None:
        """Two stretches become one. `MOST_POINTS` is even, so that none is left over."""
        pairs = self._pairs
        self._pairs = [
            (min(one[0], other[0]), max(one[1], other[1])) for one, other in zip(pairs[::2], pairs[1::2], strict=True)
        ]
        self._span *= 2

    def write(self, out: Path) -> None:
        """The document of all samples so far."""
        pairs = [*self._pairs, self._open] if self._open else self._pairs
        document = {
            "version": 2,
            "channels": 1,
            "sample_rate": self._sample_rate,
            "samples_per_pixel": self._span,
            "bits": 8,
            "length": len(pairs),
            "data": [value >> 8 for pair in pairs for value in pair],
        }
        out.write_text(json.dumps(document, separators=(",", ":")))
