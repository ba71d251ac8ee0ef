"""The lexicons that requests name."""

from collections.abc import Sequence
from typing import Protocol

import anyio.from_thread

from app.domain.lexicons import StoredLexicon, is_lexicon_name
from app.results import AsyncDatabase, find_lexicon, list_lexicons


class LexiconFinder(Protocol):
    def find(self, name: str) -> StoredLexicon | None: ...
    def names(self) -> Sequence[str]: ...


class LexiconDirectory:
    """Reads from the results store. To be asked in a worker thread of the event loop (`anyio.to_thread`)."""

    def __init__(self, database: AsyncDatabase) -> None:
        self._database = database

    def find(self, name: str) -> StoredLexicon | None:
        return anyio.from_thread.run(self._database.read, find_lexicon, name) if is_lexicon_name(name) else None

    def names(self) -> Sequence[str]:
        return [heading.name for heading in anyio.from_thread.run(self._database.read, list_lexicons)]


class NoLexicons:
    """Where nothing is stored, such as in a form that has no field for it."""

    def find(self, name: str) -> StoredLexicon | None:
        return None

    def names(self) -> Sequence[str]:
        return ()
