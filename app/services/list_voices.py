"""Which voices there are, which of them can speak here, and which one speaks where none is named."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.domain.errors import VoiceUnavailable
from app.domain.model_files import kokoro_checkpoint, kokoro_folder, kokoro_model, kokoro_voice
from app.domain.voices import (
    BEST_ESPEAK_VOICE,
    BEST_KOKORO_VOICE,
    CATALOGUE,
    Voice,
    VoiceMix,
)


@dataclass(frozen=True, slots=True)
class ListedVoice:
    """A voice, and `why_not` it cannot speak here (None where it can), with what to do about it."""

    voice: Voice
    why_not: str | None


class VoiceDirectory:
    """Answers from the catalogue and from what lies in the model folder; loads nothing."""

    def __init__(self, model_dir: Path, engine: str) -> None:
        self._model_dir = model_dir
        self._engine = engine

    def all(self) -> Sequence[ListedVoice]:
        return [ListedVoice(voice, self.why_not(voice)) for voice in CATALOGUE.values()]

    def find(self, voice_id: str) -> ListedVoice:
        """The voice, or the mix of voices, of that name.

        Raises:
          UnknownVoice: there is none.
        """
        mix = VoiceMix.parse(voice_id)
        reasons = (self.why_not(voice) for voice, _ in mix.parts)
        return ListedVoice(mix.as_voice(), next((reason for reason in reasons if reason is not None), None))

    def why_not(self, voice: Voice) -> str | None:
        if voice.engine == "espeak":
            return None
        if self._engine == "kokoro":
            if kokoro_checkpoint(self._model_dir) is None:
                return (
                    f"Kokoro's weights for PyTorch are not in {self._model_dir}. "
                    "Copy them there (docs/speech.md says from where), or take an espeak voice."
                )
        elif kokoro_model(self._model_dir) is None:
            return (
                f"There is no Kokoro model in {kokoro_folder(self._model_dir)}. "
                "Fetch it with `sayathing models pull` (docs/speech.md), or take an espeak voice."
            )
        path = kokoro_voice(self._model_dir, voice.id)
        if path.is_file():
            return None
        return f"The voice's file {path} is missing. Fetch it with `sayathing models pull`."

    def default(self) -> VoiceMix:
        """The best voice that can speak here."""
        return self.either(BEST_KOKORO_VOICE, BEST_ESPEAK_VOICE)

    def either(self, kokoro: str, espeak: str) -> VoiceMix:
        """The voice `kokoro` where the settings want Kokoro, or leave it open and it can speak here; else `espeak`."""
        best = VoiceMix.parse(kokoro)
        wants_kokoro = self._engine in ("kokoro-onnx", "kokoro") or (self._engine == "auto" and self._ready(best))
        return best if wants_kokoro else VoiceMix.parse(espeak)

    def choose(self, text: str | None) -> VoiceMix:
        """The voice or mix that `text` names, or the default.

        Raises:
          UnknownVoice: there is no such voice.
          VoiceUnavailable: it cannot speak here; the message says what to do.
        """
        mix = VoiceMix.parse(text) if text is not None else self.default()
        self.check(mix)
        return mix

    def check(self, mix: VoiceMix) -> None:
        """
        Raises:
          VoiceUnavailable: a voice of the mix cannot speak here; the message says what to do.
        """
        for voice, _ in mix.parts:
            if (reason := self.why_not(voice)) is not None:
                raise VoiceUnavailable(reason)

    def _ready(self, mix: VoiceMix) -> bool:
        return all(self.why_not(voice) is None for voice, _ in mix.parts)
