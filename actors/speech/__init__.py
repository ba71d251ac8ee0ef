"""Text to sound: the engines and everything around them. The only door to a model.

Importing it is cheap: NumPy, FFmpeg, ONNX Runtime and the phonemizer come in with the first use of what needs them.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from actors.speech.binding import PartMissing, bind
    from actors.speech.captions import WordList
    from actors.speech.espeak import EspeakEngine
    from actors.speech.fake import FakeEngine
    from actors.speech.keys import segment_key
    from actors.speech.kokoro_onnx import KokoroOnnxEngine
    from actors.speech.kokoro_torch import KokoroTorchEngine
    from actors.speech.phonemizing import KokoroPhonemizer, preview
    from actors.speech.registry import Engines
    from actors.speech.rendering import render
    from actors.speech.segmenting import Span, split
    from app.sound import Chapter, Peaks, Silence, Sound, assemble, even_gains, level_of, read_wav, wav_bytes

__all__ = [
    "Chapter",
    "Engines",
    "EspeakEngine",
    "FakeEngine",
    "KokoroOnnxEngine",
    "KokoroPhonemizer",
    "KokoroTorchEngine",
    "PartMissing",
    "Peaks",
    "Silence",
    "Sound",
    "Span",
    "WordList",
    "assemble",
    "bind",
    "even_gains",
    "level_of",
    "preview",
    "read_wav",
    "render",
    "segment_key",
    "split",
    "wav_bytes",
]

_HOMES = {
    "Chapter": "app.sound",
    "Engines": "actors.speech.registry",
    "EspeakEngine": "actors.speech.espeak",
    "FakeEngine": "actors.speech.fake",
    "KokoroOnnxEngine": "actors.speech.kokoro_onnx",
    "KokoroPhonemizer": "actors.speech.phonemizing",
    "KokoroTorchEngine": "actors.speech.kokoro_torch",
    "PartMissing": "actors.speech.binding",
    "Peaks": "app.sound",
    "Silence": "app.sound",
    "Sound": "app.sound",
    "Span": "actors.speech.segmenting",
    "WordList": "actors.speech.captions",
    "assemble": "app.sound",
    "bind": "actors.speech.binding",
    "even_gains": "app.sound",
    "level_of": "app.sound",
    "preview": "actors.speech.phonemizing",
    "read_wav": "app.sound",
    "render": "actors.speech.rendering",
    "segment_key": "actors.speech.keys",
    "split": "actors.speech.segmenting",
    "wav_bytes": "app.sound",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
