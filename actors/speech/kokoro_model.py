"""One loaded Kokoro model and how it is run."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from app.domain.errors import EngineFailed, EngineMissing, VoiceUnavailable
from app.domain.stopping import StopToken

SAMPLE_RATE = 24_000
SAMPLES_PER_UNIT = 600
"""One unit of the model's `durations` output, 25 ms. Source: `kokoro.pipeline.join_timestamps`."""

_PAD = 0
_INPUTS = {"input_ids", "style", "speed"}
_OUTPUTS = ["waveform", "durations"]

_BAD_FILE = frozenset({"InvalidProtobuf", "InvalidGraph", "InvalidArgument", "NotImplemented", "NoSuchFile"})
_SYSTEM_ERROR = re.compile("system error number|alloc", re.IGNORECASE)


class KokoroModel:
    """The ONNX export with the inputs `input_ids`, `style`, `speed` and the outputs `waveform`, `durations`."""

    def __init__(self, path: Path, *, threads: int) -> None:
        """Load the model, to be run on `threads` threads.

        Raises:
          EngineMissing: ONNX Runtime is not installed.
          VoiceUnavailable: the file is gone, damaged, or another model.
          EngineFailed: it could not be loaded this time: no memory or no file handle was left, say.
        """
        try:
            import onnxruntime
        except ImportError as error:
            raise EngineMissing(f"Kokoro needs the package onnxruntime: {error}.") from error
        options = onnxruntime.SessionOptions()
        # Every text has another length, so that a pattern is never met again and only takes memory.
        options.enable_mem_pattern = False
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # A waiting thread would take the processor from the workers beside it.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 4
        try:
            self._session: Any = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's errors have no common root
            if _blames_the_file(error):
                raise VoiceUnavailable(f"The model {path} is damaged and cannot be loaded. Fetch it again.") from error
            raise EngineFailed(f"The model {path} could not be loaded this time: {type(error).__name__}.") from error
        inputs = {node.name for node in self._session.get_inputs()}
        outputs = {node.name for node in self._session.get_outputs()}
        if inputs != _INPUTS or not outputs.issuperset(_OUTPUTS):
            raise VoiceUnavailable(
                f"The model {path} is not the Kokoro export with durations: it has the inputs {sorted(inputs)} and "
                f"the outputs {sorted(outputs)}. Fetch onnx-community/Kokoro-82M-v1.0-ONNX-timestamped."
            )
        self._run_options = onnxruntime.RunOptions

    def run(
        self, ids: Sequence[int], style: npt.NDArray[np.float32], speed: float, stop: StopToken
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        """Sound for 1 to 510 token ids, without pads, in the style of shape (1, 256).

        Returns samples of shape (n,) within -1 to 1 at 24 kHz, and durations of shape (len(ids) + 2,) in units of
        600 samples, the pads' among them.

        Raises:
          EngineFailed: the inference failed or gave no numbers.
          SpeechError: the reason of `stop`.
        """
        options = self._run_options()
        options.log_severity_level = 4
        # What one long segment needed is given back, so that memory does not stay at the highest mark.
        options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        inputs = {
            "input_ids": np.array([[_PAD, *ids, _PAD]], dtype=np.int64),
            "style": style,
            "speed": np.array([speed], dtype=np.float32),
        }

        def terminate() -> None:
            options.terminate = True

        stop.on_stop(terminate)
        try:
            waveform, durations = self._session.run(_OUTPUTS, inputs, options)
        except Exception as error:  # onnxruntime's errors have no common root
            stop.raise_if_stopped()
            raise EngineFailed(f"Kokoro failed on {len(ids)} tokens: {type(error).__name__}.") from error
        finally:
            stop.on_stop(None)
        stop.raise_if_stopped()
        samples = np.asarray(waveform, dtype=np.float32).reshape(-1)
        if not np.isfinite(samples).all():
            raise EngineFailed("Kokoro gave sound with values that are no numbers.")
        return np.clip(samples, -1.0, 1.0), np.asarray(durations).reshape(-1).astype(np.int64)


def _blames_the_file(error: Exception) -> bool:
    """Whether ONNX Runtime says that the model itself is at fault, so that loading it again cannot help."""
    name = type(error).__name__
    if name == "Fail":
        # Also what it says of an unknown version of the format, and of a file that the system would not open.
        return "Load model from" in str(error) and _SYSTEM_ERROR.search(str(error)) is None
    return name in _BAD_FILE
