"""What an answer tells of its caller's quota: the fields of the IETF's draft (httpapi-ratelimit-headers, 10)."""

import ipaddress

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Scope, Send

from app.api import problems
from app.api.problems import Problem
from app.domain.access import ANYONE, Caller
from app.services.rate_limits import Rate, Verdict

POLICY = '"default"'


def counted_as(caller: Caller | None, scope: Scope) -> str:
    """Whose quota a request is counted on: its key's, or else its address's (of IPv6 the network's, /64)."""
    if caller is not None and caller is not ANYONE:
        return f"key {caller.owner}"
    client = scope.get("client")
    if client is None:
        return "here"
    try:
        address = ipaddress.ip_address(client[0].partition("%")[0])
    except ValueError:
        return str(client[0])
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def rate_headers(rate: Rate, verdict: Verdict) -> dict[str, str]:
    return {
        "RateLimit-Policy": f"{POLICY};q={rate.count};w={rate.seconds}",
        "RateLimit": f"{POLICY};r={verdict.remaining};t={verdict.whole_again_seconds}",
    }


def with_headers(send: Send, more: dict[str, str]) -> Send:
    """Sends as `send` does, with these headers on the answer."""

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=message["headers"])
            headers.update(more)
            message["headers"] = headers.raw
        await send(message)

    return send_with_headers


def too_many(rate: Rate, verdict: Verdict) -> Problem:
    return Problem(
        problems.TOO_MANY_REQUESTS,
        f"More than {rate.count} requests in {rate.seconds} s. Nothing was done; send it again in "
        f"{verdict.retry_after_seconds} s.",
        headers={"Retry-After": str(verdict.retry_after_seconds)},
    )
