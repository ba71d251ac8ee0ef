"""A task and its parts, as the results store gives them out. Times are milliseconds since the Unix epoch."""

from collections.abc import Iterable, Mapping
from dataclasses import KW_ONLY, dataclass
from enum import IntEnum, StrEnum
from typing import Self

from app.domain.access import NOBODY
from app.domain.audio_formats import AudioFormat
from app.domain.ids import TaskId
from app.domain.lexicons import ChosenLexicon, LexiconRef
from app.domain.pronunciations import Pronunciations
from app.domain.states import TaskState
from app.domain.voices import ESPEAK_PREFIX


class Priority(IntEnum):
    """Who goes first: the lower number."""

    INTERACTIVE = 0
    NORMAL = 10
    BULK = 20


class SegmentKind(StrEnum):
    SPEECH = "speech"
    PAUSE = "pause"
    DROP = "drop"


class SegmentState(StrEnum):
    PENDING = "pending"
    RENDERED = "rendered"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True)
class ItemRequest:
    """One text that is to be spoken, already checked. `voice` is a canonical voice or mix."""

    text: str
    voice: str
    speed: float = 1.0
    volume: float = 1.0
    format: AudioFormat = AudioFormat.WAV
    metadata: Mapping[str, object] | None = None
    lexicon: ChosenLexicon | None = None


@dataclass(frozen=True, slots=True)
class BookRequest:
    """The items as chapters of one m4b file. `chapters` has a title for each; `language` is a BCP 47 tag."""

    title: str
    author: str | None
    language: str | None
    chapters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SpeechRequest:
    items: tuple[ItemRequest, ...]
    priority: Priority = Priority.NORMAL
    _: KW_ONLY  # an owner and an address look alike
    webhook_url: str | None = None
    owner: str = NOBODY
    book: BookRequest | None = None


@dataclass(frozen=True, slots=True)
class SegmentRef:
    """Which segment an error is about; `text` is the start of what it was to say."""

    item: int
    index: int
    text: str


@dataclass(frozen=True, slots=True)
class TaskError:
    """Why an attempt failed: `type` is stable, `detail` says what happened and what to do."""

    type: str
    title: str
    detail: str
    attempt: int
    at: int
    segment: SegmentRef | None = None


@dataclass(frozen=True, slots=True)
class Dropped:
    """A span of the original text (offsets in characters) that gave no sound, and why."""

    start: int
    end: int
    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class FinishedAudio:
    """A finished file. `bytes` is its size, `sha256` the hex digest of its content."""

    format: AudioFormat
    duration_seconds: float
    bytes: int
    sample_rate: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Book:
    """What makes a task's items one file. `starts` says, in seconds, when each chapter of the bound `audio` begins."""

    about: BookRequest
    audio: FinishedAudio | None = None
    starts: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Item:
    index: int
    state: TaskState
    text: str
    text_characters: int
    voice: str
    speed: float
    volume: float
    format: AudioFormat
    metadata: Mapping[str, object]
    segments_total: int
    segments_done: int
    characters_done: int
    audio_seconds: float
    takes: int
    audio: FinishedAudio | None
    captions_sha256: str | None
    lexicon: LexiconRef | None
    dropped: tuple[Dropped, ...]
    error: TaskError | None


@dataclass(frozen=True, slots=True)
class TaskProgress:
    """Sums over all items of a task. `espeak_characters_left` are those left that espeak is to speak."""

    segments_done: int
    segments_total: int
    audio_seconds: float
    characters: int
    characters_done: int
    espeak_characters_left: int

    @classmethod
    def of(cls, items: Iterable[Item]) -> Self:
        known = tuple(items)
        return cls(
            segments_done=sum(item.segments_done for item in known),
            segments_total=sum(item.segments_total for item in known),
            audio_seconds=sum(item.audio_seconds for item in known),
            characters=sum(item.text_characters for item in known),
            characters_done=sum(item.characters_done for item in known),
            espeak_characters_left=sum(
                item.text_characters - item.characters_done for item in known if item.voice.startswith(ESPEAK_PREFIX)
            ),
        )

    @property
    def characters_left(self) -> int:
        return self.characters - self.characters_done


@dataclass(frozen=True, slots=True)
class Task:
    """`run` counts how often a person set it going, `attempts` how often a worker began or began again.

    From `expires_at` on a finished task may be gone at any moment; None where it is kept, or not finished.
    `items` may be only the first of the `item_count` that there are; `progress` is always of all.
    """

    id: TaskId
    state: TaskState
    priority: Priority
    run: int
    attempts: int
    version: int
    created_at: int
    updated_at: int
    started_at: int | None
    finished_at: int | None
    expires_at: int | None
    items: tuple[Item, ...]
    item_count: int
    progress: TaskProgress
    error: TaskError | None
    book: Book | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """A span of an item's original text, `[start, end)` in characters, and what is to sound for it.

    `content` is what the engine is given, with the `pronunciations` of words in it; `key` is the hash of everything that decides the sound.
    """

    item: int
    index: int
    place: int
    start: int
    end: int
    kind: SegmentKind
    content: str
    pause_seconds: float
    state: SegmentState
    key: str | None
    attempts: int
    audio_seconds: float
    pronunciations: Pronunciations


@dataclass(frozen=True, slots=True)
class Transition:
    """One move of one task; `id` grows with every move of any task and is the event stream's cursor.
    `owner` is whose task it is."""

    id: int
    task_id: TaskId
    from_state: TaskState | None
    to_state: TaskState
    at: int
    attempt: int
    worker: str | None
    detail: Mapping[str, object]
    owner: str = NOBODY
