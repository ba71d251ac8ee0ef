"""Model folders for tests: the tiny model beside it, voices with random styles, Kokoro's vocabulary."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from app.domain.model_files import (
    KOKORO_CHECKPOINT,
    KOKORO_MODELS,
    KOKORO_TOKENIZER,
    kokoro_checkpoint_config,
    kokoro_folder,
    kokoro_voice,
)

TINY = Path(__file__).with_name("tiny_kokoro")
"""What `tests/support/kokoro_export.py` made: some hundred kilobytes, with random weights."""

# The vocabulary of Kokoro-82M v1.0 (config.json of hexgrad/Kokoro-82M, tokenizer.json of the ONNX exports):
# characters of consecutive ids by the first id. Of the model's 178 ids these 115 have a character.
_VOCABULARY = {
    0: "$;:,.!?", 9: '—…"()“” \u0303ʣʥʦʨᵝ\uab67AI', 31: "O", 33: "Q", 35: "ST", 39: "W", 41: "Yᵊabcdef",
    50: "hijklmnopqrstuvwxyzɑɐɒæ", 75: "βɔɕç", 80: "ɖðʤə", 85: "ɚɛɜ", 90: "ɟ", 92: "ɡ", 99: "ɥ", 101: "ɨɪʝ",
    110: "ɯɰŋɳɲɴø", 118: "ɸθœ", 123: "ɹ", 125: "ɾɻ", 128: "ʁɽʂʃʈʧ", 135: "ʊʋ", 138: "ʌɣɤ", 142: "χʎ", 147: "ʒʔ",
    156: "ˈˌː", 162: "ʰ", 164: "ʲ", 169: "↓", 171: "→↗↘", 177: "ᵻ",
}  # fmt: skip


def kokoro_vocabulary() -> dict[str, int]:
    """Token ids by character, as `model.vocab` of the real tokenizer.json has them."""
    return {
        character: first + place
        for first, characters in _VOCABULARY.items()
        for place, character in enumerate(characters)
    }


def copy_tiny_kokoro(model_dir: Path, voices: Sequence[str], *, endless: bool = False) -> None:
    """A model folder below `model_dir` with both runtimes' files and these voices.

    The ONNX model of an `endless` folder never comes back from an inference.
    """
    shutil.copytree(TINY, model_dir, dirs_exist_ok=True)
    tokenizer = kokoro_folder(model_dir) / KOKORO_TOKENIZER
    tokenizer.write_text(json.dumps({"model": {"vocab": kokoro_vocabulary()}}), encoding="utf-8")
    for number, voice in enumerate(voices):
        write_voice(model_dir, voice, seed=number)
    if endless:
        _never_end(kokoro_folder(model_dir) / KOKORO_MODELS[0])


def write_config(model_dir: Path, config: Mapping[str, Any]) -> None:
    """The configuration that belongs to a checkpoint."""
    path = kokoro_checkpoint_config(model_dir)
    path.parent.mkdir(parents=True, exist_ok=True)
    (model_dir / KOKORO_CHECKPOINT).parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(config, ensure_ascii=False, indent=1), encoding="utf-8")


def write_voice(model_dir: Path, voice: str, *, seed: int) -> None:
    """A voice whose style rows have the spread of the real ones (0.15)."""
    path = kokoro_voice(model_dir, voice)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(np.random.default_rng(seed).normal(0, 0.15, (510, 1, 256)).astype("<f4").tobytes())


def _never_end(path: Path) -> None:
    model = onnx.load(path)
    graph = model.graph
    for node in graph.node:
        for index, name in enumerate(node.output):
            if name == "waveform":
                node.output[index] = "waveform_once"
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["go_on"]), helper.make_node("Sin", ["in"], ["out"])],
        "body",
        [
            helper.make_tensor_value_info("round", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("in", TensorProto.FLOAT, ["samples"]),
        ],
        [
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("out", TensorProto.FLOAT, ["samples"]),
        ],
    )
    graph.node.append(helper.make_node("Loop", ["forever", "true", "waveform_once"], ["waveform"], body=body))
    graph.initializer.append(numpy_helper.from_array(np.array(2**62, np.int64), "forever"))
    graph.initializer.append(numpy_helper.from_array(np.array(True), "true"))
    onnx.save(model, path)
