"""Which phonemizer speaks a language for Kokoro."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.metadata import version
from itertools import accumulate
from pathlib import Path

from actors.speech.mixed_scripts import clauses, with_english
from actors.speech.phonemes import NO_PRONUNCIATIONS, EspeakPhonemizer, Phonemes, Speaker, WordPhonemes, phonemize
from actors.speech.plain_text import without_controls, without_markup
from actors.speech.turns import WholeCalls
from app.domain.errors import EngineMissing, VoiceUnavailable
from app.domain.kokoro_alphabet import ALPHABET
from app.domain.model_files import spacy_folder
from app.domain.phonemes import PhonemePreview, Rung, WordPreview
from app.domain.pronunciations import Pronunciations
from app.domain.voices import VoiceMix

_ENGLISH = frozenset({"en-us", "en-gb"})
_BY_DICTIONARY = {"ja": ("Japanese", "ja"), "cmn": ("Mandarin", "zh")}
"""Languages whose readings are in dictionaries: their names, and the extras that bring those."""

_SEAM = "\x1f"

Speak = Callable[[str, Mapping[str, str]], Phonemes]


class KokoroPhonemizer:
    """English, Japanese and Mandarin by misaki's dictionaries, every other language by espeak-ng through misaki.

    One call at a time: espeak-ng keeps global state. What a language needs is loaded at its first use.

    Parameters:
      model_dir: where `sayathing models pull` puts spaCy's model for English; looked for once.
    """

    def __init__(self, model_dir: Path) -> None:
        folder = spacy_folder(model_dir)
        self._spacy_model = folder if (folder / "meta.json").is_file() else None
        self._espeak = EspeakPhonemizer()
        self._speakers: dict[str, Speak] = {}
        self._lock = WholeCalls()  # after espeak's: a fork takes the newest first, as a call here does

    def version(self, language: str) -> str:
        if language in _ENGLISH:
            return f"english 1 misaki {version('misaki')} {self._tagger}"
        if language in _BY_DICTIONARY:
            return f"{language} 1 misaki {version('misaki')}"
        return self._espeak.version(language)

    def __call__(self, text: str, language: str, pronunciations: Mapping[str, str] = NO_PRONUNCIATIONS) -> Phonemes:
        with self._lock:
            return self._speak(language)(text, pronunciations)

    def _speak(self, language: str) -> Speak:
        if language not in self._speakers:
            self._speakers[language] = self._speaker(language)
        return self._speakers[language]

    def _speaker(self, language: str) -> Speak:
        if language in _ENGLISH:
            return self._english(language)
        if language in _BY_DICTIONARY:
            return self._by_dictionary(language)
        return lambda text, pronunciations: self._espeak(text, language, pronunciations)

    def _english(self, language: str) -> Speak:
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

    def _by_dictionary(self, language: str) -> Speak:
        name, extra = _BY_DICTIONARY[language]
        try:
            if language == "ja":
                from actors.speech.japanese import japanese_speaker as make
            else:
                from actors.speech.mandarin import mandarin_speaker as make
            speaker = with_english(
                _in_alphabet(make()), lambda: lambda words: self._speak("en-us")(words, NO_PRONUNCIATIONS).text
            )
        except ImportError as error:
            raise EngineMissing(
                f"{name} needs packages that are not installed ({error}). "
                f"`pip install 'sayathing[{extra}]'` brings them, or `uv sync --extra {extra}` in this folder."
            ) from error
        return lambda text, pronunciations: _without_seams(
            phonemize(text, speaker, tuple(pronunciations.items()), rung=Rung.DICTIONARY, cut=clauses)
        )

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


def _in_alphabet(speaker: Speaker) -> Speaker:
    return lambda text: "".join(c for c in speaker(text) if c in ALPHABET or c == _SEAM)


def _without_seams(said: Phonemes) -> Phonemes:
    """Without what parts the syllables of a word."""
    if _SEAM not in said.text:
        return said
    places = list(accumulate((character != _SEAM for character in said.text), initial=0))
    words = tuple(replace(word, first=places[word.first], last=places[word.last]) for word in said.words)
    return Phonemes(said.text.replace(_SEAM, ""), words, said.spoken)


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
    is_english = voice.language in _ENGLISH  # elsewhere espeak-ng may be the usual way to say a word
    unknown = dict.fromkeys(word.text for word in words if is_english and word.rung is Rung.ESPEAK)
    return PhonemePreview(said.text, said.spoken if said.spoken is not None else text, words, tuple(unknown))


def _word(text: str, said: Phonemes, word: WordPhonemes) -> WordPreview:
    return WordPreview(word.start, word.end, text[word.start : word.end], said.text[word.first : word.last], word.rung)
