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

__all__ = [
    "Engines",
    "EspeakEngine",
    "FakeEngine",
    "KokoroOnnxEngine",
    "KokoroPhonemizer",
    "KokoroTorchEngine",
    "PartMissing",
    "Span",
    "WordList",
    "bind",
    "preview",
    "render",
    "segment_key",
    "split",
]

_HOMES = {
    "Engines": "registry",
    "EspeakEngine": "espeak",
    "FakeEngine": "fake",
    "KokoroOnnxEngine": "kokoro_onnx",
    "KokoroPhonemizer": "phonemizing",
    "KokoroTorchEngine": "kokoro_torch",
    "PartMissing": "binding",
    "Span": "segmenting",
    "WordList": "captions",
    "bind": "binding",
    "preview": "phonemizing",
    "render": "rendering",
    "segment_key": "keys",
    "split": "segmenting",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
