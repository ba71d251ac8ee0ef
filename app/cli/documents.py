"""What the service answers, as the command line reads it (docs/api.md)."""

from typing import TypedDict


class ErrorDocument(TypedDict):
    type: str
    title: str
    detail: str


class ProgressDocument(TypedDict):
    segments_done: int
    segments_total: int
    audio_seconds: float
    eta_seconds: float | None


class AudioDocument(TypedDict):
    url: str
    format: str
    duration_seconds: float
    bytes: int
    sample_rate: int
    sha256: str


class ItemDocument(TypedDict):
    index: int
    state: str
    text: str
    voice: str
    speed: float
    volume: float
    format: str
    audio: AudioDocument | None
    error: ErrorDocument | None


class BookDocument(TypedDict):
    title: str
    audio: AudioDocument | None


class TaskDocument(TypedDict):
    task_id: str
    state: str
    priority: str
    attempts: int
    created_at: str
    updated_at: str
    started_at: str | None
    finished_at: str | None
    progress: ProgressDocument
    item_count: int
    items: list[ItemDocument]
    book: BookDocument | None
    error: ErrorDocument | None


class PageDocument(TypedDict):
    tasks: list[TaskDocument]
    next_cursor: str | None


class OutcomeDocument(TypedDict):
    action: str
    dry_run: bool
    matched: int
    changed: int
    skipped: int


class VoiceDocument(TypedDict):
    id: str
    name: str
    language: str
    gender: str | None
    grade: str | None
    engine: str
    available: bool
    why_not: str | None


class LexiconHeadingDocument(TypedDict):
    name: str
    revision: int
    version: str
    entry_count: int
    created_at: str
    updated_at: str


class LexiconDocument(LexiconHeadingDocument):
    entries: dict[str, str]
