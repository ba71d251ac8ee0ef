"""Japanese phonemes by misaki's cutlet, which Kokoro was trained with, over fugashi and the dictionary unidic-lite."""

import warnings

from actors.speech.mixed_scripts import without_failures
from actors.speech.phonemes import Speaker


def japanese_speaker() -> Speaker:
    """
    Raises:
      ImportError: the extra `ja` is not installed.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of how misaki opens its list of words
        from misaki.cutlet import Cutlet
    cutlet = Cutlet()

    def speak(text: str) -> str:
        return " ".join(str(cutlet(text)[0] or "").split())

    return without_failures(speak)
