import pytest

from actors.speech.phonemes import EspeakPhonemizer, align

phonemize = EspeakPhonemizer()


def said(text: str, language: str = "en-us") -> list[tuple[str, str]]:
    """Each word of the text with the phonemes that say it."""
    phonemes = phonemize(text, language)
    return [(text[w.start : w.end], phonemes.text[w.first : w.last]) for w in phonemes.words]


def test_each_word_has_its_phonemes() -> None:
    assert said("Hello, world.") == [("Hello", "həlˈO,"), ("world", "wˈɜːld.")]


def test_a_number_keeps_all_that_is_said_for_it() -> None:
    words = said("He has 1,234 friends now.")
    assert [word for word, _ in words] == ["He", "has", "1,234", "friends", "now"]
    assert words[2][1].startswith("wˈʌn")
    assert words[2][1].endswith("fˈɔːɹ")
    assert words[3][1] == "fɹˈɛndz"


def test_british_and_american_differ() -> None:
    assert said("bath") != said("bath", "en-gb")


def test_marked_up_phonemes_are_taken_as_they_stand() -> None:
    text = "I live in [Reading](/ɹˈɛdɪŋ/), near London."
    phonemes = phonemize(text, "en-us")
    assert "ɪn ɹˈɛdɪŋ, n" in phonemes.text
    assert ("Reading", "ɹˈɛdɪŋ") in said(text)
    assert [word for word, _ in said(text)] == ["I", "live", "in", "Reading", "near", "London"]


def test_a_paragraph_without_a_stop_gets_one() -> None:
    text = "Chapter one\n\nIt was night"
    assert "wˌʌn. ɪt" in phonemize(text, "en-us").text
    assert [word for word, _ in said(text)] == ["Chapter", "one", "It", "was", "night"]


@pytest.mark.parametrize("language", ["en-us", "en-gb", "es", "fr-fr", "hi", "it", "pt-br", "ja", "cmn"])
def test_every_language_of_kokoro_has_phonemes(language: str) -> None:
    assert any(map(str.isalpha, phonemize("1 2 3", language).text))


@pytest.mark.parametrize("text", ["", " \n ", "\0"])
def test_nothing_gives_nothing(text: str) -> None:
    assert phonemize(text, "en-us").text == ""


def test_groups_that_do_not_add_up_are_shared_out_in_order() -> None:
    words = align("one twotwotwo three", "a b c d e")
    assert [(w.start, w.end) for w in words] == [(0, 3), (4, 13), (14, 19)]
    assert [(w.first, w.last) for w in words] == [(0, 1), (2, 7), (8, 9)]
    assert align("one two three", "a") != ()
    assert align("", "a") == align("a", "") == ()


@pytest.mark.parametrize("language", ["en-us", "en-gb", "es", "fr-fr", "ja"])
def test_pronunciations_go_before_everything_in_every_language(language: str) -> None:
    text = "Xyz abc, xyz."
    phonemes = phonemize(text, language, {"xyz": "/ˈɛksˈɛks/", "abc": "banana"})
    words = [(text[w.start : w.end], phonemes.text[w.first : w.last]) for w in phonemes.words]
    assert [word for word, _ in words] == ["Xyz", "abc", "xyz"]
    assert words[0][1] == words[2][1] == "ˈɛksˈɛks"
    assert words[1][1] == phonemize("banana", language).text


def test_markup_goes_before_a_lexicon() -> None:
    assert phonemize("[xyz](/ˈɛ/)", "en-us", {"xyz": "/ˈɑ/"}).text == "ˈɛ"
