"""POST /tasks/bulk: one verb for every task that matches."""

from typing import Annotated, Any

import anyio.to_thread
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, Strict, ValidationError

from app.api import problems
from app.api.dependencies import AudioStoreDep, CallerDep, ClockDep, DatabaseDep, PublisherDep
from app.api.json_bodies import parse_json, read_json_body
from app.api.openapi import answers
from app.api.parameters import NO_PARAMETERS, SEARCH_TEXT_PATTERN, SearchText
from app.api.problems import BodyError, Kind, Problem, misfit, pointer
from app.api.speech_requests import errors_of
from app.api.task_filters import task_filter
from app.domain.access import Caller
from app.domain.states import TaskState
from app.results import TaskFilter
from app.services.control_many import Action, TaskControl

router = APIRouter(tags=["tasks"], dependencies=[NO_PARAMETERS])


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class FilterBody(_Strict):
    """As in `GET /tasks`: all that is given must hold. `{}` is every task."""

    state: Annotated[TaskState, Strict(strict=False)] | None = Field(None, description="Only tasks in this state.")
    voice: str | None = Field(None, min_length=1, max_length=2000, description="Only tasks that use this voice or mix.")
    q: SearchText | None = Field(
        None,
        min_length=1,
        max_length=200,
        description="Only tasks with this in a text, or in their id.",
        json_schema_extra={"pattern": SEARCH_TEXT_PATTERN},
    )
    since: str | None = Field(
        None,
        description="Only tasks accepted at this RFC 3339 time or later.",
        json_schema_extra={"format": "date-time"},
    )


class BulkBody(_Strict):
    action: Annotated[Action, Strict(strict=False)]
    filter: FilterBody
    dry_run: bool = Field(False, description="Only count: nothing is changed.")


class OutcomeBody(BaseModel):
    action: Action
    dry_run: bool
    matched: int = Field(description="Tasks that fitted the filter.")
    changed: int = Field(description="Those that were changed; in a dry run, those that would be.")
    skipped: int = Field(description="Those whose state forbids it: finished, at work, or gone by then.")


_REQUEST_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {"$ref": "#/components/schemas/BulkBody"},
            "examples": {
                "stop all that wait": {"value": {"action": "cancel", "filter": {"state": "pending"}}},
                "how many failed": {"value": {"action": "retry", "filter": {"state": "discarded"}, "dry_run": True}},
            },
        }
    },
}


@router.post(
    "/tasks/bulk",
    operation_id="control_tasks",
    summary="Cancel, retry or delete all tasks that match",
    description="Answers when all is done. The tasks are taken newest first, in small transactions: tasks that are "
    "accepted meanwhile are left alone, and where the answer never comes, sending it again does the rest.",
    responses=answers(problems.MALFORMED_JSON, problems.UNSUPPORTED_MEDIA_TYPE, problems.UNKNOWN_VOICE),
    openapi_extra={"requestBody": _REQUEST_BODY},
)
async def control(
    request: Request,
    database: DatabaseDep,
    audio: AudioStoreDep,
    publisher: PublisherDep,
    clock: ClockDep,
    caller: CallerDep,
) -> OutcomeBody:
    body = await anyio.to_thread.run_sync(_body_of, await read_json_body(request))
    wanted = _filter_of(body.filter, caller)
    tasks = TaskControl(database, audio, publisher, clock)
    outcome = await (tasks.count if body.dry_run else tasks.apply)(body.action, wanted)
    return OutcomeBody(
        action=body.action,
        dry_run=body.dry_run,
        matched=outcome.matched,
        changed=outcome.changed,
        skipped=outcome.matched - outcome.changed,
    )


def _body_of(content: bytes) -> BulkBody:
    try:
        return BulkBody.model_validate(parse_json(content))
    except ValidationError as error:
        raise misfit(errors_of(error)) from None


def _filter_of(body: FilterBody, caller: Caller) -> TaskFilter:
    def in_body(kind: Kind, name: str, detail: str) -> Problem:
        return misfit([BodyError(pointer("filter", name), detail)], kind)

    return task_filter(in_body, owner=caller.sees, state=body.state, voice=body.voice, q=body.q, since=body.since)
