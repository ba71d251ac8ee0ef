import pytest

from app.domain.kokoro_voices import KOKORO_LANGUAGES
from app.domain.voices import CATALOGUE, UnknownVoice, VoiceMix


@pytest.mark.parametrize(
    "text",
    [
        "af_heart",
        "af_bella:2+af_sky",
        "af_bella+af_sky+af_heart",
        "af_sky:0.0001+af_bella:9999.9999",
        "af_bella:0.333+af_sky:0.667",
    ],
)
def test_the_name_of_a_mix_names_the_same_mix(text: str) -> None:
    mix = VoiceMix.parse(text)

    assert str(VoiceMix.parse(str(mix))) == str(mix)
    assert dict(VoiceMix.parse(str(mix)).parts) == dict(mix.parts)


def test_mixes_of_one_sound_have_one_name() -> None:
    names = {
        str(VoiceMix.parse(text)) for text in ("af_bella:2+af_sky:1", "af_sky:0.5+af_bella:1", "af_sky+af_bella:2")
    }

    assert names == {"af_bella:2+af_sky:1"}


def test_weights_too_far_apart_for_a_name_are_refused() -> None:
    with pytest.raises(UnknownVoice, match="too far apart"):
        VoiceMix.parse("af_sky:0.0001+af_bella:9999999999")


def test_kokoro_has_54_voices_with_language_gender_and_grade() -> None:
    voices = [voice for voice in CATALOGUE.values() if voice.engine == "kokoro"]

    assert len(voices) == 54
    assert {voice.language for voice in voices} == set(KOKORO_LANGUAGES.values())
    assert {voice.gender for voice in voices} == {"female", "male"}
    assert {voice.language for voice in voices if voice.grade is None} == {"es", "pt-br"}
    assert CATALOGUE["bm_george"].name == "George"


@pytest.mark.parametrize(
    ("name", "meant"), [("af_hart", "af_heart"), ("AF_Heart:2", "af_heart"), ("heart", "af_heart")]
)
def test_a_name_that_is_almost_one_is_told_which(name: str, meant: str) -> None:
    with pytest.raises(UnknownVoice, match=rf"Did you mean {meant}\?"):
        VoiceMix.parse(name)
