"""Everything that can go wrong with a task, in one tree.

    SpeechError
      IllegalMove            a state that the task cannot go to from where it is
      PermanentError         trying again cannot help
        NothingToSay         the text gave no sound at all
        PhonemesUnknown      the text gives a word phonemes that the voice does not know
        VoiceUnavailable     the voice, or the model it needs, is not here
        EngineMissing        the engine, or a library it needs, is not here
        WorkerLost           every worker that took the work died or hung
      TransientError         the next attempt may succeed
        SegmentTimeout       one segment took longer than TTS_GENERATION_TIMEOUT
        EngineFailed         the engine answered with an error
        SegmentSilent        a text with letters gave no sound
        AudioMissing         a stored segment is gone or damaged
        StorageTrouble       the disk is full, read-only or out of reach
        UnexpectedError      anything that nobody foresaw
      Cancelled              stopped by a person or a client; neither failed nor retried

`type` names the kind of error to clients and in the results store; it never changes.
"""

from typing import ClassVar


class SpeechError(Exception):
    """The root of the tree. `str(error)` tells what happened and what to do about it."""

    type: ClassVar[str] = "speech-error"
    title: ClassVar[str] = "Speech failed"
    permanent: ClassVar[bool] = False


class IllegalMove(SpeechError):
    type = "illegal-move"
    title = "The task's state forbids this"

    def __init__(self, current: str, wanted: str) -> None:
        super().__init__(f"A task that is {current} cannot become {wanted}.")
        self.current = current
        self.wanted = wanted


class PermanentError(SpeechError):
    permanent = True


class NothingToSay(PermanentError):
    type = "nothing-to-say"
    title = "Nothing to say"


class PhonemesUnknown(PermanentError):
    type = "phonemes-unknown"
    title = "Phonemes the voice does not know"


class VoiceUnavailable(PermanentError):
    type = "voice-unavailable"
    title = "The voice is not available"


class EngineMissing(PermanentError):
    type = "engine-missing"
    title = "The speech engine is not installed"


class WorkerLost(PermanentError):
    type = "worker-lost"
    title = "Workers died on this work"


class TransientError(SpeechError):
    pass


class SegmentTimeout(TransientError):
    type = "segment-timeout"
    title = "A segment took too long"


class EngineFailed(TransientError):
    type = "engine-failed"
    title = "The speech engine failed"


class SegmentSilent(TransientError):
    type = "segment-silent"
    title = "A text with letters gave no sound"


class AudioMissing(TransientError):
    type = "audio-missing"
    title = "Stored audio is missing"


class StorageTrouble(TransientError):
    type = "storage-trouble"
    title = "The disk is full or cannot be written"


class UnexpectedError(TransientError):
    type = "unexpected-error"
    title = "Something unexpected happened"


class Cancelled(SpeechError):
    type = "cancelled"
    title = "Cancelled"
