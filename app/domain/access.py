"""Who asks, and what they may do."""

import hashlib
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

KEY_PREFIX = "sat_"
NOBODY = ""
"""The owner of what was asked for without a key."""

_CONFIGURED = re.compile(
    r"(?:(?P<name>[A-Za-z0-9_.-]{1,50})=)?(?P<key>[A-Za-z0-9_.~-]{20,200})(?::(?P<scopes>[a-z]+(?:\+[a-z]+)*))?"
)


class Scope(StrEnum):
    SPEAK = "speak"
    READ = "read"
    ADMIN = "admin"


SCOPE_MEANINGS = {
    Scope.SPEAK: "ask for speech, and stop, retry and delete one's own tasks",
    Scope.READ: "look at one's own tasks and their audio, at voices, health and metrics",
    Scope.ADMIN: "everything, and everybody's tasks",
}

USUAL_SCOPES = frozenset({Scope.SPEAK, Scope.READ})


def parse_scopes(names: Iterable[str]) -> frozenset[Scope]:
    """
    Raises:
      ValueError: one is unknown, or there are none.
    """
    given = list(names)
    known = ", ".join(Scope)
    unknown = [name for name in given if name not in set(Scope)]
    if unknown or not given:
        raise ValueError(f"a key has scopes among {known}")
    return frozenset(Scope(name) for name in given)


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever sent a request. `owner` is what their tasks are kept under."""

    owner: str
    scopes: frozenset[Scope]

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes or Scope.ADMIN in self.scopes

    @property
    def sees(self) -> str | None:
        """Whose tasks they see; None where it is everybody's."""
        return None if Scope.ADMIN in self.scopes else self.owner


ANYONE = Caller(NOBODY, frozenset(Scope))
"""Where there are no keys."""


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key as it is kept: never the key itself, but its SHA-256 in hex."""

    id: str
    name: str
    digest: str
    scopes: frozenset[Scope]

    @property
    def caller(self) -> Caller:
        return Caller(self.id, self.scopes)

    @classmethod
    def configured(cls, text: str) -> Self:
        """The key that a setting spells as `KEY`, `NAME=KEY` or `NAME=KEY:SCOPE+SCOPE`.

        Raises:
          ValueError: it spells none; the message says what to give and nothing of what was given.
        """
        found = _CONFIGURED.fullmatch(text)
        if found is None:
            raise ValueError("give NAME=KEY:SCOPE+SCOPE; a key has 20 to 200 letters, digits and ._~-")
        digest = key_digest(found["key"])
        scopes = parse_scopes(found["scopes"].split("+")) if found["scopes"] else USUAL_SCOPES
        name = found["name"] or digest[:12]
        return cls(f"settings:{name}", name, digest, scopes)


def new_key() -> str:
    """A key that nobody can guess: 256 random bits."""
    return KEY_PREFIX + secrets.token_urlsafe(32)


def key_digest(key: str) -> str:
    """A fast hash is enough for what is random already (docs/adr/0014-keys-are-random.md)."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
