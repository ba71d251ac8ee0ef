"""Connections to the results store: one set of pragmas, one way to begin, for both sides.

The API reaches SQLite from threads of its own and the workers from theirs; both run the same
`ResultsStore` over the same tables. Every write begins with BEGIN IMMEDIATE, so that no transaction ever
has to turn from reader to writer (which SQLite answers with an error at once, whatever the busy timeout).
"""

import asyncio
import contextvars
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import anyio.to_thread
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from app.ports import EventPublisher
from app.results.group_commit import GroupCommit
from app.results.store import ResultsStore

P = ParamSpec("P")
R = TypeVar("R")

BUSY_TIMEOUT_SECONDS = 30.0

AUTOCHECKPOINT_PAGES = 16_384
"""64 MiB. The queue's housekeeper checkpoints long before; one connection that does it is safer than many."""

_WRITES = "sayathing_writes"


def _prepare_sqlite(engine: Engine, durability: str) -> None:
    folder = Path(engine.url.database or "").parent

    def before_connect(*_: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)

    def on_connect(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT_SECONDS * 1000)}")
        _enter_wal(cursor)
        cursor.execute(f"PRAGMA synchronous = {'FULL' if durability == 'full' else 'NORMAL'}")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute(f"PRAGMA wal_autocheckpoint = {AUTOCHECKPOINT_PAGES}")
        cursor.close()

    def on_begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    event.listen(engine, "do_connect", before_connect)
    event.listen(engine, "connect", on_connect)
    event.listen(engine, "begin", on_begin)


def _enter_wal(cursor: DBAPICursor) -> None:
    give_up_at = time.monotonic() + BUSY_TIMEOUT_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            # SQLite does not wait for the lock when several processes turn a new file to WAL at once.
            if time.monotonic() > give_up_at:
                raise
            time.sleep(0.01)
        else:
            return


def _driven_by(url: str) -> URL:
    parsed = make_url(url)
    is_sqlite = parsed.get_backend_name() == "sqlite"
    return parsed.set(drivername="sqlite+pysqlite" if is_sqlite else "postgresql+psycopg")


def _engine(url: str, durability: str) -> Engine:
    engine = create_engine(_driven_by(url), pool_size=16, max_overflow=24, hide_parameters=True)
    if engine.dialect.name == "sqlite":
        _prepare_sqlite(engine, durability)
    return engine


def _publish_caused(store: ResultsStore, publisher: EventPublisher | None) -> None:
    if publisher is not None and store.caused:
        publisher.publish(store.caused, store)
    store.caused.clear()  # other acts may follow in the same transaction


class Database:
    """The results store as workers reach it: blocking calls, safe between threads, opened on first use.

    `keep_seconds` is how long a finished task is kept, 0 for ever. `publisher` takes what follows from a move by itself, in the move's own transaction. Without one it waits for the
    next round of housekeeping.
    """

    def __init__(
        self, url: str, *, durability: str = "full", keep_seconds: int = 0, publisher: EventPublisher | None = None
    ) -> None:
        self.url = url
        self._publisher = publisher
        self._keep_seconds = keep_seconds
        self._reading = _engine(url, durability)
        self._writing = self._reading.execution_options(**{_WRITES: True})
        self._stepping = _engine(url, "normal").execution_options(**{_WRITES: True})

    @contextmanager
    def read(self) -> Iterator[ResultsStore]:
        """A store over one consistent view of the rows."""
        with self._reading.begin() as connection:
            yield ResultsStore(connection, keep_seconds=self._keep_seconds)

    @contextmanager
    def write(self) -> Iterator[ResultsStore]:
        """A store over one write transaction: committed when the block ends, rolled back when it raises."""
        with self._committing(self._writing) as store:
            yield store

    @contextmanager
    def step(self) -> Iterator[ResultsStore]:
        """Like `write`, for a step on the way that its message would repeat: not synced by itself.

        A power cut may take the last steps back, together with all that followed from them; what `write` commits
        later makes them as safe as itself.
        """
        with self._committing(self._stepping) as store:
            yield store

    @contextmanager
    def _committing(self, engine: Engine) -> Iterator[ResultsStore]:
        with engine.begin() as connection:
            store = ResultsStore(connection, keep_seconds=self._keep_seconds)
            yield store
            _publish_caused(store, self._publisher)
        store.committed()

    def close(self) -> None:
        self._reading.dispose()
        self._stepping.dispose()


class AsyncDatabase:
    """The same store as the API reaches it: the loop never waits.

    On SQLite each read is one visit to a thread, and one thread writes for all who wait at once; on PostgreSQL the
    driver waits for the server by itself.
    """

    def __init__(
        self, url: str, *, durability: str = "full", keep_seconds: int = 0, publisher: EventPublisher | None = None
    ) -> None:
        self.url = url
        self._keep_seconds = keep_seconds
        self._publisher = publisher
        self._server: AsyncEngine | None = None
        if make_url(url).get_backend_name() == "sqlite":
            self._file = _engine(url, durability)
            writing = _engine(url, durability).execution_options(**{_WRITES: True})
            self._group = GroupCommit(writing, self._store)
        else:
            self._server = create_async_engine(_driven_by(url), pool_size=8, max_overflow=8, hide_parameters=True)

    async def read(self, ask: Callable[Concatenate[ResultsStore, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """What `ask(store, ...)` answers over one consistent view of the rows."""

        def look(connection: Connection) -> R:
            return ask(self._store(connection), *args, **kwargs)

        if self._server is not None:
            async with self._server.begin() as connection:
                return await connection.run_sync(look)
        return await anyio.to_thread.run_sync(self._look, look)

    async def write(self, act: Callable[Concatenate[ResultsStore, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """What `act(store, ...)` answers, run in one write transaction that is committed when this returns.

        On SQLite others' acts may be in the same transaction; none of them sees the others' failures.
        """

        def acted(store: ResultsStore) -> R:
            found = act(store, *args, **kwargs)
            _publish_caused(store, self._publisher)
            return found

        if self._server is None:
            context = contextvars.copy_context()  # what goes along with a message is bound to the request
            answer: R = await self._group.run(lambda store: context.run(acted, store))
            return answer

        def run(inner: Connection) -> tuple[ResultsStore, R]:
            store = self._store(inner)
            return store, acted(store)

        async with self._server.execution_options(**{_WRITES: True}).begin() as connection:
            store, answered = await connection.run_sync(run)
        store.committed()
        return answered

    def _look(self, look: Callable[[Connection], R]) -> R:
        with self._file.begin() as connection:
            return look(connection)

    def _store(self, connection: Connection) -> ResultsStore:
        return ResultsStore(connection, keep_seconds=self._keep_seconds)

    async def close(self) -> None:
        if self._server is not None:
            await self._server.dispose()
            return
        await asyncio.to_thread(self._group.close)
        self._file.dispose()
