"""Sound that is sent while it is made: an item at work, followed, or a finished file in another format."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Query, Request
from starlette.responses import Response

from app.api import problems
from app.api.parameters import Flag, OnlyParameters
from app.api.problems import Problem
from app.api.stream_answers import StreamAnswer
from app.api.task_answers import none_match
from app.domain.audio_formats import AudioFormat
from app.domain.errors import AudioMissing
from app.domain.states import TaskState
from app.domain.tasks import FinishedAudio, Item, Task
from app.services.stream_speech import ItemSpeech, SpeechStreams, StreamEnded


@dataclass(frozen=True, slots=True)
class Wish:
    """What a client wants instead of the finished file just as it is."""

    follow: bool
    format: AudioFormat | None


async def _wish(
    follow: Annotated[
        Flag, Query(description="While the item is at work, send its segments as they come, instead of 409.")
    ] = False,
    format: Annotated[AudioFormat | None, Query(description="Send the sound in this format.")] = None,
) -> Wish:
    return Wish(follow, format)


WishDep = Annotated[Wish, Depends(_wish)]
ONLY_A_WISH = Depends(OnlyParameters("follow", "format"))


@dataclass(frozen=True, slots=True)
class LiveAudio:
    """An item that is still at work, and the name that a client may save its sound under."""

    task: Task
    item: Item
    name: str


def live_answer(request: Request, live: LiveAudio, wish: Wish, streams: SpeechStreams) -> Response:
    """The item's segments as they come. Only a whole item ends well; else the connection is cut."""
    format = wish.format or live.item.format
    headers = {**_headers(live.name, format), "Content-Type": format.media_type}
    if request.method == "HEAD":
        return Response(headers=headers)
    speech = streams.speech(live.task.id, live.item.index, format, volume=live.item.volume)
    return StreamAnswer(
        _until_it_ends(speech),
        lambda: {**headers, "Content-Type": format.content_type(speech.sample_rate)},
        streams.watch,
    )


async def _until_it_ends(speech: ItemSpeech) -> AsyncGenerator[bytes]:
    async with aclosing(speech.chunks()) as chunks:
        try:
            async for chunk in chunks:
                yield chunk
        except StreamEnded as ended:
            raise _problem_of(ended) from ended


def _problem_of(ended: StreamEnded) -> Problem:
    if ended.state is None:
        return Problem(problems.TASK_NOT_FOUND, "The task was deleted meanwhile.")
    if ended.state is TaskState.COMPLETED:
        return Problem(problems.AUDIO_MISSING, "A part of the sound is gone. Ask for the finished file.")
    return Problem(
        problems.AUDIO_NOT_READY,
        f"The item is {ended.state}, and its sound will not be complete. Ask for the task to see why.",
        more={"state": ended.state.value},
    )


def converted_answer(
    request: Request, path: Path, audio: FinishedAudio, format: AudioFormat, name: str, streams: SpeechStreams
) -> Response:
    """A finished file in another format: whole, since nobody knows its length before its end."""
    etag = f'W/"{audio.sha256}.{format}"'
    rate = format.encoding.sample_rate or audio.sample_rate
    headers = {**_headers(name, format), "Content-Type": format.content_type(rate), "ETag": etag}
    if not none_match(request, etag):
        return Response(status_code=304, headers={"ETag": etag})
    if request.method == "HEAD":
        return Response(headers=headers)
    return StreamAnswer(_conversion(path, audio, format, streams), lambda: headers, streams.watch)


async def _conversion(
    path: Path, audio: FinishedAudio, format: AudioFormat, streams: SpeechStreams
) -> AsyncGenerator[bytes]:
    async with aclosing(streams.convert(path, audio, format)) as parts:
        try:
            async for part in parts:
                yield part
        except AudioMissing as error:
            raise Problem(problems.AUDIO_MISSING, "The file is damaged. Post the text again.") from error


def _headers(name: str, format: AudioFormat) -> dict[str, str]:
    return {"Accept-Ranges": "none", "Content-Disposition": f'inline; filename="{name}.{format}"'}
