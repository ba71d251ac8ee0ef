"""The waveforms of finished files, for players to draw."""

import anyio.to_thread
from fastapi import APIRouter, Request
from starlette.responses import Response

from app.api import problems
from app.api.audio import audio_not_ready, find_task
from app.api.dependencies import AudioStoreDep, ClockDep, DatabaseDep
from app.api.openapi import answers, header
from app.api.parameters import NO_PARAMETERS, ItemIndex, TaskIdDep
from app.api.problems import Problem
from app.api.task_answers import none_match

router = APIRouter(tags=["audio"], dependencies=[NO_PARAMETERS])

_VERSION = 1
"""Rises when the same file would be given out as other peaks: part of their ETag."""

_SCHEMA = {
    "type": "object",
    "required": ["version", "channels", "sample_rate", "samples_per_pixel", "bits", "length", "data"],
    "properties": {
        **{name: {"type": "integer"} for name in ("version", "channels", "bits")},
        "sample_rate": {"type": "integer", "description": "Samples a second, of those counted here."},
        "samples_per_pixel": {"type": "integer", "description": "Samples that each pair of `data` is about."},
        "length": {"type": "integer", "description": "Pairs in `data`, at most 12,000."},
        "data": {
            "type": "array",
            "items": {"type": "integer", "minimum": -128, "maximum": 127},
            "description": "Minimum and maximum in turn.",
        },
    },
}

_ANSWERS = answers(
    problems.TASK_NOT_FOUND,
    problems.ITEM_NOT_FOUND,
    problems.PEAKS_NOT_FOUND,
    problems.AUDIO_NOT_READY,
    _200={
        "description": "The peaks, as audiowaveform's JSON, version 2.",
        "content": {"application/json": {"schema": _SCHEMA}},
        "headers": {"ETag": header("Changes with the file.")},
    },
    _304={"description": "The client has them already (If-None-Match)."},
)


@router.get(
    "/tasks/{task_id}/items/{index}/peaks",
    operation_id="get_item_peaks",
    summary="An item's waveform",
    description="The highest and the lowest sample of each 50 ms; of longer stretches where the file is longer than "
    "ten minutes.",
    response_class=Response,
    responses=_ANSWERS,
)
@router.head(
    "/tasks/{task_id}/items/{index}/peaks",
    operation_id="head_item_peaks",
    summary="The headers of that waveform",
    response_class=Response,
    responses=_ANSWERS,
)
async def peaks(
    request: Request,
    task_id: TaskIdDep,
    index: ItemIndex,
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
    headers = {"ETag": f'"{item.audio.sha256}-peaks-{_VERSION}"', "Cache-Control": "private, no-cache"}
    if not none_match(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    try:
        content = await anyio.to_thread.run_sync(store.peaks_path(task.id, index).read_bytes)
    except OSError as error:
        raise Problem(
            problems.PEAKS_NOT_FOUND,
            "The item was finished by a version that kept no peaks, or their file is gone from the disk. Post the text "
            "again; what is still in the cache is not rendered anew.",
        ) from error
    headers |= {"Content-Type": "application/json", "Content-Length": str(len(content))}
    return Response(b"" if request.method == "HEAD" else content, headers=headers)
