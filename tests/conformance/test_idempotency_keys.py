"""One request a key, on every database: sent twice, at once, cut off, and deleted."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from app.domain.ids import TaskId
from app.domain.tasks import ItemRequest, SpeechRequest
from app.results import Database, IdempotencyKey, TaskFilter
from app.services.request_speech import Accepted, KeyStandsForAnother, request_speech_once

NOW = 1_790_000_000.0
KEY = IdempotencyKey("", "mine", "a" * 64)
REQUEST = SpeechRequest((ItemRequest("Hello world", "espeak-en-us"),))


class Told:
    """A publisher that keeps what it is told; `fault` is raised in the middle of the transaction."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.events: list[object] = []
        self._fault = fault

    def publish(self, events: Sequence[object], transaction: object) -> None:
        if self._fault is not None:
            raise self._fault
        self.events += events


def ask(database: Database, key: IdempotencyKey = KEY, publisher: Told | None = None) -> Accepted:
    with database.write() as store:
        return request_speech_once(store, REQUEST, key, publisher=publisher or Told(), clock=lambda: NOW)


def ids(database: Database) -> list[TaskId]:
    with database.read() as store:
        return [task.id for task in store.tasks(TaskFilter(), limit=100)]


def test_a_request_that_comes_again_is_the_same_task_and_is_told_once(database: Database) -> None:
    told = Told()
    first = ask(database, publisher=told)
    again = ask(database, publisher=told)

    assert (first.replayed, again.replayed) == (False, True)
    assert again.task == first.task
    assert ids(database) == [first.task.id]
    assert len(told.events) == 1


def test_a_key_stands_for_one_request_of_one_owner(database: Database) -> None:
    ask(database)
    with pytest.raises(KeyStandsForAnother):
        ask(database, IdempotencyKey("", "mine", "b" * 64))

    assert len(ids(database)) == 1
    assert not ask(database, IdempotencyKey("somebody", "mine", "b" * 64)).replayed
    assert not ask(database, IdempotencyKey("", "other", "b" * 64)).replayed


def test_requests_at_the_same_instant_are_one_task(database: Database) -> None:
    at_once = 8
    gate = threading.Barrier(at_once)

    def send() -> Accepted:
        gate.wait(10)
        return ask(database)

    with ThreadPoolExecutor(at_once) as threads:
        answers = [future.result(30) for future in [threads.submit(send) for _ in range(at_once)]]

    assert len({answer.task.id for answer in answers}) == 1
    assert sorted(answer.replayed for answer in answers) == [False] + [True] * (at_once - 1)
    assert len(ids(database)) == 1


def test_a_request_that_was_cut_off_leaves_its_key_free(database: Database) -> None:
    with pytest.raises(RuntimeError):
        ask(database, publisher=Told(RuntimeError("the power went")))

    assert ids(database) == []
    assert not ask(database).replayed


def test_a_key_is_free_again_once_its_task_is_deleted(database: Database) -> None:
    first = ask(database)
    with database.write() as store:
        store.connection.execute(text("DELETE FROM tasks"))

    again = ask(database)

    assert not again.replayed
    assert again.task.id != first.task.id


@pytest.mark.parametrize("spoil", [lambda key: "", lambda key: "x" * 256])
def test_a_key_outside_its_bounds_is_not_kept(database: Database, spoil: Callable[[str], str]) -> None:
    with pytest.raises(Exception, match=r"key_in_bounds|too long"):
        ask(database, IdempotencyKey("", spoil("x"), "a" * 64))
