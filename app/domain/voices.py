"""Voices: what each is called, what language it speaks, which engine speaks it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from fractions import Fraction
from math import gcd, lcm
from typing import Self

from app.domain.espeak_languages import ESPEAK_LANGUAGES
from app.domain.kokoro_voices import KOKORO_LANGUAGES, KOKORO_VOICES

ESPEAK_PREFIX = "espeak-"
BEST_ESPEAK_VOICE = "espeak-en-us"
BEST_KOKORO_VOICE = "af_heart"

MAX_WEIGHT = 1_000_000_000
"""No voice of a mix weighs more than this, as a whole number beside the others."""

_PART = re.compile(r"(?P<voice>[A-Za-z0-9_-]{1,64})(?::(?P<weight>[0-9]{1,4}\.[0-9]{1,4}|[0-9]{1,10}))?")


@dataclass(frozen=True, slots=True)
class Voice:
    """One voice of the catalogue.

    `language` is a BCP 47 tag, `gender` `female`, `male` or None, `grade` the quality that the model's
    authors give their voice (A to F+), `engine` `kokoro` or `espeak`.
    """

    id: str
    name: str
    language: str
    gender: str | None
    grade: str | None
    engine: str


def _catalogue() -> dict[str, Voice]:
    kokoro = (
        Voice(
            id=voice,
            name=voice[3:].capitalize(),
            language=KOKORO_LANGUAGES[voice[0]],
            gender="female" if voice[1] == "f" else "male",
            grade=grade,
            engine="kokoro",
        )
        for voice, grade in KOKORO_VOICES.items()
    )
    espeak = (
        Voice(
            id=ESPEAK_PREFIX + tag,
            name=name,
            language=tag,
            gender=None,
            grade=None,
            engine="espeak",
        )
        for tag, name in ESPEAK_LANGUAGES.items()
    )
    return {voice.id: voice for voice in (*kokoro, *espeak)}


CATALOGUE = _catalogue()


class UnknownVoice(ValueError):
    """No voice of that name is in the catalogue, or the voices of a mix do not go together."""


@dataclass(frozen=True, slots=True)
class VoiceMix:
    """One voice, or several of one language with weights that sum to 1.

    `name` is canonical: the same sound has the same name, and parsing it gives the same mix again.
    """

    parts: tuple[tuple[Voice, float], ...]
    name: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """The mix that `text` names, such as `af_heart` or `af_bella:2+af_sky:1`.

        Raises:
          UnknownVoice: a part is not in the catalogue, has no weight above zero, or speaks another language.
        """
        weights: dict[str, Fraction] = {}
        for part in text.split("+"):
            match = _PART.fullmatch(part.strip())
            if match is None or match["voice"] not in CATALOGUE:
                raise UnknownVoice(_no_such_voice(part.strip()[:80]))
            weight = Fraction(match["weight"] or 1)
            if weight <= 0:
                raise UnknownVoice(f"The weight of {match['voice']!r} must be above zero.")
            weights[match["voice"]] = weights.get(match["voice"], Fraction(0)) + weight
        voices = [CATALOGUE[name] for name in weights]
        if len(voices) > 1:
            if any(voice.engine == "espeak" for voice in voices):
                raise UnknownVoice("espeak voices cannot be mixed; name one, or mix Kokoro voices.")
            if len({voice.language for voice in voices}) > 1:
                raise UnknownVoice("A mix needs voices of one language.")
        total = sum(weights.values())
        parts = tuple((voice, float(weights[voice.id] / total)) for voice in voices)
        return cls(parts, _canonical_name(weights))

    @property
    def engine(self) -> str:
        return self.parts[0][0].engine

    @property
    def language(self) -> str:
        return self.parts[0][0].language

    def as_voice(self) -> Voice:
        """The voice itself, or the mix as a voice of its own: of a gender where all of its voices are, of no grade."""
        voices = [voice for voice, _ in self.parts]
        if len(voices) == 1:
            return voices[0]
        names = (CATALOGUE[part.partition(":")[0]].name + " " + part.partition(":")[2] for part in self.name.split("+"))
        genders = {voice.gender for voice in voices}
        gender = genders.pop() if len(genders) == 1 else None
        return Voice(self.name, " + ".join(names), self.language, gender, None, self.engine)

    def __str__(self) -> str:
        return self.name


def _no_such_voice(name: str) -> str:
    like = get_close_matches(name.partition(":")[0].strip().lower(), CATALOGUE, n=1)
    meant = f" Did you mean {like[0]}?" if like else ""
    return f"There is no voice {name!r}.{meant} GET /tts/voices lists them."


def _canonical_name(weights: Mapping[str, Fraction]) -> str:
    """The voices in the order of their ids, their weights as the smallest whole numbers of the same ratio."""
    if len(weights) == 1:
        return next(iter(weights))
    scale = lcm(*(weight.denominator for weight in weights.values()))
    whole = {voice: int(weight * scale) for voice, weight in weights.items()}
    divisor = gcd(*whole.values())
    if max(whole.values()) // divisor > MAX_WEIGHT:
        raise UnknownVoice("The weights of the mix are too far apart; leave out the voice that would not be heard.")
    return "+".join(f"{voice}:{whole[voice] // divisor}" for voice in sorted(whole))
