import builtins
import os

import numpy as np
import pytest

from actors.speech import EspeakEngine, FakeEngine
from app.domain.errors import EngineFailed, EngineMissing
from app.domain.espeak_languages import ESPEAK_LANGUAGES
from app.domain.sample_texts import sample_text
from app.domain.speech import Utterance
from app.domain.stopping import StopToken
from app.domain.voices import VoiceMix
from app.ports import Speech
from tests.unit.speech.scarcity import no_file_handles

SENTENCE = "The quick brown fox jumps over the lazy dog, and then it rests for a while."


@pytest.fixture(scope="module")
def engine() -> EspeakEngine:
    return EspeakEngine()


def say(engine: EspeakEngine, text: str, voice: str = "espeak-en-us", **given: object) -> Speech:
    return engine.synthesize(Utterance(text, VoiceMix.parse(voice), **given), StopToken())


def spelled(text: str, speech: Speech) -> list[str]:
    return [text[word.start : word.end] for word in speech.words]


def test_a_known_sentence_sounds_like_speech(engine: EspeakEngine) -> None:
    speech = say(engine, SENTENCE)
    seconds = len(speech.samples) / speech.sample_rate
    assert speech.sample_rate == 22_050
    assert 3.5 < seconds < 5.5  # 15 words at 175 a minute
    assert -26 < 20 * np.log10(np.sqrt(np.mean(speech.samples**2))) < -12
    frames = np.abs(speech.samples[: len(speech.samples) // 220 * 220].reshape(-1, 220)).max(axis=1) > 0.01
    loud = np.flatnonzero(frames)
    assert np.diff(loud).max() < 50  # no half second of silence inside
    assert frames.mean() > 0.6


def test_words_begin_where_their_sound_does(engine: EspeakEngine) -> None:
    speech = say(engine, "Hello. [x] Wonderful!")
    hello, _, wonderful = speech.words
    gap = speech.samples[int(hello.end_seconds * 22_050) + 50 : int(hello.end_seconds * 22_050) + 4000]
    assert np.abs(gap).max() < 0.01
    start = int(wonderful.start_seconds * 22_050)
    assert np.abs(speech.samples[start : start + 3000]).max() > 0.05


@pytest.mark.parametrize(
    ("voice", "text", "words"),
    [
        ("espeak-de", "Schöne Grüße, über Köln!", ["Schöne", "Grüße", "über", "Köln"]),
        ("espeak-hi", "नमस्ते दुनिया, आप कैसे हैं?", ["नमस्ते", "दुनिया", "आप", "कैसे", "हैं"]),
        ("espeak-cmn", "你好，世界。", ["你", "好", "世", "界"]),
        ("espeak-ru", "Привет, мир — это я.", ["Привет", "мир", "это", "я"]),
        ("espeak-en-us", "😀 then $1,234.50 & 20%…", ["😀", "then", "$1,234.50", "&", "20%"]),
    ],
)
def test_offsets_count_characters_of_the_original_text(
    engine: EspeakEngine, voice: str, text: str, words: list[str]
) -> None:
    assert spelled(text, say(engine, text, voice)) == words


def test_a_word_of_several_spoken_words_keeps_its_time(engine: EspeakEngine) -> None:
    face, then = say(engine, "😀 then").words  # "grinning face", whose second event stands on the space
    assert then.start_seconds > 0.55
    assert face.end_seconds > 0.5


def test_offsets_hold_in_a_long_text_of_many_clauses(engine: EspeakEngine) -> None:
    sentence = "Größe zählt, “sagte” er; naïve 😀 Leute\tglauben\n\ndas. "
    text = sentence * 60
    speech = say(engine, text)
    last = speech.words[-9:]
    assert spelled(text, speech) == ["Größe", "zählt", "sagte", "er", "naïve", "😀", "Leute", "glauben", "das"] * 60
    alone = say(engine, sentence).words
    for word, expected in zip(last, alone, strict=True):
        passed = word.start_seconds - last[0].start_seconds
        assert passed == pytest.approx(expected.start_seconds - alone[0].start_seconds, abs=0.15)


@pytest.mark.parametrize("text", ["say [[h@l'oU]] now", "say <b>bold</b> now", "say &amp; now"])
def test_markup_of_the_library_is_read_as_text(engine: EspeakEngine, text: str) -> None:
    assert len(say(engine, text).samples) > 1.4 * len(say(engine, "say now").samples)


def test_a_marked_up_word_is_spoken_and_its_phonemes_are_not(engine: EspeakEngine) -> None:
    text = "I live in [Reading](/ɹˈɛdɪŋ/) now"
    speech = say(engine, text)
    assert spelled(text, speech) == ["I", "live", "in", "Reading", "now"]
    assert len(speech.samples) < 1.2 * len(say(engine, "I live in Reading now").samples)


def test_phonemes_replace_the_text(engine: EspeakEngine) -> None:
    given = say(engine, "anything at all", phonemes="h@l'oU")
    assert len(given.samples) == pytest.approx(len(say(engine, "hello").samples), rel=0.1)
    assert spelled("anything at all", given) == ["anything", "at", "all"]


def test_the_slowest_and_fastest_prose_keep_their_ratio(engine: EspeakEngine) -> None:
    usual = len(say(engine, SENTENCE).samples)
    assert len(say(engine, SENTENCE, speed=0.5).samples) / usual == pytest.approx(2.0, rel=0.06)
    assert len(say(engine, SENTENCE, speed=2.0).samples) / usual == pytest.approx(0.5, rel=0.06)


def test_every_language_speaks(engine: EspeakEngine) -> None:
    silent = [tag for tag in ESPEAK_LANGUAGES if not say(engine, "1 2 3 a b c", f"espeak-{tag}").samples.size]
    assert silent == []


def test_the_fingerprint_names_version_and_voice(engine: EspeakEngine) -> None:
    american, british = (engine.fingerprint(VoiceMix.parse(f"espeak-en-{tag}")) for tag in ("us", "gb"))
    assert american.startswith("espeak-ng 1.")
    assert american != british


def test_without_the_library_the_engine_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("espeakng_loader.get_library_path", lambda: "/nowhere/libespeak-ng.so")
    with pytest.raises(EngineMissing, match="espeakng-loader"):
        say(EspeakEngine(), "Hello")


def test_no_file_handle_left_fails_the_attempt_only() -> None:
    engine = EspeakEngine()
    engine.preload([VoiceMix.parse("espeak-en-us")])
    with no_file_handles(), pytest.raises(EngineFailed, match="this time"):
        say(engine, "Hello")
    engine.close()
    with no_file_handles(), pytest.raises(EngineFailed, match="this time"):
        say(engine, "Hello")
    assert say(engine, "Hello").samples.size


def test_no_memory_for_the_library_fails_the_attempt_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("/proc/1/fd/5: failed to map segment from shared object: Cannot allocate memory")

    engine = EspeakEngine()
    with monkeypatch.context() as patch:
        patch.setattr("ctypes.CDLL", refuse)
        with pytest.raises(EngineFailed, match="this time"):
            say(engine, "Hello")
    assert say(engine, "Hello").samples.size


def test_a_half_written_copy_of_the_library_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, memfd_create = EspeakEngine(), os.memfd_create

    def read_only(name: str) -> int:
        descriptor = memfd_create(name)
        try:
            return os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY)
        finally:
            os.close(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr("os.memfd_create", read_only)
        with pytest.raises(EngineFailed, match="this time"):
            say(engine, "Hello")
    assert say(engine, "Hello").samples.size


def test_the_work_begins_when_the_turn_is_held(engine: EspeakEngine) -> None:
    held = []
    stop = StopToken(lambda: held.append(engine._turns._lock.locked()))
    engine.synthesize(Utterance("Hello", VoiceMix.parse("espeak-en-us")), stop)
    assert held == [True]


def test_the_fake_engine_says_that_its_work_begins() -> None:
    begun = []
    FakeEngine().synthesize(Utterance("Hello", VoiceMix.parse("af_heart")), StopToken(lambda: begun.append(True)))
    assert begun == [True]


def test_without_the_librarys_data_the_engine_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setattr("espeakng_loader.get_data_path", lambda: str(tmp_path / "nowhere"))
    with pytest.raises(EngineMissing, match="no data"):
        say(EspeakEngine(), "Hello")


def test_a_library_that_is_none_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    broken = tmp_path / "broken.so"
    broken.write_bytes(b"this is no library")
    monkeypatch.setattr("espeakng_loader.get_library_path", lambda: str(broken))
    with pytest.raises(EngineMissing, match="cannot be loaded"):
        say(EspeakEngine(), "Hello")


def test_without_the_package_the_engine_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    real_import = builtins.__import__

    def refuse(name: str, *args: object, **kwargs: object) -> object:
        if name == "espeakng_loader":
            raise ImportError(name)
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(EngineMissing, match="espeakng-loader"):
        say(EspeakEngine(), "Hello")


def test_a_respelling_is_read_instead_of_its_word(engine: EspeakEngine) -> None:
    text = "Ask about sql again."
    said = say(engine, text, pronunciations=(("sql", "see quell"),))
    assert np.array_equal(said.samples, say(engine, "Ask about see quell again.").samples)
    assert [text[word.start : word.end] for word in said.words] == ["Ask", "about", "sql", "again"]
    assert all(word.end_seconds > word.start_seconds for word in said.words)


def test_a_word_that_is_given_phonemes_of_another_alphabet_is_said_as_it_is_spelled(engine: EspeakEngine) -> None:
    plain = say(engine, "Ask about sql again.")
    assert np.array_equal(
        say(engine, "Ask about sql again.", pronunciations=(("sql", "/ˈɛs/"),)).samples, plain.samples
    )


def test_every_voice_can_say_its_sample(engine: EspeakEngine) -> None:
    for language in ESPEAK_LANGUAGES:
        voice = VoiceMix.parse(f"espeak-{language}")
        speech = engine.synthesize(Utterance(sample_text(language), voice), StopToken())
        assert 0.4 < len(speech.samples) / speech.sample_rate < 12, language
        assert np.abs(speech.samples).max() > 0.05, language
