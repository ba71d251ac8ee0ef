import sys
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import onnx
import pytest
from structlog.testing import capture_logs

from actors.speech import KokoroOnnxEngine, KokoroTorchEngine
from actors.speech.kokoro_files import read_vocabulary, read_voice
from actors.speech.onnx_file import without_weights
from actors.speech.onnx_graph import noise, prepared
from actors.speech.onnx_model import OnnxModel
from actors.speech.phonemes import Phonemes
from app.domain.errors import EngineFailed, EngineMissing, PhonemesUnknown, VoiceUnavailable
from app.domain.model_files import KOKORO_MODELS, KOKORO_TOKENIZER, kokoro_folder, kokoro_voice
from app.domain.speech import Utterance
from app.domain.stopping import StopToken
from app.domain.voices import VoiceMix
from app.ports import Speech
from tests.support.kokoro_folder import copy_tiny_kokoro, write_voice
from tests.unit.speech.scarcity import no_file_handles

RATE = 24_000


@pytest.fixture
def models(tmp_path: Path) -> Path:
    copy_tiny_kokoro(tmp_path, ["af_heart", "af_bella", "bf_emma", "ff_siwis", "jf_alpha", "zf_xiaobei"])
    return tmp_path


@pytest.fixture
def engine(models: Path) -> KokoroOnnxEngine:
    return KokoroOnnxEngine(models, threads=1)


def say(engine: KokoroOnnxEngine, text: str, voice: str = "af_heart", **given: object) -> Speech:
    return engine.synthesize(Utterance(text, VoiceMix.parse(voice), **given), StopToken())


@dataclass
class Heard:
    """What the model was asked, and the durations that it answered."""

    ids: list[list[int]]
    styles: list[np.ndarray]
    durations: list[np.ndarray]


@pytest.fixture
def heard(engine: KokoroOnnxEngine, monkeypatch: pytest.MonkeyPatch) -> Heard:
    heard, run = Heard([], [], []), OnnxModel.run

    def listen(self: OnnxModel, ids, style, speed, stop):
        samples, durations = run(self, ids, style, speed, stop)
        heard.ids.append(list(ids))
        heard.styles.append(style)
        heard.durations.append(durations)
        return samples, durations

    monkeypatch.setattr(OnnxModel, "run", listen)
    return heard


def test_phonemes_go_straight_to_the_model(models: Path, engine: KokoroOnnxEngine, heard: Heard) -> None:
    phonemes = "həlˈO wˈɜɹld, ðɪs ɪz kˈ"
    samples = say(engine, "anything", phonemes=phonemes).samples
    vocabulary = read_vocabulary(models)
    assert heard.ids == [[vocabulary[character] for character in phonemes]]
    assert heard.durations[0].shape == (len(phonemes) + 2,)
    assert len(samples) == 600 * heard.durations[0].sum()


def test_word_times_are_the_durations_of_the_words_tokens(engine: KokoroOnnxEngine, heard: Heard) -> None:
    text, phonemes = "Hello, world.", "həlˈO, wˈɜɹld."
    hello, world = say(engine, text, phonemes=phonemes).words
    durations = heard.durations[0]
    assert (text[hello.start : hello.end], text[world.start : world.end]) == ("Hello", "world")
    assert hello.start_seconds == pytest.approx(sum(durations[:1]) / 40)
    assert hello.end_seconds == pytest.approx(sum(durations[:6]) / 40)
    assert world.start_seconds == pytest.approx(sum(durations[:8]) / 40)
    assert world.end_seconds == pytest.approx(sum(durations[:14]) / 40)


def test_the_style_row_is_that_of_the_number_of_phonemes(models: Path, engine: KokoroOnnxEngine, heard: Heard) -> None:
    for count in (20, 400):
        say(engine, "x", phonemes="ba" * (count // 2))
        assert np.array_equal(heard.styles[-1], read_voice(kokoro_voice(models, "af_heart"))[count - 1])


def test_preloading_runs_the_model_once(engine: KokoroOnnxEngine, heard: Heard) -> None:
    engine.preload([VoiceMix.parse("af_heart")])
    assert len(heard.ids) == 1


def test_a_mix_is_the_weighted_average_of_its_voices(models: Path, engine: KokoroOnnxEngine, heard: Heard) -> None:
    say(engine, "x", "af_bella:3+af_heart", phonemes="ba" * 50)
    heart, bella = (read_voice(kokoro_voice(models, voice))[99] for voice in ("af_heart", "af_bella"))
    assert np.allclose(heard.styles[0], 0.75 * bella + 0.25 * heart, atol=1e-6)


@pytest.mark.parametrize("piece", ["bad, ", "bad ", "bad"])
def test_more_tokens_than_the_model_takes_are_spoken_whole(
    models: Path, engine: KokoroOnnxEngine, heard: Heard, piece: str
) -> None:
    phonemes = (piece * 400).strip()
    samples = len(say(engine, "x", phonemes=phonemes).samples)
    vocabulary = read_vocabulary(models)
    assert list(chain.from_iterable(heard.ids)) == [vocabulary[character] for character in phonemes]
    assert max(map(len, heard.ids)) <= 510
    assert samples == 600 * sum(durations.sum() for durations in heard.durations)


def test_words_after_a_cut_have_their_places(engine: KokoroOnnxEngine, heard: Heard) -> None:
    text = "word " * 300
    speech = say(engine, text)
    assert len(speech.words) == 300
    assert len(heard.ids) > 1
    steps = np.diff([word.start_seconds for word in speech.words])
    assert 0.1 < steps.min() <= steps.max() < 2.0
    assert speech.words[-1].end_seconds == pytest.approx(len(speech.samples) / RATE, abs=0.3)


def test_british_voices_speak_british_phonemes(models: Path) -> None:
    asked = []

    class Recording:
        def version(self, language: str) -> str:
            return "recording"

        def __call__(self, text: str, language: str, pronunciations: object) -> Phonemes:
            asked.append(language)
            return Phonemes("ba", ())

    engine = KokoroOnnxEngine(models, threads=1, phonemizer=Recording())
    for voice in ("af_heart", "bf_emma", "ff_siwis", "jf_alpha", "zf_xiaobei"):
        say(engine, "Hello", voice)
    assert asked == ["en-us", "en-gb", "fr-fr", "ja", "cmn"]


def test_unknown_phonemes_are_counted_in_the_log_and_never_shown(engine: KokoroOnnxEngine) -> None:
    with capture_logs() as logs:
        say(engine, "secret", phonemes="ba§§bababababababa")
    assert logs == [{"event": "phonemes_skipped", "log_level": "warning", "skipped": 2, "kept": 16}]


@pytest.mark.parametrize("given", ["ɹˈ§dɪŋ", "§§", "§"])
def test_given_phonemes_that_the_model_lacks_are_refused_and_named(engine: KokoroOnnxEngine, given: str) -> None:
    with pytest.raises(PhonemesUnknown, match=r"§ \(U\+00A7\)") as caught:
        say(engine, f"I live in [Reading](/{given}/) now.")
    assert "Reading" not in str(caught.value)


def test_given_phonemes_of_white_space_are_refused(engine: KokoroOnnxEngine) -> None:
    with pytest.raises(PhonemesUnknown, match="white space"):
        say(engine, "I live in [Reading](/  /) now.")


def test_given_phonemes_that_the_model_has_are_spoken(engine: KokoroOnnxEngine) -> None:
    assert say(engine, "I live in [Reading](/ɹˈɛdɪŋ/) now.").samples.size


def test_the_work_begins_with_the_turn_and_the_model_before_the_phonemes(models: Path) -> None:
    order = []

    class Recording:
        def version(self, language: str) -> str:
            return "recording"

        def __call__(self, text: str, language: str, pronunciations: object) -> Phonemes:
            order.append("phonemes")
            return Phonemes("ba", ())

    engine = KokoroOnnxEngine(models, threads=1, phonemizer=Recording())
    load = engine._load
    engine._load = lambda: (load(), order.append("model"))[0]
    begin = StopToken(lambda: order.append("begin" if engine._turns._lock.locked() else "begin without the turn"))
    engine.synthesize(Utterance("Hello", VoiceMix.parse("af_heart")), begin)
    assert order == ["model", "begin", "phonemes"]


def test_a_missing_model_names_the_file_and_its_place(tmp_path: Path) -> None:
    copy_tiny_kokoro(tmp_path, [])
    for missing in (KOKORO_MODELS[0], KOKORO_TOKENIZER):
        (kokoro_folder(tmp_path) / missing).unlink()
        with pytest.raises(
            VoiceUnavailable,
            match=f"{kokoro_folder(tmp_path) / missing} is missing.*sayathing models pull",
        ):
            say(KokoroOnnxEngine(tmp_path, threads=1), "Hello")


def test_a_missing_voice_names_the_file_and_its_place(models: Path, engine: KokoroOnnxEngine) -> None:
    with pytest.raises(
        VoiceUnavailable,
        match=f"'af_sky'.*{kokoro_voice(models, 'af_sky')} is missing.*sayathing models pull",
    ):
        say(engine, "Hello", "af_heart+af_sky")


@pytest.mark.parametrize("content", [b"", b"\0" * 100, np.full((510, 1, 256), np.nan, "<f4").tobytes()])
def test_a_damaged_voice_is_said_to_be(models: Path, engine: KokoroOnnxEngine, content: bytes) -> None:
    kokoro_voice(models, "af_bella").write_bytes(content)
    with pytest.raises(VoiceUnavailable, match=r"af_bella\.bin is damaged"):
        say(engine, "Hello", "af_bella")


@pytest.mark.parametrize("file", [KOKORO_MODELS[0], KOKORO_TOKENIZER])
@pytest.mark.parametrize("content", [b"", b"{}", b"\x08\x08garbage"])
def test_a_damaged_model_is_said_to_be(models: Path, engine: KokoroOnnxEngine, file: str, content: bytes) -> None:
    (kokoro_folder(models) / file).write_bytes(content)
    with pytest.raises(VoiceUnavailable, match=f"{file}.* damaged"):
        say(engine, "Hello")


@pytest.mark.parametrize("error", [MemoryError("std::bad_alloc"), RuntimeError("Exception during initialization")])
def test_a_model_that_cannot_be_loaded_this_time_fails_the_attempt_only(
    engine: KokoroOnnxEngine, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr("onnxruntime.InferenceSession", refuse)
        with pytest.raises(EngineFailed, match="this time"):
            say(engine, "Hello")
    assert say(engine, "Hello").samples.size


def test_no_file_handle_left_for_the_model_fails_the_attempt_only(models: Path) -> None:
    OnnxModel(kokoro_folder(models) / KOKORO_MODELS[0], threads=1)  # everything else is loaded
    with no_file_handles(), pytest.raises(EngineFailed, match="this time"):
        OnnxModel(kokoro_folder(models) / KOKORO_MODELS[0], threads=1)


def test_no_file_handle_left_for_the_tokenizer_fails_the_attempt_only(models: Path) -> None:
    with no_file_handles(), pytest.raises(EngineFailed, match="this time"):
        read_vocabulary(models)


def test_a_model_of_an_unknown_version_is_said_to_be_damaged(models: Path, engine: KokoroOnnxEngine) -> None:
    path = kokoro_folder(models) / KOKORO_MODELS[0]
    model = onnx.load(path)
    model.ir_version = 99
    path.write_bytes(model.SerializeToString())
    with pytest.raises(VoiceUnavailable, match="damaged"):
        say(engine, "Hello")


def test_values_that_are_no_numbers_fail_the_attempt(models: Path, engine: KokoroOnnxEngine) -> None:
    kokoro_voice(models, "af_bella").write_bytes(np.full((510, 1, 256), 3e38, "<f4").tobytes())
    with pytest.raises(EngineFailed, match="no numbers"):
        say(engine, "Hello", "af_bella")


def test_an_error_of_the_runtime_fails_the_attempt(models: Path) -> None:
    model = OnnxModel(kokoro_folder(models) / KOKORO_MODELS[0], threads=1)
    with pytest.raises(EngineFailed, match="3 tokens"):
        model.run([1, 2, 3], np.zeros((1, 7), np.float32), 1.0, StopToken())


def test_a_changed_file_changes_the_fingerprint(models: Path, engine: KokoroOnnxEngine) -> None:
    heart, bella, mix = (engine.fingerprint(VoiceMix.parse(v)) for v in ("af_heart", "af_bella", "af_heart+af_bella"))
    assert len({heart, bella, mix}) == 3
    write_voice(models, "af_heart", seed=9)
    assert engine.fingerprint(VoiceMix.parse("af_heart")) != heart
    assert engine.fingerprint(VoiceMix.parse("af_bella")) == bella


def test_the_same_noise_comes_at_each_run_and_in_each_process(models: Path) -> None:
    assert noise("RandomNormalLike", 3) == pytest.approx([1.7640524, 0.4001572, 0.978738])
    assert noise("RandomUniformLike", 2) == pytest.approx([0.5488135, 0.71518937])
    graph = onnx.load_from_string(prepared(without_weights(kokoro_folder(models) / KOKORO_MODELS[0]))).graph
    assert not [node.op_type for node in graph.node if node.op_type.startswith("Random")]


def test_each_snake_has_its_strength_from_the_norm_and_leaves_it_to_the_convolution(models: Path) -> None:
    graph = onnx.load_from_string(prepared(without_weights(kokoro_folder(models) / KOKORO_MODELS[0]))).graph
    makers = {name: node for node in graph.node for name in node.output}
    strengths = {node.output[0] for node in graph.node if node.op_type == "Reciprocal"}
    sines = [node for node in graph.node if node.op_type == "Sin"]
    merged = [node for node in sines if makers[node.input[0]].op_type == "InstanceNormalization"]
    weights = [makers[node.input[1]] for node in graph.node if node.op_type == "Conv" and node.input[1] in makers]
    assert len(merged) == len(strengths) > 20
    assert {name for node in weights for name in node.input} >= strengths


def test_the_weights_stay_in_their_file(models: Path) -> None:
    path = kokoro_folder(models) / KOKORO_MODELS[0]
    whole, stripped = onnx.load(path), onnx.load_from_string(without_weights(path))
    assert len(stripped.graph.initializer) == len(whole.graph.initializer)
    for kept, given in zip(stripped.graph.initializer, whole.graph.initializer, strict=True):
        place = {entry.key: entry.value for entry in kept.external_data}
        if place:
            begin = int(place["offset"])
            assert path.read_bytes()[begin : begin + int(place["length"])] == given.raw_data
        else:
            assert kept == given
    assert any(kept.external_data for kept in stripped.graph.initializer)


def test_pytorch_without_the_extra_says_what_to_install(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kokoro.model", None)
    with pytest.raises(EngineMissing, match=r"pip install 'sayathing\[kokoro\]'"):
        KokoroTorchEngine(models, threads=1).preload([VoiceMix.parse("af_heart")])
