"""The name of a segment's sound."""

import hashlib
import json

from app.domain.pronunciations import occurring
from app.domain.speech import Utterance

_VERSION = 1
"""Rises when the same engine, given the same utterance, would be asked or post-processed in another way."""


def segment_key(engine_fingerprint: str, utterance: Utterance) -> str:
    """SHA-256, as 64 hex digits, of everything that decides the sound: the same key, the same file.

    `engine_fingerprint` is `SpeechEngine.fingerprint` of the utterance's voice. Of the pronunciations only those of
    words in the text count: a lexicon may grow without a book being rendered anew.
    """
    parts: dict[str, object] = {
        "version": _VERSION,
        "engine": engine_fingerprint,
        "voice": str(utterance.voice),
        "language": utterance.voice.language,
        "speed": f"{utterance.speed:.6f}",
        "text": utterance.text,
        "phonemes": utterance.phonemes,
    }
    if spoken := occurring(utterance.text, utterance.pronunciations):
        parts["pronunciations"] = spoken
    canonical = json.dumps(parts, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
