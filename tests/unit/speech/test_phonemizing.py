from pathlib import Path

import pytest

from actors.speech.phonemizing import KokoroPhonemizer, preview
from app.domain.errors import VoiceUnavailable
from app.domain.model_files import spacy_folder
from app.domain.phonemes import PhonemePreview, Rung
from app.domain.voices import VoiceMix


@pytest.fixture(scope="module")
def phonemizer(tmp_path_factory: pytest.TempPathFactory) -> KokoroPhonemizer:
    return KokoroPhonemizer(tmp_path_factory.mktemp("models"))


def test_english_never_reads_a_price_as_espeak_does(phonemizer: KokoroPhonemizer) -> None:
    assert phonemizer("$12.50", "en-us").text == "twˈɛlv dˈɑləɹz ænd fˈɪfti sˈɛnts"
    assert phonemizer("schedule", "en-gb").text == "ʃˈɛdjuːl"


@pytest.mark.parametrize("language", ["es", "fr-fr", "hi", "it", "pt-br"])
def test_other_languages_have_phonemes(phonemizer: KokoroPhonemizer, language: str) -> None:
    assert any(map(str.isalpha, phonemizer("1 2 3", language).text))


@pytest.mark.parametrize("language", ["en-us", "en-gb", "fr-fr"])
def test_pronunciations_go_before_everything(phonemizer: KokoroPhonemizer, language: str) -> None:
    text = "Dr. Xyz, abc costs $5, xyz's."
    said = phonemizer(text, language, {"xyz": "/ˈɛksˈɛks/", "abc": "banana", "$5": "/fˈaɪv/"})
    words = {text[w.start : w.end]: said.text[w.first : w.last] for w in said.words}
    assert words["Xyz"].rstrip(",") == "ˈɛksˈɛks"
    assert words["abc"] == phonemizer("banana", language).text


@pytest.mark.parametrize(
    ("respelling", "phonemes"),
    [("sequel", "sˈikwəl"), ("SEE-kwel", "sˈikwɛl"), ("see kwel", "sˈi kwˈɛl"), ("/sˈikwəl/", "sˈikwəl")],
)
def test_respellings_are_said_by_syllables(phonemizer: KokoroPhonemizer, respelling: str, phonemes: str) -> None:
    assert phonemizer("Ask SQL.", "en-us", {"SQL": respelling}).text == f"ˈæsk {phonemes}."


def test_a_capital_syllable_has_the_stress(phonemizer: KokoroPhonemizer) -> None:
    first = phonemizer("Nguyen", "en-us", {"Nguyen": "ni-KAY"}).text
    assert first.count("ˈ") == 1
    assert first.endswith("kˈA")
    assert phonemizer("Nguyen", "en-us", {"Nguyen": "nee-kay"}).text == "nˈikA"


def test_a_possessive_of_a_given_word_is_voiced_as_its_end_is(phonemizer: KokoroPhonemizer) -> None:
    assert phonemizer("Kate's cat", "en-us", {"kate": "/kˈAt/"}).text.startswith("kˈAts ")
    assert phonemizer("Rob's cat", "en-us", {"rob": "/ɹˈɑb/"}).text.startswith("ɹˈɑbz ")


def test_a_preview_tells_each_word_and_which_are_unknown(phonemizer: KokoroPhonemizer) -> None:
    seen = preview(phonemizer, "Ask blorp about 5 km, [x](/ˈɛ/).", VoiceMix.parse("af_heart"), (("ask", "/ˈæsk/"),))
    assert seen.spoken.startswith("Ask blorp about five kilometers, x")
    assert [(word.text, word.rung) for word in seen.words] == [
        ("Ask", Rung.GIVEN),
        ("blorp", Rung.ESPEAK),
        ("about", Rung.DICTIONARY),
        ("5", Rung.DICTIONARY),
        ("km", Rung.DICTIONARY),
        ("x", Rung.GIVEN),
    ]
    assert seen.unknown == ("blorp",)
    assert PhonemePreview.from_json(seen.to_json()) == seen


def test_the_version_is_of_the_language_and_of_the_tagger(tmp_path: Path, phonemizer: KokoroPhonemizer) -> None:
    folder = spacy_folder(tmp_path)
    folder.mkdir(parents=True)
    (folder / "meta.json").write_text('{"name": "core_web_sm", "version": "3.8.0"}')
    with_tagger = KokoroPhonemizer(tmp_path)
    assert with_tagger.version("en-us") != phonemizer.version("en-us")
    assert with_tagger.version("fr-fr") == phonemizer.version("fr-fr") != phonemizer.version("en-us")


def test_a_damaged_model_of_spacy_is_said_to_be(tmp_path: Path) -> None:
    folder = spacy_folder(tmp_path)
    folder.mkdir(parents=True)
    (folder / "meta.json").write_text("{}")
    phonemizer = KokoroPhonemizer(tmp_path)
    for call in (lambda: phonemizer.version("en-us"), lambda: phonemizer("Hello", "en-us")):
        with pytest.raises(VoiceUnavailable, match="models pull"):
            call()
