"""An engine for tests: tones, as long as the text, on demand slow or failing."""

import hashlib
import threading
from collections.abc import Mapping, Sequence

import numpy as np

from actors.speech.words import spread, words_of
from app.domain.errors import SpeechError, VoiceUnavailable
from app.domain.speech import Utterance
from app.domain.stopping import StopToken
from app.domain.voices import VoiceMix
from app.ports import Speech

_SAMPLE_RATE = 24_000
_SECONDS_A_CHARACTER = 0.05
_LEVEL = 0.25


class FakeEngine:
    """SpeechEngine without a model. The same utterance gives the same tone at 24 kHz, 50 ms a character.

    Parameters:
      delay_seconds: how long each call takes; a stop ends it at once.
      failures: for texts that contain a key, the errors of the calls to come, one a call; then it succeeds.
      missing: voices that are not there.
    """

    name = "fake"

    def __init__(
        self,
        *,
        delay_seconds: float = 0.0,
        failures: Mapping[str, Sequence[SpeechError]] | None = None,
        missing: Sequence[str] = (),
    ) -> None:
        self.delay_seconds = delay_seconds
        self.calls: list[Utterance] = []
        self._failures = {text: list(errors) for text, errors in (failures or {}).items()}
        self._missing = frozenset(missing)
        self._lock = threading.Lock()

    def fingerprint(self, voice: VoiceMix) -> str:
        self._check(voice)
        return f"fake 1 {voice}"

    def preload(self, voices: Sequence[VoiceMix]) -> None:
        for voice in voices:
            self._check(voice)

    def synthesize(self, utterance: Utterance, stop: StopToken) -> Speech:
        stop.raise_if_stopped()
        self._check(utterance.voice)
        stop.begin()
        failure = self._begin(utterance)
        if self.delay_seconds:
            stopped = threading.Event()
            stop.on_stop(stopped.set)
            try:
                stopped.wait(self.delay_seconds)
            finally:
                stop.on_stop(None)
            stop.raise_if_stopped()
        if failure is not None:
            raise failure
        if not any(map(str.isalnum, utterance.phonemes or utterance.text)):
            return Speech(np.zeros(0, np.float32), _SAMPLE_RATE, ())
        seconds = len(utterance.phonemes or utterance.text) * _SECONDS_A_CHARACTER / utterance.speed
        samples = _tone(f"{utterance.voice} {utterance.phonemes} {utterance.text}", seconds)
        words = spread(words_of(utterance.text), 0.0, len(samples) / _SAMPLE_RATE)
        return Speech(samples, _SAMPLE_RATE, tuple(words))

    def close(self) -> None:
        """Holds nothing."""

    def _begin(self, utterance: Utterance) -> SpeechError | None:
        with self._lock:
            self.calls.append(utterance)
            for text, errors in self._failures.items():
                if text in utterance.text and errors:
                    return errors.pop(0)
        return None

    def _check(self, voice: VoiceMix) -> None:
        for part, _ in voice.parts:
            if part.id in self._missing:
                raise VoiceUnavailable(f"The voice {part.id!r} is not here; it was said to be missing.")


def _tone(name: str, seconds: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    hertz = 150 + hashlib.sha256(name.encode(errors="replace")).digest()[0]
    time = np.arange(max(1, round(seconds * _SAMPLE_RATE))) / _SAMPLE_RATE
    return (_LEVEL * np.sin(2 * np.pi * hertz * time)).astype(np.float32)
