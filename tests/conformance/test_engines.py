"""Every engine keeps the port's promises, the fake too."""

import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from actors.speech import EspeakEngine, FakeEngine, KokoroOnnxEngine, KokoroTorchEngine
from app.domain.errors import Cancelled, VoiceUnavailable
from app.domain.speech import Utterance
from app.domain.stopping import StopToken
from app.domain.voices import VoiceMix
from app.ports import Speech, SpeechEngine
from tests.support.kokoro_folder import copy_tiny_kokoro

TEXT = "Hello there, “world”. The naïve café sells 12 teas; isn’t that well-known?"
PROSE = "It was a bright cold day in April, and the clocks were striking thirteen as he slipped through the doors."
WORDS = ["Hello", "there", "world", "The", "naïve", "café", "sells", "12", "teas", "isn’t", "that", "well-known"]


@dataclass(frozen=True)
class Bench:
    """An engine, a voice of it, one that it does not have, and one whose next call takes long."""

    engine: SpeechEngine
    voice: VoiceMix
    absent: VoiceMix
    busy: Callable[[], tuple[SpeechEngine, str]]

    def say(self, text: str, *, speed: float = 1.0) -> Speech:
        return self.engine.synthesize(Utterance(text, self.voice, speed), StopToken())


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    quick, endless = tmp_path_factory.mktemp("quick"), tmp_path_factory.mktemp("endless")
    copy_tiny_kokoro(quick, ["af_heart", "af_bella"])
    copy_tiny_kokoro(endless, ["af_heart"], endless=True)
    return quick, endless


@pytest.fixture(
    scope="module", params=["fake", "espeak", "kokoro-onnx", pytest.param("kokoro", marks=pytest.mark.kokoro)]
)
def bench(request: pytest.FixtureRequest, models: tuple[Path, Path]) -> Iterator[Bench]:
    heart, missing = VoiceMix.parse("af_heart"), VoiceMix.parse("am_puck")
    if request.param == "fake":
        engine = FakeEngine(missing=["am_puck"])
        made = Bench(engine, heart, missing, lambda: (FakeEngine(delay_seconds=60), TEXT))
    elif request.param == "espeak":
        espeak = EspeakEngine()
        made = Bench(espeak, VoiceMix.parse("espeak-en-us"), heart, lambda: (espeak, TEXT * 1000))
    elif request.param == "kokoro":
        from tests.support.kokoro_export import use_tiny_decoder

        use_tiny_decoder()
        torch = KokoroTorchEngine(models[0], threads=1)
        made = Bench(torch, heart, missing, lambda: (torch, TEXT * 1000))
    else:
        quick, endless = models
        kokoro = KokoroOnnxEngine(quick, threads=1)
        made = Bench(kokoro, heart, missing, lambda: (KokoroOnnxEngine(endless, threads=1), TEXT))
    assert made.engine.name == request.param
    yield made
    made.engine.close()


def test_speech_is_mono_float32_within_full_scale(bench: Bench) -> None:
    speech = bench.say(TEXT)
    assert speech.samples.dtype == np.float32
    assert speech.samples.ndim == 1
    assert speech.sample_rate in {22_050, 24_000}
    assert 0.05 < np.abs(speech.samples).max() <= 1.0
    assert 2 < len(speech.samples) / speech.sample_rate < 10


@pytest.mark.parametrize(("speed", "ratio"), [(0.5, 2.0), (2.0, 0.5)])
def test_speed_changes_the_duration(bench: Bench, speed: float, ratio: float) -> None:
    usual, changed = len(bench.say(PROSE).samples), len(bench.say(PROSE, speed=speed).samples)
    assert changed / usual == pytest.approx(ratio, rel=0.3)  # the tiny model speaks in few, whole units of time


def test_the_same_text_gives_the_same_samples(bench: Bench) -> None:
    first = bench.say(TEXT)
    bench.say("Something else is said in between, faster.", speed=1.7)
    again = bench.say(TEXT)
    assert np.array_equal(first.samples, again.samples)
    assert first.words == again.words


def test_word_times_spell_the_words_and_follow_each_other(bench: Bench) -> None:
    speech = bench.say(TEXT)
    assert [TEXT[word.start : word.end] for word in speech.words] == WORDS
    place = 0.0
    for word in speech.words:
        assert place <= word.start_seconds <= word.end_seconds
        place = word.start_seconds
    assert speech.words[-1].end_seconds <= len(speech.samples) / speech.sample_rate
    assert all(word.end_seconds > word.start_seconds for word in speech.words)


@pytest.mark.parametrize("text", ["", " ", "\n\n", "\0", "...", "—", "\u200b"])
def test_what_cannot_be_said_gives_no_samples(bench: Bench, text: str) -> None:
    speech = bench.say(text)
    assert speech.samples.shape == (0,)
    assert speech.samples.dtype == np.float32
    assert speech.words == ()


def test_control_characters_do_not_cut_the_text(bench: Bench) -> None:
    whole = bench.say("one two three four five six seven")
    for control in "\0\x01\x1b\x7f\ud800":
        cut = bench.say(f"one two three{control} four five six seven")
        assert len(cut.samples) > 0.9 * len(whole.samples)


def test_a_stop_from_another_thread_ends_the_call_with_its_reason(bench: Bench) -> None:
    engine, text = bench.busy()  # not preloaded: a busy model would warm up for ever
    reason, stop = Cancelled("enough"), StopToken()
    threading.Timer(0.3, stop.stop, [reason]).start()
    begin = time.monotonic()
    with pytest.raises(Cancelled) as raised:
        engine.synthesize(Utterance(text, bench.voice), stop)
    assert raised.value is reason
    assert 0.2 < time.monotonic() - begin < 5
    engine.close()


def test_a_stopped_token_ends_the_call_before_it_begins(bench: Bench) -> None:
    stop = StopToken()
    stop.stop(Cancelled("before"))
    with pytest.raises(Cancelled):
        bench.engine.synthesize(Utterance(TEXT, bench.voice), stop)


def test_a_call_after_a_stopped_one_is_as_if_nothing_had_been(bench: Bench) -> None:
    before = bench.say(TEXT)
    stop = StopToken()
    stop.stop(Cancelled("before"))
    with pytest.raises(Cancelled):
        bench.engine.synthesize(Utterance(TEXT, bench.voice), stop)
    assert np.array_equal(bench.say(TEXT).samples, before.samples)


def test_a_voice_that_is_not_there_is_said_to_be(bench: Bench) -> None:
    for call in (
        lambda: bench.engine.fingerprint(bench.absent),
        lambda: bench.engine.preload([bench.absent]),
        lambda: bench.engine.synthesize(Utterance(TEXT, bench.absent), StopToken()),
    ):
        with pytest.raises(VoiceUnavailable, match=str(bench.absent)):
            call()


def test_a_fingerprint_is_stable_and_names_the_engine(bench: Bench) -> None:
    fingerprint = bench.engine.fingerprint(bench.voice)
    assert fingerprint == bench.engine.fingerprint(bench.voice)
    assert bench.engine.name in fingerprint


def test_four_threads_get_what_one_would(bench: Bench) -> None:
    texts = [f"Thread number {number} is speaking now." for number in range(4)]
    alone = [bench.say(text).samples for text in texts]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda text: bench.say(text).samples, texts * 3))
    for one, other in zip(alone * 3, together, strict=True):
        assert np.array_equal(one, other)


def test_an_engine_speaks_again_after_close(bench: Bench) -> None:
    before = bench.say(TEXT).samples
    bench.engine.close()
    assert np.array_equal(bench.say(TEXT).samples, before)


@pytest.mark.parametrize(  # ONNX Runtime's own threads bear no fork
    "bench", ["fake", "espeak", pytest.param("kokoro", marks=pytest.mark.kokoro)], indirect=True
)
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # a fork beside threads is the point
def test_an_engine_speaks_in_a_forked_child(bench: Bench) -> None:
    """A worker forks; the child's sound is the parent's, even where another thread was speaking at that moment."""
    expected = bench.say(TEXT).samples
    stop = StopToken()
    speaking = threading.Thread(target=_speak_until, args=(bench, stop))
    speaking.start()
    receive, send = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.get_context("fork").Process(target=_send_samples, args=(bench, send))
    try:
        child.start()
        assert receive.poll(60)
        assert np.array_equal(np.frombuffer(receive.recv_bytes(), np.float32), expected)
    finally:
        stop.stop(Cancelled("enough"))
        speaking.join()
        child.join(10)
        child.kill()


def _speak_until(bench: Bench, stop: StopToken) -> None:
    while not stop.stopped:
        bench.say(TEXT)


def _send_samples(bench: Bench, send) -> None:
    send.send_bytes(bench.say(TEXT).samples.tobytes())
