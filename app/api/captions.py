"""The words of finished files and their times, as subtitles and as JSON."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Request
from fastapi import Path as InPath
from starlette.responses import Response

from app.api import problems
from app.api.audio import audio_not_ready, find_task
from app.api.dependencies import AudioStoreDep, ClockDep, DatabaseDep
from app.api.openapi import answers, header
from app.api.parameters import NO_PARAMETERS, ItemIndex, TaskIdDep
from app.api.problems import Problem
from app.api.task_answers import none_match
from app.domain.captions import CaptionFormat, read_words
from app.domain.cues import cues_of, srt, vtt

router = APIRouter(tags=["audio"], dependencies=[NO_PARAMETERS])

_CUES_VERSION = 1
"""Rises when the same words would be given out as other cues: part of their ETag."""

_WRITERS: dict[CaptionFormat, Callable[[str, bytes], bytes]] = {
    CaptionFormat.SRT: lambda text, document: srt(cues_of(text, read_words(document))).encode(),
    CaptionFormat.VTT: lambda text, document: vtt(cues_of(text, read_words(document))).encode(),
    CaptionFormat.JSON: lambda text, document: document,
}

_ANSWERS = answers(
    problems.TASK_NOT_FOUND,
    problems.ITEM_NOT_FOUND,
    problems.CAPTIONS_NOT_FOUND,
    problems.AUDIO_NOT_READY,
    problems.AUDIO_MISSING,
    _200={
        "description": "The captions, in UTF-8.",
        "content": {
            format.media_type.partition(";")[0]: {
                "schema": {"type": "object" if format is CaptionFormat.JSON else "string"}
            }
            for format in CaptionFormat
        },
        "headers": {
            "ETag": header("Changes with the captions."),
            "Content-Disposition": header("`inline`, with a name to save the file under."),
        },
    },
    _304={"description": "The client has them already (If-None-Match)."},
)

FormatInPath = Annotated[CaptionFormat, InPath(description="SubRip, WebVTT, or the words themselves.")]


@router.get(
    "/tasks/{task_id}/items/{index}/captions.{format}",
    operation_id="get_item_captions",
    summary="When each word of an item sounds",
    description="Seconds in the finished file, and offsets into the original text.",
    response_class=Response,
    responses=_ANSWERS,
)
@router.head(
    "/tasks/{task_id}/items/{index}/captions.{format}",
    operation_id="head_item_captions",
    summary="The headers of those captions",
    response_class=Response,
    responses=_ANSWERS,
)
async def captions(
    request: Request,
    task_id: TaskIdDep,
    index: ItemIndex,
    format: FormatInPath,
    database: DatabaseDep,
    store: AudioStoreDep,
    clock: ClockDep,
) -> Response:
    task = await find_task(task_id, database)
    if index >= len(task.items):
        raise Problem(problems.ITEM_NOT_FOUND, f"The task's items are 0 to {len(task.items) - 1}; there is no {index}.")
    item = task.items[index]
    if item.audio is None:
        raise audio_not_ready(task, item, clock())
    if item.captions_sha256 is None:
        raise Problem(
            problems.CAPTIONS_NOT_FOUND,
            "The item was finished by a version that kept no captions. Post the text again; what is still in the "
            "cache is not rendered anew.",
        )
    version = "" if format is CaptionFormat.JSON else f"-{format}-{_CUES_VERSION}"
    headers = {
        "ETag": f'"{item.captions_sha256}{version}"',
        "Cache-Control": "private, no-cache",
        "Content-Disposition": f'inline; filename="sayathing-{task.id}-{index}.{format}"',
    }
    if not none_match(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    path = store.captions_path(task.id, index)
    content = await anyio.to_thread.run_sync(_written, path, item.captions_sha256, item.text, format)
    headers |= {"Content-Type": format.media_type, "Content-Length": str(len(content))}
    return Response(b"" if request.method == "HEAD" else content, headers=headers)


def _written(path: Path, sha256: str, text: str, format: CaptionFormat) -> bytes:
    try:
        document = path.read_bytes()
    except OSError as error:
        raise _missing() from error
    if hashlib.sha256(document).hexdigest() != sha256:
        raise _missing()
    return _WRITERS[format](text, document)


def _missing() -> Problem:
    return Problem(
        problems.AUDIO_MISSING,
        "The captions were finished, but their file is gone from the disk or damaged. Post the text again; what is "
        "still in the cache is not rendered anew.",
    )
