"""The list that ships with this version."""

from app.domain.kokoro_voices import KOKORO_VOICES
from app.domain.model_files import KOKORO_MODELS, KOKORO_TOKENIZER, SPACY_WHEEL, kokoro_voice_file
from app.models.pins import shipped_pins

VOICE_BYTES = 510 * 256 * 4


def test_every_file_that_the_engine_may_load_is_pinned_and_nothing_else() -> None:
    voices = {kokoro_voice_file(voice) for voice in KOKORO_VOICES}

    assert shipped_pins().kokoro.files.keys() == {*KOKORO_MODELS, KOKORO_TOKENIZER, *voices}


def test_no_two_files_have_one_hash() -> None:
    hashes = [pin.sha256 for pin in (*shipped_pins().kokoro.files.values(), shipped_pins().spacy)]

    assert len(set(hashes)) == len(hashes)


def test_a_voice_is_as_large_as_the_engine_expects() -> None:
    files = shipped_pins().kokoro.files

    assert {files[kokoro_voice_file(voice)].bytes for voice in KOKORO_VOICES} == {VOICE_BYTES}


def test_the_wheel_is_that_of_the_folder_that_is_loaded() -> None:
    assert shipped_pins().spacy.url.endswith(f"/{SPACY_WHEEL}-py3-none-any.whl")
