"""Speak a voice's sample."""

from collections.abc import Mapping
from typing import Any

import structlog

from actors.synthesize import spoken
from actors.workbench import Workbench
from app.domain.audio_formats import SAMPLE_FORMAT
from app.domain.errors import NothingToSay, VoiceUnavailable
from app.domain.sample_texts import sample_text
from app.domain.speech import Utterance
from app.domain.voices import UnknownVoice, VoiceMix
from app.sound import Evenness, Level, Sound, assemble

log = structlog.get_logger(__name__)


def speak_sample(question: Mapping[str, Any], bench: Workbench) -> Mapping[str, Any]:
    """Have the sample of the question's `voice` lie in the audio store under its `key`.

    Raises:
      SpeechError: as the engine's port says.
    """
    key = question["key"]
    if bench.audio.read_sample(key) is not None:
        return {"key": key}  # another worker was asked before
    try:
        voice = VoiceMix.parse(question["voice"])
    except UnknownVoice as error:
        raise VoiceUnavailable(str(error)) from error
    segment, seconds = spoken(Utterance(sample_text(voice.language), voice), bench)
    if not seconds:
        raise NothingToSay("The voice has no sound for its sample.")
    stored = bench.audio.read_segment(segment)
    sound = Sound(stored.wav, Evenness().gain(Level(stored.lufs, stored.seconds)))
    with bench.audio.writing_sample(key) as draft:
        assemble([sound], draft, format=SAMPLE_FORMAT, sample_rate=stored.sample_rate, volume=1.0)
    log.info("sample_spoken", voice=str(voice), audio_seconds=round(seconds, 3))
    return {"key": key}
