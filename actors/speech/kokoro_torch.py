"""Kokoro-82M on PyTorch, by its authors' package: the extra `kokoro`."""

from collections.abc import Sequence
from pathlib import Path

from actors.speech.kokoro import KokoroEngine
from actors.speech.kokoro_files import checkpoint_paths
from actors.speech.torch_model import TorchModel


class KokoroTorchEngine(KokoroEngine):
    """On the authors' weights, on a GPU with CUDA where there is one, else on the processor."""

    name = "kokoro"

    def _model_files(self) -> Sequence[Path]:
        return checkpoint_paths(self._model_dir)

    def _load_model(self) -> TorchModel:
        checkpoint, config = checkpoint_paths(self._model_dir)
        return TorchModel(checkpoint, config, threads=self._threads)
