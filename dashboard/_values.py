"""What the pages show, as plain frozen values. Times are milliseconds since the Unix epoch."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

State = Literal["pending", "processing", "retryable", "completed", "cancelled", "discarded"]

STATES: Mapping[State, str] = MappingProxyType(
    {
        "pending": "accepted, on disk",
        "processing": "a worker has begun",
        "retryable": "an attempt failed, the next is scheduled",
        "completed": "all audio is stored",
        "cancelled": "stopped by a person or a client",
        "discarded": "given up, with the reason",
    }
)
"""Every state in the order of its tab, and what it means."""

FINISHED: frozenset[State] = frozenset({"completed", "cancelled", "discarded"})


@dataclass(frozen=True, slots=True)
class Count:
    """How many tasks; `more` where counting stopped there and the true number is larger."""

    number: int
    more: bool = False


@dataclass(frozen=True, slots=True)
class TaskQuery:
    """Which tasks, newest first: all that are set must hold. `text` is sought in texts and ids, `error` in the words
    of the error; `id` is how the id begins."""

    state: State | None = None
    text: str | None = None
    voice: str | None = None
    id: str | None = None
    error: str | None = None
    cursor: str | None = None
    limit: int = 30

    @property
    def is_search(self) -> bool:
        return any((self.text, self.voice, self.id, self.error))


@dataclass(frozen=True, slots=True)
class TaskLine:
    """A task as one line of a list. `text` is the beginning of its first text; `wait_seconds` is how long it waited
    until a worker began, None where it still waits; `audio_url` plays its first text, None before it is done."""

    id: str
    state: State
    text: str
    voice: str
    items: int
    characters: int
    segments_done: int
    segments_total: int
    audio_seconds: float
    attempts: int
    created_at: int
    wait_seconds: float | None = None
    audio_url: str | None = None
    attempts_allowed: int | None = None


@dataclass(frozen=True, slots=True)
class TaskPage:
    """One page of a list. `counts` are those of all tasks, None where the list is of a search. `searched` is how many
    tasks were read for the page where the search may find more further back.

    `last_change` is the id of the last transition that this page knows of: a live page goes on from there.
    `events_url` streams `task.changed` events whose ids are transition ids; it takes `last_event_id` in its query.
    """

    lines: tuple[TaskLine, ...]
    next_cursor: str | None
    counts: Mapping[State, Count] | None
    last_change: int
    events_url: str
    searched: int | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """Why an attempt failed: `detail` says what happened and what to do, `segment` what was to be said."""

    title: str
    detail: str
    attempt: int
    at: int
    segment: str | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """One move of a task."""

    id: int
    from_state: State | None
    to_state: State
    at: int
    attempt: int
    worker: str | None = None
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class DroppedSpan:
    """A span of the text, `[start, end)` in characters, that gave no sound, and why."""

    start: int
    end: int
    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class AudioFile:
    """A finished file. `sha256` is the hex digest of its content, `bytes` its size."""

    url: str
    format: str
    duration_seconds: float
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ItemView:
    index: int
    state: State
    text: str
    voice: str
    speed: float
    volume: float
    format: str
    segments_done: int = 0
    segments_total: int = 0
    audio_seconds: float = 0.0
    audio: AudioFile | None = None
    follow_url: str | None = None
    """Its sound while it is made."""
    peaks_url: str | None = None
    captions_url: str | None = None
    """The words with their times, without the suffix: `.json`, `.srt` and `.vtt` are there."""
    text_hidden: bool = False
    dropped: tuple[DroppedSpan, ...] = ()
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class TaskView:
    """One task with all of its moves, the oldest first; `last_change` and `events_url` as in `TaskPage`."""

    id: str
    state: State
    priority: str
    attempts: int
    created_at: int
    started_at: int | None
    finished_at: int | None
    items: tuple[ItemView, ...]
    moments: tuple[Moment, ...]
    may_cancel: bool
    may_retry: bool
    may_delete: bool
    last_change: int
    events_url: str
    fault: Fault | None = None
    eta_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class SpeakForm:
    """What somebody asks to be spoken, as typed: unchecked. `mix` are further voices, `weights` one for each voice."""

    text: str = ""
    voice: str = ""
    format: str = ""
    speed: str = ""
    priority: str = ""
    mix: tuple[str, ...] = ()
    weights: tuple[str, ...] = ()

    @property
    def mixed(self) -> str:
        """The voice or mix as the service spells it: `af_bella:2+af_sky`."""
        voices = [voice for voice in (self.voice, *self.mix) if voice]
        if len(voices) <= 1:
            return self.voice
        weights = (*self.weights, *[""] * len(voices))
        return "+".join(
            f"{voice}:{weight.strip()}" if weight.strip() else voice
            for voice, weight in zip(voices, weights, strict=False)
        )


@dataclass(frozen=True, slots=True)
class VoiceChoice:
    """A voice that can speak here; `language` is its language in words. Only voices of one `engine` mix."""

    id: str
    label: str
    language: str
    sex: str | None = None
    mixes: bool = False
    sample_url: str | None = None


@dataclass(frozen=True, slots=True)
class Choices:
    """What the form offers. The default voice is one of `voices`; the first format is the default one.
    `characters_per_second` is about how fast a voice speaks."""

    voices: tuple[VoiceChoice, ...]
    default_voice: str
    formats: tuple[str, ...]
    priorities: tuple[str, ...] = ("normal", "interactive", "bulk")
    characters_per_second: float = 15.0
    longest_text: int = 1_000_000


Action = Literal["cancel", "retry", "delete"]

ACTIONS: Mapping[Action, tuple[str, str]] = MappingProxyType(
    {
        "cancel": ("Cancel", "cancelled"),
        "retry": ("Run again", "set going again"),
        "delete": ("Delete", "deleted with their audio"),
    }
)
"""What the button says, and what the tasks are then."""
