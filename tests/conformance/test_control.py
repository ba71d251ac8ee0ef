"""Stopping, running again and forgetting any number of tasks, on every database."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import text

from app.audio import FolderAudioStore
from app.domain.errors import EngineFailed, IllegalMove
from app.domain.ids import TaskId, new_task_id
from app.domain.states import TaskState
from app.domain.tasks import ItemRequest, SegmentKind, SpeechRequest
from app.results import AsyncDatabase, Database, PlannedSegment, TaskFilter
from app.results.control import cancel_tasks, delete_tasks, finished_before, run_tasks_again
from app.services import control_many
from app.services.control_many import Action, Outcome, TaskControl

NOW = 1_790_000_000_000
TABLES = ("tasks", "items", "texts", "segments", "transitions", "idempotency_keys")


def add(database: Database, *texts: str, at: int = NOW) -> TaskId:
    task_id = new_task_id(at / 1000)
    request = SpeechRequest(tuple(ItemRequest(words, "espeak-en-us") for words in texts or ("Hello world",)))
    with database.write() as store:
        store.add_task(task_id, request, now=at)
    return task_id


def begin(database: Database, task_id: TaskId) -> None:
    with database.write() as store:
        assert store.begin(task_id, 1, worker="w", now=NOW)
        store.save_plan(task_id, 0, [PlannedSegment(0, 11, SegmentKind.SPEECH, "Hello world")], place=0)


def fail(database: Database, task_id: TaskId, *, final: bool) -> None:
    with database.write() as store:
        store.attempt_failed(task_id, 1, EngineFailed("boom"), item=0, segment=0, final=final, worker="w", now=NOW)


def one_of_each(database: Database) -> dict[str, TaskId]:
    """A task in every state that can be had without audio."""
    found = {name: add(database) for name in ("pending", "processing", "retryable", "discarded", "cancelled")}
    for name in ("processing", "retryable", "discarded"):
        begin(database, found[name])
    fail(database, found["retryable"], final=False)
    fail(database, found["discarded"], final=True)
    with database.write() as store:
        store.cancel(found["cancelled"], now=NOW)
    return found


def state_of(database: Database, task_id: TaskId) -> TaskState | None:
    with database.read() as store:
        task = store.task(task_id)
    return task.state if task else None


def test_cancelling_many_moves_each_as_cancelling_one_does(database: Database) -> None:
    known = one_of_each(database)
    with database.write() as store:
        cancelled = cancel_tasks(store.connection, list(known.values()), now=NOW + 5)

    assert set(cancelled) == {known["pending"], known["processing"], known["retryable"]}
    for task_id in cancelled:
        with database.read() as store:
            task, moves = store.task(task_id), store.transitions(task_id)
        assert task is not None
        assert (task.state, task.finished_at, task.updated_at) == ("cancelled", NOW + 5, NOW + 5)
        assert [item.state for item in task.items] == ["cancelled"]
        assert (moves[-1].to_state, moves[-1].from_state) == ("cancelled", moves[-2].to_state)
    assert state_of(database, known["discarded"]) == "discarded"


def test_running_many_again_begins_a_new_run_of_each(database: Database) -> None:
    known = one_of_each(database)
    with database.write() as store:
        again = run_tasks_again(store.connection, list(known.values()), now=NOW + 5)

    assert {task_id: run for task_id, run, _ in again} == {known["discarded"]: 2, known["cancelled"]: 2}
    with database.read() as store:
        task = store.task(known["discarded"])
        (segment,) = store.segments(known["discarded"], 0)
    assert task is not None
    assert (task.state, task.run, task.error, task.finished_at, task.started_at) == ("pending", 2, None, None, None)
    assert (task.items[0].state, task.items[0].error) == ("pending", None)
    assert (segment.state, segment.attempts) == ("pending", 0)


def test_deleting_many_leaves_what_is_at_work_and_no_row_of_the_others(database: Database) -> None:
    known = one_of_each(database)
    with database.write() as store:
        gone = delete_tasks(store.connection, list(known.values()))

    assert set(gone) == {known["pending"], known["discarded"], known["cancelled"]}
    with database.read() as store:
        for table in TABLES:
            column = "id" if table == "tasks" else "task_id"
            left = set(store.connection.scalars(text(f"SELECT {column} FROM {table}")))
            assert left <= {known["processing"], known["retryable"]}, table


def test_nothing_to_do_is_no_trouble(database: Database) -> None:
    with database.write() as store:
        assert cancel_tasks(store.connection, [], now=NOW) == []
        assert run_tasks_again(store.connection, [], now=NOW) == []
        assert delete_tasks(store.connection, []) == []


def test_one_task_still_answers_with_why_it_may_not_move(database: Database) -> None:
    known = one_of_each(database)
    with database.write() as store:
        with pytest.raises(IllegalMove):
            store.cancel(known["discarded"], now=NOW)
        with pytest.raises(IllegalMove):
            store.run_again(known["processing"], now=NOW)


def test_those_that_ended_first_are_found_first(database: Database) -> None:
    first, second, third = (add(database) for _ in range(3))
    for at, task_id in ((2, second), (1, first), (3, third)):
        with database.write() as store:
            store.cancel(task_id, now=NOW + at)
    with database.read() as store:
        assert finished_before(store.connection, NOW + 3, limit=10) == [first, second]
        assert finished_before(store.connection, NOW + 3, limit=1) == [first]


class Told:
    def __init__(self) -> None:
        self.runs: list[tuple[TaskId, int]] = []

    def publish(self, events: Sequence, transaction: object) -> None:
        self.runs += [(event.task_id, event.run) for event in events]


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def control(
    results_url: str, database: Database, told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> TaskControl:
    """With chunks so small that a few tasks are many."""
    monkeypatch.setattr(control_many, "CHUNK", 3)
    monkeypatch.setattr(control_many, "LOOKED_AT", 7)
    asynchronous = AsyncDatabase(results_url)
    return TaskControl(asynchronous, FolderAudioStore(tmp_path / "audio"), told, lambda: NOW / 1000)


def run(control: TaskControl, method: str, action: Action, wanted: TaskFilter) -> Outcome:
    async def ask() -> Outcome:
        try:
            return await getattr(control, method)(action, wanted)
        finally:
            await control.database.close()

    return asyncio.run(ask())


def test_all_that_match_are_changed_over_many_chunks_and_nothing_else(database: Database, control: TaskControl) -> None:
    wanted = [add(database, f"one {number}") for number in range(20)]
    others = [add(database, "another") for _ in range(20)]

    assert run(control, "count", Action.CANCEL, TaskFilter(text="one")) == Outcome(20, 20)
    assert {state_of(database, task_id) for task_id in wanted} == {"pending"}
    assert run(control, "apply", Action.CANCEL, TaskFilter(text="one")) == Outcome(20, 20)
    assert {state_of(database, task_id) for task_id in wanted} == {"cancelled"}
    assert {state_of(database, task_id) for task_id in others} == {"pending"}


def test_a_retry_of_all_tells_the_workers_of_each_run(database: Database, control: TaskControl, told: Told) -> None:
    tasks = [add(database) for _ in range(8)]
    with database.write() as store:
        cancel_tasks(store.connection, tasks[:5], now=NOW)

    assert run(control, "apply", Action.RETRY, TaskFilter()) == Outcome(8, 5)
    assert sorted(told.runs) == sorted((task_id, 2) for task_id in tasks[:5])


def test_a_delete_of_all_takes_the_files_too(database: Database, control: TaskControl, tmp_path: Path) -> None:
    kept, *gone = (add(database) for _ in range(9))
    begin(database, kept)
    for task_id in (kept, *gone):
        folder = tmp_path / "audio" / "files" / task_id
        folder.mkdir(parents=True)
        (folder / "0.wav").touch()

    assert run(control, "apply", Action.DELETE, TaskFilter()) == Outcome(9, 8)
    assert [path.name for path in (tmp_path / "audio" / "files").iterdir()] == [kept]
    assert state_of(database, kept) == "processing"


@pytest.mark.long
@pytest.mark.timeout(900)
def test_very_many_are_changed_while_others_write(
    results_url: str, database: Database, told: Told, tmp_path: Path
) -> None:
    count = 100_000 if results_url.startswith("sqlite") else 10_000  # PostgreSQL takes over 10 minutes for all
    request = SpeechRequest((ItemRequest("Hello world", "espeak-en-us"),))
    for first in range(0, count, 5000):
        with database.write() as store:
            for number in range(first, first + 5000):
                store.add_task(new_task_id(NOW / 1000 + number / 1000), request, now=NOW + number)

    async def ask() -> tuple[list[Outcome], int]:
        asynchronous = AsyncDatabase(results_url)
        control = TaskControl(asynchronous, FolderAudioStore(tmp_path / "audio"), told, lambda: NOW / 1000)
        written = 0

        async def act() -> list[Outcome]:
            return [
                await control.apply(action, TaskFilter()) for action in (Action.CANCEL, Action.RETRY, Action.DELETE)
            ]

        acting = asyncio.create_task(act())
        while not acting.done():
            task_id = new_task_id(0)  # older than all: the bulk meets it at its end
            await asynchronous.write(lambda store, task_id=task_id: store.add_task(task_id, request, now=0))
            written += 1
            await asyncio.sleep(0.05)
        await asynchronous.close()
        return await acting, written

    outcomes, written = asyncio.run(ask())
    assert all(outcome.changed >= count for outcome in outcomes)
    assert written > 20
