"""English text to Kokoro's phonemes: read out in words first, then said by misaki's dictionaries, then by espeak-ng."""

from actors.speech.english.phonemizer import EnglishPhonemizer
from actors.speech.english.said import Dialect

__all__ = ["Dialect", "EnglishPhonemizer"]
