"""Sounds, one after the other, as one file in any of the formats."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, cast

import av
import numpy as np

from app.domain.audio_formats import AudioFormat
from app.domain.errors import AudioMissing
from app.domain.tasks import FinishedAudio
from app.sound.limiting import amplified
from app.sound.peaks import Peaks
from app.sound.wav import Samples, read_wav, to_int16

FADE_SECONDS = 0.004
"""At both ends of each segment, so that a join does not click."""

_FIRST_PIECE_SECONDS = 0.25

_EMPTY_SECONDS = 0.01
"""What a file of no sound at all holds: without a frame most formats are no file that can be opened."""


@dataclass(frozen=True, slots=True)
class Sound:
    """A stored segment, to be heard `gain` times as loud as it is."""

    wav: Path
    gain: float = 1.0


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing to hear, for so many seconds."""

    seconds: float

    def samples(self, sample_rate: int) -> int:
        """How many samples it takes."""
        return round(self.seconds * sample_rate)


@dataclass(frozen=True, slots=True)
class Chapter:
    """A mark that players show, from one place of a finished file to another, in seconds."""

    title: str
    start_seconds: float
    end_seconds: float


class Sink(Protocol):
    """Where bytes go that nobody can go back to, such as an answer under way."""

    def write(self, data: bytes, /) -> int: ...


class Encoder:
    """One file in the making: `add` what sounds, then `end` it. What is left without its end is no whole file.

    Each segment fades in and out over 4 ms. `volume` is a gain on top of each one's own; a limiter keeps the sound
    below -2 dBFS. `peaks` is given all samples on their way.
    `sample_rate` is that of every segment, in samples a second; the file has `output_rate`, or the format's own
    where that is fixed, or else that of the segments. `title` and `chapters` are kept where the format has room.
    Into a `Sink` every packet goes at once, and what needs a second look at the file stays open: the length in a
    header, M4B's index. What sounds is the same.
    """

    def __init__(
        self,
        out: Path | Sink,
        *,
        format: AudioFormat,
        sample_rate: int,
        volume: float,
        output_rate: int | None = None,
        peaks: Peaks | None = None,
        title: str | None = None,
        chapters: Sequence[Chapter] = (),
    ) -> None:
        encoding = format.encoding
        live = not isinstance(out, Path)
        assert format.streams or not live, f"{format} needs a file to go back in"
        options = {**encoding.container_options}
        if live:
            options |= {"flush_packets": "1", **(encoding.live_options or {})}
        self._source_rate = sample_rate
        self._volume = volume
        self._peaks = peaks
        self._container = av.open(str(out) if isinstance(out, Path) else out, "w", encoding.container, options=options)
        self.sample_rate = encoding.sample_rate or output_rate or sample_rate
        added = self._container.add_stream(encoding.codec, rate=self.sample_rate, options=dict(encoding.codec_options))
        self._stream = cast(av.AudioStream, added)
        self._stream.layout = "mono"
        if encoding.bits_a_second is not None:
            self._stream.bit_rate = encoding.bits_a_second
        if title is not None:
            self._container.metadata["title"] = title
        if chapters:
            self._container.set_chapters([_mark(number, chapter) for number, chapter in enumerate(chapters, start=1)])
        self._container.start_encoding()
        self._count = 0

    @property
    def seconds(self) -> float:
        """How long what was added lasts. Players cut the encoder's padding by the header of MP3, Opus and M4B, while
        AAC has no place to say how much it is."""
        return self._count / self._source_rate

    def add(self, sound: Sound | Silence) -> None:
        """What sounds next.

        Raises:
          AudioMissing: the segment is gone, damaged, or of another sample rate; nothing of it was added.
        """
        for _ in self.adding(sound):
            pass

    def adding(self, sound: Sound | Silence) -> Iterator[None]:
        """As `add`, piece by piece: the first of a quarter of a second, each twice as long as the one before. The
        first sound of a long segment need not wait for its last, and what comes out is the same.

        Raises:
          AudioMissing: as `add`, before the first piece.
        """
        for samples in _blocks(sound, self._source_rate, self._volume):
            place, size = 0, round(_FIRST_PIECE_SECONDS * self._source_rate)
            while place < samples.size:
                self.add_samples(samples[place : place + size])
                place, size = place + size, 2 * size
                yield

    def add_samples(self, samples: Samples) -> None:
        """Samples of shape (n,) that come next just as they are."""
        whole = to_int16(samples)
        if self._peaks is not None:
            self._peaks.add(whole)
        frame = av.AudioFrame.from_ndarray(whole[np.newaxis], format="s16", layout="mono")
        frame.sample_rate = self._source_rate
        frame.time_base = Fraction(1, self._source_rate)
        frame.pts = self._count
        self._count += samples.size
        self._container.mux(self._stream.encode(frame))

    def end(self) -> None:
        """Write what the encoder still holds, and the file's end."""
        if not self._count:
            self.add_samples(np.zeros(round(_EMPTY_SECONDS * self._source_rate), np.float32))
            self._count = 0
        self._container.mux(self._stream.encode(None))
        self._container.close()

    def close(self) -> None:
        """Let go of everything, whether or not it came to its end. Harmless after `end`."""
        self._container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def assemble(
    sounds: Iterable[Sound | Silence],
    out: Path,
    *,
    format: AudioFormat,
    sample_rate: int,
    volume: float,
    progress: Callable[[], None] | None = None,
    peaks: Peaks | None = None,
    title: str | None = None,
    chapters: Sequence[Chapter] = (),
) -> FinishedAudio:
    """Write the sounds one after the other to `out`, holding no more than one of them in memory; see `Encoder`.

    `progress` is called after each sound; what it raises ends the work.

    Raises:
      AudioMissing: a segment is gone, damaged, or of another sample rate.
    """
    with Encoder(
        out, format=format, sample_rate=sample_rate, volume=volume, peaks=peaks, title=title, chapters=chapters
    ) as encoder:
        for sound in sounds:
            encoder.add(sound)
            if progress is not None:
                progress()
        encoder.end()
    with out.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return FinishedAudio(format, encoder.seconds, out.stat().st_size, encoder.sample_rate, digest)


def _mark(number: int, chapter: Chapter) -> "av.container.core.Chapter":
    return {
        "id": number,
        "start": round(chapter.start_seconds * 1000),
        "end": round(chapter.end_seconds * 1000),
        "time_base": Fraction(1, 1000),
        "metadata": {"title": chapter.title},
    }


def _blocks(sound: Sound | Silence, sample_rate: int, volume: float) -> Iterator[Samples]:
    if isinstance(sound, Silence):
        left = sound.samples(sample_rate)
        while left > 0:
            yield np.zeros(min(left, sample_rate), np.float32)
            left -= sample_rate
        return
    samples, rate = read_wav(sound.wav)
    if rate != sample_rate:
        raise AudioMissing(f"The segment {sound.wav.name} has {rate} samples a second, not {sample_rate}.")
    if samples.size:
        _fade(samples, sample_rate)
        yield amplified(samples, sound.gain * volume, sample_rate)


def _fade(samples: Samples, sample_rate: int) -> None:
    length = min(round(FADE_SECONDS * sample_rate), samples.size // 2)
    curve = (0.5 - 0.5 * np.cos(np.pi * (np.arange(length) + 0.5) / max(length, 1))).astype(np.float32)
    samples[:length] *= curve
    samples[samples.size - length :] *= curve[::-1]
