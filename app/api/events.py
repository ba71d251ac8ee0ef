"""Changes as they happen, as server-sent events: nothing is missed by a client that comes back with its last id."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent

from app.api import problems
from app.api.dependencies import CallerDep, ChangesDep, DatabaseDep
from app.api.openapi import answers
from app.api.parameters import MAX_TRANSITION_ID, OnlyParameters, TaskIdDep, WholeNumber
from app.api.problems import Problem
from app.api.task_answers import no_such_task
from app.api.transition_bodies import ChangeBody
from app.domain.ids import TaskId
from app.domain.tasks import Transition
from app.results import ResultsStore
from app.services.follow_changes import ChangeFeed

RECONNECT_MILLISECONDS = 1000
"""How long a client waits before it comes back: short, because coming back costs one read of the log."""

router = APIRouter(tags=["events"], dependencies=[Depends(OnlyParameters("last_event_id"))])

_DESCRIPTION = (
    "`id:` is the transition's id, `event:` is `task.changed`, `data:` is JSON. A client that comes back with "
    "`Last-Event-ID` (browsers do so by themselves) or `last_event_id` gets all that happened since; without it, "
    "the stream begins now. Where that id is ahead of the log (the data folder was replaced), the first event is "
    "`reset`: read the tasks anew. A comment is sent every 15 seconds."
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stream begins: after a transition. `reset`: not where the client wanted, but at the newest."""

    after: int
    reset: bool


async def _place(
    database: DatabaseDep,
    last_event_id: Annotated[
        WholeNumber | None, Query(ge=0, le=MAX_TRANSITION_ID, description="As the header, for a first request.")
    ] = None,
    last_event_id_header: Annotated[
        WholeNumber | None,
        Header(alias="Last-Event-ID", ge=0, le=MAX_TRANSITION_ID, description="The id of the last event seen."),
    ] = None,
) -> Place:
    """Settled before the answer begins, so that whatever happens after that is in the stream."""
    after = last_event_id if last_event_id_header is None else last_event_id_header
    newest = await database.read(ResultsStore.last_transition_id)
    if after is None:
        return Place(newest, reset=False)
    return Place(min(after, newest), reset=after > newest)


async def _followed_task(task_id: TaskIdDep, database: DatabaseDep) -> TaskId:
    if not await database.read(ResultsStore.transitions_after, 0, limit=1, task_id=task_id):
        raise Problem(problems.TASK_NOT_FOUND, no_such_task(task_id))
    return task_id


PlaceDep = Annotated[Place, Depends(_place)]


@router.get(
    "/events",
    operation_id="follow_all_tasks",
    summary="Follow all tasks",
    description=_DESCRIPTION,
    response_class=EventSourceResponse,
    responses=answers(),
)
async def of_all(place: PlaceDep, changes: ChangesDep, caller: CallerDep) -> AsyncIterator[ServerSentEvent]:
    async for event in _events(changes, place, None, caller.sees):
        yield event


@router.get(
    "/tasks/{task_id}/events",
    operation_id="follow_task",
    summary="Follow one task",
    description=_DESCRIPTION,
    response_class=EventSourceResponse,
    responses=answers(problems.TASK_NOT_FOUND),
)
async def of_task(
    task_id: Annotated[TaskId, Depends(_followed_task)], place: PlaceDep, changes: ChangesDep, caller: CallerDep
) -> AsyncIterator[ServerSentEvent]:
    async for event in _events(changes, place, task_id, caller.sees):
        yield event


async def _events(
    changes: ChangeFeed, place: Place, task_id: TaskId | None, owner: str | None
) -> AsyncIterator[ServerSentEvent]:
    yield ServerSentEvent(comment="following", retry=RECONNECT_MILLISECONDS)  # at once, so that the headers go out
    if place.reset:
        yield ServerSentEvent(event="reset", data={})
    async for change in changes.follow(after=place.after, task_id=task_id, owner=owner):
        yield _event(change)


def _event(change: Transition) -> ServerSentEvent:
    return ServerSentEvent(id=str(change.id), event="task.changed", data=ChangeBody.of(change))
