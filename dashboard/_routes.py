"""The addresses below /dashboard. Links are GET, forms are POST answered with 303; no page needs a script."""

import time
from collections.abc import Awaitable, Callable
from typing import cast

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from ._backend import DashboardBackend, FormRefused, MoveRefused
from ._pages import Pages
from ._safety import PAGE_HEADERS, FormUnreadable, from_another_site, read_form
from ._static import StaticFiles
from ._values import STATES, SpeakForm, State, TaskQuery

LIVE_HEADER = "x-dashboard-part"
"""What a page that is open already sends when it wants only what may have changed."""

TEXT_FILTER_CHARACTERS = 200
CURSOR_CHARACTERS = 64


def create_dashboard(backend: DashboardBackend, *, clock: Callable[[], float] = time.time) -> APIRouter:
    """The pages, their forms and their static files, all below /dashboard, over `backend`.

    `clock` tells seconds since the Unix epoch.
    """
    static = StaticFiles()
    pages = Pages(static, clock)
    router = APIRouter(prefix="/dashboard", include_in_schema=False, default_response_class=Response)

    @router.get("")
    async def show_tasks(request: Request) -> Response:
        wanted = _query(request)
        if wanted is None:
            states = ", ".join(STATES)
            return pages.notice(400, "There is no such list", f"A list is of one of these states: {states}.")
        choices = None if _live_only(request) else await backend.choices()
        return pages.tasks(await backend.tasks(wanted), wanted, choices, base_url=str(request.base_url))

    @router.post("/tasks")
    async def speak(request: Request) -> Response:
        if from_another_site(request):
            return _refuse_other_site()
        try:
            fields = await read_form(request)
        except FormUnreadable as refusal:
            return pages.notice(refusal.status, "This form cannot be read", str(refusal))
        form = SpeakForm(fields.get("text", ""), fields.get("voice", ""), fields.get("format", ""))
        try:
            task_id = await backend.speak(form)
        except FormRefused as refusal:
            wanted = TaskQuery()
            return pages.tasks(
                await backend.tasks(wanted),
                wanted,
                await backend.choices(),
                base_url=str(request.base_url),
                form=form,
                problems=refusal.problems,
            )
        return _see(task_id)

    @router.get("/tasks")
    async def tasks_are_on_the_first_page() -> Response:
        return RedirectResponse("/dashboard", 303, PAGE_HEADERS)

    @router.get("/tasks/{task_id}")
    async def show_task(request: Request, task_id: str) -> Response:
        task = await backend.task(task_id)
        if task is None:
            return _no_task()
        first = request.query_params.get("from", "0")
        first_item = int(first) if first.isascii() and first.isdigit() and len(first) < 7 else 0
        return pages.task(task, first_item=first_item, live_only=_live_only(request))

    @router.post("/tasks/{task_id}/cancel")
    async def cancel(request: Request, task_id: str) -> Response:
        return await _act(request, task_id, backend.cancel)

    @router.post("/tasks/{task_id}/retry")
    async def retry(request: Request, task_id: str) -> Response:
        return await _act(request, task_id, backend.retry)

    @router.get("/static/{name}")
    async def static_file(request: Request, name: str) -> Response:
        return static.answer(request, name) or _no_page()

    @router.get("/{rest:path}")
    async def nothing_here(rest: str) -> Response:
        return _no_page() if rest else RedirectResponse("/dashboard", 303, PAGE_HEADERS)

    async def _act(request: Request, task_id: str, act: Callable[[str], Awaitable[bool]]) -> Response:
        if from_another_site(request):
            return _refuse_other_site()
        try:
            found = await act(task_id)
        except MoveRefused as refusal:
            return pages.notice(409, "The task's state does not allow this", str(refusal), task_id=task_id)
        return _see(task_id) if found else _no_task()

    def _no_task() -> Response:
        return pages.notice(
            404, "There is no such task", "It may have been deleted, or its address was copied in part."
        )

    def _no_page() -> Response:
        return pages.notice(404, "There is nothing here", "The address may be mistyped.")

    def _refuse_other_site() -> Response:
        return pages.notice(
            403, "This came from another site", "Only this dashboard's own pages may change tasks. Nothing was done."
        )

    return router


def _see(task_id: str) -> Response:
    return RedirectResponse(f"/dashboard/tasks/{task_id}", 303, PAGE_HEADERS)


def _live_only(request: Request) -> bool:
    return request.headers.get(LIVE_HEADER) == "live"


def _query(request: Request) -> TaskQuery | None:
    """Which tasks the address asks for; None where it names a state that there is not."""
    state = request.query_params.get("state") or None
    text = request.query_params.get("q", "").replace("\x00", "").strip()[:TEXT_FILTER_CHARACTERS]
    cursor = request.query_params.get("cursor", "")[:CURSOR_CHARACTERS]
    if state is not None and state not in STATES:
        return None
    return TaskQuery(cast(State | None, state), text or None, cursor or None)
