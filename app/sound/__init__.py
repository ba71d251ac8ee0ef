"""Sound as the service gives it out: levels, joins, formats. One encoder, for files and for streams.

Importing it is cheap: NumPy and FFmpeg come in with the first use of what needs them.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.sound.decoding import converted
    from app.sound.encoding import Chapter, Encoder, Silence, Sound, assemble
    from app.sound.loudness import Evenness, Level, level_of
    from app.sound.peaks import Peaks
    from app.sound.streaming import SoundStream, Written
    from app.sound.wav import read_wav, wav_bytes

__all__ = [
    "Chapter",
    "Encoder",
    "Evenness",
    "Level",
    "Peaks",
    "Silence",
    "Sound",
    "SoundStream",
    "Written",
    "assemble",
    "converted",
    "level_of",
    "read_wav",
    "wav_bytes",
]

_HOMES = {
    "Chapter": "encoding",
    "Encoder": "encoding",
    "Evenness": "loudness",
    "Level": "loudness",
    "Peaks": "peaks",
    "Silence": "encoding",
    "Sound": "encoding",
    "SoundStream": "streaming",
    "Written": "streaming",
    "assemble": "encoding",
    "converted": "decoding",
    "level_of": "loudness",
    "read_wav": "wav",
    "wav_bytes": "wav",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
