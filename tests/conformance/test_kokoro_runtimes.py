"""The ONNX engine's sound is that of its authors' package: same weights, same tokens, same noise."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from actors.speech import KokoroOnnxEngine, KokoroTorchEngine
from actors.speech.onnx_graph import NOISE_PERIOD, noise
from actors.speech.onnx_model import OnnxModel
from actors.speech.torch_model import TorchModel
from app.domain.errors import VoiceUnavailable
from app.domain.model_files import KOKORO_CHECKPOINT, KOKORO_MODELS, kokoro_checkpoint_config, kokoro_folder
from app.domain.speech import Utterance
from app.domain.stopping import StopToken
from app.domain.voices import VoiceMix
from tests.support.kokoro_folder import copy_tiny_kokoro

pytestmark = [pytest.mark.kokoro, pytest.mark.timeout(600)]

TOLERANCE = 1e-4
"""Of a sample, full scale being 1: below the step of 16-bit sound times four. Measured: 1.4e-6."""

Sound = tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]


@pytest.fixture(scope="module")
def whispering(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The full-size model with random weights and a voice without pitch.

    A pitch is summed up over thousands of radians in float32: what two runtimes round differently there is a phase of
    its own, in which they may differ as two recordings do.
    """
    from tests.support.kokoro_export import FULL_SIZE, write_random_model

    folder = tmp_path_factory.mktemp("whispering")
    write_random_model(folder, FULL_SIZE, hertz=-1000.0)
    return folder


@pytest.fixture
def same_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch's source of the voice with the ONNX graph's noise, and the transforms that the exporter takes."""
    import kokoro.model
    import torch

    def table(kind: str, shape: Sequence[int]) -> torch.Tensor:
        return torch.from_numpy(np.resize(noise(kind, NOISE_PERIOD), int(np.prod(shape)))).reshape(tuple(shape))

    monkeypatch.setattr(torch, "randn_like", lambda like, **_: table("RandomNormalLike", like.shape))
    monkeypatch.setattr(torch, "rand", lambda *shape, **_: table("RandomUniformLike", shape))
    monkeypatch.setattr(kokoro.model, "KModel", partial(kokoro.model.KModel, disable_complex=True))


def both(folder: Path, count: int, speed: float) -> tuple[Sound, Sound]:
    random = np.random.default_rng(count)
    ids = random.integers(1, 178, count).tolist()
    style = random.normal(0, 0.15, (1, 256)).astype(np.float32)
    onnx = OnnxModel(kokoro_folder(folder) / KOKORO_MODELS[0], threads=1)
    torch = TorchModel(folder / KOKORO_CHECKPOINT, kokoro_checkpoint_config(folder), threads=1)
    return onnx.run(ids, style, speed, StopToken()), torch.run(ids, style, speed, StopToken())


@pytest.mark.parametrize(("count", "speed"), [(25, 1.0), (60, 2.0)])
def test_onnx_gives_the_durations_and_the_samples_of_the_package(
    whispering: Path, same_noise: None, count: int, speed: float
) -> None:
    (samples, durations), (wanted, wanted_durations) = both(whispering, count, speed)
    assert np.array_equal(durations, wanted_durations)
    assert samples.shape == wanted.shape == (600 * durations.sum(),)
    assert np.abs(wanted).max() > 0.1
    assert np.abs(samples - wanted).max() < TOLERANCE


def test_a_voice_with_a_pitch_is_the_packages_too(tmp_path: Path, same_noise: None) -> None:
    from tests.support.kokoro_export import use_tiny_decoder

    use_tiny_decoder()
    copy_tiny_kokoro(tmp_path, [])
    (samples, durations), (wanted, wanted_durations) = both(tmp_path, 80, 1.0)
    assert np.array_equal(durations, wanted_durations)
    assert np.corrcoef(samples, wanted)[0, 1] > 0.95


def test_both_engines_tell_the_same_word_times(tmp_path: Path) -> None:
    from tests.support.kokoro_export import use_tiny_decoder

    use_tiny_decoder()
    copy_tiny_kokoro(tmp_path, ["af_heart"])
    utterance = Utterance("Nothing is lost, and nothing is said twice.", VoiceMix.parse("af_heart"))
    onnx, torch = (engine(tmp_path, threads=1) for engine in (KokoroOnnxEngine, KokoroTorchEngine))
    assert onnx.synthesize(utterance, StopToken()).words == torch.synthesize(utterance, StopToken()).words
    assert onnx.fingerprint(utterance.voice) != torch.fingerprint(utterance.voice)


def test_weights_of_another_size_are_refused(tmp_path: Path) -> None:
    """The package itself takes none of them, says nothing, and speaks noise."""
    import torch

    from tests.support.kokoro_export import use_tiny_decoder

    use_tiny_decoder()
    copy_tiny_kokoro(tmp_path, ["af_heart"])
    weights = torch.load(tmp_path / KOKORO_CHECKPOINT, weights_only=True)
    weights["text_encoder"] = {f"module.{name}": value[:1] for name, value in weights["text_encoder"].items()}
    torch.save(weights, tmp_path / KOKORO_CHECKPOINT)
    with pytest.raises(VoiceUnavailable, match="damaged"):
        KokoroTorchEngine(tmp_path, threads=1).preload([VoiceMix.parse("af_heart")])


@pytest.mark.parametrize("content", [b"", b"no weights", b"PK\x03\x04"])
def test_a_damaged_checkpoint_is_said_to_be(tmp_path: Path, content: bytes) -> None:
    copy_tiny_kokoro(tmp_path, ["af_heart"])
    (tmp_path / KOKORO_CHECKPOINT).write_bytes(content)
    with pytest.raises(VoiceUnavailable, match="damaged"):
        KokoroTorchEngine(tmp_path, threads=1).preload([VoiceMix.parse("af_heart")])


def test_a_missing_checkpoint_names_the_file_and_its_place(tmp_path: Path) -> None:
    copy_tiny_kokoro(tmp_path, ["af_heart"])
    (tmp_path / KOKORO_CHECKPOINT).unlink()
    with pytest.raises(VoiceUnavailable, match=f"{tmp_path / KOKORO_CHECKPOINT} is missing"):
        KokoroTorchEngine(tmp_path, threads=1).fingerprint(VoiceMix.parse("af_heart"))
