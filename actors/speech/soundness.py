"""Is this sound what the text should give? Bounds that no voice comes near, and that no fault should pass.

Of the 137 voices of espeak-ng none gives a sentence a peak below -10 dBFS, an offset above 0.0014, one flat top, or less
than 90 ms a letter.
"""

import numpy as np
import numpy.typing as npt

from app.domain.errors import EngineFailed, SegmentSilent
from app.domain.speech import Utterance

Samples = npt.NDArray[np.float32]

_SILENT_PEAK = 10 ** (-70 / 20)
"""-70 dBFS, about 10 steps of 16-bit sound."""

_FAINT_PEAK = 10 ** (-40 / 20)
"""A text with letters that stays below is as good as silent: no voice speaks 30 dB below its own level."""

_MOST_OFFSET = 0.05
"""The mean of all samples: more is a constant that is no sound, and takes room from it."""

_FLAT_RUN = 4
_MOST_FLAT = 0.001
"""So many samples in a row that are the same, and near the peak, are a top that was cut off; a share of them."""

_LONGEST_SECONDS = 10.0
_LONGEST_SECONDS_A_CHARACTER = 4.0
"""Above both together no voice reads a text: an emoji's name takes 2 seconds, a digit 0.5."""

_SHORTEST_SECONDS_A_LETTER = 0.003
_LETTERS_TO_JUDGE = 40
"""The fastest speech has 0.03 seconds a letter; scripts that a voice cannot read may be left out of a text."""

_FRAME_SECONDS = 0.01


def is_heard(engine: str, utterance: Utterance, samples: Samples) -> bool:
    """Whether there is a sound, which is then as it should be; False for silence where there is nothing to say.

    Raises:
      SegmentSilent: the text has letters or digits, and the sound is silent, or too faint for speech.
      EngineFailed: there are values that are no numbers or beyond -1 to 1, a constant offset, or tops cut off.
    """
    peak = float(max(samples.max(), -samples.min())) if samples.size else 0.0
    if not np.isfinite(peak):
        raise EngineFailed(f"{engine} gave sound with values that are no numbers.")
    if peak > 1.0:
        raise EngineFailed(f"{engine} gave sound beyond full scale: {peak:.3f}.")
    has_letters = any(map(str.isalnum, _spoken(utterance)))
    if has_letters and peak < _FAINT_PEAK:
        raise SegmentSilent(
            f"{engine} has no sound for this part of the text: {len(utterance.text)} characters. Another voice may."
        )
    if peak < _SILENT_PEAK:
        return False
    offset = abs(float(samples.mean()))
    if offset > _MOST_OFFSET:
        raise EngineFailed(f"{engine} gave sound around {offset:.2f} instead of around zero.")
    flat = _flat_share(samples, peak)
    if flat > _MOST_FLAT:
        raise EngineFailed(f"{engine} gave sound with its tops cut off: {flat:.1%} of it.")
    return True


def check_length(engine: str, utterance: Utterance, samples: Samples, sample_rate: int) -> None:
    """
    Raises:
      EngineFailed: the sound is absurdly long for the text, or what is heard of it is absurdly short.
    """
    spoken = _spoken(utterance)
    seconds = samples.size / sample_rate
    longest = (_LONGEST_SECONDS + _LONGEST_SECONDS_A_CHARACTER * len(spoken)) / utterance.speed
    if seconds > longest:
        raise EngineFailed(f"{engine} gave {seconds:.1f} s of sound for {len(spoken)} characters.")
    letters = sum(map(str.isalnum, spoken))
    heard = _heard_seconds(samples, sample_rate)
    if letters >= _LETTERS_TO_JUDGE and heard < letters * _SHORTEST_SECONDS_A_LETTER / utterance.speed:
        raise EngineFailed(f"{engine} gave only {heard:.3f} s of sound for {letters} letters.")


def _spoken(utterance: Utterance) -> str:
    return utterance.phonemes or utterance.text


def _flat_share(samples: Samples, peak: float) -> float:
    high = np.flatnonzero(np.abs(samples) >= 0.9 * peak)
    starts = high.size - _FLAT_RUN + 1
    if starts < 1:
        return 0.0
    values = samples[high]
    flat = high[_FLAT_RUN - 1 :] - high[:starts] == _FLAT_RUN - 1
    for step in range(1, _FLAT_RUN):
        flat &= values[step : starts + step] == values[:starts]
    return float(np.count_nonzero(flat)) / samples.size


def _heard_seconds(samples: Samples, sample_rate: int) -> float:
    frame = max(1, round(_FRAME_SECONDS * sample_rate))
    whole = samples[: samples.size // frame * frame].reshape(-1, frame)
    return int(np.count_nonzero(np.abs(whole).max(axis=1) >= _SILENT_PEAK)) * frame / sample_rate if whole.size else 0.0
