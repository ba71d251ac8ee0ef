"""Kokoro-82M on whichever runtime: from a text to sound and word times."""

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from actors.speech.kokoro_files import FileHashes, Style, read_vocabulary, read_voice, voice_path
from actors.speech.kokoro_tokens import Token, check_markup, runs_of, tokens_of
from actors.speech.phonemes import Phonemes, Phonemizer, align
from actors.speech.phonemizing import KokoroPhonemizer
from actors.speech.turns import Turns
from actors.speech.words import timed_words
from app.domain.errors import EngineFailed, VoiceUnavailable
from app.domain.model_files import KOKORO_TOKENIZER, kokoro_folder
from app.domain.speech import Utterance, WordTime
from app.domain.stopping import StopToken
from app.domain.voices import VoiceMix
from app.ports import Speech

SAMPLE_RATE = 24_000
SAMPLES_PER_UNIT = 600
"""One unit of the durations, 25 ms. Source: `kokoro.pipeline.join_timestamps`."""

Samples = npt.NDArray[np.float32]
Durations = npt.NDArray[np.int64]


class KokoroModel(Protocol):
    """A loaded model on some runtime. The same inputs give the same outputs."""

    def run(self, ids: Sequence[int], style: Style, speed: float, stop: StopToken) -> tuple[Samples, Durations]:
        """Sound for 1 to 510 token ids, without pads, in the style of shape (1, 256).

        Returns samples of shape (n,) at 24 kHz, and durations of shape (len(ids) + 2,) in units of 600 samples, the
        pads' among them.

        Raises:
          EngineFailed: the inference failed.
          SpeechError: the reason of `stop`.
        """


class KokoroEngine(ABC):
    """SpeechEngine for a runtime. 24 kHz; one inference at a time, to bound its memory.

    Parameters:
      model_dir: the folder of the models; its layout is in `app.domain.model_files`.
      threads: how many threads an inference uses.
      phonemizer: text to phonemes; `KokoroPhonemizer` where none is given.
    """

    name: ClassVar[str]

    def __init__(self, model_dir: Path, *, threads: int, phonemizer: Phonemizer | None = None) -> None:
        self._model_dir = model_dir
        self._threads = threads
        self._phonemizer: Phonemizer = phonemizer or KokoroPhonemizer(model_dir)
        self._hashes = FileHashes()
        self._turns = Turns()
        self._process = os.getpid()
        self._model: KokoroModel | None = None
        self._vocabulary: dict[str, int] = {}
        self._styles: dict[str, Style] = {}

    @abstractmethod
    def _model_files(self) -> Sequence[Path]:
        """The files that decide the sound, beside tokenizer and voices.

        Raises:
          VoiceUnavailable: one is missing.
        """

    @abstractmethod
    def _load_model(self) -> KokoroModel:
        """
        Raises:
          EngineMissing: the runtime is not installed.
          VoiceUnavailable: the files are gone, damaged, or of another model.
          EngineFailed: it could not be loaded this time: no memory or no file handle was left, say.
        """

    @property
    def _way(self) -> str:
        """What decides the sound beside the files, such as a way to run the model; part of the fingerprint."""
        return self.name

    def fingerprint(self, voice: VoiceMix) -> str:
        """The runtime, and the hashes of model, tokenizer and voices; the first call reads the model through."""
        parts = _kokoro_parts(voice)
        files = [*self._model_files(), kokoro_folder(self._model_dir) / KOKORO_TOKENIZER]
        files += [voice_path(self._model_dir, name) for name, _ in parts]
        return " ".join([self._way, self._phonemizer.version(voice.language), *map(self._hashes.of, files)])

    def preload(self, voices: Sequence[VoiceMix]) -> None:
        with self._turns.take(StopToken()):
            model = self._load()
            for voice in voices:
                style = self._style(voice)
                self._phonemizer("a", voice.language)
                # The first inference reads the weights from the disk, and takes its memory.
                model.run([next(iter(self._vocabulary.values()))], style[0], 1.0, StopToken())

    def synthesize(self, utterance: Utterance, stop: StopToken) -> Speech:
        with self._turns.take(stop):
            model = self._load()
            style = self._style(utterance.voice)
            stop.begin()
            if utterance.phonemes is None:
                check_markup(utterance.text, self._vocabulary)
            phonemes = self._phonemes(utterance)
            tokens = tokens_of(phonemes.text, self._vocabulary)
            if not tokens:
                return Speech(np.zeros(0, np.float32), SAMPLE_RATE, ())
            runs = list(runs_of(tokens))
            sounds = [
                _checked(model.run([token.id for token in run], style[len(run) - 1], utterance.speed, stop))
                for run in runs
            ]
        samples = np.concatenate([waveform for waveform, _ in sounds])
        words = _word_times(phonemes, runs, sounds, len(samples) / SAMPLE_RATE)
        return Speech(samples, SAMPLE_RATE, tuple(words))

    def close(self) -> None:
        with self._turns.take(StopToken()):
            self._model = None
            self._styles.clear()

    def _phonemes(self, utterance: Utterance) -> Phonemes:
        if utterance.phonemes is not None:
            return Phonemes(utterance.phonemes, align(utterance.text, utterance.phonemes))
        return self._phonemizer(utterance.text, utterance.voice.language, dict(utterance.pronunciations))

    def _load(self) -> KokoroModel:
        if self._model is None or self._process != os.getpid():
            # A runtime's threads do not live on in a forked child.
            model = self._load_model()
            self._vocabulary = read_vocabulary(self._model_dir)
            self._model, self._process = model, os.getpid()
        return self._model

    def _style(self, mix: VoiceMix) -> Style:
        """The weighted average of the voices' style rows, shape (510, 1, 256)."""
        rows: Style | None = None
        for name, weight in _kokoro_parts(mix):
            if name not in self._styles:
                self._styles[name] = read_voice(voice_path(self._model_dir, name))
            part = self._styles[name] * np.float32(weight)
            rows = part if rows is None else rows + part
        assert rows is not None
        return rows


def _kokoro_parts(mix: VoiceMix) -> list[tuple[str, float]]:
    if mix.engine != "kokoro":
        raise VoiceUnavailable(f"Kokoro has no voice {str(mix)!r}; GET /tts/voices lists those there are.")
    return sorted((voice.id, weight) for voice, weight in mix.parts)


def _checked(sound: tuple[Samples, Durations]) -> tuple[Samples, Durations]:
    samples, durations = sound
    if not np.isfinite(samples).all():
        raise EngineFailed("Kokoro gave sound with values that are no numbers.")
    return np.clip(samples, -1.0, 1.0), durations


def _word_times(
    phonemes: Phonemes,
    runs: Sequence[Sequence[Token]],
    sounds: Sequence[tuple[Samples, Durations]],
    end_seconds: float,
) -> list[WordTime]:
    """Word times from the durations of the words' tokens: a word is from its first token to its last one's end."""
    begins: dict[int, float] = {}
    ends: dict[int, float] = {}
    offset = 0
    for run, (waveform, durations) in zip(runs, sounds, strict=True):
        marks = np.concatenate([[0], np.cumsum(durations)]) * SAMPLES_PER_UNIT
        for index, token in enumerate(run, start=1):
            begins[token.place] = (offset + int(marks[index])) / SAMPLE_RATE
            ends[token.place] = (offset + int(marks[index + 1])) / SAMPLE_RATE
        offset += waveform.size
    places = [
        [place for place in range(word.first, word.last) if place in begins and phonemes.text[place].isalnum()]
        for word in phonemes.words
    ]
    times = timed_words(
        [(word.start, word.end) for word in phonemes.words],
        [begins[found[0]] if found else None for found in places],
        end_seconds,
    )
    return [
        WordTime(
            word.start, word.end, word.start_seconds, _within(ends[found[-1]], word) if found else word.end_seconds
        )
        for word, found in zip(times, places, strict=True)
    ]


def _within(seconds: float, word: WordTime) -> float:
    return max(word.start_seconds, min(seconds, word.end_seconds))
