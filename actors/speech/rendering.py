"""One segment from text to checked sound."""

from actors.speech.registry import Engines
from actors.speech.soundness import check_length, is_heard
from app.domain.speech import Utterance
from app.domain.stopping import StopToken
from app.ports import Speech


def render(engines: Engines, utterance: Utterance, stop: StopToken) -> Speech:
    """Have the voice's engine speak the utterance, and check what comes back.

    A `Speech` without samples and words is the answer to a text without letters that gives no sound.

    Raises:
      SegmentSilent: the text has letters or digits, and gives no sound.
      EngineFailed: the sound is none, or is absurdly long or short; `actors.speech.soundness` has the bounds.
      SpeechError: what the engine raises, the reason of `stop` among it.
    """
    stop.raise_if_stopped()
    engine = engines.engine_for(utterance.voice)
    speech = engine.synthesize(utterance, stop)
    stop.raise_if_stopped()
    if not is_heard(engine.name, utterance, speech.samples):
        return Speech(speech.samples[:0], speech.sample_rate, ())
    check_length(engine.name, utterance, speech.samples, speech.sample_rate)
    return speech
