"""The options of a message that the broker itself reads."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeGuard

from dramatiq import Actor, Message

from ._errors import InvalidOption

#: What `actor(...)` and `send_with_options(...)` may carry besides Dramatiq's own `priority`.
ACTOR_OPTIONS = frozenset({"rank", "key", "concurrency_key", "concurrency_limit", "time_limit"})

#: Added to a message's time limit: Dramatiq looks once a second, and native code ends when it ends.
GRACE_SECONDS = 30.0

#: Stands for "no time limit" in a column that is never empty while a message is claimed.
FOREVER_MS = 10 * 365 * 86_400_000

AnyActor = Actor[..., Any]

SQLITE_INTEGER = range(-(2**63), 2**63)


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a message goes: lower priority first, then lower rank (an offset to the virtual clock).

    Attributes:
      priority: Lower first.
      rank: An offset to the queue's virtual clock.
      key: At most one message with it lives.
      concurrency_key: At most `concurrency_limit` messages with it are worked on at once.
      concurrency_limit: None just where there is no `concurrency_key`.
    """

    priority: int
    rank: float
    key: str | None
    concurrency_key: str | None
    concurrency_limit: int | None


def placement(message: Message[Any], actor: AnyActor | None) -> Placement:
    """Read the message's options, falling back to its actor's.

    Raises:
      InvalidOption: a value has the wrong type or is out of range.
    """
    priority = message.options.get("priority")
    if priority is None:
        priority = actor.priority if actor is not None else 0
    if not _is_number(priority) or priority != int(priority) or int(priority) not in SQLITE_INTEGER:
        raise InvalidOption(f"priority must be a whole number, not {priority!r}")
    rank = _option(message, actor, "rank", 0.0)
    if not _is_number(rank):
        raise InvalidOption(f"rank must be a finite number, not {rank!r}")
    key = _text(message, actor, "key")
    concurrency_key = _text(message, actor, "concurrency_key")
    limit = _option(message, actor, "concurrency_limit", 1)
    if not _is_number(limit) or limit != int(limit) or limit < 1 or int(limit) not in SQLITE_INTEGER:
        raise InvalidOption(f"concurrency_limit must be a whole number above 0, not {limit!r}")
    return Placement(int(priority), float(rank), key, concurrency_key, int(limit) if concurrency_key else None)


def claim_milliseconds(message: Message[Any], actor: AnyActor | None, default_ms: int) -> int:
    """How long a claim of this message lasts: its time limit and a grace, or the default."""
    return claim_milliseconds_of(_option(message, actor, "time_limit", None), default_ms)


def claim_milliseconds_of(limit_ms: object, default_ms: int) -> int:
    """How long a claim lasts that a time limit ends: the limit and a grace, or the default where it is none."""
    if limit_ms is None:
        return default_ms
    if isinstance(limit_ms, float) and limit_ms == math.inf:
        return FOREVER_MS
    if not _is_number(limit_ms) or limit_ms <= 0:
        return default_ms
    return min(int(limit_ms + GRACE_SECONDS * 1000), FOREVER_MS)


def _option(message: Message[Any], actor: AnyActor | None, name: str, default: object) -> Any:
    value = message.options.get(name)
    if value is None and actor is not None:
        value = actor.options.get(name)
    return default if value is None else value


def _text(message: Message[Any], actor: AnyActor | None, name: str) -> str | None:
    value = _option(message, actor, name, None)
    if value is not None and (not isinstance(value, str) or not value):
        raise InvalidOption(f"{name} must be a text that is not empty, not {value!r}")
    return value


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
