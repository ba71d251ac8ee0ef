import pytest

from app.domain.voices import UnknownVoice, VoiceMix


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
