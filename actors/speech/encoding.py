"""Sound as files: segments as WAV, finished speech in any of the formats."""

import hashlib
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
import numpy.typing as npt

from actors.speech.limiting import amplified
from actors.speech.peaks import Peaks
from app.domain.audio_formats import AudioFormat
from app.domain.errors import AudioMissing
from app.domain.tasks import FinishedAudio

Samples = npt.NDArray[np.float32]

_FULL_SCALE = 32767.0
_PCM = 1
_MONO = 1
_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_CHUNK = struct.Struct("<4sI")

FADE_SECONDS = 0.004
"""At both ends of each segment, so that a join does not click."""

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


def wav_bytes(samples: Samples, sample_rate: int) -> bytes:
    """A WAV file, 16-bit mono, of float32 `samples` of shape (n,); what is beyond -1 to 1 is clipped."""
    data = _to_int16(samples).astype("<i2").tobytes()
    header = _HEADER.pack(
        b"RIFF",
        36 + len(data),
        b"WAVE",
        b"fmt ",
        16,
        _PCM,
        _MONO,
        sample_rate,
        2 * sample_rate,
        2,
        16,
        b"data",
        len(data),
    )
    return header + data


def read_wav(path: Path) -> tuple[Samples, int]:
    """The float32 samples of shape (n,) and the sample rate of a 16-bit mono WAV file.

    Raises:
      AudioMissing: the file is not there, cut short, or not such a file.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise AudioMissing(f"The segment {path.name} cannot be read: {error.strerror}.") from error
    chunks = dict(_iter_chunks(content, path))
    if b"fmt " not in chunks or b"data" not in chunks or len(chunks[b"fmt "]) < 16:
        raise AudioMissing(f"The segment {path.name} is damaged: it is no WAV file.")
    encoding, channels, sample_rate, _, _, bits = struct.unpack_from("<HHIIHH", chunks[b"fmt "])
    if (encoding, channels, bits) != (_PCM, _MONO, 16) or not sample_rate or len(chunks[b"data"]) % 2:
        raise AudioMissing(f"The segment {path.name} is damaged: it is not 16-bit mono sound.")
    samples = np.frombuffer(chunks[b"data"], dtype="<i2").astype(np.float32) / np.float32(_FULL_SCALE)
    return np.maximum(samples, np.float32(-1.0)), sample_rate


def _iter_chunks(content: bytes, path: Path) -> Iterator[tuple[bytes, memoryview]]:
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise AudioMissing(f"The segment {path.name} is damaged: it is no WAV file.")
    view, place = memoryview(content), 12
    while place + _CHUNK.size <= len(content):
        name, size = _CHUNK.unpack_from(content, place)
        place += _CHUNK.size
        if place + size > len(content):
            raise AudioMissing(f"The segment {path.name} is damaged: it is cut short.")
        yield name, view[place : place + size]
        place += size + size % 2


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
    """Write the sounds one after the other to `out`, holding no more than one of them in memory.

    Each segment fades in and out over 4 ms. `volume` is a gain on top of each one's own; a limiter keeps the sound
    below -2 dBFS. `peaks` is given all samples on their way.
    `sample_rate` is that of every segment, in samples a second; the file has the format's own where that is fixed.
    `progress` is called after each sound; what it raises ends the work. The duration is that of the samples: players
    cut the encoder's padding by the header of MP3, Opus and M4B, while AAC has no place to say how much it is.
    `title` and `chapters` are kept where the format has room for them.

    Raises:
      AudioMissing: a segment is gone, damaged, or of another sample rate.
    """
    encoding = format.encoding
    count = 0
    with av.open(str(out), "w", format=encoding.container, options=dict(encoding.container_options)) as container:
        rate = encoding.sample_rate or sample_rate
        added = container.add_stream(encoding.codec, rate=rate, options=dict(encoding.codec_options))
        stream = cast(av.AudioStream, added)
        stream.layout = "mono"
        if encoding.bits_a_second is not None:
            stream.bit_rate = encoding.bits_a_second
        if title is not None:
            container.metadata["title"] = title
        if chapters:
            container.set_chapters([_mark(number, chapter) for number, chapter in enumerate(chapters, start=1)])
        container.start_encoding()

        def write(samples: Samples) -> None:
            nonlocal count
            whole = _to_int16(samples)
            if peaks is not None:
                peaks.add(whole)
            frame = av.AudioFrame.from_ndarray(whole[np.newaxis], format="s16", layout="mono")
            frame.sample_rate = sample_rate
            frame.time_base = Fraction(1, sample_rate)
            frame.pts = count
            count += samples.size
            container.mux(stream.encode(frame))

        for sound in sounds:
            for samples in _blocks(sound, sample_rate, volume):
                write(samples)
            if progress is not None:
                progress()
        if not count:
            write(np.zeros(round(_EMPTY_SECONDS * sample_rate), np.float32))
            count = 0
        container.mux(stream.encode(None))
    with out.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return FinishedAudio(format, count / sample_rate, out.stat().st_size, rate, digest)


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
        yield amplified(_faded(samples, sample_rate), sound.gain * volume, sample_rate)


def _faded(samples: Samples, sample_rate: int) -> Samples:
    length = min(round(FADE_SECONDS * sample_rate), samples.size // 2)
    curve = (0.5 - 0.5 * np.cos(np.pi * (np.arange(length) + 0.5) / max(length, 1))).astype(np.float32)
    faded = samples.copy()
    faded[:length] *= curve
    faded[samples.size - length :] *= curve[::-1]
    return faded


def _to_int16(samples: Samples) -> npt.NDArray[np.int16]:
    scaled: Samples = np.rint(np.clip(samples, -1.0, 1.0) * _FULL_SCALE)
    return scaled.astype(np.int16)
