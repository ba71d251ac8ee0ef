"""The API keys that were made on the command line."""

from dataclasses import dataclass

from sqlalchemy import Connection, Row, delete, insert, select, update

from app.domain.access import KnownKey, parse_scopes
from app.results.models import api_keys


@dataclass(frozen=True, slots=True)
class StoredKey:
    """Times are in milliseconds since the Unix epoch."""

    key: KnownKey
    created_at: int
    revoked_at: int | None


def add_key(connection: Connection, key: KnownKey, *, now: int) -> None:
    connection.execute(
        insert(api_keys).values(
            id=key.id, name=key.name, digest=key.digest, scopes="+".join(sorted(key.scopes)), created_at=now
        )
    )


def revoke_key(connection: Connection, key_id: str, *, now: int) -> bool:
    """Whether there was such a key that was not revoked yet. Its row stays: its tasks are still its own."""
    revoked = update(api_keys).where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None)).values(revoked_at=now)
    return connection.execute(revoked).rowcount == 1


def forget_keys(connection: Connection) -> None:
    """As if none had ever been made; their tasks are seen by admins and by whoever needs no key."""
    connection.execute(delete(api_keys))


def stored_keys(connection: Connection) -> list[StoredKey]:
    """All of them, the revoked ones too, the oldest first."""
    return [_key_of(row) for row in connection.execute(select(api_keys).order_by(api_keys.c.created_at, api_keys.c.id))]


def _key_of(row: Row[tuple[object, ...]]) -> StoredKey:
    key = KnownKey(row.id, row.name, row.digest, parse_scopes(row.scopes.split("+")))
    return StoredKey(key, row.created_at, row.revoked_at)
