"""Deliveries to a client's webhook, in the words of Standard Webhooks (github.com/standard-webhooks): what is sent,
how it is signed, and when it is tried again. Times are milliseconds since the Unix epoch where nothing else is said."""

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from urllib.parse import urlsplit

from app.domain.ids import TaskId
from app.domain.states import TaskState
from app.domain.times import rfc_3339

RETRY_SECONDS = (5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 10 * 3600)
"""The wait after each attempt that failed; with the first, eight attempts over some 27 hours."""

MAX_RETRY_AFTER_SECONDS = 24 * 3600
"""A receiver may ask for a longer wait than ours, but not for a longer one than this."""

MAX_URL_CHARACTERS = 2048
GONE = 410

SECRET_PREFIX = "whsec_"  # noqa: S105  # what a secret begins with
_SECRET_BYTES = range(24, 65)

_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9_-]{1,63}(?<!-))*\.?", re.IGNORECASE)
_PRINTABLE = re.compile(r"[!-~]+")


class BadWebhook(ValueError):
    """An address or a secret that cannot be used; the message says what to give."""


class DeliveryState(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class DeliveryAttempt:
    """One try. `status` is None where no answer came; `error` says why it counts as failed."""

    attempt: int
    at: int
    duration_ms: int
    status: int | None
    error: str | None
    excerpt: str | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one receiver; `n` is the run of the task that it tells the end of."""

    task_id: TaskId
    n: int
    url: str
    event: str
    payload: str
    state: DeliveryState
    ticket: int
    tries: int
    created_at: int
    next_at: int | None
    attempts: tuple[DeliveryAttempt, ...] = ()

    @property
    def webhook_id(self) -> str:
        """The same for every attempt at one event, so that a receiver can tell a repeat."""
        return webhook_id(self.task_id, self.n)


def webhook_id(task_id: TaskId, n: int) -> str:
    return f"msg_{task_id}_{n}"


def event_of(state: TaskState) -> str:
    """What the end of a task in this state is called."""
    return f"task.{state.value}"


def payload_of(
    task_id: TaskId, run: int, state: TaskState, *, attempts: int, error: Mapping[str, object] | None, now: int
) -> str:
    """What is signed and sent. Ids, the state and links, never a text: of an error only its kind, for its detail may
    quote one."""
    address = f"/tasks/{task_id}"
    discarded = error if state is TaskState.DISCARDED else None
    content = {
        "type": event_of(state),
        "timestamp": rfc_3339(now),
        "data": {
            "task_id": task_id,
            "state": state.value,
            "run": run,
            "attempts": attempts,
            "error": {"type": discarded["type"], "title": discarded["title"]} if discarded else None,
            "links": {"self": address, "deliveries": f"{address}/deliveries"},
        },
    }
    return json.dumps(content, separators=(",", ":"))


def check_url(url: str) -> str:
    """`url`, where a webhook may lie there as far as its spelling tells.

    Raises:
      BadWebhook: it is no address of http or https, names nobody, or carries a password.
    """
    if len(url) > MAX_URL_CHARACTERS:
        raise BadWebhook(f"The URL has {len(url)} characters; at most {MAX_URL_CHARACTERS} are taken.")
    if _PRINTABLE.fullmatch(url) is None:
        raise BadWebhook("Write the URL in printable ASCII, others percent-encoded and names in punycode.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        literal = _literal(host, bracketed="[" in parts.netloc)
    except ValueError:
        raise BadWebhook("That is no URL; give one such as https://example.org/hooks.") from None
    if parts.scheme not in {"http", "https"}:
        raise BadWebhook("Give a URL that begins with https:// or http://.")
    if parts.username is not None or parts.password is not None:
        raise BadWebhook("Leave user name and password out of the URL; the signature says who sends.")
    if parts.fragment or url.endswith("#"):
        raise BadWebhook("Leave the part after # out of the URL; it is never sent.")
    if not literal and _NAME.fullmatch(host) is None:
        raise BadWebhook("The URL names no host; give one such as https://example.org/hooks.")
    if port == 0:
        raise BadWebhook("There is no port 0.")
    return url


def _literal(host: str, *, bracketed: bool) -> bool:
    if not bracketed:
        return False
    if "%" in host:
        raise ValueError("an interface's name is of no use to others")
    ip_address(host)
    return True


def parse_secrets(text: str) -> tuple[bytes, ...]:
    """The keys of one or more secrets, separated by white space; the first signs first.

    Raises:
      BadWebhook: one is not `whsec_` and the base64 of 24 to 64 bytes.
    """
    return tuple(_key(part) for part in text.split())


def _key(secret: str) -> bytes:
    wanted = f"must be {SECRET_PREFIX} and the base64 of 24 to 64 random bytes"
    if not secret.startswith(SECRET_PREFIX):
        raise BadWebhook(wanted)
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error:
        raise BadWebhook(wanted) from None
    if len(key) not in _SECRET_BYTES:
        raise BadWebhook(wanted)
    return key


def signed_headers(keys: Sequence[bytes], webhook_id: str, at_seconds: int, body: bytes) -> dict[str, str]:
    """The three headers of Standard Webhooks 1.0.0, with one signature for each key."""
    signed = b"%s.%d.%s" % (webhook_id.encode(), at_seconds, body)
    digests = (hmac.new(key, signed, hashlib.sha256).digest() for key in keys)
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(at_seconds),
        "webhook-signature": " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests),
    }


def wait_seconds(tries: int, retry_after: float | None, jitter: float) -> float | None:
    """How long to wait after the `tries`-th attempt failed; None where it was the last.

    Parameters:
      retry_after: The seconds that the receiver asked for.
      jitter: 0 to 1; up to a tenth is added, so that a receiver that comes back is not met by all at once.
    """
    if tries > len(RETRY_SECONDS):
        return None
    wanted = RETRY_SECONDS[tries - 1] * (1 + jitter / 10)
    return max(wanted, min(retry_after or 0.0, MAX_RETRY_AFTER_SECONDS))
