"""The formats of finished files, one row each. A new one also needs a migration: the results store checks the names."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Self


@dataclass(frozen=True, slots=True)
class Encoding:
    """How FFmpeg writes a format: its names for container and codec, and what they are told.

    `bits_a_second` is None where nothing is lost. `sample_rate` is None where the engine's own is kept.
    `live_options` are what the container is told besides where it goes out while it is made; None where no player
    could play it before its end.
    """

    container: str
    codec: str
    bits_a_second: int | None = None
    sample_rate: int | None = None
    container_options: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    codec_options: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    live_options: Mapping[str, str] | None = field(default_factory=lambda: MappingProxyType({}))


_MP3_BITS_A_SECOND = 64_000
"""One step above what LAME's own preset for speech takes (`lame --preset voice`: 56 kbit/s, mono)."""

_OPUS_BITS_A_SECOND = 32_000
"""RFC 6716, section 2.1.1: 28 to 40 kbit/s is the sweet spot for fullband speech."""

_AAC_BITS_A_SECOND = 64_000
"""FFmpeg's guide to AAC: at least 64 kbit/s a channel, for its own encoder to be told from the source by nobody."""

_AAC_SAMPLE_RATE = 48_000
"""A frame has 1,024 samples, and a raw stream ends with a whole one: 21 ms here, 43 ms at an engine's 24 kHz."""


class AudioFormat(StrEnum):
    """A format by its name, which is also the suffix of its files."""

    media_type: str
    encoding: Encoding

    def __new__(cls, name: str, media_type: str = "", encoding: Encoding = Encoding("", "")) -> Self:
        # The defaults are for `AudioFormat("wav")`, which looks a row up and never comes here.
        member = str.__new__(cls, name)
        member._value_ = name
        member.media_type = media_type
        member.encoding = encoding
        return member

    # A WAV header counts in 32 bits; beyond 4 GiB the file becomes RF64 (EBU Tech 3306), which players know.
    WAV = "wav", "audio/wav", Encoding("wav", "pcm_s16le", container_options={"rf64": "auto"})
    MP3 = "mp3", "audio/mpeg", Encoding("mp3", "libmp3lame", _MP3_BITS_A_SECOND)
    FLAC = "flac", "audio/flac", Encoding("flac", "flac")
    OPUS = (
        "opus",
        "audio/ogg; codecs=opus",
        Encoding(
            "opus",
            "libopus",
            _OPUS_BITS_A_SECOND,
            48_000,
            codec_options={"application": "voip"},
            live_options={"page_duration": "100000"},  # microseconds; a file's pages hold a second back
        ),
    )
    AAC = "aac", "audio/aac", Encoding("adts", "aac", _AAC_BITS_A_SECOND, _AAC_SAMPLE_RATE)
    # audio/L16 would be big-endian (RFC 2586); the rate is the file's own.
    PCM = "pcm", "audio/pcm", Encoding("s16le", "pcm_s16le")
    M4B = (
        "m4b",
        "audio/mp4",
        Encoding(
            "ipod",
            "aac",
            _AAC_BITS_A_SECOND,
            _AAC_SAMPLE_RATE,
            container_options={"movflags": "+faststart"},
            live_options=None,  # its index stands before the sound
        ),
    )

    @property
    def streams(self) -> bool:
        """Whether it can be played while it is made."""
        return self.encoding.live_options is not None

    def content_type(self, sample_rate: int) -> str:
        """The value of `Content-Type` for a file of so many samples a second."""
        if self is AudioFormat.PCM:
            return f"{self.media_type}; rate={sample_rate}; channels=1"  # nothing in the file itself says so
        return self.media_type


SAMPLE_FORMAT = AudioFormat.MP3
"""That of voices' samples: small, and every browser plays it."""
