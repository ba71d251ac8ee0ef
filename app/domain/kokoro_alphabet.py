"""The characters that Kokoro-82M v1.0 reads: the vocabulary of its config.json, without the padding `$`."""

import unicodedata

MARKS = frozenset(';:,.!?—…"()“” ')
"""Punctuation and white space: pauses and tone, but no sound of their own."""

PHONEMES = frozenset(
    "\u0303ʣʥʦʨᵝ\uab67AIOQSTWYᵊabcdefhijklmnopqrstuvwxyzɑɐɒæβɔɕçɖðʤəɚɛɜɟɡɥɨɪʝɯɰŋɳɲɴøɸθœɹɾɻʁɽʂʃʈʧʊʋʌɣɤχʎʒʔˈˌːʰʲ↓→↗↘ᵻ"
)

SOUNDS = PHONEMES - frozenset("\u0303ˈˌːʰʲ↓→↗↘")
"""The phonemes that sound by themselves: no stress, length, tone or other modifier."""

ALPHABET = MARKS | PHONEMES


def phonemes_in_alphabet(phonemes: str) -> str:
    """The same phonemes in the characters that the alphabet has for them: `ç` is one, and `õ` are two."""
    composed = unicodedata.normalize("NFC", phonemes)
    return "".join(each if each in ALPHABET else unicodedata.normalize("NFD", each) for each in composed)
