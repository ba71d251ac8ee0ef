"""Rows into values and back: the only place that knows both."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import Row

from app.domain.audio_formats import AudioFormat
from app.domain.ids import TaskId
from app.domain.lexicons import LexiconRef
from app.domain.states import TaskState
from app.domain.tasks import (
    Book,
    BookRequest,
    Dropped,
    FinishedAudio,
    Item,
    Priority,
    Segment,
    SegmentKind,
    SegmentRef,
    SegmentState,
    SpeechRequest,
    Task,
    TaskError,
    TaskProgress,
    Transition,
)


def error_to_json(error: TaskError) -> dict[str, Any]:
    return asdict(error)


def error_from_json(data: Mapping[str, Any] | None) -> TaskError | None:
    if data is None:
        return None
    segment = data.get("segment")
    return TaskError(**{**data, "segment": SegmentRef(**segment) if segment else None})


def audio_of(row: Row[Any]) -> FinishedAudio | None:
    if row.sha256 is None or row.duration_seconds is None or row.bytes is None or row.sample_rate is None:
        return None
    return FinishedAudio(
        format=AudioFormat(row.format),
        duration_seconds=row.duration_seconds,
        bytes=row.bytes,
        sample_rate=row.sample_rate,
        sha256=row.sha256,
    )


def lexicon_of(row: Row[Any]) -> LexiconRef | None:
    if row.lexicon_version is None:
        return None
    return LexiconRef(row.lexicon_version, row.lexicon_name, row.lexicon_revision)


def item_of(row: Row[Any], text: str) -> Item:
    return Item(
        index=row.idx,
        state=TaskState(row.state),
        text=text,
        text_characters=row.characters,
        voice=row.voice,
        speed=row.speed,
        volume=row.volume,
        format=AudioFormat(row.format),
        metadata=row.metadata or {},
        segments_total=row.segments_total,
        segments_done=row.segments_done,
        characters_done=row.characters_done,
        audio_seconds=row.audio_seconds,
        takes=row.takes,
        audio=audio_of(row),
        captions_sha256=row.captions_sha256,
        lexicon=lexicon_of(row),
        dropped=tuple(Dropped(**span) for span in row.dropped or ()),
        error=error_from_json(row.error),
    )


def progress_of(row: Row[Any]) -> TaskProgress:
    return TaskProgress(
        segments_done=row.segments_done,
        segments_total=row.segments_total,
        audio_seconds=row.audio_seconds,
        characters=row.characters,
        characters_done=row.characters_done,
        espeak_characters_left=row.espeak_characters_left,
    )


def book_of(row: Row[Any]) -> Book | None:
    """The book that a row of `tasks` was joined with."""
    if row.book_title is None:
        return None
    about = BookRequest(row.book_title, row.book_author, row.book_language, tuple(row.book_chapters))
    if row.book_sha256 is None:
        return Book(about)
    audio = FinishedAudio(
        AudioFormat.M4B, row.book_duration_seconds, row.book_bytes, row.book_sample_rate, row.book_sha256
    )
    return Book(about, audio, tuple(row.book_starts))


def task_of(
    row: Row[Any], items: tuple[Item, ...], item_count: int, progress: TaskProgress, *, keep_seconds: int
) -> Task:
    """`keep_seconds`: how long the task is kept once it is finished; 0 for ever."""
    return Task(
        id=TaskId(row.id),
        state=TaskState(row.state),
        priority=Priority(row.priority),
        run=row.run,
        attempts=row.attempts,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        expires_at=row.finished_at + keep_seconds * 1000 if row.finished_at and keep_seconds else None,
        items=items,
        item_count=item_count,
        progress=progress,
        error=error_from_json(row.error),
        book=book_of(row),
    )


def pending_task(task_id: TaskId, request: SpeechRequest, now: int) -> Task:
    """The task that a request becomes, as its rows will give it out."""
    items = tuple(
        Item(
            index=index,
            state=TaskState.PENDING,
            text=item.text,
            text_characters=len(item.text),
            voice=item.voice,
            speed=item.speed,
            volume=item.volume,
            format=item.format,
            metadata=dict(item.metadata or {}),
            segments_total=0,
            segments_done=0,
            characters_done=0,
            audio_seconds=0.0,
            takes=0,
            audio=None,
            captions_sha256=None,
            lexicon=item.lexicon.ref if item.lexicon else None,
            dropped=(),
            error=None,
        )
        for index, item in enumerate(request.items)
    )
    return Task(
        id=task_id,
        state=TaskState.PENDING,
        priority=request.priority,
        run=1,
        attempts=0,
        version=1,
        created_at=now,
        updated_at=now,
        started_at=None,
        finished_at=None,
        expires_at=None,
        items=items,
        item_count=len(items),
        progress=TaskProgress.of(items),
        error=None,
        book=Book(request.book) if request.book is not None else None,
    )


def segment_of(row: Row[Any]) -> Segment:
    return Segment(
        item=row.item,
        index=row.idx,
        place=row.place,
        start=row.start_at,
        end=row.end_at,
        kind=SegmentKind(row.kind),
        content=row.content,
        pause_seconds=row.pause_seconds,
        state=SegmentState(row.state),
        key=row.key,
        attempts=row.attempts,
        audio_seconds=row.audio_seconds,
        pronunciations=tuple((word, said) for word, said in row.pronunciations or ()),
    )


def transition_of(row: Row[Any]) -> Transition:
    return Transition(
        id=row.id,
        task_id=TaskId(row.task_id),
        from_state=TaskState(row.from_state) if row.from_state else None,
        to_state=TaskState(row.to_state),
        at=row.at,
        attempt=row.attempt,
        worker=row.worker,
        detail=row.detail,
        owner=row.owner,
    )
