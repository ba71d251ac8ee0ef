"""What stands before each action and each page of an administrator."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from ._backend import DashboardBackend
from ._pages import Pages
from ._safety import Form, FormUnreadable, from_another_site, read_form

OTHER_SITE = "Only this dashboard's own pages may change anything. Nothing was done."
NOT_ADMINISTRATOR = "This page tells of everybody's tasks and of the machine. It needs a key with the scope `admin`."


class Guard:
    def __init__(self, backend: DashboardBackend, pages: Pages) -> None:
        self._backend = backend
        self._pages = pages

    def refuses_action(self, request: Request, *, administers: bool = False) -> Response | None:
        """Why the visitor may change nothing here; None where they may."""
        if from_another_site(request):
            return self._pages.notice(403, "This came from another site", OTHER_SITE)
        rights = self._backend.rights()
        if not rights.act:
            return self._pages.notice(403, "You may look, but change nothing", rights.why_not)
        return self.refuses_page() if administers else None

    def refuses_page(self) -> Response | None:
        """Why the visitor may not see a page of an administrator; None where they may."""
        if self._backend.rights().administer:
            return None
        return self._pages.notice(403, "This page is not for this key", NOT_ADMINISTRATOR)

    async def with_form(
        self, request: Request, act: Callable[[Form], Awaitable[Response]], *, administers: bool = False
    ) -> Response:
        """What `act` answers to the form of the request, or why it is not asked."""
        if refusal := self.refuses_action(request, administers=administers):
            return refusal
        try:
            form = await read_form(request)
        except FormUnreadable as refused:
            return self._pages.notice(refused.status, "This form cannot be read", str(refused))
        return await act(form)
