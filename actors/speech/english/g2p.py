"""misaki's English: its dictionaries and stress rules over spaCy's tokens, and espeak-ng for what they do not have.

`misaki.en.G2P` downloads spaCy's model where it is missing; this one never does.
"""

import re
import unicodedata
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import spacy
from misaki import en
from misaki.espeak import EspeakFallback, EspeakG2P
from phonemizer.backend import EspeakBackend

from actors.speech.english.said import Dialect
from actors.speech.english.tags import tags_of
from app.domain.kokoro_alphabet import ALPHABET
from app.domain.phonemes import Rung

_PROPER = {
    "résumé": "ɹˈɛzəmˌA",
    "résumés": "ɹˈɛzəmˌAz",
    "exposé": "ˌɛkspOzˈA",
    "rosé": "ɹOzˈA",
    "jalapeño": "hˌɑləpˈAnjO",
    "jalapeños": "hˌɑləpˈAnjOz",
    "pâté": "pɑtˈA",
}
_SCRIPTS = {
    "CYRILLIC": "ru", "GREEK": "el", "ARABIC": "ar", "HEBREW": "he", "DEVANAGARI": "hi", "BENGALI": "bn", "TAMIL": "ta", "TELUGU": "te",
    "KANNADA": "kn", "MALAYALAM": "ml", "GUJARATI": "gu", "GURMUKHI": "pa", "SINHALA": "si", "THAI": "th", "HANGUL": "ko",
    "HIRAGANA": "ja", "KATAKANA": "ja", "CJK": "cmn", "GEORGIAN": "ka", "ARMENIAN": "hy", "ETHIOPIC": "am", "MYANMAR": "my",
}  # fmt: skip
"""Which of espeak-ng's languages reads a word of another script."""

_VOWELS = frozenset("aeiouy")
_SPELLED_LETTERS = 6
_SHOUTED_LETTERS = 5
_FALLBACKS_KEPT = 8192


@dataclass(frozen=True, slots=True)
class SpokenToken:
    """`[start, end)` of a script is said with these phonemes; `after` is the white space behind them."""

    start: int
    end: int
    phonemes: str
    after: str
    rung: Rung


class EnglishG2P(en.G2P):  # type: ignore[misc] # misaki ships no types
    """
    Parameters:
      spacy_model: the folder of en_core_web_sm; None: over a blank tokenizer.
    """

    def __init__(self, dialect: Dialect, spacy_model: Path | None = None) -> None:
        british = dialect is Dialect.BRITISH
        self.version = None
        self.british = british
        self.has_tagger = spacy_model is not None
        self.nlp = spacy.load(spacy_model, enable=["tok2vec", "tagger"]) if spacy_model else spacy.blank("en")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of how misaki opens its dictionaries
            self.lexicon = en.Lexicon(british)
        if british:
            self.lexicon.golds["Z"] = "zˈɛd"
        self.unk = ""
        self._espeak = _Espeak(british=british)
        self._foreign: dict[str, Callable[[str], tuple[str, None]]] = {}
        self._from_espeak = lru_cache(_FALLBACKS_KEPT)(self._espeak)
        self.fallback = self._unknown

    def speak(self, text: str, given: Sequence[tuple[int, int, str]] = ()) -> list[SpokenToken]:
        """The tokens of a script, in order; `given` are stretches of it whose phonemes are known."""
        if not text.strip():
            return []
        _, tokens = self(text, preprocess=lambda _: (text, [], given))
        return [
            SpokenToken(
                int(token.start_ts),
                int(token.end_ts),
                "".join(filter(ALPHABET.__contains__, token.phonemes or "")),
                token.whitespace,
                _rung(token),
            )
            for token in tokens
        ]

    def tokenize(self, text: str, tokens: Any, features: Any) -> list[Any]:
        """misaki's tokens of `text`. Their times are offsets into it: misaki keeps those through all that follows."""
        doc = self.nlp(text)
        tags = tags_of([token.text for token in doc], [token.tag_ for token in doc] if self.has_tagger else None)
        made = [
            en.MToken(
                text=self._written(token.text),
                tag=tag,
                whitespace=token.whitespace_,
                start_ts=token.idx,
                end_ts=token.idx + len(token.text),
                _=en.MToken.Underscore(is_head=True, num_flags="", prespace=False),
            )
            for token, tag in zip(doc, tags, strict=True)
            if not token.is_space
        ]
        for start, end, phonemes in features:
            for token in made:
                if token.start_ts < end and token.end_ts > start:
                    token.phonemes = self._with_possessive(phonemes) if token.start_ts <= start else ""
                    token._.rating = 5
        return made

    def _with_possessive(self, phonemes: str) -> str:
        return str(self.lexicon._s(phonemes[:-2])) if phonemes.endswith("'s") else phonemes  # noqa: SLF001 - misaki's own rule for plurals

    def _written(self, word: str) -> str:
        """A long word in capitals that is no abbreviation, such as one that is shouted, in small letters."""
        lower = word.lower()
        shouted = len(word) > _SHOUTED_LETTERS and word.isalpha() and word.isupper() and not self.knows(word)
        return lower if shouted and (self.knows(lower) or set(lower) & _VOWELS) else word

    def knows(self, word: str) -> bool:
        """Whether a dictionary has the word as it is written."""
        return word in self.lexicon.golds or word in self.lexicon.silvers

    def _unknown(self, token: Any) -> tuple[str | None, int | None]:
        """What no dictionary has: letters without a vowel by their names, foreign letters as English ones, then espeak."""
        word = token.text.replace("’", "'")
        if (proper := _PROPER.get(word.lower())) is not None and not self.british:
            return proper, 4
        plain = "".join(c for c in unicodedata.normalize("NFD", word) if not unicodedata.combining(c))
        if plain != word and plain.isascii():
            ps, rating = self.lexicon.get_word(plain, token.tag, None, en.TokenContext())
            if ps is not None:
                return ps, rating
        if not word.isascii() and (language := _SCRIPTS.get(unicodedata.name(word[0], "").split(" ", 1)[0])):
            return self._speak_foreign(word, language), 2
        if word.isascii() and word.isalpha() and len(word) <= _SPELLED_LETTERS and not set(word.lower()) & _VOWELS:
            ps, rating = self.lexicon.get_NNP(word)
            if ps is not None:
                return ps, rating
        return self._from_espeak(word), 2

    def _speak_foreign(self, word: str, language: str) -> str:
        if language not in self._foreign:
            try:
                self._foreign[language] = EspeakG2P(language)
            except RuntimeError:  # this build of espeak-ng lacks the language
                self._foreign[language] = lambda word: (self._espeak(word), None)
        return " ".join(self._foreign[language](word)[0].split())

    def syllable(self, letters: str, *, stressed: bool) -> str:
        """Plain letters as English would say them, with the word's one stress or without any."""
        if self.knows(letters):
            phonemes, _ = self.lexicon.lookup(letters, None, None, None)
        else:
            phonemes = self._from_espeak(letters)
        plain = re.sub("[ˈˌ]", "", phonemes or "")
        return str(en.apply_stress(plain, 2)) if stressed else plain


class _Espeak(EspeakFallback):  # type: ignore[misc] # misaki ships no types
    """misaki's last resort, without espeak-ng's marks for a change of language."""

    def __init__(self, *, british: bool) -> None:
        self.british = british
        self.version = None
        self.backend = EspeakBackend(
            language=f"en-{'gb' if british else 'us'}",
            preserve_punctuation=True,
            with_stress=True,
            tie="^",
            language_switch="remove-flags",
        )

    def __call__(self, word: str) -> str:
        phonemes, _ = super().__call__(_Word(word))
        return " ".join(part for part in (phonemes or "").split())


@dataclass(frozen=True, slots=True)
class _Word:
    text: str


def _rung(token: Any) -> Rung:
    rating = getattr(token, "rating", None) or token._.rating
    if rating == 5:
        return Rung.GIVEN
    if rating == 2:
        return Rung.ESPEAK
    return Rung.DICTIONARY
