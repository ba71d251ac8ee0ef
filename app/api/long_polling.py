"""GET /tasks/{id} with `Prefer: wait=N`: answered when there is something to tell, or after N seconds."""

import asyncio
from typing import Annotated

from fastapi import Depends, Header, Request

from app.api.preferences import wait_seconds
from app.api.task_answers import entity_tag, none_match
from app.domain.states import FINISHED
from app.domain.tasks import Task
from app.results import AsyncDatabase, ResultsStore
from app.services.watch_tasks import TaskWatch


async def _prefer(
    request: Request,
    prefer: Annotated[
        str | None, Header(description="`wait=N`: how many seconds, at most 60, the answer may take.")
    ] = None,
) -> int | None:
    return wait_seconds(request.headers.getlist("prefer"))


PreferDep = Annotated[int | None, Depends(_prefer)]


async def wait_for_task(
    task: Task, seconds: int, request: Request, database: AsyncDatabase, watch: TaskWatch
) -> Task | None:
    """The task as it is once it is worth telling, or after so many seconds; None where it was deleted meanwhile.

    Worth telling is a finished task, and, for a client that names one with If-None-Match, any other than that.
    Ends early where the process is told to stop, or the client is gone.
    """
    knows_one = "if-none-match" in request.headers

    def is_news(task: Task) -> bool:
        return none_match(request, entity_tag(task)) if knows_one else task.state in FINISHED

    if task.state in FINISHED or is_news(task) or watch.closing.is_set():
        return task
    closing = asyncio.ensure_future(watch.closing.wait())
    leaving = asyncio.ensure_future(_leaving(request))
    deadline = asyncio.get_running_loop().time() + seconds
    latest: Task | None = task
    try:
        async with watch.watching(task.id) as watched:
            while latest is not None and not is_news(latest) and latest.state not in FINISHED:
                change = asyncio.ensure_future(watched.changed())
                try:
                    left = deadline - asyncio.get_running_loop().time()
                    await asyncio.wait(
                        {change, closing, leaving}, timeout=max(left, 0), return_when=asyncio.FIRST_COMPLETED
                    )
                finally:
                    change.cancel()
                latest = await database.read(ResultsStore.task, task.id)
                if closing.done() or leaving.done() or asyncio.get_running_loop().time() >= deadline:
                    break
    finally:
        closing.cancel()
        leaving.cancel()
    return latest


async def _leaving(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
