"""What goes into an engine and what comes out, apart from the samples themselves."""

from dataclasses import dataclass

from app.domain.pronunciations import Pronunciations
from app.domain.voices import VoiceMix


@dataclass(frozen=True, slots=True)
class Utterance:
    """One segment as an engine hears it.

    `text` is plain text in the voice's language; `phonemes`, where given, replaces it and is written in
    the engine's own phoneme alphabet. `speed` is 0.5 to 2.0, 1.0 as the voice speaks by itself. `pronunciations` say
    how words of the text are to be said; those of words that are not in it change nothing.
    """

    text: str
    voice: VoiceMix
    speed: float = 1.0
    phonemes: str | None = None
    pronunciations: Pronunciations = ()


@dataclass(frozen=True, slots=True)
class WordTime:
    """When a word sounds. `start` and `end` are offsets into the utterance's text, in characters."""

    start: int
    end: int
    start_seconds: float
    end_seconds: float
