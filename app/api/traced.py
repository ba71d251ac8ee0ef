"""A span for every request, as a part of the client's trace where it tells of one."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.http_metrics import route_of
from app.observability import tracing

SERVER_ERROR = 500


class TraceRequests:
    """Stands inside of what gives the request its id, outside of what may refuse it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not tracing.HAS_API:
            await self._app(scope, receive, send)
            return
        with tracing.span(scope["method"], "server", Headers(scope=scope)) as span:

            async def send_and_note(message: Message) -> None:
                if message["type"] == "http.response.start":
                    route = route_of(scope)
                    span.rename(f"{scope['method']} {route}")
                    span.set(route=route, status=message["status"])
                    if message["status"] >= SERVER_ERROR:
                        span.fail(str(message["status"]))
                await send(message)

            await self._app(scope, receive, send_and_note)
