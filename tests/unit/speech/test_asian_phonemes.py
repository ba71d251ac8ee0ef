"""Japanese and Mandarin: what is said without their extras, and with them (`make test-languages`)."""

import sys
from pathlib import Path

import pytest

from actors.speech.phonemizing import KokoroPhonemizer
from app.domain.errors import EngineMissing
from app.domain.kokoro_alphabet import ALPHABET


@pytest.fixture
def phonemizer(tmp_path: Path) -> KokoroPhonemizer:
    return KokoroPhonemizer(tmp_path)


def said(phonemizer: KokoroPhonemizer, text: str, language: str) -> list[tuple[str, str]]:
    phonemes = phonemizer(text, language)
    return [(text[w.start : w.end], phonemes.text[w.first : w.last]) for w in phonemes.words]


@pytest.mark.parametrize(("language", "extra", "package"), [("ja", "ja", "fugashi"), ("cmn", "zh", "jieba")])
def test_without_its_extra_a_language_says_what_to_install(
    phonemizer: KokoroPhonemizer, monkeypatch: pytest.MonkeyPatch, language: str, extra: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, "misaki.cutlet", raising=False)
    with pytest.raises(EngineMissing, match=rf"sayathing\[{extra}\]"):
        phonemizer("東京", language)


@pytest.mark.languages
def test_japanese_is_read_by_its_dictionary(phonemizer: KokoroPhonemizer) -> None:
    phonemes = phonemizer("東京で寿司を食べました。Pythonも好き！", "ja")
    assert phonemes.text == "toːkʲoː de sɨɕi o tabe maɕita. pˈIθˌɑn mo sɨkʲi!"
    assert ("Python", "pˈIθˌɑn") in said(phonemizer, "Pythonも好き！", "ja")


@pytest.mark.languages
def test_mandarin_has_its_tones_and_a_syllable_for_each_character(phonemizer: KokoroPhonemizer) -> None:
    text = "今天天气很好，我们去公园玩。Hello 世界"
    words = said(phonemizer, text, "cmn")
    assert [word for word, _ in words] == [*"今天天气很好我们去公园玩", "Hello", "世", "界"]
    assert words[0] == ("今", "ʨi→n")
    assert all(phonemes for _, phonemes in words)
    assert set(phonemizer(text, "cmn").text) <= ALPHABET


@pytest.mark.languages
@pytest.mark.parametrize("language", ["ja", "cmn"])
@pytest.mark.parametrize("piece", ["東", "天", "ッー", "1.", "%‰", "'-", "㊙", "𠮷", "a ", "\u3000", "·", "{}", "½"])
def test_no_text_hangs_or_fails(phonemizer: KokoroPhonemizer, language: str, piece: str) -> None:
    phonemes = phonemizer(piece * 1000, language)
    assert set(phonemes.text) <= ALPHABET
