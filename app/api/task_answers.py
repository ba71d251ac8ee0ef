"""Answers that carry tasks: their bytes, their headers, and 304 where the client has the task already."""

import re
from collections.abc import Mapping

import anyio.to_thread
from fastapi import Request
from pydantic import BaseModel
from starlette.responses import Response

from app.api.task_bodies import TaskBody
from app.domain.ids import TaskId
from app.domain.states import UNFINISHED
from app.domain.tasks import Task
from app.services.read_tasks import retry_after_seconds

SMALL_CHARACTERS = 64 * 1024
"""Texts longer than this, all together, are written as JSON off the event loop."""

_ENTITY_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')


def entity_tag(task: Task) -> str:
    """Weak, because the estimate in a task's body changes by itself. Planning and rendering count segments without
    a new version of the task, so the counts are part of it."""
    progress = task.progress
    return f'W/"{task.version}-{task.updated_at}-{progress.segments_done}-{progress.segments_total}"'


def none_match(request: Request, etag: str) -> bool:
    """Does If-None-Match let the answer through? False where the client has what `etag` names (RFC 9110, 13.1.2)."""
    header = ",".join(request.headers.getlist("if-none-match")).strip()
    if header == "*":
        return False
    known = {tag.removeprefix("W/") for tag in _ENTITY_TAG.findall(header)}
    return etag.removeprefix("W/") not in known


def task_headers(task: Task, now: float) -> dict[str, str]:
    """`Retry-After` tells when to ask again while the task is unfinished."""
    headers = {"ETag": entity_tag(task), "Cache-Control": "no-cache"}
    if task.state in UNFINISHED:
        headers["Retry-After"] = str(retry_after_seconds(task, now))
    return headers


async def task_response(
    task: Task, now: float, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """One task, with its own headers and these."""
    together = {**task_headers(task, now), **(headers or {})}
    body = TaskBody.of(task, now)
    if sum(len(item.text) for item in task.items) > SMALL_CHARACTERS:
        content = await anyio.to_thread.run_sync(to_json, body)
    else:
        content = to_json(body)
    return Response(content, status, headers=together, media_type="application/json")


def no_such_task(task_id: TaskId) -> str:
    """What a problem says where there is none of that id."""
    return f"There is no task {task_id}. GET /tasks lists those that there are."


def to_json(body: BaseModel) -> bytes:
    return body.model_dump_json(by_alias=True).encode()
