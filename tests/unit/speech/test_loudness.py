"""How loud speech is: measured as EBU R 128 says, made even, and never clipped."""

import numpy as np
import pytest

from actors.speech import EspeakEngine
from app.domain.speech import Utterance
from app.domain.stopping import StopToken
from app.domain.voices import VoiceMix
from app.sound import Evenness, level_of
from app.sound.limiting import CEILING, amplified
from app.sound.loudness import TARGET_LUFS, Level

RATE = 24_000
LUFS_OF_A_FULL_SINE = -3.01
"""ITU-R BS.1770-5: a sine of 997 Hz at full scale in one front channel."""


def sine(seconds: float, level: float, hertz: float = 997.0) -> np.ndarray:
    return (level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def decibels(factor: float) -> float:
    return float(20 * np.log10(factor))


def even_gains(levels: list[Level]) -> list[float]:
    evenness = Evenness()
    return [evenness.gain(level) for level in levels]


@pytest.mark.parametrize("level_db", [0.0, -20.0, -40.0])
@pytest.mark.parametrize("seconds", [0.05, 0.3, 3.0, 10.0])
def test_a_sine_has_the_loudness_that_the_standard_gives_it(level_db: float, seconds: float) -> None:
    found = level_of(sine(seconds, 10 ** (level_db / 20)), RATE)
    assert found.lufs == pytest.approx(LUFS_OF_A_FULL_SINE + level_db, abs=0.3)
    assert found.seconds == pytest.approx(seconds)


def test_pauses_inside_a_segment_do_not_make_it_quieter() -> None:
    speech = sine(4.0, 0.1)
    with_pauses = np.concatenate([speech, np.zeros(6 * RATE, np.float32), speech])
    assert level_of(with_pauses, RATE).lufs == pytest.approx(level_of(speech, RATE).lufs, abs=0.6)


@pytest.mark.parametrize("samples", [np.zeros(0), np.zeros(1), np.zeros(3 * RATE), sine(5.0, 0.0001)])
def test_what_is_too_quiet_to_measure_has_no_loudness_and_is_left_as_it_is(samples: np.ndarray) -> None:
    found = level_of(samples.astype(np.float32), RATE)
    assert found.lufs is None
    assert even_gains([found]) == [1.0]


def test_one_segment_is_brought_to_the_target() -> None:
    for lufs in (-8.0, -19.0, -25.0, -31.0):
        assert decibels(even_gains([Level(lufs, 5.0)])[0]) == pytest.approx(TARGET_LUFS - lufs)


def test_what_is_hardly_there_is_not_blown_up() -> None:
    assert decibels(even_gains([Level(-60.0, 5.0)])[0]) == pytest.approx(12.0)


def test_a_quiet_segment_in_the_middle_is_raised_as_far_as_is_safe() -> None:
    gains = [decibels(gain) for gain in even_gains([Level(-20.0, 10), Level(-24.0, 10), Level(-45.0, 10)])]
    assert gains[1] - gains[0] == pytest.approx(4.0)
    assert gains[2] == pytest.approx(4.3 + 6.0, abs=0.1), "6 dB above the item's own gain"


def test_a_segment_without_a_loudness_follows_its_item() -> None:
    gains = even_gains([Level(-25.0, 10), Level(None, 0.1), Level(-25.0, 10)])
    assert gains[1] == pytest.approx(gains[0])


@pytest.mark.parametrize("seconds", [0.0, 1 / RATE, 0.001, 0.02, 3.3])
@pytest.mark.parametrize("gain", [0.1, 1.0, 1.5, 20.0, 10_000.0])
def test_a_gain_never_passes_the_ceiling_and_keeps_the_length(seconds: float, gain: float) -> None:
    samples = np.random.default_rng(1).uniform(-1, 1, round(seconds * RATE)).astype(np.float32)
    out = amplified(samples, gain, RATE)
    assert out.shape == samples.shape
    assert out.dtype == np.float32
    assert not out.size or np.abs(out).max() <= CEILING + 1e-6


def test_a_gain_with_room_is_exact() -> None:
    samples = sine(1.0, 0.3)
    assert np.array_equal(amplified(samples, 2.0, RATE), samples * 2)


def test_a_peak_turns_down_only_its_surroundings_and_without_a_step() -> None:
    samples = sine(1.0, 0.3)
    samples[12_000] = 1.0
    out = amplified(samples, 1.5, RATE)
    far = np.abs(np.arange(samples.size) - 12_000) > 0.03 * RATE
    assert np.allclose(out[far], samples[far] * 1.5, atol=1e-6)
    factor = out[np.abs(samples) > 0.05] / samples[np.abs(samples) > 0.05]
    assert np.abs(np.diff(factor)).max() < 0.05


@pytest.mark.parametrize("language", ["en-us", "vi-vn-x-south", "ltg", "chr-us-qaaa-x-west", "ru-lv", "bs"])
def test_every_voice_ends_at_the_target_with_true_peaks_below_the_limit(language: str) -> None:
    """The loudest, the quietest and the most peaky ones of espeak's, by a survey of all."""
    import av  # noqa: F401  # the same meter, asked for its peaks

    voice = VoiceMix.parse(f"espeak-{language}")
    text = "Anna saw 1234 red apples on the old table. Maria, Paulo & Otto ate 7 of them: yes! OOOOH AAAAH wow"
    speech = EspeakEngine().synthesize(Utterance(text, voice), StopToken())
    before = level_of(speech.samples, speech.sample_rate)
    out = amplified(speech.samples, even_gains([before])[0], speech.sample_rate)
    assert level_of(out, speech.sample_rate).lufs == pytest.approx(TARGET_LUFS, abs=0.7)
    assert true_peak_db(out, speech.sample_rate) < -1.5


def true_peak_db(samples: np.ndarray, rate: int) -> float:
    """By four times as many samples, as BS.1770-5 has it: a Fourier transform padded with zeros."""
    spectrum = np.fft.rfft(samples)
    padded = np.concatenate([spectrum, np.zeros(3 * (spectrum.size - 1), complex)])
    return decibels(float(np.abs(np.fft.irfft(padded)).max() * 4))
