import signal
import subprocess
import sys
from pathlib import Path

import pytest

from actors.speech.espeak_library import EspeakLibrary
from app.domain.espeak_languages import ESPEAK_LANGUAGES

ROOT = Path(__file__).parents[3]
WITHOUT_A_DICTIONARY = ("fo", "kaa", "xex")
CRASHES = "kl"
COUNTS_TO_TEN = """
import sys
from actors.speech.espeak_library import EspeakLibrary
library = EspeakLibrary()
for _ in range(3):
    library.speak(
        "1, 2, 3, 4, 5, 6, 7, 8, 9, 10.",
        identifier=library.voices()[sys.argv[1]].identifier,
        words_per_minute=175,
        phonemes=False,
        stopped=lambda: False,
    )
"""


def test_the_catalogue_lists_what_the_library_speaks() -> None:
    listed = {tag: voice.name for tag, voice in EspeakLibrary().voices().items()}
    for tag in (*WITHOUT_A_DICTIONARY, CRASHES):
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


@pytest.mark.parametrize(("tag", "status"), [(CRASHES, -signal.SIGSEGV), ("da", 0)])
def test_a_language_is_left_out_where_counting_to_ten_ends_the_process(tag: str, status: int) -> None:
    child = subprocess.run([sys.executable, "-c", COUNTS_TO_TEN, tag], cwd=ROOT, check=False, capture_output=True)
    assert child.returncode == status, child.stderr.decode()


def test_languages_that_people_ask_for_are_there() -> None:
    assert {"en-us", "en-gb", "de", "fr-fr", "es", "it", "pt-br", "hi", "ja", "cmn"} <= ESPEAK_LANGUAGES.keys()
