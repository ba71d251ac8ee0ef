"""Kokoro-82M on ONNX Runtime."""

from collections.abc import Sequence
from pathlib import Path

from actors.speech.kokoro import KokoroEngine
from actors.speech.kokoro_files import model_path
from actors.speech.onnx_model import PREPARATION, OnnxModel


class KokoroOnnxEngine(KokoroEngine):
    """On the ONNX export with durations, on the processor."""

    name = "kokoro-onnx"

    def _model_files(self) -> Sequence[Path]:
        return [model_path(self._model_dir)]

    @property
    def _way(self) -> str:
        return f"{self.name} {PREPARATION}"

    def _load_model(self) -> OnnxModel:
        return OnnxModel(model_path(self._model_dir), threads=self._threads)
