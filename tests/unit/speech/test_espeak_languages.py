from actors.speech.espeak_library import EspeakLibrary
from app.domain.espeak_languages import ESPEAK_LANGUAGES

WITHOUT_A_DICTIONARY = ("fo", "kaa", "xex")


def test_the_catalogue_lists_what_the_library_speaks() -> None:
    listed = {tag: voice.name for tag, voice in EspeakLibrary().voices().items()}
    for tag in WITHOUT_A_DICTIONARY:
        del listed[tag]
    assert listed == ESPEAK_LANGUAGES


def test_a_language_is_left_out_only_where_it_is_silent() -> None:
    library = EspeakLibrary()
    voices = library.voices()
    for tag in (*WITHOUT_A_DICTIONARY, "en-us"):
        speech = library.speak(
            "1 2 3 a b c",
            identifier=voices[tag].identifier,
            words_per_minute=175,
            phonemes=False,
            stopped=lambda: False,
        )
        assert any(speech.samples) == (tag == "en-us")


def test_languages_that_people_ask_for_are_there() -> None:
    assert {"en-us", "en-gb", "de", "fr-fr", "es", "it", "pt-br", "hi", "ja", "cmn"} <= ESPEAK_LANGUAGES.keys()
