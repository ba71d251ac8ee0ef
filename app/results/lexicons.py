"""Lexicons in the results store: the named ones, and the entries that tasks are spoken with.

Entries lie under their hash and never change. They stay as long as a lexicon of that name or an item has them, so
that a task that is tried again sounds the same whatever became of the lexicon.
"""

from collections.abc import Collection
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from app.domain.lexicons import Lexicon, LexiconHeading, StoredLexicon
from app.results.models import items, lexicon_entries, lexicons
from app.results.reading import ReadingStore

_ALL = select(lexicons).order_by(lexicons.c.name)
_ONE = (
    select(lexicons, lexicon_entries.c.entries)
    .join(lexicon_entries, lexicon_entries.c.version == lexicons.c.version)
    .where(lexicons.c.name == bindparam("name"))
)
_ENTRIES = select(lexicon_entries.c.entries).where(lexicon_entries.c.version == bindparam("version"))
_HOLD = select(lexicon_entries.c.version).where(lexicon_entries.c.version == bindparam("version"))
_HOLD = _HOLD.with_for_update(read=True, key_share=True)  # SQLite, which has one writer at a time, leaves it out
_KEEP, _ADD = (
    {
        "sqlite": sqlite.insert(table).on_conflict_do_nothing(),
        "postgresql": postgresql.insert(table).on_conflict_do_nothing(),
    }
    for table in (lexicon_entries, lexicons)
)
_IS_UNUSED = ~or_(
    select(lexicons.c.name).where(lexicons.c.version == lexicon_entries.c.version).exists(),
    select(items.c.idx).where(items.c.lexicon_version == lexicon_entries.c.version).exists(),
)
_UNUSED = select(lexicon_entries.c.version).where(_IS_UNUSED)


def list_lexicons(store: ReadingStore) -> list[LexiconHeading]:
    """All of them, by name."""
    return [_heading_of(row) for row in store.connection.execute(_ALL)]


def find_lexicon(store: ReadingStore, name: str) -> StoredLexicon | None:
    row = store.connection.execute(_ONE, {"name": name}).one_or_none()
    return None if row is None else StoredLexicon(_heading_of(row), Lexicon(_entries_of(row), row.version))


def find_lexicon_to_change(store: ReadingStore, name: str) -> StoredLexicon | None:
    """The lexicon, which nobody else changes before this transaction ends."""
    row = store.connection.execute(_ONE.with_for_update(of=lexicons), {"name": name}).one_or_none()
    return None if row is None else StoredLexicon(_heading_of(row), Lexicon(_entries_of(row), row.version))


def count_lexicons(store: ReadingStore) -> int:
    return store.connection.execute(select(func.count()).select_from(lexicons)).scalar_one()


def add_lexicon(store: ReadingStore, name: str, lexicon: Lexicon, *, now: int) -> StoredLexicon | None:
    """The new lexicon; None where somebody else has added one of that name at the same moment."""
    heading = LexiconHeading(name, 1, lexicon.version, len(lexicon.entries), now, now)
    keep_entries(store.connection, lexicon)
    adding = _ADD[store.connection.dialect.name].returning(lexicons.c.name)
    added = store.connection.execute(adding, asdict(heading)).one_or_none()
    return StoredLexicon(heading, lexicon) if added is not None else None


def replace_lexicon(store: ReadingStore, before: LexiconHeading, lexicon: Lexicon, *, now: int) -> StoredLexicon:
    heading = LexiconHeading(
        before.name, before.revision + 1, lexicon.version, len(lexicon.entries), before.created_at, now
    )
    keep_entries(store.connection, lexicon)
    changed = update(lexicons).where(lexicons.c.name == before.name)
    store.connection.execute(
        changed.values(
            revision=heading.revision, version=heading.version, entry_count=heading.entry_count, updated_at=now
        )
    )
    return StoredLexicon(heading, lexicon)


def remove_lexicon(store: ReadingStore, name: str) -> None:
    store.connection.execute(delete(lexicons).where(lexicons.c.name == name))


def keep_entries(connection: Connection, lexicon: Lexicon) -> None:
    """Have the entries in the store, and hold them there until this transaction ends."""
    about = {"version": lexicon.version}
    while connection.execute(_HOLD, about).first() is None:
        kept = {**about, "entries": [list(entry) for entry in lexicon.entries]}
        connection.execute(_KEEP[connection.dialect.name], kept)


def entries_of_version(store: ReadingStore, version: str) -> Lexicon:
    """The lexicon of an item, as it was when its task was accepted."""
    row = store.connection.execute(_ENTRIES, {"version": version}).one()
    return Lexicon(_entries_of(row), version)


def unused_entries(store: ReadingStore, *, limit: int) -> list[str]:
    """Versions that no lexicon and no task has any more."""
    return list(store.connection.scalars(_UNUSED.limit(limit)))


def drop_unused_entries(store: ReadingStore, versions: Collection[str]) -> int:
    """Forget those of the versions that are still not used; how many were forgotten."""
    gone = delete(lexicon_entries).where(lexicon_entries.c.version.in_(versions), _IS_UNUSED)
    return store.connection.execute(gone).rowcount


def _entries_of(row: Row[Any]) -> tuple[tuple[str, str], ...]:
    return tuple((word, said) for word, said in row.entries)


def _heading_of(row: Row[Any]) -> LexiconHeading:
    return LexiconHeading(
        name=row.name,
        revision=row.revision,
        version=row.version,
        entry_count=row.entry_count,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
