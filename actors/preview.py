"""Tell how a text would be said."""

from collections.abc import Mapping
from typing import Any

from actors.speech import KokoroPhonemizer, preview
from app.domain.errors import VoiceUnavailable
from app.domain.voices import UnknownVoice, VoiceMix


def preview_phonemes(question: Mapping[str, Any], phonemizer: KokoroPhonemizer) -> Mapping[str, Any]:
    """The phonemes of the question's `text` for its `voice`, with its `pronunciations`.

    Raises:
      EngineMissing, VoiceUnavailable: what the language needs is not here.
    """
    try:
        voice = VoiceMix.parse(question["voice"])
    except UnknownVoice as error:
        raise VoiceUnavailable(str(error)) from error
    pronunciations = tuple((word, said) for word, said in question["pronunciations"])
    return preview(phonemizer, question["text"], voice, pronunciations).to_json()
