"""What every request passes on its way in, and every answer on its way out (plain ASGI, so that streams stream)."""

import asyncio
import logging
import re
import time
import traceback
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api import problems
from app.api.problems import Problem

log = structlog.get_logger(__name__)

MAX_LOGGED_PATH = 200

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}

SLOWEST_BODY_SECONDS = 30.0
SLOWEST_BODY_BYTES_PER_SECOND = 4096
"""A body has 30 seconds, and another one for each 4 KiB of it that came."""

_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[^\s:/?#@\[\]]+)(?::[0-9]{0,5})?")


class BrokenStream(Exception):
    """An answer ended before its body did, and its connection is to be cut. `Edge` has logged why."""


class ToldOnce(logging.Filter):
    """Keeps the server from logging a `BrokenStream` again, as a crash and with messages that may quote a text."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], BrokenStream))


class Edge:
    """Gives each request an id, each answer its security headers, and each unforeseen error a problem.

    An id that the client sends is kept where it is harmless in a log. Of an unforeseen error the log gets its
    class and its place, never its message, which may quote a text.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if REQUEST_ID.fullmatch(given) else uuid4().hex
        begun = time.perf_counter()
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(raw=message["headers"])
                headers["X-Request-Id"] = request_id
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                message["headers"] = headers.raw
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, send_with_headers)
            except ClientDisconnect:
                log.debug("client_left")
            except BrokenStream as error:
                log.warning("stream_broken", reason=type(error.__cause__).__name__ if error.__cause__ else "stopping")
                raise  # the server cuts the connection
            except Exception as error:  # the outermost place that can still answer
                log.error(  # noqa: TRY400  # a traceback's last line is the message
                    "request_failed",
                    error=f"{type(error).__module__}.{type(error).__qualname__}",
                    where=traceback.format_tb(error.__traceback__),
                )
                if status:  # too late for an answer
                    raise BrokenStream from error
                await _internal_error(request_id).response(scope)(scope, receive, send_with_headers)
            milliseconds = round((time.perf_counter() - begun) * 1000, 1)
            log.info(
                "request",
                method=scope["method"],
                path=scope["path"][:MAX_LOGGED_PATH],
                status=status,
                milliseconds=milliseconds,
            )


def _internal_error(request_id: str) -> Problem:
    detail = f"Something went wrong here that should not have. Try again; if it stays, report request {request_id}."
    return Problem(problems.INTERNAL_ERROR, detail)


def _too_slow() -> Problem:
    return Problem(
        problems.SLOW_BODY,
        "The body came too slowly, and was given up. Send it again over a better connection, or in several requests.",
        headers={"Connection": "close"},
    )


class TrustedHosts:
    """Refuses requests that name another host than these; `*.example.org` stands for all names below it."""

    def __init__(self, app: ASGIApp, allowed: tuple[str, ...]) -> None:
        self._app = app
        self._names = {name.lower() for name in allowed}
        self._suffixes = tuple(name[1:].lower() for name in allowed if name.startswith("*."))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self._trusts(Headers(scope=scope).get("host", "")):
            detail = "Name a host that this service answers for, or add the name to SAYATHING_ALLOWED_HOSTS."
            await Problem(problems.UNKNOWN_HOST, detail).response(scope)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _trusts(self, host: str) -> bool:
        if "*" in self._names:
            return True
        found = _HOST.fullmatch(host.lower())
        return found is not None and (
            found["name"] in self._names or bool(self._suffixes and found["name"].endswith(self._suffixes))
        )


def cors_options(origins: Sequence[str]) -> dict[str, Any]:
    """What pages of these origins may send and read. No credentials: a page shows its key itself."""
    return {
        "allow_origins": list(origins),
        "allow_methods": ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
        "allow_headers": [
            *("Authorization", "X-API-Key", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match"),
            *("If-Range", "Last-Event-ID", "Prefer", "Range", "X-Request-Id"),
        ],
        "expose_headers": [
            *("Content-Disposition", "Content-Range", "ETag", "Idempotency-Replayed", "Location", "Preference-Applied"),
            *("RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-Id", "X-Task-Id", "X-Voice"),
        ],
        "max_age": 3600,
    }


class BodyLimit:
    """Refuses larger bodies before they are read: by Content-Length at once, without one as soon as too much came.
    Bodies that come too slowly are given up.

    Starlette has a limit of its own, which answers in plain text where a Content-Length is too large.
    """

    def __init__(self, app: ASGIApp, limit_bytes: int) -> None:
        self._app = app
        self._limit_bytes = limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "")
        if length.isascii() and length.isdigit() and (len(length) > 18 or int(length) > self._limit_bytes):
            await self._too_large().response(scope)(scope, receive, send)
            return
        came, begun, whole = 0, time.monotonic(), False

        async def receive_within_limit() -> Message:
            nonlocal came, whole
            if whole:
                return await receive()
            due = begun + SLOWEST_BODY_SECONDS + came / SLOWEST_BODY_BYTES_PER_SECOND
            try:
                async with asyncio.timeout(max(0.0, due - time.monotonic())):
                    message = await receive()
            except TimeoutError:
                raise _too_slow() from None
            if message["type"] == "http.request":
                came += len(message.get("body", b""))
                whole = not message.get("more_body", False)
                if came > self._limit_bytes:
                    raise self._too_large()
            return message

        await self._app(scope, receive_within_limit, send)

    def _too_large(self) -> Problem:
        return Problem(
            problems.BODY_TOO_LARGE,
            f"A body may have at most {self._limit_bytes} bytes. Send the text in several requests.",
            headers={"Connection": "close"},
        )
