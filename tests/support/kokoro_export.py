"""Models with random weights in Kokoro's architecture, and their ONNX exports by the package's own exporter.

`python -m tests.support.kokoro_export` writes the tiny one that the tests run on, `tests/support/tiny_kokoro`, again. It needs
the extra `kokoro` and the package `onnx`: `make test-kokoro` installs both.
"""

import contextlib
import math
import warnings
from pathlib import Path
from typing import Any

import kokoro.model
import onnx
import torch
from kokoro.istftnet import AdainResBlk1d, Decoder, Generator
from kokoro.model import KModel, KModelForONNX
from torch import nn
from torch.nn.utils import weight_norm

from app.domain.model_files import KOKORO_CHECKPOINT, KOKORO_MODELS, kokoro_checkpoint_config
from tests.support.kokoro_folder import TINY, kokoro_vocabulary, write_config

FULL_SIZE: dict[str, Any] = {
    "n_token": 178,
    "hidden_dim": 512,
    "style_dim": 128,
    "n_layer": 3,
    "n_mels": 80,
    "max_dur": 50,
    "dropout": 0.2,
    "text_encoder_kernel_size": 5,
    "plbert": {
        "hidden_size": 768,
        "num_attention_heads": 12,
        "intermediate_size": 2048,
        "max_position_embeddings": 512,
        "num_hidden_layers": 12,
        "dropout": 0.1,
    },
    "istftnet": {
        "upsample_rates": [10, 6],
        "upsample_kernel_sizes": [20, 12],
        "upsample_initial_channel": 512,
        "resblock_kernel_sizes": [3, 7, 11],
        "resblock_dilation_sizes": [[1, 3, 5], [1, 3, 5], [1, 3, 5]],
        "gen_istft_n_fft": 20,
        "gen_istft_hop_size": 5,
    },
}
"""The sizes of Kokoro-82M v1.0. Source: config.json of hexgrad/Kokoro-82M."""

TINY_SIZE: dict[str, Any] = FULL_SIZE | {
    "hidden_dim": 8,
    "n_layer": 1,
    "plbert": {
        "embedding_size": 8,
        "hidden_size": 8,
        "num_attention_heads": 2,
        "intermediate_size": 8,
        "max_position_embeddings": 512,
        "num_hidden_layers": 1,
        "dropout": 0.1,
    },
    "istftnet": FULL_SIZE["istftnet"]
    | {
        "upsample_initial_channel": 8,
        "resblock_kernel_sizes": [3],
        "resblock_dilation_sizes": [[1, 3, 5]],
    },
}

UNITS_A_TOKEN = 2.9
"""English prose at speed 1: some 14 phonemes a second, of 40 units."""

_PROSE = "ðə kwˈɪk bɹˈWn fˈɑks ʤˈʌmps ˌOvəɹ ðə lˈAzi dˈɔɡ, ænd ðɛn ɪt slˈips ɪn ðə sˈʌn ʌntˈɪl ˈivnɪŋ kˈʌmz."
_SPREAD = 0.3
_HERTZ = 150.0
_PEAK = 0.5
_WIDTH, _NARROW = 16, 4
_FULL = FULL_SIZE["hidden_dim"]


class _Seen(Exception):
    """What was looked for has come by."""


class TinyDecoder(Decoder):
    """The package's decoder with other widths: its own are not in the configuration."""

    def __init__(
        self, dim_in: int, style_dim: int, dim_out: int, *, disable_complex: bool = False, **sizes: Any
    ) -> None:
        nn.Module.__init__(self)
        self.encode = AdainResBlk1d(dim_in + 2, _WIDTH, style_dim)
        wide = _WIDTH + 2 + _NARROW
        self.decode = nn.ModuleList(
            [
                AdainResBlk1d(wide, _WIDTH, style_dim),
                AdainResBlk1d(wide, sizes["upsample_initial_channel"], style_dim, upsample=True),
            ]
        )
        self.F0_conv = weight_norm(nn.Conv1d(1, 1, kernel_size=3, stride=2, groups=1, padding=1))
        self.N_conv = weight_norm(nn.Conv1d(1, 1, kernel_size=3, stride=2, groups=1, padding=1))
        self.asr_res = nn.Sequential(weight_norm(nn.Conv1d(dim_in, _NARROW, kernel_size=1)))
        self.generator = Generator(style_dim, disable_complex=disable_complex, **sizes)


def use_tiny_decoder() -> None:
    """Have the package build tiny models with the tiny decoder, in this process, and all others as ever."""
    kokoro.model.Decoder = lambda *, dim_in, **sizes: (Decoder if dim_in == _FULL else TinyDecoder)(dim_in, **sizes)


def write_random_model(model_dir: Path, config: dict[str, Any], *, hertz: float = _HERTZ) -> None:
    """A checkpoint with its configuration, and its ONNX export, where a model folder has them.

    The weights are such that a token lasts about as long as in speech, and that there is sound. The voice has a pitch of
    about `hertz`; it whispers where that is far below zero.
    """
    write_config(model_dir, config | {"vocab": kokoro_vocabulary()})
    checkpoint = model_dir / KOKORO_CHECKPOINT
    torch.manual_seed(0)
    model = _build(model_dir, checkpoint=None)
    _speak(model, hertz)
    _unlike(model)
    torch.save({name: part.state_dict() for name, part in model.named_children()}, checkpoint)
    export(model_dir)


def _unlike(model: KModel) -> None:
    """Each Snake has its own strength for each channel, as a trained model's; a layer begins with 1 for all."""
    draw = torch.Generator().manual_seed(1)
    for name, strength in model.named_parameters():
        if ".alpha" in name:
            strength.data.uniform_(0.5, 2.0, generator=draw)


def export(model_dir: Path) -> None:
    """The checkpoint as ONNX, by the exporter that the package brings."""
    model = _build(model_dir, checkpoint=model_dir / KOKORO_CHECKPOINT).eval()
    path = model_dir / "kokoro" / KOKORO_MODELS[0]
    path.parent.mkdir(parents=True, exist_ok=True)
    ids = torch.randint(1, 178, (1, 50), generator=torch.Generator().manual_seed(0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            KModelForONNX(model),
            (torch.nn.functional.pad(ids, (1, 1)), torch.zeros(1, 256), torch.ones(1)),
            path,
            input_names=["input_ids", "style", "speed"],
            output_names=["waveform", "durations"],
            dynamic_axes={"input_ids": {1: "tokens"}, "waveform": {0: "samples"}, "durations": {0: "tokens"}},
            opset_version=17,
            dynamo=False,
        )
    exported = onnx.load(path)
    for node in exported.graph.node:
        node.ClearField("doc_string")  # paths of this machine
    onnx.save(exported, path)


def _build(model_dir: Path, *, checkpoint: Path | None) -> KModel:
    """The package's model; without a checkpoint with the weights that its layers begin with."""
    load = torch.load
    if checkpoint is None:
        torch.load = lambda *_, **__: {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return KModel(
                repo_id="hexgrad/Kokoro-82M",
                config=str(kokoro_checkpoint_config(model_dir)),
                model=str(checkpoint or "none"),
                disable_complex=True,
            )
    finally:
        torch.load = load


@torch.no_grad()
def _speak(model: KModel, hertz: float) -> None:
    """Durations as in speech, of varying length; a voice with a pitch, or none; a level that is not clipped."""
    vocabulary = kokoro_vocabulary()
    ids = torch.tensor([[0, *(vocabulary[character] for character in _PROSE), 0]])
    styles = 0.15 * torch.randn(8, 1, 256, generator=torch.Generator().manual_seed(2))
    projection, seen = model.predictor.duration_proj.linear_layer, []

    def see(_: nn.Module, __: object, logits: torch.Tensor) -> None:
        seen.append(logits - projection.bias)
        raise _Seen  # nothing after it is needed, and it is most of the work

    hook = projection.register_forward_hook(see)
    for style in styles:
        with contextlib.suppress(_Seen):
            model.eval().forward_with_tokens(ids, style, 1.0)
    hook.remove()
    logits = torch.stack(seen)
    scale = _SPREAD / logits.mean(-1).std().item()
    low, high = -30.0, 30.0
    while high - low > 1e-4:
        bias = (low + high) / 2
        units = torch.sigmoid(scale * logits + bias).sum(-1).mean().item()
        low, high = (bias, high) if units < UNITS_A_TOKEN else (low, bias)
    projection.weight.mul_(scale)
    projection.bias.fill_(low)
    model.predictor.F0_proj.bias.fill_(hertz)
    model.predictor.F0_proj.weight.mul_(20.0)
    peak = max(model.forward_with_tokens(ids, style, 1.0)[0].abs().max().item() for style in styles[:1])
    last = model.decoder.generator.conv_post
    last.bias[: model.decoder.generator.post_n_fft // 2 + 1] += math.log(_PEAK / peak)


if __name__ == "__main__":
    use_tiny_decoder()
    write_random_model(TINY, TINY_SIZE)
