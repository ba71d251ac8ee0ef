"""Text to sound: the engines and everything around them. The only door to a model.

Importing it is cheap: NumPy, FFmpeg, ONNX Runtime and the phonemizer come in with the first use of what needs them.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from actors.speech.captions import WordList
    from actors.speech.encoding import Chapter, Silence, Sound, assemble, read_wav, wav_bytes
    from actors.speech.espeak import EspeakEngine
    from actors.speech.fake import FakeEngine
    from actors.speech.keys import segment_key
    from actors.speech.kokoro_onnx import KokoroOnnxEngine
    from actors.speech.loudness import even_gains, level_of
    from actors.speech.peaks import Peaks
    from actors.speech.registry import Engines
    from actors.speech.rendering import render
    from actors.speech.segmenting import Span, split

__all__ = [
    "Chapter",
    "Engines",
    "EspeakEngine",
    "FakeEngine",
    "KokoroOnnxEngine",
    "Peaks",
    "Silence",
    "Sound",
    "Span",
    "WordList",
    "assemble",
    "even_gains",
    "level_of",
    "read_wav",
    "render",
    "segment_key",
    "split",
    "wav_bytes",
]

_HOMES = {
    "Chapter": "encoding",
    "Engines": "registry",
    "EspeakEngine": "espeak",
    "FakeEngine": "fake",
    "KokoroOnnxEngine": "kokoro_onnx",
    "Peaks": "peaks",
    "Silence": "encoding",
    "Sound": "encoding",
    "Span": "segmenting",
    "WordList": "captions",
    "assemble": "encoding",
    "even_gains": "loudness",
    "level_of": "loudness",
    "read_wav": "encoding",
    "render": "rendering",
    "segment_key": "keys",
    "split": "segmenting",
    "wav_bytes": "encoding",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
