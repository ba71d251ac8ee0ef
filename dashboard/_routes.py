"""The addresses below /dashboard. Links are GET, forms are POST answered with 303; no page needs a script."""

import time
from collections.abc import Callable

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from ._backend import DashboardBackend
from ._guard import Guard
from ._pages import Pages
from ._safety import PAGE_HEADERS
from ._service_routes import service_routes
from ._static import StaticFiles
from ._task_routes import task_routes


def create_dashboard(backend: DashboardBackend, *, clock: Callable[[], float] = time.time) -> APIRouter:
    """The pages, their forms and their static files, all below /dashboard, over `backend`.

    `clock` tells seconds since the Unix epoch.
    """
    static = StaticFiles()
    pages = Pages(static, backend.rights, clock)
    guard = Guard(backend, pages)
    router = APIRouter(prefix="/dashboard", include_in_schema=False, default_response_class=Response)
    service_routes(router, backend, pages, guard)
    task_routes(router, backend, pages, guard)

    @router.get("/static/{name}")
    async def static_file(request: Request, name: str) -> Response:
        return static.answer(request, name) or _no_page()

    @router.get("/static/vendor/{name}")
    async def vendored_file(request: Request, name: str) -> Response:
        return static.answer(request, f"vendor/{name}") or _no_page()

    @router.get("/{rest:path}")
    async def nothing_here(rest: str) -> Response:
        return _no_page() if rest else RedirectResponse("/dashboard", 303, PAGE_HEADERS)

    def _no_page() -> Response:
        return pages.notice(404, "There is nothing here", "The address may be mistyped.")

    return router
