"""Segments as they are stored: WAV, 16-bit, mono."""

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from app.domain.errors import AudioMissing

Samples = npt.NDArray[np.float32]

_FULL_SCALE = 32767.0
_PCM = 1
_MONO = 1
_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_CHUNK = struct.Struct("<4sI")


def wav_bytes(samples: Samples, sample_rate: int) -> bytes:
    """A WAV file, 16-bit mono, of float32 `samples` of shape (n,); what is beyond -1 to 1 is clipped."""
    data = to_int16(samples).astype("<i2").tobytes()
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
    samples = np.frombuffer(chunks[b"data"], dtype="<i2").astype(np.float32)
    samples /= np.float32(_FULL_SCALE)
    return np.maximum(samples, np.float32(-1.0), out=samples), sample_rate


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


def to_int16(samples: Samples) -> npt.NDArray[np.int16]:
    """Samples of full scale 32,767; what is beyond -1 to 1 is clipped."""
    scaled: Samples = np.multiply(samples, np.float32(_FULL_SCALE), dtype=np.float32)
    np.rint(scaled, out=scaled)
    return np.clip(scaled, -_FULL_SCALE, _FULL_SCALE, out=scaled).astype(np.int16)
