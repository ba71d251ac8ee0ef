"""The service: how it is, its voices, queues, workers and dead letters, its settings."""

from collections.abc import Awaitable, Callable
from typing import cast

from fastapi import APIRouter, Request
from starlette.responses import Response

from ._backend import DashboardBackend
from ._guard import Guard
from ._pages import Pages
from ._safety import Form
from ._service_values import SPANS, Span
from ._task_routes import live_only, see

USUAL_SPAN: Span = "1h"


def service_routes(router: APIRouter, backend: DashboardBackend, pages: Pages, guard: Guard) -> None:
    """Add them to the router."""

    @router.get("")
    async def show_overview(request: Request) -> Response:
        asked = request.query_params.get("span", USUAL_SPAN)
        span = cast(Span, asked) if asked in SPANS else USUAL_SPAN
        overview = await backend.overview(span)
        return pages.overview(overview, span, base_url=str(request.base_url), live_only=live_only(request))

    @router.get("/voices")
    async def show_voices() -> Response:
        return pages.voices(await backend.voices())

    @router.get("/queues")
    async def show_queues(request: Request) -> Response:
        return guard.refuses_page() or pages.queues(await backend.queues(), live_only=live_only(request))

    @router.get("/workers")
    async def show_workers(request: Request) -> Response:
        return guard.refuses_page() or pages.workers(await backend.workers(), live_only=live_only(request))

    @router.get("/dead")
    async def show_dead_letters(request: Request) -> Response:
        after = _number(request.query_params.get("after", "")) or 0
        if refusal := guard.refuses_page():
            return refusal
        done = _number(request.query_params.get("done", ""))
        return pages.dead_letters(await backend.dead_letters(after), after, done=done)

    @router.get("/about")
    async def show_about() -> Response:
        return guard.refuses_page() or pages.about(await backend.about())

    @router.post("/queues/pause")
    async def pause(request: Request) -> Response:
        return await _on_queue(request, backend.pause_queue)

    @router.post("/queues/resume")
    async def resume(request: Request) -> Response:
        return await _on_queue(request, backend.resume_queue)

    @router.post("/dead/requeue")
    async def requeue(request: Request) -> Response:
        return await _on_dead(request, backend.requeue_dead)

    @router.post("/dead/drop")
    async def drop(request: Request) -> Response:
        return await _on_dead(request, backend.drop_dead)

    async def _on_queue(request: Request, act: Callable[[str], Awaitable[None]]) -> Response:
        async def to_named(form: Form) -> Response:
            name = form.get("queue", "")
            if name not in {queue.name for queue in await backend.queues()}:
                return pages.notice(404, "There is no such queue", "It may be empty and forgotten by now.")
            await act(name)
            return see("/dashboard/queues")

        return await guard.with_form(request, to_named, administers=True)

    async def _on_dead(request: Request, act: Callable[[int | None], Awaitable[int]]) -> Response:
        async def to_named(form: Form) -> Response:
            letter = form.get("letter", "")
            number = _number(letter)
            if letter != "all" and number is None:
                return pages.notice(400, "Nothing was chosen", "Say which dead letter is meant.")
            return see(f"/dashboard/dead?done={await act(number)}")

        return await guard.with_form(request, to_named, administers=True)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None
