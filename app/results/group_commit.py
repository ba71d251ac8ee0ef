"""Writes that wait for the same lock share one transaction, and one sync of the disk (docs/adr/0015-group-commit.md)."""

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine

from app.results.store import ResultsStore

MOST_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class _Wanted:
    act: Callable[[ResultsStore], Any]
    loop: asyncio.AbstractEventLoop
    told: asyncio.Future[Any]


@dataclass(frozen=True, slots=True)
class _Done:
    wanted: _Wanted
    answer: Any = None
    error: BaseException | None = None

    def tell(self) -> None:
        if self.wanted.told.cancelled():
            return
        if self.error is not None:
            self.wanted.told.set_exception(self.error)
        else:
            self.wanted.told.set_result(self.answer)


class _Writer:
    """A thread, and what waits for it; None is the last that does."""

    def __init__(self, commit: Callable[[Sequence[_Wanted]], Sequence[_Done]]) -> None:
        self.waiting: queue.SimpleQueue[_Wanted | None] = queue.SimpleQueue()
        self._commit = commit
        self.thread = threading.Thread(target=self._work, name="results-writer", daemon=True)
        self.thread.start()

    def _work(self) -> None:
        going = True
        while going:
            group = [self.waiting.get()]
            with suppress(queue.Empty):
                while len(group) < MOST_AT_ONCE:
                    group.append(self.waiting.get_nowait())
            going = None not in group
            wanted = [each for each in group if each is not None]
            if wanted:
                _tell(self._commit(wanted))


class GroupCommit:
    """One thread that writes for all coroutines of the process: whatever waits when it is free becomes one
    transaction, and nobody is answered before that is committed.

    An act that fails takes none of the others with it: the group is rolled back, and each act of it is run again in a
    transaction of its own. So an act must do nothing but read and write its store.
    """

    def __init__(self, engine: Engine, store: Callable[[Connection], ResultsStore]) -> None:
        self._engine = engine
        self._store = store
        self._writer: _Writer | None = None
        self._changing = threading.Lock()

    async def run(self, act: Callable[[ResultsStore], Any]) -> Any:
        """What `act` answers, once its transaction is committed."""
        loop = asyncio.get_running_loop()
        wanted = _Wanted(act, loop, loop.create_future())
        with self._changing:
            if self._writer is None:
                self._writer = _Writer(self._commit)
            self._writer.waiting.put(wanted)
        return await wanted.told

    def close(self) -> None:
        """Write what waits, and end the thread. Blocks until it has ended."""
        with self._changing:
            writer, self._writer = self._writer, None
        if writer is not None:
            writer.waiting.put(None)
            writer.thread.join()
        self._engine.dispose()

    def _commit(self, group: Sequence[_Wanted]) -> list[_Done]:
        try:
            with self._engine.begin() as connection:
                store = self._store(connection)
                done = [_Done(wanted, wanted.act(store)) for wanted in group]
        except BaseException as error:  # whatever it is, it is its asker's, and this thread goes on
            if len(group) > 1:
                return [each for wanted in group for each in self._commit([wanted])]
            return [_Done(group[0], error=error)]
        store.committed()
        return done


def _tell(done: Sequence[_Done]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[_Done]] = {}
    for each in done:
        by_loop.setdefault(each.wanted.loop, []).append(each)

    def tell(these: Sequence[_Done]) -> None:
        for each in these:
            each.tell()

    for loop, these in by_loop.items():
        with suppress(RuntimeError):  # the loop is closed: nobody waits there any more
            loop.call_soon_threadsafe(tell, these)
