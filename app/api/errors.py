"""Every error becomes a problem: one handler for each family of them."""

import sqlite3
from collections.abc import Awaitable, Callable, Iterable
from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match, Mount

from app.api import problems
from app.api.problems import Kind, ParameterError, Problem
from app.api.validation import advice_of
from app.domain.errors import IllegalMove
from app.services.admission import NoRoom, QueueFull

log = structlog.get_logger(__name__)

RETRY_AFTER_SECONDS = 5

_PASSING = {
    sqlite3.SQLITE_BUSY: "The database is locked by another process.",
    sqlite3.SQLITE_LOCKED: "The database is locked by another process.",
    sqlite3.SQLITE_FULL: "The disk is full.",
    sqlite3.SQLITE_READONLY: "The database is read-only.",
    sqlite3.SQLITE_IOERR: "The disk does not take what is written.",
    sqlite3.SQLITE_CANTOPEN: "The database cannot be opened.",
}


def handle_errors(app: FastAPI) -> None:
    """Have the application answer its errors with problems."""
    handlers: dict[type[Exception], Callable[[Request, Exception], Awaitable[Response]]] = {
        Problem: _problem,
        IllegalMove: _illegal_move,
        RequestValidationError: _misfit,
        HTTPException: _http,
        NoRoom: _no_room,
        DBAPIError: _database,
        PoolTimeout: _pool,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem), "registered for it"
    return error.response(request.scope)


async def _illegal_move(request: Request, error: Exception) -> Response:
    assert isinstance(error, IllegalMove), "registered for it"
    detail = f"{error} GET /task-states lists the moves."
    return Problem(problems.ILLEGAL_MOVE, detail, more={"state": str(error.current)}).response(request.scope)


async def _misfit(request: Request, error: Exception) -> Response:
    """Query, path and header parameters; bodies are parsed elsewhere."""
    assert isinstance(error, RequestValidationError), "registered for it"
    found = [ParameterError(str(each["loc"][0]), str(each["loc"][-1]), advice_of(each)) for each in error.errors()]
    errors = list(dict.fromkeys(found))  # a route and what it depends on may want the same parameter
    first = errors[0]
    detail = f"{first.place.capitalize()} parameter {first.parameter!r}: {first.detail}"
    return Problem(problems.INVALID_INPUT, detail, errors=errors).response(request.scope)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException), "registered for it"
    if error.status_code == problems.NOT_FOUND.status:
        detail = "There is nothing at this address. /docs lists the addresses that there are."
        return Problem(problems.NOT_FOUND, detail).response(request.scope)
    if error.status_code == problems.METHOD_NOT_ALLOWED.status:
        allowed = _allowed_methods(request)
        detail = f"{request.method} does nothing here; use {' or '.join(allowed)}."
        headers = {"Allow": ", ".join(allowed)}
        return Problem(problems.METHOD_NOT_ALLOWED, detail, headers=headers).response(request.scope)
    kind = Kind("", error.status_code, HTTPStatus(error.status_code).phrase)
    return Problem(kind, str(error.detail), headers=error.headers).response(request.scope)


async def _no_room(request: Request, error: Exception) -> Response:
    assert isinstance(error, NoRoom), "registered for it"
    kind = problems.QUEUE_FULL if isinstance(error, QueueFull) else problems.DISK_FULL
    headers = {"Retry-After": str(error.retry_after_seconds)}
    return Problem(kind, str(error), headers=headers).response(request.scope)


async def _database(request: Request, error: Exception) -> Response:
    """503 where waiting helps; anything else is a fault of ours."""
    assert isinstance(error, DBAPIError), "registered for it"
    reason = _passing_reason(error)
    if reason is None:
        raise error
    log.warning("storage_unavailable", reason=reason)
    return _unavailable(reason).response(request.scope)


async def _pool(request: Request, error: Exception) -> Response:
    log.warning("storage_unavailable", reason="pool exhausted")
    return _unavailable("Too many requests wait for the database.").response(request.scope)


def _passing_reason(error: DBAPIError) -> str | None:
    if isinstance(error.orig, sqlite3.Error):
        code = getattr(error.orig, "sqlite_errorcode", None)  # an extended code: the low byte is the family
        return _PASSING.get(code & 0xFF) if code is not None else None
    return "The database does not answer." if error.connection_invalidated else None


def _unavailable(reason: str) -> Problem:
    return Problem(
        problems.STORAGE_UNAVAILABLE,
        f"{reason} Nothing was accepted or changed; try again later.",
        headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
    )


def _allowed_methods(request: Request) -> list[str]:
    """Of all routes at this address, not only of the first that has it; files can be read and no more."""
    return list(_methods_at(request)) or ["GET", "HEAD"]


def _methods_at(request: Request) -> Iterable[str]:
    if request.scope["path"] in request.app.state.methods:  # an address of its own, such as /tasks/bulk
        yield from request.app.state.methods[request.scope["path"]]
        return
    for method in ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"):
        scope = {**request.scope, "method": method}
        routes = (route for route in request.app.routes if not isinstance(route, Mount))
        if any(route.matches(scope)[0] is Match.FULL for route in routes):
            yield method
