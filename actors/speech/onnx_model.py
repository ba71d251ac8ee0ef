"""One loaded ONNX export of Kokoro and how it is run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from actors.speech.onnx_file import NotOnnx, without_weights
from app.domain.errors import EngineFailed, EngineMissing, VoiceUnavailable
from app.domain.stopping import StopToken

PREPARATION = 2
"""Part of a segment's key: rises when `actors.speech.onnx_graph` makes other samples of the same file."""

_PAD = 0
_INPUTS = {"input_ids", "style", "speed"}
_OUTPUTS = ["waveform", "durations"]

_BAD_FILE = frozenset({"InvalidProtobuf", "InvalidGraph", "InvalidArgument", "NotImplemented", "NoSuchFile"})
_OF_ANOTHER_TIME = "Unsupported model IR version"


class OnnxModel:
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
            from google.protobuf.message import DecodeError

            from actors.speech.onnx_graph import prepared
        except ImportError as error:
            raise EngineMissing(f"Kokoro needs the packages onnx and onnxruntime: {error}.") from error
        options = onnxruntime.SessionOptions()
        # Every text has another length, so that a pattern is never met again and only takes memory.
        options.enable_mem_pattern = False
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # A waiting thread would take the processor from the workers beside it.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 4
        # The weights are mapped from the file: processes share them, and a second copy is never made.
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(path.parent))
        try:
            model = prepared(without_weights(path))
        except (NotOnnx, DecodeError) as error:
            raise VoiceUnavailable(f"The model {path} is damaged and cannot be loaded. Fetch it again.") from error
        except (OSError, MemoryError) as error:
            raise EngineFailed(f"The model {path} could not be loaded this time: {error!r}.") from error
        try:
            self._session: Any = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
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
        """As `KokoroModel.run` says."""
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
        return np.asarray(waveform, dtype=np.float32).reshape(-1), np.asarray(durations).reshape(-1).astype(np.int64)


def _blames_the_file(error: Exception) -> bool:
    """Whether ONNX Runtime says that the model itself is at fault, so that loading it again cannot help."""
    name = type(error).__name__
    return name in _BAD_FILE or (name == "Fail" and _OF_ANOTHER_TIME in str(error))
