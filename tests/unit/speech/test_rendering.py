import subprocess
import sys
import threading

import numpy as np
import pytest

import actors.speech
from actors.speech import Engines, FakeEngine, render, segment_key
from app.domain.errors import Cancelled, EngineFailed, EngineMissing, SegmentSilent
from app.domain.speech import Utterance, WordTime
from app.domain.stopping import StopToken
from app.domain.voices import VoiceMix
from app.ports import Speech

VOICE = VoiceMix.parse("af_heart")
TEXT = "A sentence of an ordinary length, with words in it."


class Giving(FakeEngine):
    def __init__(self, samples: object) -> None:
        super().__init__()
        self._samples = np.asarray(samples, np.float32)

    def synthesize(self, utterance: Utterance, stop: StopToken) -> Speech:
        return Speech(self._samples, 24_000, (WordTime(0, 1, 0.0, 0.1),))


def wave(seconds: float) -> np.ndarray:
    return np.sin(np.arange(round(24_000 * seconds), dtype=np.float32) / np.float32(20))


def rendered(samples: object, text: str = TEXT, speed: float = 1.0) -> Speech:
    return render(Engines({"kokoro": lambda: Giving(samples)}), Utterance(text, VOICE, speed), StopToken())


def test_good_sound_passes_unchanged() -> None:
    samples = np.sin(np.arange(24_000) / 20).astype(np.float32) * 0.5
    speech = rendered(samples)
    assert np.array_equal(speech.samples, samples)
    assert len(speech.words) == 1


SILENCES = [np.zeros(0), np.zeros(24_000), np.full(24_000, 0.0003)]


@pytest.mark.parametrize("samples", SILENCES)
@pytest.mark.parametrize("text", ["* * *", "--- … ---", "\u200b\u200f", "\N{SPEAKING HEAD IN SILHOUETTE}"])
def test_silence_is_the_sound_of_a_text_without_letters(samples: np.ndarray, text: str) -> None:
    speech = rendered(samples, text)
    assert speech.samples.shape == (0,)
    assert speech.words == ()


@pytest.mark.parametrize("samples", [*SILENCES, np.sin(np.arange(24_000) / 20) * 0.009])
@pytest.mark.parametrize("text", [TEXT, "a", "7", "\N{CHEROKEE LETTER A}", "** é **", "漢"])
def test_silence_for_letters_is_a_fault_and_never_a_drop(samples: np.ndarray, text: str) -> None:
    with pytest.raises(SegmentSilent) as caught:
        rendered(samples, text)
    assert not caught.value.permanent
    assert len(text) < 5 or text not in str(caught.value), "the message is logged, and a text never is"


def test_sound_around_another_value_than_zero_is_a_fault() -> None:
    with pytest.raises(EngineFailed, match="instead of around zero"):
        rendered(wave(1.0) * 0.5 + np.float32(0.1))
    assert rendered(wave(1.0) * 0.5 + np.float32(0.002)).samples.size


@pytest.mark.parametrize("level", [1.0, 0.5])
def test_tops_that_were_cut_off_are_a_fault(level: float) -> None:
    cut = np.clip(wave(1.0) * 2, -1, 1) * np.float32(level)
    with pytest.raises(EngineFailed, match="tops"):
        rendered(cut)
    assert rendered(wave(1.0)).samples.size, "a whole wave up to full scale is none"


def test_a_word_in_seconds_of_silence_is_too_short_for_a_sentence() -> None:
    padded = np.concatenate([wave(0.05), np.zeros(24_000 * 5, np.float32)])
    with pytest.raises(EngineFailed, match="letters"):
        rendered(padded)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1.01, -1.5])
def test_a_value_that_is_no_sound_fails_the_attempt(value: float) -> None:
    samples = np.full(24_000, 0.1)
    samples[77] = value
    with pytest.raises(EngineFailed):
        rendered(samples)


@pytest.mark.parametrize(("text", "seconds"), [("Hi.", 30), (TEXT, 0.1)])
def test_an_absurd_length_fails_the_attempt(text: str, seconds: float) -> None:
    with pytest.raises(EngineFailed, match="gave"):
        rendered(wave(seconds), text)


def test_the_bounds_follow_the_speed() -> None:
    assert rendered(wave(30), "Hi.", speed=0.5).samples.size


def test_a_stopped_token_spares_the_engine() -> None:
    engine, stop = FakeEngine(), StopToken()
    stop.stop(Cancelled("before"))
    with pytest.raises(Cancelled):
        render(Engines({"kokoro": lambda: engine}), Utterance(TEXT, VOICE), stop)
    assert engine.calls == []


def test_an_engine_is_made_once_by_the_first_who_asks() -> None:
    made = []
    gate = threading.Barrier(4)

    def make() -> FakeEngine:
        made.append(1)
        return FakeEngine()

    engines = Engines({"kokoro": make, "espeak": lambda: pytest.fail("nobody asked for it")})

    def ask() -> None:
        gate.wait()
        engines.engine_for(VOICE)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [1]


def test_a_voice_whose_engine_was_not_given_says_so() -> None:
    with pytest.raises(EngineMissing, match="'kokoro'"):
        Engines({}).engine_for(VOICE)


def test_the_fake_fails_as_scripted_and_then_succeeds() -> None:
    engine = FakeEngine(failures={"ordinary": [EngineFailed("first"), EngineFailed("second")]})
    engines = Engines({"kokoro": lambda: engine})
    for message in ("first", "second"):
        with pytest.raises(EngineFailed, match=message):
            render(engines, Utterance(TEXT, VOICE), StopToken())
    assert render(engines, Utterance(TEXT, VOICE), StopToken()).samples.size
    assert len(engine.calls) == 3


@pytest.mark.parametrize(
    "other",
    [
        Utterance(TEXT + " ", VOICE),
        Utterance(TEXT, VOICE, 1.1),
        Utterance(TEXT, VoiceMix.parse("af_bella")),
        Utterance(TEXT, VOICE, phonemes="a"),
        Utterance(TEXT, VOICE, pronunciations=((TEXT.split(maxsplit=1)[0], "other"),)),
    ],
)
def test_what_changes_the_sound_changes_the_key(other: Utterance) -> None:
    assert segment_key("engine 1", other) != segment_key("engine 1", Utterance(TEXT, VOICE))


def test_the_same_sound_has_the_same_key() -> None:
    one, other = (VoiceMix.parse(name) for name in ("af_bella:2+af_sky", "af_sky:1+af_bella:2"))
    key = segment_key("engine 1", Utterance(TEXT, one))
    assert key == segment_key("engine 1", Utterance(TEXT, other))
    assert key != segment_key("engine 2", Utterance(TEXT, one))
    assert len(key) == 64
    assert segment_key("engine 1", Utterance("\ud800", one))


def test_the_door_exports_what_it_says() -> None:
    for name in actors.speech.__all__:
        assert getattr(actors.speech, name).__module__.startswith("actors.speech.")
    with pytest.raises(AttributeError):
        actors.speech.nothing_of_this_name  # noqa: B018


def test_the_door_opens_without_a_heavy_library() -> None:
    heavy = ("onnxruntime", "misaki", "phonemizer", "spacy", "torch", "av")
    code = f"""
import sys, types
package = types.ModuleType("actors"); package.__path__ = [{actors.__path__[0]!r}]; sys.modules["actors"] = package
import actors.speech
assert not [name for name in ("numpy", *{heavy}) if name in sys.modules]
from actors.speech import EspeakEngine, KokoroOnnxEngine, Engines, render, split
from app.domain.speech import Utterance; from app.domain.stopping import StopToken; from app.domain.voices import VoiceMix
engines = Engines({{"espeak": EspeakEngine}})
assert render(engines, Utterance("Hello", VoiceMix.parse("espeak-en-us")), StopToken()).samples.size
assert not [name for name in {heavy} if name in sys.modules]
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=actors.__path__[0] + "/..")


def test_a_lexicon_may_grow_without_new_sound_for_texts_that_it_does_not_touch() -> None:
    plain = segment_key("engine 1", Utterance(TEXT, VOICE))
    assert segment_key("engine 1", Utterance(TEXT, VOICE, pronunciations=(("xyzzy", "zizzy"),))) == plain
