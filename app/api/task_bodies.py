"""A task as every route returns it."""

from typing import Any, Self, cast

from pydantic import BaseModel, ConfigDict, Field

from app.api.examples import EXAMPLE_TASK
from app.api.lexicon_bodies import LexiconRefBody
from app.api.speech_bodies import PriorityName
from app.api.times import Timestamp, optional_timestamp, timestamp
from app.domain.audio_formats import AudioFormat
from app.domain.states import TaskState
from app.domain.tasks import Book, Dropped, FinishedAudio, Item, SegmentRef, Task, TaskError
from app.results.reading import LISTED_ITEMS, LISTED_JSON_CHARACTERS
from app.services.read_tasks import eta_seconds

_LONG = f"In a list `{{}}` where it is longer than {LISTED_JSON_CHARACTERS} characters as JSON."


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SegmentBody(_Body):
    """Which segment an error is about; `text` is its start."""

    item: int
    index: int
    text: str


class ErrorBody(_Body):
    """Why an attempt failed. `type` is one of the table in docs/api.md."""

    type: str
    title: str
    detail: str
    attempt: int
    at: Timestamp
    segment: SegmentBody | None

    @classmethod
    def of(cls, error: TaskError) -> Self:
        return cls(
            type=error.type,
            title=error.title,
            detail=error.detail,
            attempt=error.attempt,
            at=timestamp(error.at),
            segment=_segment(error.segment),
        )


class AudioBody(_Body):
    """A finished file. `bytes` is its size, `sha256` its content's digest in hex."""

    url: str
    format: AudioFormat
    duration_seconds: float
    bytes: int
    sample_rate: int
    sha256: str

    @classmethod
    def at(cls, url: str, audio: FinishedAudio) -> Self:
        return cls(
            url=url,
            format=audio.format,
            duration_seconds=audio.duration_seconds,
            bytes=audio.bytes,
            sample_rate=audio.sample_rate,
            sha256=audio.sha256,
        )


class CaptionsBody(_Body):
    """Where a finished item's captions are; null where it was finished by a version that kept none."""

    srt: str
    vtt: str
    json_: str = Field(alias="json")

    @classmethod
    def of(cls, task: Task, index: int) -> Self:
        address = f"/tasks/{task.id}/items/{index}/captions"
        return cls(srt=f"{address}.srt", vtt=f"{address}.vtt", json=f"{address}.json")


class DroppedBody(_Body):
    """A span of the text (offsets in characters, the end excluded) that gave no sound, and why."""

    start: int
    end: int
    text: str
    reason: str

    @classmethod
    def of(cls, dropped: Dropped) -> Self:
        return cls(start=dropped.start, end=dropped.end, text=dropped.text, reason=dropped.reason)


class ItemView(_Body):
    """One text of a task. In lists `text` holds its first 500 characters; `text_truncated` says so."""

    index: int
    state: TaskState
    text: str
    text_characters: int = Field(description="Length of the whole text, in characters.")
    text_truncated: bool
    voice: str
    speed: float
    volume: float
    format: AudioFormat
    lexicon: LexiconRefBody | None
    metadata: dict[str, Any] = Field(description=_LONG.format("{}"))
    audio: AudioBody | None
    captions: CaptionsBody | None
    dropped: list[DroppedBody] = Field(description=_LONG.format("[]"))
    error: ErrorBody | None

    @classmethod
    def of(cls, task: Task, item: Item) -> Self:
        return cls(
            index=item.index,
            state=item.state,
            text=item.text,
            text_characters=item.text_characters,
            text_truncated=len(item.text) < item.text_characters,
            voice=item.voice,
            speed=item.speed,
            volume=item.volume,
            format=item.format,
            lexicon=LexiconRefBody.of(item.lexicon) if item.lexicon else None,
            metadata=dict(item.metadata),
            audio=AudioBody.at(f"/tasks/{task.id}/items/{item.index}/audio", item.audio) if item.audio else None,
            captions=CaptionsBody.of(task, item.index) if item.captions_sha256 else None,
            dropped=[DroppedBody.of(span) for span in item.dropped],
            error=ErrorBody.of(item.error) if item.error else None,
        )


class ChapterBody(_Body):
    """An item as a chapter; `start_seconds` is when its first sound is in the book's file, null before it is bound."""

    index: int
    title: str
    start_seconds: float | None


class BookView(_Body):
    """What binds the items into one file; `audio` is that file, once it is there."""

    title: str
    author: str | None
    language: str | None
    chapters: list[ChapterBody] = Field(description=f"One for each item; in a list only the first {LISTED_ITEMS}.")
    audio: AudioBody | None

    @classmethod
    def of(cls, task: Task, book: Book) -> Self:
        starts = book.starts or (None,) * len(book.about.chapters)
        return cls(
            title=book.about.title,
            author=book.about.author,
            language=book.about.language,
            chapters=[
                ChapterBody(index=index, title=title, start_seconds=start)
                for index, (title, start) in enumerate(zip(book.about.chapters, starts, strict=True))
            ][: len(task.items)],
            audio=AudioBody.at(f"/tasks/{task.id}/audio", book.audio) if book.audio else None,
        )


class ProgressBody(_Body):
    """Sums over all items. Before a text is planned it has no segments yet."""

    segments_done: int
    segments_total: int
    audio_seconds: float
    eta_seconds: float | None = Field(description="How long it will take from now; null where the task is finished.")


class LinksBody(_Body):
    """`audio` is null where the task has several items that no `book` makes one file: take each item's own."""

    self_: str = Field(alias="self")
    audio: str | None
    events: str


class TaskBody(_Body):
    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_TASK]})

    task_id: str
    state: TaskState
    priority: PriorityName
    attempts: int
    created_at: Timestamp
    updated_at: Timestamp
    started_at: Timestamp | None
    finished_at: Timestamp | None
    expires_at: Timestamp | None = Field(
        description="From then on the task and its audio may be gone; null while it is unfinished, or is kept."
    )
    progress: ProgressBody
    item_count: int = Field(description="How many items the task has.")
    items: list[ItemView] = Field(description=f"All items; in a list only the first {LISTED_ITEMS}.")
    book: BookView | None = Field(description="Where the items are the chapters of one file; else null.")
    error: ErrorBody | None
    links: LinksBody

    @classmethod
    def of(cls, task: Task, now: float) -> Self:
        """The task as it is at `now`, in seconds since the Unix epoch."""
        left = eta_seconds(task, now)
        address = f"/tasks/{task.id}"
        priority = cast(PriorityName, task.priority.name.lower())
        return cls(
            task_id=task.id,
            state=task.state,
            priority=priority,
            attempts=task.attempts,
            created_at=timestamp(task.created_at),
            updated_at=timestamp(task.updated_at),
            started_at=optional_timestamp(task.started_at),
            finished_at=optional_timestamp(task.finished_at),
            expires_at=optional_timestamp(task.expires_at),
            progress=ProgressBody(
                segments_done=task.progress.segments_done,
                segments_total=task.progress.segments_total,
                audio_seconds=round(task.progress.audio_seconds, 3),
                eta_seconds=None if left is None else round(left, 1),
            ),
            item_count=task.item_count,
            items=[ItemView.of(task, item) for item in task.items],
            book=BookView.of(task, task.book) if task.book else None,
            error=ErrorBody.of(task.error) if task.error else None,
            links=LinksBody(
                self=address,
                audio=f"{address}/audio" if task.item_count == 1 or task.book else None,
                events=f"{address}/events",
            ),
        )


class TaskListBody(_Body):
    tasks: list[TaskBody]
    next_cursor: str | None = Field(description="`cursor` of the next page; null on the last.")


def _segment(segment: SegmentRef | None) -> SegmentBody | None:
    return SegmentBody(item=segment.item, index=segment.index, text=segment.text) if segment else None
