"""Who may pass: API keys and their scopes, before any route is asked. What a route does not name needs a key, too."""

import base64
import binascii
import ipaddress
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Final, Protocol
from urllib.parse import urlsplit

from fastapi import Request
from sqlalchemy.exc import DBAPIError
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api import problems
from app.api.problems import Problem
from app.api.rate_headers import counted_as, rate_headers, too_many, with_headers
from app.domain.access import ANYONE, Caller
from app.domain.access import Scope as KeyScope
from app.services.key_ring import KeyRing
from app.services.rate_limits import Rate, RateLimits

REALM = 'realm="SayAThing"'
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

OPEN_PATHS: Final = frozenset({"/", "/livez", "/readyz", "/docs", "/openapi.json"})
OPEN_BELOW: Final = ("/docs/assets/", "/dashboard/static/")
"""Nothing here tells anything of anybody."""

STATE = "sayathing.caller"

_caller: ContextVar[Caller] = ContextVar("caller", default=ANYONE)


class KeyRings(Protocol):
    def key_ring(self) -> KeyRing: ...


def current_caller() -> Caller:
    """Who sent the request that is being answered."""
    return _caller.get()


async def caller_of(request: Request) -> Caller:
    """Who sent this request."""
    caller: Caller = request.scope.get(STATE, ANYONE)
    return caller


class Access:
    """Refuses requests without a key that is known (401), those that their key does not allow (403), and those that
    are one too many for it, or for the address where there is no key (429).

    A key comes as `Authorization: Bearer`, as `X-API-Key`, or as the password of `Authorization: Basic`, which
    browsers ask for by themselves. What a browser sends along by itself, or without any key, may change nothing where
    another site's page asked for it.
    """

    def __init__(
        self,
        app: ASGIApp,
        rings: KeyRings,
        *,
        without_keys_from_anywhere: bool,
        origins: Sequence[str],
        rate: Rate | None,
    ) -> None:
        self._app = app
        self._rings = rings
        self._from_anywhere = without_keys_from_anywhere
        self._origins = frozenset(origins)
        self._limits = RateLimits(rate) if rate is not None else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or is_open(scope["path"]):
            await self._app(scope, receive, send)
            return
        try:
            caller = await self._known(scope)
            if self._limits is not None:
                verdict = self._limits.take(counted_as(caller, scope))
                send = with_headers(send, rate_headers(self._limits.rate, verdict))
                if not verdict.allowed:
                    raise too_many(self._limits.rate, verdict)
            caller = self._allowed(caller, scope)
        except Problem as problem:
            response = problem.response(scope)
            if problem.kind is problems.UNAUTHORIZED:  # a header of its own: browsers read one challenge in each
                response.headers.append("WWW-Authenticate", f'Basic {REALM}, charset="UTF-8"')
            await response(scope, receive, send)
            return
        except DBAPIError:
            await _storage_away().response(scope)(scope, receive, send)
            return
        scope[STATE] = caller
        token = _caller.set(caller)
        try:
            await self._app(scope, receive, send)
        finally:
            _caller.reset(token)

    async def _known(self, scope: Scope) -> Caller | None:
        presented, _ = _presented(Headers(scope=scope))
        return await self._rings.key_ring().caller(presented)

    def _allowed(self, caller: Caller | None, scope: Scope) -> Caller:
        headers = Headers(scope=scope)
        presented, by_browser = _presented(headers)
        if caller is None:
            raise _unauthorized(presented)
        if caller is ANYONE and not (self._from_anywhere or _is_local(scope)):
            raise Problem(
                problems.KEYS_NEEDED,
                "Without API keys this service answers its own machine only. Make one there with "
                "`sayathing keys create`, and send it as `Authorization: Bearer`.",
            )
        safe = scope["method"] in SAFE_METHODS
        if not safe and (by_browser or caller is ANYONE) and self._from_another_site(headers):
            raise Problem(
                problems.OTHER_SITE,
                "Another site's page sent this. Add its origin to SAYATHING_CORS_ORIGINS where that is meant to be.",
            )
        wanted = KeyScope.READ if safe else KeyScope.SPEAK
        if not caller.may(wanted):
            raise Problem(
                problems.FORBIDDEN,
                f"This key may not do that: it lacks the scope `{wanted}`.",
                headers={"WWW-Authenticate": f'Bearer {REALM}, error="insufficient_scope", scope="{wanted}"'},
            )
        return caller

    def _from_another_site(self, headers: Headers) -> bool:
        origin = headers.get("origin")
        if origin is not None and ("*" in self._origins or origin in self._origins):
            return False
        site = headers.get("sec-fetch-site")
        if site is not None:
            return site not in {"same-origin", "none"}
        if origin is None:
            return False
        try:
            return urlsplit(origin).netloc.lower() != headers.get("host", "").lower()
        except ValueError:
            return True


def is_open(path: str) -> bool:
    """Whether anybody may ask for this, with or without a key."""
    return path in OPEN_PATHS or path.startswith(OPEN_BELOW)


def _presented(headers: Headers) -> tuple[str | None, bool]:
    """The key that a request shows, and whether a browser sends it by itself. Of several headers none counts."""
    given = headers.getlist("authorization")
    if len(given) == 1:
        scheme, _, value = given[0].partition(" ")
        match scheme.lower():
            case "bearer":
                return value.strip(), False
            case "basic":
                return _password(value.strip()), True
    keys = headers.getlist("x-api-key")
    return (keys[0].strip() if len(keys) == 1 and not given else None), False


def _password(encoded: str) -> str | None:
    try:
        name, colon, password = base64.b64decode(encoded, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError):
        return None
    return password or name if colon else None


def _is_local(scope: Scope) -> bool:
    client = scope.get("client")
    if client is None:  # a Unix socket
        return True
    try:
        address = ipaddress.ip_address(client[0].partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def _unauthorized(presented: str | None) -> Problem:
    detail = (
        "This needs an API key: send one as `Authorization: Bearer <key>` or `X-API-Key: <key>`. "
        if presented is None
        else "This key is unknown or revoked. "
    )
    error = "" if presented is None else ', error="invalid_token"'
    return Problem(
        problems.UNAUTHORIZED,
        f"{detail}`sayathing keys create` on the service's machine makes one.",
        headers={"WWW-Authenticate": f"Bearer {REALM}{error}"},
    )


def _storage_away() -> Problem:
    return Problem(
        problems.STORAGE_UNAVAILABLE,
        "The keys cannot be read right now. Nothing was accepted or changed; try again later.",
        headers={"Retry-After": "5"},
    )
