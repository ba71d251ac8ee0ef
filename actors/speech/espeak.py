"""espeak-ng: real, plain speech in 137 languages, without a model to download."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from actors.speech.espeak_library import EspeakLibrary, EspeakVoice, RawSpeech
from actors.speech.plain_text import without_controls, without_markup
from actors.speech.respelling import Respelled
from actors.speech.sentences import without_wraps
from actors.speech.turns import Turns
from actors.speech.words import spread, timed_words, words_of
from app.domain.errors import VoiceUnavailable
from app.domain.speech import Utterance, WordTime
from app.domain.stopping import StopToken
from app.domain.voices import VoiceMix
from app.ports import Speech

_WORDS_PER_MINUTE = 175
"""espeak-ng's own rate. Half of it is above the 80 below which the library does not go."""

_SENTENCE_REST = 0.33
_CLAUSE_REST = 0.17
"""Seconds at speed 1 that the library leaves after a full stop and after a comma, but never at the end of its text."""

_SENTENCE_ENDS = frozenset(".!?…‽。！？｡．।॥؟۔።።։៕\n")
_CLAUSE_ENDS = frozenset(",;:—–،؛、，；：")
_CLOSERS = "\"'”’»)]“‘«」』）】》 "

_SOUND_VERSION = 2
"""Rises when the same text would sound otherwise."""

_FULL_SCALE = 32768.0
_AUDIBLE = 10 / _FULL_SCALE
"""About -70 dBFS: below this there is no sound."""

_WORD_LEVEL = 100 / _FULL_SCALE
"""About -50 dBFS: below this a word has ended."""


class EspeakEngine:
    """SpeechEngine on the library in the espeakng-loader wheel: 22,050 Hz, deterministic to the sample.

    `Utterance.phonemes` is in espeak-ng's mnemonics; of `[word](/phonemes/)` in a text the word alone is spoken,
    for the phonemes there are Kokoro's. Respellings among the pronunciations are read instead of their words.
    """

    name = "espeak"

    def __init__(self) -> None:
        self._library = EspeakLibrary()
        self._turns = Turns()

    def fingerprint(self, voice: VoiceMix) -> str:
        return f"espeak-ng {self._version} {self._voice(voice).identifier} {_SOUND_VERSION}"

    def preload(self, voices: Sequence[VoiceMix]) -> None:
        for voice in voices:
            self._voice(voice)

    def synthesize(self, utterance: Utterance, stop: StopToken) -> Speech:
        voice = self._voice(utterance.voice)
        text = without_markup(without_controls(utterance.text))
        respelled = Respelled.of(without_wraps(text), utterance.pronunciations)
        spoken = respelled.text
        if utterance.phonemes is not None:
            spoken = f"[[{without_controls(utterance.phonemes).replace(']]', '')}]]"
        with self._turns.take(stop):
            stop.begin()
            raw = self._library.speak(
                spoken,
                identifier=voice.identifier,
                words_per_minute=round(_WORDS_PER_MINUTE * utterance.speed),
                phonemes=utterance.phonemes is not None,
                stopped=lambda: stop.stopped,
            )
        stop.raise_if_stopped()
        samples = np.frombuffer(raw.samples, dtype=np.int16).astype(np.float32) / np.float32(_FULL_SCALE)
        if not samples.size or np.abs(samples).max() < _AUDIBLE:
            return Speech(np.zeros(0, np.float32), raw.sample_rate, ())
        if utterance.phonemes is not None:
            words = spread(words_of(text), 0.0, len(samples) / raw.sample_rate)
        else:
            words = _word_times(text, respelled, raw, samples)
        rest = round(_rest_seconds(text) / utterance.speed * raw.sample_rate)
        samples = np.concatenate((samples, np.zeros(rest, np.float32)))
        return Speech(samples, raw.sample_rate, tuple(words))

    def close(self) -> None:
        with self._turns.take(StopToken()):
            self._library.close()

    def _voice(self, mix: VoiceMix) -> EspeakVoice:
        voice = mix.parts[0][0]
        if voice.engine != self.name or len(mix.parts) > 1 or voice.language not in self._voices:
            raise VoiceUnavailable(f"espeak-ng has no voice {str(mix)!r}; GET /tts/voices lists those there are.")
        return self._voices[voice.language]

    @cached_property
    def _voices(self) -> dict[str, EspeakVoice]:
        with self._turns.take(StopToken()):
            return self._library.voices()

    @cached_property
    def _version(self) -> str:
        with self._turns.take(StopToken()):
            return self._library.version()


def _rest_seconds(text: str) -> float:
    """The silence that belongs behind the text, so that the next segment does not come on its heels."""
    told = text.rstrip(_CLOSERS)[-1:]
    if told in _SENTENCE_ENDS or text.rstrip(" \t").endswith("\n"):
        return _SENTENCE_REST if told else 0.0
    return _CLAUSE_REST if told in _CLAUSE_ENDS else 0.0


def _word_times(text: str, respelled: Respelled, raw: RawSpeech, samples: npt.NDArray[np.float32]) -> list[WordTime]:
    """Word times from the library's events, each word ended where its sound does.

    An event is for a word, a part of one (digits) or punctuation before one; the first in a word counts.
    """
    words = words_of(text)
    begins: list[float | None] = [None] * len(words)
    index = 0
    for spoken_offset, sample in sorted(raw.word_events):
        offset = respelled.origin(spoken_offset)
        while index < len(words) and words[index][1] <= offset:
            index += 1
        if index == len(words):
            break
        gap = text[offset : words[index][0]]
        if begins[index] is None and not any(character.isspace() for character in gap):
            begins[index] = sample / raw.sample_rate
    times = timed_words(words, begins, len(samples) / raw.sample_rate)
    return [_ended_with_sound(word, samples, raw.sample_rate) for word in times]


def _ended_with_sound(word: WordTime, samples: npt.NDArray[np.float32], sample_rate: int) -> WordTime:
    first = int(word.start_seconds * sample_rate)
    loud = np.flatnonzero(np.abs(samples[first : int(word.end_seconds * sample_rate)]) > _WORD_LEVEL)
    if not loud.size:
        return word
    end_seconds = max(word.start_seconds, min(word.end_seconds, (first + int(loud[-1]) + 1) / sample_rate))
    return WordTime(word.start, word.end, word.start_seconds, end_seconds)
