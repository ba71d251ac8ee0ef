"""Where the models lie below MODEL_DIR: as their sources have them, so that a folder can be copied in.

Sources: the hub's repositories onnx-community/Kokoro-82M-v1.0-ONNX-timestamped and hexgrad/Kokoro-82M; the wheel of
spaCy's en_core_web_sm.
"""

from enum import StrEnum
from pathlib import Path

KOKORO_FOLDER = "kokoro"


class Precision(StrEnum):
    """How the model's weights are kept, the best first."""

    FP32 = "fp32"
    FP16 = "fp16"
    INT8 = "int8"


KOKORO_PRECISIONS = {
    Precision.FP32: "onnx/model.onnx",
    Precision.FP16: "onnx/model_fp16.onnx",
    Precision.INT8: "onnx/model_quantized.onnx",
}

KOKORO_MODELS = tuple(KOKORO_PRECISIONS.values())
"""The best first: the first one that is there is used."""

KOKORO_TOKENIZER = "tokenizer.json"

KOKORO_CHECKPOINT = "kokoro-pytorch/kokoro-v1_0.pth"
"""The weights of the runtime on PyTorch, below MODEL_DIR. Its tokenizer and voices are those of the ONNX model."""

KOKORO_CHECKPOINT_CONFIG = "kokoro-pytorch/config.json"

SPACY_WHEEL = "en_core_web_sm-3.8.0"


def kokoro_folder(model_dir: Path) -> Path:
    return model_dir / KOKORO_FOLDER


def kokoro_model(model_dir: Path) -> Path | None:
    """The model file that would be loaded; None where there is none, or no tokenizer beside it."""
    folder = kokoro_folder(model_dir)
    if not (folder / KOKORO_TOKENIZER).is_file():
        return None
    return next((folder / name for name in KOKORO_MODELS if (folder / name).is_file()), None)


def kokoro_checkpoint(model_dir: Path) -> Path | None:
    """The weights that PyTorch would load; None where a file that belongs to them is missing."""
    needed = (
        model_dir / KOKORO_CHECKPOINT,
        kokoro_checkpoint_config(model_dir),
        kokoro_folder(model_dir) / KOKORO_TOKENIZER,
    )
    return needed[0] if all(path.is_file() for path in needed) else None


def kokoro_checkpoint_config(model_dir: Path) -> Path:
    return model_dir / KOKORO_CHECKPOINT_CONFIG


def kokoro_voice(model_dir: Path, voice: str) -> Path:
    """The voice's style rows: float32, little-endian, shape (510, 1, 256)."""
    return kokoro_folder(model_dir) / kokoro_voice_file(voice)


def kokoro_voice_file(voice: str) -> str:
    """The voice's file below the model's folder."""
    return f"voices/{voice}.bin"


def spacy_folder(model_dir: Path) -> Path:
    """spaCy's model for English, as `spacy.load` takes it."""
    return model_dir / "spacy" / "en_core_web_sm"
