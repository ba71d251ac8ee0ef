"""Changes as they happen, as server-sent events: nothing is missed by a client that comes back with its last id."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query
from starlette.responses import Response

from app.api import problems
from app.api.dependencies import CallerDep, ChangesDep, DatabaseDep, WatchDep
from app.api.openapi import answers
from app.api.parameters import MAX_TRANSITION_ID, OnlyParameters, TaskIdDep, WholeNumber
from app.api.problems import Problem
from app.api.stream_answers import StreamAnswer
from app.api.task_answers import no_such_task
from app.api.transition_bodies import ChangeBody
from app.domain.ids import TaskId
from app.results import ResultsStore
from app.results.live import first_transition_id
from app.services.follow_changes import Change, ChangeFeed
from app.services.watch_tasks import TaskWatch

RECONNECT_MILLISECONDS = 1000
"""How long a client waits before it comes back: short, because coming back costs one read of the log."""

PING_SECONDS = 15.0

PATIENCE_SECONDS = 30.0
"""A client that takes nothing for so long is gone, or hangs."""

router = APIRouter(tags=["events"], dependencies=[Depends(OnlyParameters("last_event_id"))])

_DESCRIPTION = (
    "`id:` is the transition's id, `event:` is `task.changed`, `data:` is JSON. A client that comes back with "
    "`Last-Event-ID` (browsers do so by themselves) or `last_event_id` gets all that happened since; without it, "
    "the stream begins now. Where that id is ahead of the log (the data folder was replaced), or older than what is "
    "kept of it, the first event is `reset`: read the tasks anew. A comment is sent after 15 seconds of silence."
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stream begins: after a transition. `reset`: not where the client wanted, but at the newest."""

    after: int
    reset: bool


LastEventId = Annotated[
    WholeNumber | None, Query(ge=0, le=MAX_TRANSITION_ID, description="As the header, for a first request.")
]
LastEventIdHeader = Annotated[
    WholeNumber | None,
    Header(alias="Last-Event-ID", ge=0, le=MAX_TRANSITION_ID, description="The id of the last event seen."),
]


async def _place(
    database: DatabaseDep, last_event_id: LastEventId = None, last_event_id_header: LastEventIdHeader = None
) -> Place:
    """Settled before the answer begins, so that whatever happens after that is in the stream."""
    after = last_event_id if last_event_id_header is None else last_event_id_header
    newest = await database.read(ResultsStore.last_transition_id)
    if after is None:
        return Place(newest, reset=False)
    # 0 is no event that anybody has seen: it asks for all that is kept.
    lost = after > newest or 0 < after < await database.read(first_transition_id) - 1
    return Place(newest, reset=True) if lost else Place(after, reset=False)


async def _place_in_task(
    database: DatabaseDep, last_event_id: LastEventId = None, last_event_id_header: LastEventIdHeader = None
) -> Place:
    """As `_place`, but for the history of one task, which is kept whole as long as the task is."""
    after = last_event_id if last_event_id_header is None else last_event_id_header
    newest = await database.read(ResultsStore.last_transition_id)
    return Place(newest if after is None else min(after, newest), reset=after is not None and after > newest)


async def _followed_task(task_id: TaskIdDep, database: DatabaseDep) -> TaskId:
    if not await database.read(ResultsStore.transitions_after, 0, limit=1, task_id=task_id):
        raise Problem(problems.TASK_NOT_FOUND, no_such_task(task_id))
    return task_id


_STREAM: dict[str, Any] = {
    "description": "The events, for as long as the client stays.",
    "content": {
        "text/event-stream": {
            "itemSchema": {
                "type": "object",
                "properties": {
                    "data": {"type": "string"},
                    "event": {"type": "string"},
                    "id": {"type": "string"},
                    "retry": {"type": "integer", "minimum": 0},
                },
            }
        }
    },
}


@router.get(
    "/events",
    operation_id="follow_all_tasks",
    summary="Follow all tasks",
    description=_DESCRIPTION,
    response_class=Response,
    responses=answers(_200=_STREAM),
)
async def of_all(
    place: Annotated[Place, Depends(_place)], changes: ChangesDep, watch: WatchDep, caller: CallerDep
) -> Response:
    return _stream(changes, place, None, caller.sees, watch)


@router.get(
    "/tasks/{task_id}/events",
    operation_id="follow_task",
    summary="Follow one task",
    description=_DESCRIPTION,
    response_class=Response,
    responses=answers(problems.TASK_NOT_FOUND, _200=_STREAM),
)
async def of_task(
    task_id: Annotated[TaskId, Depends(_followed_task)],
    place: Annotated[Place, Depends(_place_in_task)],
    changes: ChangesDep,
    watch: WatchDep,
    caller: CallerDep,
) -> Response:
    return _stream(changes, place, task_id, caller.sees, watch)


def _stream(changes: ChangeFeed, place: Place, task_id: TaskId | None, owner: str | None, watch: TaskWatch) -> Response:
    return StreamAnswer(
        _events(changes, place, task_id, owner),
        lambda: {"Content-Type": "text/event-stream; charset=utf-8"},
        watch,
        farewell=b"",
        patience_seconds=PATIENCE_SECONDS,
    )


async def _events(
    changes: ChangeFeed, place: Place, task_id: TaskId | None, owner: str | None
) -> AsyncGenerator[bytes]:
    yield f": following\nretry: {RECONNECT_MILLISECONDS}\n\n".encode()  # at once, so that the headers go out
    if place.reset:
        yield f"event: reset\ndata: {{}}\nid: {place.after}\n\n".encode()
    following = changes.follow(after=place.after, task_id=task_id, owner=owner, ping_seconds=PING_SECONDS)
    async with aclosing(following) as batches:
        async for batch in batches:
            yield b"".join(map(_text_of, batch)) or b": ping\n\n"


def _text_of(change: Change) -> bytes:
    """Written once, however many follow: a thousand followers of a thousand tasks are millions of events."""
    if change.text is None:
        data = ChangeBody.of(change.move).model_dump_json()
        change.text = f"event: task.changed\ndata: {data}\nid: {change.move.id}\n\n".encode()
    return change.text
