"""The finished files: whole or in part, and only what the client does not have."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import anyio
import anyio.to_thread
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response, StreamingResponse

from app.api import problems
from app.api.audio_streams import ONLY_A_WISH, LiveAudio, Wish, WishDep, converted_answer, live_answer
from app.api.byte_ranges import ByteRange
from app.api.dependencies import AudioStoreDep, ClockDep, DatabaseDep, StreamsDep
from app.api.file_answers import wanted_range
from app.api.openapi import answers, header
from app.api.parameters import ItemIndex, TaskIdDep
from app.api.problems import Problem
from app.api.task_answers import no_such_task, none_match
from app.audio import FolderAudioStore
from app.domain.audio_formats import AudioFormat
from app.domain.states import UNFINISHED, TaskState
from app.domain.tasks import Book, FinishedAudio, Item, Task
from app.results import ResultsStore
from app.services.read_tasks import retry_after_seconds
from app.services.stream_speech import SpeechStreams

router = APIRouter(tags=["audio"], dependencies=[ONLY_A_WISH])

CHUNK_BYTES = 256 * 1024

_WHAT_TO_DO = {
    TaskState.PENDING: "Ask again later, or follow its events.",
    TaskState.PROCESSING: "Ask again later, or follow its events.",
    TaskState.RETRYABLE: "The next attempt is scheduled: ask again later, or follow its events.",
    TaskState.CANCELLED: "POST to its /retry to have it spoken after all.",
    TaskState.DISCARDED: "Its `error` says why; POST to its /retry to try again.",
}


@dataclass(frozen=True, slots=True)
class OpenAudio:
    """A finished file, open for reading, and the name that a client may save it under."""

    file: anyio.AsyncFile[bytes]
    path: Path
    audio: FinishedAudio
    name: str


Found = OpenAudio | LiveAudio


async def _audio_of_task(
    task_id: TaskIdDep, wish: WishDep, database: DatabaseDep, store: AudioStoreDep, clock: ClockDep
) -> AsyncIterator[Found]:
    task = await find_task(task_id, database)
    if task.book is not None:
        async with _opened_book(task, task.book, store, clock()) as audio:
            yield audio
        return
    if len(task.items) > 1:
        raise Problem(
            problems.SEVERAL_ITEMS,
            f"The task has {len(task.items)} items. Take each one's file from /tasks/{task.id}/items/<index>/audio.",
            more={"items": len(task.items)},
        )
    async with _opened(task, task.items[0], f"sayathing-{task.id}", store, clock(), wish) as audio:
        yield audio


async def _audio_of_item(
    task_id: TaskIdDep,
    index: ItemIndex,
    wish: WishDep,
    database: DatabaseDep,
    store: AudioStoreDep,
    clock: ClockDep,
) -> AsyncIterator[Found]:
    task = await find_task(task_id, database)
    if index >= len(task.items):
        raise Problem(problems.ITEM_NOT_FOUND, f"The task's items are 0 to {len(task.items) - 1}; there is no {index}.")
    async with _opened(task, task.items[index], f"sayathing-{task.id}-{index}", store, clock(), wish) as audio:
        yield audio


def _answer(request: Request, opened: Found, wish: Wish, streams: SpeechStreams) -> Response:
    if isinstance(opened, LiveAudio):
        return live_answer(request, opened, wish, streams)
    if wish.format not in {None, opened.audio.format}:
        assert wish.format is not None, "compared just above"
        return converted_answer(request, opened.path, opened.audio, wish.format, opened.name, streams)
    size = opened.audio.bytes
    etag = f'"{opened.audio.sha256}"'
    headers = {
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "Content-Disposition": f'inline; filename="{opened.name}.{opened.audio.format}"',
    }
    if not none_match(request, etag):
        return Response(status_code=304, headers=headers)
    wanted = wanted_range(request, size, etag)
    part = wanted or ByteRange(0, size)
    headers["Content-Type"] = opened.audio.format.content_type(opened.audio.sample_rate)
    headers["Content-Length"] = str(part.length)
    if wanted is not None:
        headers["Content-Range"] = wanted.content_range(size)
    status = 200 if wanted is None else 206
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    return StreamingResponse(_chunks(opened.file, part), status, headers=headers)


async def _chunks(file: anyio.AsyncFile[bytes], part: ByteRange) -> AsyncIterator[bytes]:
    await file.seek(part.start)
    left = part.length
    while left > 0 and (chunk := await file.read(min(CHUNK_BYTES, left))):
        left -= len(chunk)
        yield chunk


async def find_task(task_id: TaskIdDep, database: DatabaseDep) -> Task:
    task = await database.read(ResultsStore.task, task_id)
    if task is None:
        raise Problem(problems.TASK_NOT_FOUND, no_such_task(task_id))
    return task


@asynccontextmanager
async def _opened(
    task: Task, item: Item, name: str, store: FolderAudioStore, now: float, wish: Wish
) -> AsyncIterator[Found]:
    """The item's file, open: what is streamed later is what was looked at here, even if it is deleted meanwhile."""
    if item.audio is None:
        if not wish.follow or item.state not in UNFINISHED:
            raise audio_not_ready(task, item, now)
        yield LiveAudio(task, item, name)
        return
    path = store.finished_path(task.id, item.index, item.audio.format)
    async with _open_file(path, item.audio, name) as audio:
        yield audio


@asynccontextmanager
async def _opened_book(task: Task, book: Book, store: FolderAudioStore, now: float) -> AsyncIterator[OpenAudio]:
    """The one file of all items, open."""
    if book.audio is None:
        waits = task.state in UNFINISHED
        raise Problem(
            problems.AUDIO_NOT_READY,
            f"The book is not bound yet, and its task {task.state}. "
            f"{_WHAT_TO_DO.get(task.state, 'Ask for the task to see why.')}",
            headers={"Retry-After": str(retry_after_seconds(task, now))} if waits else None,
            more={"state": task.state.value, "task_state": task.state.value},
        )
    async with _open_file(store.book_path(task.id), book.audio, f"sayathing-{task.id}") as audio:
        yield audio


@asynccontextmanager
async def _open_file(path: Path, audio: FinishedAudio, name: str) -> AsyncIterator[OpenAudio]:
    try:
        file = await anyio.open_file(path, "rb")
    except OSError as error:
        raise _missing() from error
    try:
        found = await anyio.to_thread.run_sync(os.fstat, file.wrapped.fileno())
        if found.st_size != audio.bytes:
            raise _missing()
        yield OpenAudio(file, path, audio, name)
    finally:
        with anyio.CancelScope(shield=True):
            await file.aclose()


def audio_not_ready(task: Task, item: Item, now: float) -> Problem:
    waits = task.state in UNFINISHED
    return Problem(
        problems.AUDIO_NOT_READY,
        f"The item is {item.state}. {_WHAT_TO_DO.get(item.state, 'Ask for the task to see why.')}",
        headers={"Retry-After": str(retry_after_seconds(task, now))} if waits else None,
        more={"state": item.state.value, "task_state": task.state.value},
    )


def _missing() -> Problem:
    return Problem(
        problems.AUDIO_MISSING,
        "The audio was finished, but its file is gone from the disk or damaged. Post the text again; what is still "
        "in the cache is not rendered anew.",
        more={"state": TaskState.COMPLETED.value},
    )


_DESCRIPTION = (
    "Whole, or the part that `Range` names; `If-Range` and `If-None-Match` take its ETag. What is followed or "
    "converted goes out while it is made: whole, without a length, and cut off visibly where it cannot be completed."
)
_BINARY: dict[str, Any] = {
    format.media_type: {"schema": {"type": "string", "format": "binary"}} for format in AudioFormat
}
_ANSWERS = partial(
    answers,
    problems.TASK_NOT_FOUND,
    problems.AUDIO_NOT_READY,
    problems.AUDIO_MISSING,
    problems.RANGE_NOT_SATISFIABLE,
    problems.STOPPING,
    _200={
        "description": "The whole file.",
        "content": _BINARY,
        "headers": {
            "ETag": header("The SHA-256 of the file."),
            "Accept-Ranges": header("`bytes`."),
            "Content-Disposition": header("`inline`, with a name to save the file under."),
        },
    },
    _206={
        "description": "The bytes asked for with `Range`.",
        "content": _BINARY,
        "headers": {"Content-Range": header("Which bytes of how many.")},
    },
    _304={"description": "The client has it already (If-None-Match)."},
)


@router.get(
    "/tasks/{task_id}/audio",
    operation_id="get_task_audio",
    summary="The file of a task that has one item, or of a book",
    description=_DESCRIPTION,
    response_class=Response,
    responses=_ANSWERS(problems.SEVERAL_ITEMS),
)
@router.head(
    "/tasks/{task_id}/audio",
    operation_id="head_task_audio",
    summary="The headers of that file",
    response_class=Response,
    responses=_ANSWERS(problems.SEVERAL_ITEMS),
)
async def of_task(
    request: Request, wish: WishDep, opened: Annotated[Found, Depends(_audio_of_task)], streams: StreamsDep
) -> Response:
    return _answer(request, opened, wish, streams)


@router.get(
    "/tasks/{task_id}/items/{index}/audio",
    operation_id="get_item_audio",
    summary="The file of one item",
    description=_DESCRIPTION,
    response_class=Response,
    responses=_ANSWERS(problems.ITEM_NOT_FOUND),
)
@router.head(
    "/tasks/{task_id}/items/{index}/audio",
    operation_id="head_item_audio",
    summary="The headers of that file",
    response_class=Response,
    responses=_ANSWERS(problems.ITEM_NOT_FOUND),
)
async def of_item(
    request: Request, wish: WishDep, opened: Annotated[Found, Depends(_audio_of_item)], streams: StreamsDep
) -> Response:
    return _answer(request, opened, wish, streams)
