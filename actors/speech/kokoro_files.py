"""The files of a Kokoro model: vocabulary, voices and their hashes."""

import hashlib
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt

from app.domain.errors import EngineFailed, VoiceUnavailable
from app.domain.model_files import (
    KOKORO_CHECKPOINT,
    KOKORO_MODELS,
    KOKORO_TOKENIZER,
    kokoro_checkpoint,
    kokoro_checkpoint_config,
    kokoro_folder,
    kokoro_model,
    kokoro_voice,
)

Style = npt.NDArray[np.float32]

STYLE_ROWS = 510
_STYLE_SHAPE = (STYLE_ROWS, 1, 256)
_PULL = "sayathing models pull"


def model_path(model_dir: Path) -> Path:
    """
    Raises:
      VoiceUnavailable: there is no model, or no tokenizer beside it; says where each belongs.
    """
    path = kokoro_model(model_dir)
    if path is None:
        folder = kokoro_folder(model_dir)
        tokenizer = folder / KOKORO_TOKENIZER
        missing = folder / KOKORO_MODELS[0] if tokenizer.is_file() else tokenizer
        raise VoiceUnavailable(f"The Kokoro model is not here: {missing} is missing. `{_PULL}` fetches it.")
    return path


def checkpoint_paths(model_dir: Path) -> tuple[Path, Path]:
    """The weights for PyTorch and their configuration.

    Raises:
      VoiceUnavailable: one of them, or the tokenizer, is missing; says where it belongs.
    """
    path, config = kokoro_checkpoint(model_dir), kokoro_checkpoint_config(model_dir)
    if path is None:
        needed = (kokoro_folder(model_dir) / KOKORO_TOKENIZER, config, model_dir / KOKORO_CHECKPOINT)
        missing = next(file for file in needed if not file.is_file())
        raise VoiceUnavailable(
            f"Kokoro's weights for PyTorch are not here: {missing} is missing. docs/speech.md says where to get it."
        )
    return path, config


def voice_path(model_dir: Path, voice: str) -> Path:
    """
    Raises:
      VoiceUnavailable: the voice's file is missing; says where it belongs.
    """
    path = kokoro_voice(model_dir, voice)
    if not path.is_file():
        raise VoiceUnavailable(f"The voice {voice!r} is not here: {path} is missing. `{_PULL}` fetches it.")
    return path


def read_voice(path: Path) -> Style:
    """The style rows of a voice, float32 of shape (510, 1, 256); the row is chosen by the number of phonemes.

    Raises:
      VoiceUnavailable: the file is of another size, or holds values that are no numbers.
    """
    content = path.read_bytes()
    expected = 4 * STYLE_ROWS * 256
    if len(content) != expected:
        raise VoiceUnavailable(
            f"The voice file {path} is damaged: {len(content)} bytes, not {expected}. `{_PULL}` fetches it again."
        )
    rows = np.frombuffer(content, dtype="<f4").astype(np.float32).reshape(_STYLE_SHAPE)
    if not np.isfinite(rows).all():
        raise VoiceUnavailable(
            f"The voice file {path} is damaged: it has values that are no numbers. `{_PULL}` fetches it again."
        )
    return rows


def read_vocabulary(model_dir: Path) -> dict[str, int]:
    """Token ids by phoneme character, from `model.vocab` of the tokenizer.

    Raises:
      VoiceUnavailable: the file is gone, or is not a tokenizer.
      EngineFailed: it could not be read this time.
    """
    path = kokoro_folder(model_dir) / KOKORO_TOKENIZER
    try:
        vocabulary = json.loads(path.read_bytes())["model"]["vocab"]
        return {str(token): int(number) for token, number in vocabulary.items()}
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise VoiceUnavailable(f"The tokenizer {path} is damaged ({error!r}). `{_PULL}` fetches it again.") from error
    except OSError as error:
        raise EngineFailed(f"The tokenizer {path} could not be read this time: {error.strerror}.") from error


class FileHashes:
    """SHA-256 of files, taken again only when size or time of change differ."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[tuple[int, int], str]] = {}

    def of(self, path: Path) -> str:
        """64 hex digits. Reads in pieces, so that a model of 300 MB costs no memory."""
        status = path.stat()
        stamp = status.st_size, status.st_mtime_ns
        known = self._known.get(path)
        if known is None or known[0] != stamp:
            with path.open("rb") as file:
                known = self._known[path] = stamp, hashlib.file_digest(file, "sha256").hexdigest()
        return known[1]
