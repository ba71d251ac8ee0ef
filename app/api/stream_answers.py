"""Answers that go out while they are made, and are never taken for whole where they are not."""

import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing

import anyio
import structlog
from anyio.abc import TaskGroup
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.api import problems
from app.api.edge import BrokenStream
from app.api.problems import Problem
from app.services.watch_tasks import TaskWatch

log = structlog.get_logger(__name__)

GRACE_SECONDS = 2.0
"""How long an answer under way may still take once the process is told to stop: less than its server waits."""


class StreamAnswer(Response):
    """Sends what `body` gives as it comes; its headers go out with the first of it.

    An error before that is an answer of its own. After it, or where the process stops, the connection is cut in the
    midst of the body, which every client notices; a body that can tell of errors itself raises none, and `farewell`
    is what it ends with where the process stops.

    Parameters:
      headers: Asked for when the first bytes are there.
      left: Called where the client has gone before the end.
      patience_seconds: A client that does not take a part for so long counts as gone; without it, it is waited for.
    """

    def __init__(
        self,
        body: AsyncGenerator[bytes],
        headers: Callable[[], Mapping[str, str]],
        watch: TaskWatch,
        *,
        left: Callable[[], Awaitable[None]] | None = None,
        farewell: bytes | None = None,
        patience_seconds: float | None = None,
    ) -> None:
        super().__init__()
        self._body = body
        self._headers_of_body = headers
        self._watch = watch
        self._left = left
        self._farewell = farewell
        self._patience_seconds = patience_seconds
        self._begun = False
        self._ended_by: str | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        failure: Exception | None = None
        async with anyio.create_task_group() as group:
            group.start_soon(self._notice_that_the_client_left, receive, group)
            group.start_soon(self._notice_that_the_process_stops, group)
            try:
                async with aclosing(self._body):
                    async for chunk in self._body:
                        with anyio.move_on_after(self._patience_seconds or math.inf) as patience:
                            await self._send(chunk, send)
                        if patience.cancelled_caught:
                            self._ended_by = "client"
                            break
                if self._ended_by is None:
                    await self._finish(send)
            except Exception as error:  # raised anew below, where no group wraps it
                failure = error
            group.cancel_scope.cancel()
        if self._ended_by == "client":
            log.debug("listener_left")
            if self._left is not None:
                with anyio.CancelScope(shield=True):
                    await self._left()
        elif self._ended_by == "stop":
            await self._stop(send)
        elif failure is not None and self._begun:
            raise BrokenStream from failure
        elif failure is not None:
            raise failure

    async def _send(self, chunk: bytes, send: Send) -> None:
        if not self._begun:
            self._begun = True
            self.init_headers({**self._headers_of_body(), "Cache-Control": "no-store", "X-Accel-Buffering": "no"})
            del self.headers["Content-Length"]
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": chunk, "more_body": True})

    async def _finish(self, send: Send) -> None:
        self._ended_by = "itself"  # a client that leaves from now on has everything
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _notice_that_the_client_left(self, receive: Receive, group: TaskGroup) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._end("client", group)

    async def _notice_that_the_process_stops(self, group: TaskGroup) -> None:
        await self._watch.closing.wait()
        await anyio.sleep(GRACE_SECONDS)
        self._end("stop", group)

    def _end(self, by: str, group: TaskGroup) -> None:
        if self._ended_by is None:
            self._ended_by = by
            group.cancel_scope.cancel()

    async def _stop(self, send: Send) -> None:
        if not self._begun:
            raise Problem(
                problems.STOPPING,
                "The service is stopping. What was asked for is kept; ask again once it is back.",
                headers={"Retry-After": "5"},
            )
        if self._farewell is None:
            raise BrokenStream
        await send({"type": "http.response.body", "body": self._farewell, "more_body": False})
