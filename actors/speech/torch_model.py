"""One loaded PyTorch model of Kokoro and how it is run."""

import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from actors.speech.turns import WholeCalls
from app.domain.errors import EngineFailed, EngineMissing, VoiceUnavailable
from app.domain.stopping import StopToken

_PAD = 0
_SEED = 0
_REPOSITORY = "hexgrad/Kokoro-82M"
_NEVER = StopToken()

# PyTorch's random generator has a lock of its own.
_AT_WORK = WholeCalls()


class TorchModel:
    """The `kokoro` package's `KModel`. Phonemes come from outside: its pipeline is not used."""

    def __init__(self, checkpoint: Path, config: Path, *, threads: int) -> None:
        """Load the model, to be run on CUDA where PyTorch has it, else on `threads` threads of the processor.

        The number of threads is PyTorch's own, for the whole process.

        Raises:
          EngineMissing: the extra is not installed.
          VoiceUnavailable: a file is damaged, or of another model.
          EngineFailed: it could not be loaded this time: no memory was left, say.
        """
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                import torch
                from kokoro.model import KModel
        except ImportError as error:
            raise EngineMissing(
                f"Kokoro on PyTorch needs the package kokoro: {error}. Install it with `pip install 'sayathing[kokoro]'`, "
                "or let SAYATHING_ENGINE be auto."
            ) from error
        self._torch: Any = torch
        torch.set_num_threads(threads)
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            sizes = json.loads(config.read_bytes())
            # The package warns of its own layers' old names for what they do.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model = KModel(repo_id=_REPOSITORY, config=sizes, model=str(checkpoint))
            self._check(checkpoint, model)
            self._model: Any = model.to(self._device).eval()
        except (MemoryError, OSError, torch.OutOfMemoryError) as error:
            raise EngineFailed(f"The model {checkpoint} could not be loaded this time: {error!r}.") from error
        except Exception as error:
            # Whatever else the package raises is about what the two files hold.
            raise VoiceUnavailable(
                f"The model {checkpoint} or its {config.name} is damaged and cannot be loaded ({type(error).__name__}). "
                "Copy them again; docs/speech.md has their hashes."
            ) from error
        self._stop = _NEVER
        for module in self._model.modules():
            module.register_forward_pre_hook(self._look)

    def _check(self, checkpoint: Path, model: Any) -> None:
        """Of weights that do not fit the package takes none, says nothing, and keeps its random ones."""
        for part, weights in self._torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True).items():
            wanted = {name: weight.shape for name, weight in getattr(model, part).state_dict().items()}
            given = {name.removeprefix("module."): weight.shape for name, weight in weights.items()}
            common = wanted.keys() & given.keys()
            if not common or any(wanted[name] != given[name] for name in common):
                raise ValueError(f"the weights of {part} are of other sizes")

    def _look(self, *_: object) -> None:
        """Before each layer: nothing else can end an inference."""
        self._stop.raise_if_stopped()

    def run(
        self, ids: Sequence[int], style: npt.NDArray[np.float32], speed: float, stop: StopToken
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        """As `KokoroModel.run` says. Not for two threads at a time."""
        torch = self._torch
        self._stop = stop
        try:
            # The source of the voice has noise in it: the same for the same text.
            with _AT_WORK, torch.random.fork_rng(), torch.inference_mode():
                torch.manual_seed(_SEED)
                tokens = torch.tensor([[_PAD, *ids, _PAD]], dtype=torch.int64, device=self._device)
                row = torch.from_numpy(style.astype(np.float32)).to(self._device)
                waveform, durations = self._model.forward_with_tokens(tokens, row, speed)
                samples, units = waveform.reshape(-1).float().cpu(), durations.reshape(-1).cpu()
            return samples.numpy(), units.numpy().astype(np.int64)
        except Exception as error:
            stop.raise_if_stopped()
            raise EngineFailed(f"Kokoro failed on {len(ids)} tokens: {type(error).__name__}.") from error
        finally:
            self._stop = _NEVER
