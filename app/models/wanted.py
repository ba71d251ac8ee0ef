"""What a person wants of the models: a precision, and voices by their languages."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.domain.kokoro_voices import KOKORO_LANGUAGES, KOKORO_VOICES
from app.domain.model_files import KOKORO_PRECISIONS, Precision, kokoro_model
from app.models.assets import Asset, KokoroFile
from app.models.errors import UnknownLanguage

_MACROLANGUAGES = {"zh": "cmn"}
_ENGLISH = frozenset("ab")


@dataclass(frozen=True, slots=True)
class Wanted:
    precision: Precision
    voices: Sequence[str] = tuple(KOKORO_VOICES)

    def has(self, asset: Asset) -> bool:
        if not isinstance(asset, KokoroFile):
            return any(voice[0] in _ENGLISH for voice in self.voices)
        if asset.precision is not None:
            return asset.precision is self.precision
        return asset.voice is None or asset.voice in self.voices


def voices_of_languages(text: str) -> Sequence[str]:
    """The voices of a list of BCP 47 tags such as `en,fr`: `en` takes `en-us` and `en-gb`, `zh` takes `cmn`.

    Raises:
      UnknownLanguage: Kokoro does not speak it; the message lists those it speaks.
    """
    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    letters: set[str] = set()
    for name in names:
        tag = _MACROLANGUAGES.get(name, name)
        spoken = {letter for letter, language in KOKORO_LANGUAGES.items() if f"{language}-".startswith(f"{tag}-")}
        if not spoken:
            raise UnknownLanguage(_languages(f"Kokoro does not speak {name!r}."))
        letters |= spoken
    if not letters:
        raise UnknownLanguage(_languages("An empty list chooses no language."))
    return [voice for voice in KOKORO_VOICES if voice[0] in letters]


def precision_here(model_dir: Path) -> Precision:
    """That of the model that workers load, so that one more voice does not fetch another model; else fp32."""
    used = kokoro_model(model_dir)
    here = [precision for precision, file in KOKORO_PRECISIONS.items() if used and used.match(file)]
    return here[0] if here else Precision.FP32


def _languages(problem: str) -> str:
    return f"{problem} Its languages: {', '.join(KOKORO_LANGUAGES.values())}."
