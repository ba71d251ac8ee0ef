"""Who a key stands for. The keys are few: all are kept here, and read anew every second."""

import asyncio
import hmac
import time
from collections.abc import Iterable

from app.domain.access import ANYONE, Caller, KnownKey, key_digest
from app.results import AsyncDatabase, ResultsStore
from app.results.api_keys import StoredKey, stored_keys

FRESH_SECONDS = 1.0
"""How long it may take until a new key works and a revoked one does not."""

_NO_KEY = KnownKey("", "", "0" * 64, frozenset())


class KeyRing:
    """The keys of the settings and those of the store.

    Where there never was a key, anybody may do anything; once there was one, also a revoked one, only keys may.
    """

    def __init__(self, database: AsyncDatabase, configured: Iterable[KnownKey]) -> None:
        self._database = database
        self._configured = tuple(configured)
        self._by_digest: dict[str, KnownKey] = {}
        self._needed = True
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()

    async def caller(self, presented: str | None) -> Caller | None:
        """Whom the key that was presented stands for, or `ANYONE` where none is needed; None where it stands for
        nobody."""
        if not self._fresh():
            async with self._reading:
                if not self._fresh():
                    self._learn(await self._database.read(_stored))
        if not self._needed:
            return ANYONE
        if presented is None:
            return None
        digest = key_digest(presented)
        # The look-up tells at most something of a hash that nobody can choose; what decides takes the same time always.
        known = self._by_digest.get(digest, _NO_KEY)
        return known.caller if hmac.compare_digest(known.digest, digest) else None

    def _learn(self, stored: list[StoredKey]) -> None:
        live = [each.key for each in stored if each.revoked_at is None]
        self._by_digest = {key.digest: key for key in (*live, *self._configured)}
        self._needed = bool(stored or self._configured)
        self._read_at = time.monotonic()

    def _fresh(self) -> bool:
        return time.monotonic() - self._read_at < FRESH_SECONDS


def _stored(store: ResultsStore) -> list[StoredKey]:
    return stored_keys(store.connection)
