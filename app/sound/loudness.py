"""Speech of the same loudness, whichever voice speaks and whatever the text is.

Loudness is that of ITU-R BS.1770 as EBU R 128 uses it, measured by FFmpeg's `ebur128`. The target is -19 LUFS: what
is asked of podcasts and spoken word is -16 LUFS in stereo and, as one channel played by two loudspeakers is 3 dB
louder, -19 LUFS in mono; AES TD1008 gives -18 LUFS for speech. docs/adr/0009-loudness-at-assembly.md has the reasons.
"""

import math
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import cast

import av
import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]

TARGET_LUFS = -19.0

MOST_GAIN_DB = 12.0
"""Nothing is made louder than this: what is quieter than -31 LUFS is hardly speech, and its noise would be heard."""

EVENNESS_DB = 6.0
"""A segment's gain is at most so far from that of its item."""

_SHORTEST_SECONDS = 3.0
"""Shorter sound is repeated up to here before it is measured: R 128 looks at windows of 0.4 s, and gates them."""


@dataclass(frozen=True, slots=True)
class Level:
    """How loud a segment is, in LUFS, and how long. `lufs` is None for what is too quiet to be measured (-70)."""

    lufs: float | None
    seconds: float


def level_of(samples: Samples, sample_rate: int) -> Level:
    """The integrated loudness of mono float32 `samples` of shape (n,), within -1 to 1."""
    seconds = samples.size / sample_rate
    if not samples.size:
        return Level(None, 0.0)
    repeats = math.ceil(_SHORTEST_SECONDS / seconds) if seconds < _SHORTEST_SECONDS else 1
    graph = av.filter.Graph()
    graph.threads = 1  # it would start a thread for each core, and end them again, for one filter
    time_base = Fraction(1, sample_rate)
    source = graph.add_abuffer(sample_rate=sample_rate, format="dbl", layout="mono", time_base=time_base)
    meter, sink = graph.add("ebur128", "metadata=1"), graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    wide = np.tile(samples, repeats).astype(np.float64)  # what the meter works in
    frame = av.AudioFrame.from_ndarray(wide[np.newaxis], format="dbl", layout="mono")
    frame.sample_rate, frame.time_base, frame.pts = sample_rate, time_base, 0
    source.push(frame)
    source.push(None)
    lufs = _last_told(_frames(sink))
    return Level(lufs if lufs > -70.0 else None, seconds)


def _frames(sink: av.filter.context.FilterContext) -> Iterator[av.AudioFrame]:
    with suppress(av.EOFError, av.BlockingIOError):
        while True:
            yield cast(av.AudioFrame, sink.pull())


def _last_told(frames: Iterable[av.AudioFrame]) -> float:
    """The loudness that the last frame which tells one has: each tells that of all so far, the end of the sound none."""
    for frame in reversed(deque(frames, maxlen=2)):
        if (told := frame.metadata.get("lavfi.r128.I")) is not None:
            return float(told)
    return -math.inf


class Evenness:
    """Gives each segment of one item its gain, in their order, so that all sound alike and the whole has the target's
    loudness. What comes later is not waited for: a stream and the finished file are the same sound.
    """

    def __init__(self) -> None:
        self._power = 0.0
        self._seconds = 0.0

    def gain(self, level: Level) -> float:
        """The factor for the next segment: to the target, within `EVENNESS_DB` of what the item needs so far.

        A segment without a loudness of its own gets what its item has needed so far, and stays as it is where
        nothing was loud before.
        """
        if level.lufs is not None:
            self._power += level.seconds * 10 ** (level.lufs / 10)
            self._seconds += level.seconds
        if not self._seconds:
            return 1.0
        item_db = min(TARGET_LUFS - 10 * math.log10(self._power / self._seconds), MOST_GAIN_DB)
        wanted = item_db if level.lufs is None else TARGET_LUFS - level.lufs
        bounded = max(item_db - EVENNESS_DB, min(wanted, item_db + EVENNESS_DB, MOST_GAIN_DB))
        return float(10 ** (bounded / 20))
