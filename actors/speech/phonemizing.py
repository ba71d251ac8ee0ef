"""Which phonemizer speaks a language for Kokoro."""

import json
import threading
from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import version
from pathlib import Path

from actors.speech.phonemes import NO_PRONUNCIATIONS, EspeakPhonemizer, Phonemes, WordPhonemes
from actors.speech.plain_text import without_controls, without_markup
from app.domain.errors import EngineMissing, VoiceUnavailable
from app.domain.model_files import spacy_folder
from app.domain.phonemes import PhonemePreview, Rung, WordPreview
from app.domain.pronunciations import Pronunciations
from app.domain.voices import VoiceMix

_ENGLISH = frozenset({"en-us", "en-gb"})

Speak = Callable[[str, Mapping[str, str]], Phonemes]


class KokoroPhonemizer:
    """English by misaki's dictionaries, every other language by espeak-ng through misaki.

    One call at a time: espeak-ng keeps global state. What a language needs is loaded at its first use.

    Parameters:
      model_dir: where `sayathing models pull` puts spaCy's model for English; looked for once.
    """

    def __init__(self, model_dir: Path) -> None:
        folder = spacy_folder(model_dir)
        self._spacy_model = folder if (folder / "meta.json").is_file() else None
        self._espeak = EspeakPhonemizer()
        self._speakers: dict[str, Speak] = {}
        self._lock = threading.Lock()

    def version(self, language: str) -> str:
        if language not in _ENGLISH:
            return self._espeak.version(language)
        return f"english 1 misaki {version('misaki')} {self._tagger}"

    def __call__(self, text: str, language: str, pronunciations: Mapping[str, str] = NO_PRONUNCIATIONS) -> Phonemes:
        with self._lock:
            if language not in self._speakers:
                self._speakers[language] = self._speaker(language)
            return self._speakers[language](text, pronunciations)

    def _speaker(self, language: str) -> Speak:
        if language not in _ENGLISH:
            return partial(_in_language, self._espeak, language)
        try:
            from actors.speech.english import Dialect, EnglishPhonemizer
        except ImportError as error:
            raise EngineMissing(f"Kokoro's English needs the packages misaki, spacy and num2words: {error}.") from error
        try:
            return EnglishPhonemizer(Dialect(language), self._spacy_model)
        except (OSError, ValueError, KeyError) as error:
            if self._spacy_model is None:
                raise
            raise VoiceUnavailable(
                f"spaCy's model for English in {self._spacy_model} cannot be loaded ({error}). "
                "`sayathing models pull` fetches it again; without that folder English is spoken too."
            ) from error

    @property
    def _tagger(self) -> str:
        """Which of spaCy's models tells words apart that are spelled alike."""
        if self._spacy_model is None:
            return "without a tagger"
        try:
            meta = json.loads((self._spacy_model / "meta.json").read_bytes())
            return f"{meta['name']} {meta['version']}"
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise VoiceUnavailable(
                f"spaCy's model for English in {self._spacy_model} is damaged. `sayathing models pull` fetches it again."
            ) from error


def _in_language(espeak: EspeakPhonemizer, language: str, text: str, pronunciations: Mapping[str, str]) -> Phonemes:
    return espeak(text, language, pronunciations)


def preview(
    phonemizer: KokoroPhonemizer, text: str, voice: VoiceMix, pronunciations: Pronunciations = ()
) -> PhonemePreview:
    """How a Kokoro voice would say the text: the phonemes of each word, and who knew it.

    Raises:
      EngineMissing, VoiceUnavailable: what the language needs is not here.
    """
    said = phonemizer(text, voice.language, dict(pronunciations))
    plain = without_markup(without_controls(text))
    words = tuple(_word(plain, said, word) for word in said.words)
    has_dictionary = voice.language in _ENGLISH  # without one espeak-ng says every word, and none is unknown
    unknown = dict.fromkeys(word.text for word in words if has_dictionary and word.rung is Rung.ESPEAK)
    return PhonemePreview(said.text, said.spoken if said.spoken is not None else text, words, tuple(unknown))


def _word(text: str, said: Phonemes, word: WordPhonemes) -> WordPreview:
    return WordPreview(word.start, word.end, text[word.start : word.end], said.text[word.first : word.last], word.rung)
