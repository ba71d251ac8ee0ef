"""A model of a few kilobytes with Kokoro's inputs, outputs, vocabulary and folder, for tests without weights."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from app.domain.model_files import KOKORO_MODELS, KOKORO_TOKENIZER, kokoro_folder, kokoro_voice

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


def build_tiny_kokoro(model_dir: Path, voices: Sequence[str], *, endless: bool = False) -> None:
    """Write a model folder below `model_dir`: a token lasts 2 to 4 units / speed, and sounds as a sine.

    A voice's first style value is its number in `voices`, and sets the pitch. The whole folder has about
    0.5 MB a voice, as the real voice files do. An `endless` model never comes back from an inference.
    """
    folder = kokoro_folder(model_dir)
    model = folder / KOKORO_MODELS[0]
    model.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(_model(endless=endless), model)
    (folder / KOKORO_TOKENIZER).write_text(json.dumps({"model": {"vocab": kokoro_vocabulary()}}), encoding="utf-8")
    for number, voice in enumerate(voices):
        write_voice(model_dir, voice, pitch=float(number))


def write_voice(model_dir: Path, voice: str, *, pitch: float) -> None:
    """A voice whose pitch is 200 + 40 * `pitch` Hz, and a little higher in each later style row."""
    path = kokoro_voice(model_dir, voice)
    path.parent.mkdir(parents=True, exist_ok=True)
    style = np.zeros((510, 1, 256), dtype="<f4")
    style[:, 0, 0] = pitch
    style[:, 0, 1] = np.arange(510) / 510
    path.write_bytes(style.tobytes())


def _model(*, endless: bool) -> onnx.ModelProto:
    node = helper.make_node
    nodes = [
        node("Mod", ["input_ids", "three"], ["rest"]),
        node("Add", ["rest", "two"], ["units"]),
        node("Cast", ["units"], ["units_float"], to=TensorProto.FLOAT),
        node("Div", ["units_float", "speed"], ["slowed"]),
        node("Round", ["slowed"], ["rounded"]),
        node("Max", ["rounded", "one_float"], ["at_least"]),
        node("Cast", ["at_least"], ["durations_row"], to=TensorProto.INT64),
        node("Squeeze", ["durations_row", "zero_axis"], ["durations"]),
        node("ReduceSum", ["durations"], ["total"], keepdims=0),
        node("Mul", ["total", "samples_per_unit"], ["count"]),
        node("Range", ["zero", "count", "one"], ["ticks"]),
        node("Cast", ["ticks"], ["time"], to=TensorProto.FLOAT),
        node("Mul", ["style", "style_weights"], ["weighed_style"]),
        node("ReduceSum", ["weighed_style"], ["raise"], keepdims=0),
        node("Add", ["raise", "base_pitch"], ["hertz"]),
        node("Mul", ["time", "radians"], ["angle"]),
        node("Mul", ["angle", "hertz"], ["phase"]),
        node("Sin", ["phase"], ["sine"]),
        node("Mul", ["sine", "level"], ["tone"]),
        _endless_loop() if endless else node("Identity", ["tone"], ["waveform"]),
    ]
    weights = np.zeros((1, 256), np.float32)
    weights[0, :2] = 40.0, 5.0
    constants = {
        "two": np.array(2, np.int64),
        "three": np.array(3, np.int64),
        "one_float": np.array(1, np.float32),
        "zero_axis": np.array([0], np.int64),
        "samples_per_unit": np.array(600, np.int64),
        "zero": np.array(0, np.int64),
        "one": np.array(1, np.int64),
        "base_pitch": np.array(200, np.float32),
        "style_weights": weights,
        "radians": np.array(2 * np.pi / 24_000, np.float32),
        "level": np.array(0.3, np.float32),
        "forever": np.array(2**62, np.int64),
        "true": np.array(True),
    }
    graph = helper.make_graph(
        nodes,
        "tiny_kokoro",
        [
            helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, "n"]),
            helper.make_tensor_value_info("style", TensorProto.FLOAT, [1, 256]),
            helper.make_tensor_value_info("speed", TensorProto.FLOAT, [1]),
        ],
        [
            helper.make_tensor_value_info("waveform", TensorProto.FLOAT, ["samples"]),
            helper.make_tensor_value_info("durations", TensorProto.INT64, ["n"]),
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    return model


def _endless_loop() -> onnx.NodeProto:
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["go_on"]),
            helper.make_node("Sin", ["in"], ["out"]),
        ],
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
    return helper.make_node("Loop", ["forever", "true", "tone"], ["waveform"], body=body)
