"""What the services and the actors need from the world, as Protocols."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from app.domain.audio_formats import AudioFormat
from app.domain.events import Event
from app.domain.ids import TaskId
from app.domain.speech import Utterance, WordTime
from app.domain.stopping import StopToken
from app.domain.voices import VoiceMix

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Samples = npt.NDArray[np.float32]


class Clock(Protocol):
    def __call__(self) -> float:
        """Seconds since the Unix epoch."""


class Transaction(Protocol):
    """An open write transaction on the file or server that holds the results."""

    def execute(self, sql: str, parameters: Sequence[object]) -> None:
        """Run one statement of the driver's own SQL, with positional parameters, in this transaction."""

    def after_commit(self, action: Callable[[], None]) -> None:
        """Have `action` called once the transaction is on disk, and once only however often it is given; never where
        the transaction is rolled back."""


class EventPublisher(Protocol):
    def publish(self, events: Sequence[Event], transaction: Transaction) -> None:
        """Make the events part of the transaction: they are delivered if, and only if, it commits."""


@dataclass(frozen=True, slots=True)
class Speech:
    """What an engine made of an utterance.

    `samples` is mono float32 of shape (n,), within -1 to 1, at `sample_rate` samples a second. No samples
    at all means that the engine found nothing in the text that it could say.
    """

    samples: Samples
    sample_rate: int
    words: tuple[WordTime, ...]


class SpeechEngine(Protocol):
    """A text-to-speech model. Calls come from several threads; an engine that cannot bear that takes turns."""

    @property
    def name(self) -> str:
        """The engine's stable name, such as `espeak` or `kokoro-onnx`."""

    def fingerprint(self, voice: VoiceMix) -> str:
        """Everything about engine, model and voice that decides the sound; part of a segment's key.

        Raises:
          VoiceUnavailable: the voice is not here, with what to do about it.
        """

    def preload(self, voices: Sequence[VoiceMix]) -> None:
        """Load the model and these voices, so that the first call is as fast as the later ones.

        Raises:
          VoiceUnavailable, EngineMissing
        """

    def synthesize(self, utterance: Utterance, stop: StopToken) -> Speech:
        """Speak one segment, and end early where `stop` says so.

        Raises:
          VoiceUnavailable, EngineMissing: trying again cannot help.
          EngineFailed: the engine answered with an error.
          SpeechError: the reason that `stop` was given.
        """

    def close(self) -> None:
        """Give back the model's memory; a later call loads it again."""


@dataclass(frozen=True, slots=True)
class StoredSegment:
    """A rendered segment as the audio store keeps it: 16-bit mono WAV, its word times, and how loud it is.

    `sample_rate` is in samples a second. `lufs` is None for what is too quiet to be measured.
    """

    wav: Path
    seconds: float
    sample_rate: int
    words: tuple[WordTime, ...]
    lufs: float | None


@dataclass(frozen=True, slots=True)
class CacheSize:
    """What the rendered segments take on the disk, as it was at `measured_at`, in seconds since the Unix epoch.

    `took_seconds` is how long it took to find out.
    """

    segments: int
    bytes: int
    measured_at: float
    took_seconds: float


class AudioStore(Protocol):
    """Segments by content, finished files by task and item. Whatever is found under a name is whole."""

    def write_segment(self, key: str, wav: bytes, words: Sequence[WordTime], *, lufs: float | None) -> None:
        """Keep a rendered segment, with its loudness. Writing the same key again is harmless."""

    def read_segment(self, key: str) -> StoredSegment:
        """
        Raises:
          AudioMissing: there is no segment of that key, or it is damaged.
        """

    def segment_seconds(self, key: str) -> float | None:
        """How long a stored segment lasts; None where it is not there, or damaged. It counts as used now."""

    def drop_segment(self, key: str) -> None:
        """Forget a segment that turned out to be damaged."""

    def trim_segments(self, max_bytes: int, needed: Callable[[], Collection[str]]) -> int:
        """Remove the segments that were not used for longest until the others take no more than `max_bytes`, but
        none of those `needed` and none that was used in the last minutes; how many."""

    def cache_size(self) -> CacheSize | None:
        """What the segments take, as the last `trim_segments` left it; None before the first."""

    def sweep_finished(self, older_than: float, known: Callable[[Sequence[TaskId]], Collection[TaskId]]) -> int:
        """Remove the finished files of tasks that `known` does not give back, last written to before `older_than`,
        in seconds since the Unix epoch; of how many tasks."""

    def writing_finished(self, task_id: TaskId, item: int, format: AudioFormat) -> AbstractContextManager[Path]:
        """A path to write a finished file to: synced and renamed into place when the block ends well."""

    def writing_captions(self, task_id: TaskId, item: int) -> AbstractContextManager[Path]:
        """A path to write an item's words to: synced and renamed into place when the block ends well."""

    def writing_peaks(self, task_id: TaskId, item: int) -> AbstractContextManager[Path]:
        """A path to write an item's waveform to: synced and renamed into place when the block ends well."""

    def writing_sample(self, key: str) -> AbstractContextManager[Path]:
        """A path to write a voice's sample to: synced and renamed into place when the block ends well."""

    def read_sample(self, key: str) -> bytes | None:
        """The sample's file; None where there is none under this key."""

    def writing_book(self, task_id: TaskId) -> AbstractContextManager[Path]:
        """A path to bind a task's items to: synced and renamed into place when the block ends well."""

    def book_path(self, task_id: TaskId) -> Path: ...

    def drop_book(self, task_id: TaskId) -> None:
        """Forget a book that nobody waits for any more; the files of its items stay."""

    def drop_finished(self, task_id: TaskId, item: int, format: AudioFormat) -> None:
        """Forget a finished file that nobody waits for any more, its captions and its waveform."""

    def drop_task(self, task_id: TaskId) -> None:
        """Remove all finished files of a task that is gone. Harmless to repeat."""

    def sweep_drafts(self, older_than: float) -> int:
        """Remove what dead writers left that was last written to before `older_than`, in seconds since the Unix
        epoch; how many."""

    def scratch(self) -> AbstractContextManager[Path]:
        """A path for a file that nobody needs once the block ends."""

    def finished_path(self, task_id: TaskId, item: int, format: AudioFormat) -> Path: ...
