"""Phonemes to the token ids that the model reads, in runs that it can take."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import structlog

from actors.speech.kokoro_files import STYLE_ROWS
from actors.speech.plain_text import iter_markup, without_controls
from app.domain.errors import PhonemesUnknown

log = structlog.get_logger(__name__)

MOST_TOKENS = STYLE_ROWS
_PAUSES = frozenset(".!?…,;:—")
_SHORT = 12
_NAMED = 10
_STOPS = frozenset('.!?…,;:—"”)')


@dataclass(frozen=True, slots=True)
class Token:
    """`place` is the character of the phoneme string that it stands for."""

    id: int
    character: str
    place: int


def tokens_of(phonemes: str, vocabulary: Mapping[str, int]) -> list[Token]:
    """A token for each character that the vocabulary has; of the others only their number is logged."""
    tokens = [
        Token(vocabulary[character], character, place)
        for place, character in enumerate(phonemes)
        if character in vocabulary
    ]
    if len(tokens) < len(phonemes):
        log.warning("phonemes_skipped", skipped=len(phonemes) - len(tokens), kept=len(tokens))
    if not any(token.character.isalpha() for token in tokens):
        return []
    if len(tokens) < _SHORT and tokens[-1].character not in _STOPS and "." in vocabulary:
        # Without a mark at its end the model garbles a very short text.
        tokens.append(Token(vocabulary["."], ".", len(phonemes)))
    return tokens


def check_markup(text: str, vocabulary: Mapping[str, int]) -> None:
    """Refuse `[word](/phonemes/)` that the model cannot say as it stands: the word would be lost or garbled.

    Raises:
      PhonemesUnknown: there are symbols outside of the vocabulary, or nothing but white space.
    """
    unknown: set[str] = set()
    for match in iter_markup(without_controls(text)):
        phonemes = match["phonemes"].strip()
        if not phonemes:
            raise PhonemesUnknown("A word was given white space for phonemes. Write its phonemes, or the word alone.")
        unknown.update(character for character in phonemes if character not in vocabulary)
    if unknown:
        named = ", ".join(f"{symbol} (U+{ord(symbol):04X})" for symbol in sorted(unknown)[:_NAMED])
        more = f" and {len(unknown) - _NAMED} more" if len(unknown) > _NAMED else ""
        raise PhonemesUnknown(
            f"Kokoro has no phonemes {named}{more}. Write them in its own alphabet, or the word without phonemes."
        )


def runs_of(tokens: Sequence[Token]) -> Iterator[Sequence[Token]]:
    """Runs of at most 510 tokens, ended after a pause where there is one, else after a word, else anywhere."""
    start = 0
    while len(tokens) - start > MOST_TOKENS:
        window = tokens[start : start + MOST_TOKENS]
        cut = _last(window, _PAUSES) or _last(window, frozenset(" ")) or MOST_TOKENS
        yield window[:cut]
        start += cut
    yield tokens[start:]


def _last(tokens: Sequence[Token], characters: frozenset[str]) -> int | None:
    """How many tokens there are up to the last of these characters, looked for in the later half."""
    for count in range(len(tokens), len(tokens) // 2, -1):
        if tokens[count - 1].character in characters:
            return count
    return None
