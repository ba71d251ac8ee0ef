"""The tasks: look at them, stop them, set them going again."""

from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from app.api import problems
from app.api.dependencies import AudioStoreDep, CallerDep, ClockDep, DatabaseDep, PublisherDep, WatchDep
from app.api.long_polling import PreferDep, wait_for_task
from app.api.openapi import answers, header
from app.api.parameters import (
    NO_PARAMETERS,
    SEARCH_TEXT_PATTERN,
    OnlyParameters,
    SearchText,
    TaskIdDep,
    WholeNumber,
)
from app.api.problems import ParameterError, Problem, quoted
from app.api.task_answers import (
    entity_tag,
    no_such_task,
    none_match,
    task_headers,
    task_response,
    to_json,
)
from app.api.task_bodies import TaskBody, TaskListBody
from app.api.task_filters import in_query, task_filter
from app.api.transition_bodies import TransitionBody
from app.domain.ids import TaskId, parse_task_id
from app.domain.states import FINISHED, MEANINGS, MOVES, TaskState
from app.domain.tasks import Task
from app.results import ResultsStore
from app.services.control_tasks import TaskAtWork, cancel_task, forget_task, retry_task
from app.services.read_tasks import Page, list_tasks

router = APIRouter(tags=["tasks"])

_ONE_TASK = {
    "description": "The task.",
    "headers": {
        "ETag": header("Changes with the task."),
        "Retry-After": header("While it is unfinished: when to ask again, in seconds.", "integer"),
        "Preference-Applied": header("`wait=N`, where the answer was waited for."),
    },
}


class StateBody(BaseModel):
    state: TaskState
    meaning: str
    finished: bool
    moves: list[TaskState]


class StatesBody(BaseModel):
    states: list[StateBody]


@router.get(
    "/tasks",
    operation_id="list_tasks",
    summary="List tasks, newest first",
    response_model=TaskListBody,
    responses=answers(problems.UNKNOWN_VOICE),
    dependencies=[Depends(OnlyParameters("state", "voice", "q", "since", "limit", "cursor"))],
)
async def list_all(
    database: DatabaseDep,
    clock: ClockDep,
    caller: CallerDep,
    state: Annotated[TaskState | None, Query(description="Only tasks in this state.")] = None,
    voice: Annotated[
        str | None,
        Query(min_length=1, max_length=2000, description="Only tasks that use this voice or mix (write + as %2B)."),
    ] = None,
    q: Annotated[
        SearchText | None,
        Query(
            min_length=1,
            max_length=200,
            description="Only tasks with this in a text, or in their id.",
            json_schema_extra={"pattern": SEARCH_TEXT_PATTERN},
        ),
    ] = None,
    since: Annotated[
        str | None,
        Query(
            description="Only tasks accepted at this RFC 3339 time or later.",
            json_schema_extra={"format": "date-time"},
        ),
    ] = None,
    limit: Annotated[WholeNumber, Query(ge=1, le=100, description="Tasks on the page.")] = 20,
    cursor: Annotated[
        str | None,
        Query(
            description="`next_cursor` of the page before.",
            json_schema_extra={"pattern": "^[0-7][0-9A-HJKMNP-TV-Z]{25}$"},
        ),
    ] = None,
) -> Response:
    wanted = task_filter(in_query, owner=caller.sees, state=state, voice=voice, q=q, since=since)
    page = await database.read(list_tasks, wanted, limit=limit, cursor=_place(cursor))
    content = await anyio.to_thread.run_sync(_json_of, page, clock())
    return Response(content, media_type="application/json")


@router.get(
    "/task-states",
    operation_id="list_task_states",
    summary="List the states of a task and the moves between them",
    dependencies=[NO_PARAMETERS],
    responses=answers(),
)
async def states() -> StatesBody:
    return StatesBody(
        states=[
            StateBody(state=state, meaning=MEANINGS[state], finished=state in FINISHED, moves=sorted(MOVES[state]))
            for state in TaskState
        ]
    )


@router.get(
    "/tasks/{task_id}",
    operation_id="get_task",
    summary="One task",
    description="With `Prefer: wait=N` (RFC 7240) the answer comes once the task is finished, or, beside an "
    "`If-None-Match` that has it as it is, once it has changed; after N seconds (at most 60) at the latest.",
    response_model=TaskBody,
    responses=answers(
        problems.TASK_NOT_FOUND, _200=_ONE_TASK, _304={"description": "The client has it already (If-None-Match)."}
    ),
    dependencies=[NO_PARAMETERS],
)
async def get(
    request: Request, task_id: TaskIdDep, database: DatabaseDep, watch: WatchDep, clock: ClockDep, prefer: PreferDep
) -> Response:
    task = _found(await database.read(ResultsStore.task, task_id), task_id)
    applied: dict[str, str] = {}
    if prefer is not None:
        task = _found(await wait_for_task(task, prefer, request, database, watch), task_id)
        applied["Preference-Applied"] = f"wait={prefer}"
    now = clock()
    if none_match(request, entity_tag(task)):
        return await task_response(task, now, headers=applied)
    return Response(status_code=304, headers={**task_headers(task, now), **applied})


@router.delete(
    "/tasks/{task_id}",
    operation_id="delete_task",
    summary="Forget a task, its texts and its files",
    description="A task that is being worked on has to be cancelled first.",
    status_code=204,
    responses=answers(problems.TASK_NOT_FOUND, problems.TASK_AT_WORK),
    dependencies=[NO_PARAMETERS],
)
async def delete(task_id: TaskIdDep, database: DatabaseDep, audio: AudioStoreDep) -> Response:
    try:
        found = await database.write(forget_task, task_id)
    except TaskAtWork as refusal:
        raise Problem(problems.TASK_AT_WORK, str(refusal), more={"state": refusal.state.value}) from None
    if not found:
        raise Problem(problems.TASK_NOT_FOUND, no_such_task(task_id))
    await anyio.to_thread.run_sync(audio.drop_task, task_id)
    return Response(status_code=204)


@router.post(
    "/tasks/{task_id}/cancel",
    operation_id="cancel_task",
    summary="Stop a task",
    response_model=TaskBody,
    responses=answers(problems.TASK_NOT_FOUND, problems.ILLEGAL_MOVE, _200=_ONE_TASK),
    dependencies=[NO_PARAMETERS],
)
async def cancel(task_id: TaskIdDep, database: DatabaseDep, clock: ClockDep) -> Response:
    task = await database.write(cancel_task, task_id, clock=clock)
    return await task_response(_found(task, task_id), clock())


@router.post(
    "/tasks/{task_id}/retry",
    operation_id="retry_task",
    summary="Set a cancelled or discarded task going again",
    description="What it has rendered is kept.",
    response_model=TaskBody,
    responses=answers(problems.TASK_NOT_FOUND, problems.ILLEGAL_MOVE, _200=_ONE_TASK),
    dependencies=[NO_PARAMETERS],
)
async def retry(task_id: TaskIdDep, database: DatabaseDep, publisher: PublisherDep, clock: ClockDep) -> Response:
    task = await database.write(retry_task, task_id, publisher=publisher, clock=clock)
    return await task_response(_found(task, task_id), clock())


@router.get(
    "/tasks/{task_id}/transitions",
    operation_id="list_transitions",
    summary="Every state that a task went through, oldest first",
    responses=answers(problems.TASK_NOT_FOUND),
    dependencies=[NO_PARAMETERS],
)
async def transitions(task_id: TaskIdDep, database: DatabaseDep) -> list[TransitionBody]:
    moves = await database.read(ResultsStore.transitions, task_id)
    if not moves:  # a task has at least the move that made it
        raise Problem(problems.TASK_NOT_FOUND, no_such_task(task_id))
    return [TransitionBody.of(move) for move in moves]


def _json_of(page: Page, now: float) -> bytes:
    return to_json(TaskListBody(tasks=[TaskBody.of(task, now) for task in page.tasks], next_cursor=page.next_cursor))


def _found(task: Task | None, task_id: TaskId) -> Task:
    if task is None:
        raise Problem(problems.TASK_NOT_FOUND, no_such_task(task_id))
    return task


def _place(cursor: str | None) -> TaskId | None:
    if cursor is None:
        return None
    found = parse_task_id(cursor)
    if found is None:
        detail = f"{quoted(cursor)} is not a cursor. Take `next_cursor` from the page before."
        raise Problem(problems.INVALID_INPUT, detail, errors=[ParameterError("query", "cursor", detail)])
    return found
