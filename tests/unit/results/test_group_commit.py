"""Writes that wait at the same time share a commit, and nothing else."""

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from app.domain.ids import TaskId, new_task_id
from app.domain.tasks import ItemRequest, SpeechRequest
from app.results import AsyncDatabase, Database, ResultsStore, TaskFilter, migrate

NOW = 1_790_000_000_000
REQUEST = SpeechRequest((ItemRequest("Hello world", "espeak-en-us"),))


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[AsyncDatabase]:
    url = f"sqlite:///{tmp_path / 'results.db'}"
    blocking = Database(url)
    migrate(blocking)
    blocking.close()
    found = AsyncDatabase(url)
    yield found
    await found.close()


def add(store: ResultsStore) -> TaskId:
    return store.add_task(new_task_id(NOW / 1000), REQUEST, now=NOW).id


async def kept(database: AsyncDatabase) -> set[TaskId]:
    return {task.id for task in await database.read(ResultsStore.tasks, TaskFilter(), limit=1000)}


class Blocked:
    """Holds the writer in an act of its own until it is let go, so that others gather behind it."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.go_on = threading.Event()

    def __call__(self, store: ResultsStore) -> None:
        self.begun.set()
        assert self.go_on.wait(30)


async def behind(database: AsyncDatabase, *acts) -> list:
    """What becomes of acts that wait together."""
    blocked = Blocked()
    first = asyncio.create_task(database.write(blocked))
    await asyncio.to_thread(blocked.begun.wait, 30)
    waiting = [asyncio.create_task(database.write(act)) for act in acts]
    await asyncio.sleep(0)
    blocked.go_on.set()
    await first
    return await asyncio.gather(*waiting, return_exceptions=True)


def commits(database: AsyncDatabase) -> list[None]:
    seen: list[None] = []
    event.listen(database._group._engine, "commit", lambda connection: seen.append(None))
    return seen


async def test_those_who_wait_together_share_one_commit(database: AsyncDatabase) -> None:
    seen = commits(database)
    ids = await behind(database, *[add] * 20)

    assert len(seen) == 2, "the one that was under way, and one for all the others"
    assert await kept(database) == set(ids)
    assert len(set(ids)) == 20


async def test_one_that_fails_fails_alone(database: AsyncDatabase) -> None:
    def fail(store: ResultsStore) -> None:
        add(store)
        raise ValueError("mine")

    first, failed, last = await behind(database, add, fail, add)

    assert isinstance(failed, ValueError)
    assert await kept(database) == {first, last}


async def test_a_commit_that_fails_is_answered_to_all_as_a_failure(
    database: AsyncDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(connection: object) -> None:
        raise OperationalError("COMMIT", None, Exception("disk full"))

    event.listen(database._group._engine, "commit", full)
    answers = await behind_failing(database)

    assert all(isinstance(answer, OperationalError) for answer in answers)
    event.remove(database._group._engine, "commit", full)
    assert await kept(database) == set()


async def behind_failing(database: AsyncDatabase) -> list:
    return await asyncio.gather(*(database.write(add) for _ in range(5)), return_exceptions=True)


async def test_what_follows_a_commit_follows_it_once_and_never_a_rollback(database: AsyncDatabase) -> None:
    told: list[str] = []

    def tell() -> None:
        told.append("woken")

    def act(store: ResultsStore) -> None:
        add(store)
        store.after_commit(tell)

    def fail(store: ResultsStore) -> None:
        store.after_commit(lambda: told.append("never"))
        raise ValueError

    await behind(database, act, act, act)
    assert told == ["woken"]
    await behind(database, fail)
    assert told == ["woken"]


async def test_an_asker_who_left_takes_nobody_along(database: AsyncDatabase) -> None:
    blocked = Blocked()
    first = asyncio.create_task(database.write(blocked))
    await asyncio.to_thread(blocked.begun.wait, 30)
    leaver, stayer = asyncio.create_task(database.write(add)), asyncio.create_task(database.write(add))
    await asyncio.sleep(0)
    leaver.cancel()
    blocked.go_on.set()
    await first

    assert await stayer in await kept(database)


async def test_a_close_writes_what_waits_and_a_later_write_still_works(database: AsyncDatabase) -> None:
    waiting = [asyncio.create_task(database.write(add)) for _ in range(3)]
    await asyncio.sleep(0)
    await database.close()

    ids = {await each for each in waiting}
    ids.add(await database.write(add))
    assert await kept(database) == ids
