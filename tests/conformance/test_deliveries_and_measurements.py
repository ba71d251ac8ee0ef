"""What the store promises of webhooks and numbers, on every database that it supports."""

import threading

import pytest
from sqlalchemy.exc import IntegrityError

from app.domain.ids import TaskId, new_task_id
from app.domain.metrics import CACHE_LOOKUPS, TASKS_FINISHED
from app.domain.states import TaskState
from app.domain.tasks import ItemRequest, SpeechRequest
from app.domain.webhooks import DeliveryAttempt, DeliveryState
from app.results import Database
from app.results.deliveries import ask_again, deliveries_of, delivery, last_attempt, overdue_deliveries, save_attempt
from app.results.measurements import add_measurements, measured
from app.services.read_metrics import read_metrics

NOW = 1_790_000_000_000
URL = "https://example.org/hooks"
ATTEMPT = DeliveryAttempt(1, NOW, 80, 503, "The receiver answered 503.", "later")


def ended(database: Database) -> TaskId:
    task_id = new_task_id(NOW / 1000)
    request = SpeechRequest((ItemRequest("Hello", "espeak-en-us"),), webhook_url=URL)
    with database.write() as store:
        store.add_task(task_id, request, now=NOW)
        store.cancel(task_id, now=NOW)
    return task_id


def test_a_delivery_goes_from_asked_for_to_delivered_and_each_attempt_is_kept(database: Database) -> None:
    task_id = ended(database)
    with database.write() as store:
        told = delivery(store, task_id, 1)
        assert told is not None
        assert (told.url, told.event, told.state) == (URL, "task.cancelled", DeliveryState.PENDING)
        following = save_attempt(store, told, ATTEMPT, DeliveryState.PENDING, next_at=NOW + 5000)
        assert following is not None
        assert (following.ticket, following.at) == (2, NOW + 5000)
    with database.write() as store:
        told = delivery(store, task_id, 1)
        assert told is not None
        assert told.attempts == (ATTEMPT,)
        assert last_attempt(store, task_id, 1) == 1
        second = DeliveryAttempt(2, NOW, 10, 200, None, "")
        assert save_attempt(store, told, second, DeliveryState.DELIVERED, next_at=None) is None
    with database.read() as store:
        found = deliveries_of(store, task_id)
        assert found is not None
        assert (found[0].state, found[0].next_at, len(found[0].attempts)) == (DeliveryState.DELIVERED, None, 2)


def test_the_same_attempt_made_twice_is_kept_once(database: Database) -> None:
    task_id = ended(database)
    with database.read() as store:
        told = delivery(store, task_id, 1)
    assert told is not None
    with database.write() as store:
        assert save_attempt(store, told, ATTEMPT, DeliveryState.PENDING, next_at=NOW) is not None
    with database.write() as store:
        assert save_attempt(store, told, ATTEMPT, DeliveryState.DELIVERED, next_at=None) is None
        again = delivery(store, task_id, 1)
    assert again is not None
    assert (again.state, again.tries) == (DeliveryState.PENDING, 1)


def test_deliveries_that_are_overdue_are_found_until_they_end(database: Database) -> None:
    task_id = ended(database)
    with database.write() as store:
        assert [event.task_id for event in overdue_deliveries(store, due_before=NOW + 1, limit=9)] == [task_id]
        assert overdue_deliveries(store, due_before=NOW, limit=9) == []
        told = delivery(store, task_id, 1)
        assert told is not None
        save_attempt(store, told, ATTEMPT, DeliveryState.GONE, next_at=None)
        assert overdue_deliveries(store, due_before=NOW + 1, limit=9) == []
        asked = ask_again(store, task_id, 1, now=NOW + 7)
        assert asked is not None
        assert overdue_deliveries(store, due_before=NOW + 8, limit=9) == [asked]
        assert ask_again(store, task_id, 2, now=NOW) is None


def test_a_deleted_task_leaves_no_delivery(database: Database) -> None:
    task_id = ended(database)
    with database.write() as store:
        told = delivery(store, task_id, 1)
        assert told is not None
        save_attempt(store, told, ATTEMPT, DeliveryState.PENDING, next_at=NOW)
        store.connection.exec_driver_sql(f"DELETE FROM tasks WHERE id = '{task_id}'")
        left = [
            store.connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()
            for table in ("webhooks", "deliveries", "delivery_attempts")
        ]
    assert left == [0, 0, 0]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE deliveries SET state = 'lost'",
        "UPDATE deliveries SET next_at = NULL",
        "UPDATE deliveries SET state = 'delivered'",
        "INSERT INTO delivery_attempts (task_id, n, attempt, at, duration_ms) SELECT task_id, n, 1, 1, 1 FROM deliveries",
    ],
)
def test_the_schema_itself_refuses_what_cannot_be(database: Database, statement: str) -> None:
    ended(database)
    with pytest.raises(IntegrityError), database.write() as store:
        store.connection.exec_driver_sql(statement)


def test_every_end_is_counted_in_its_own_transaction(database: Database) -> None:
    ended(database)
    ended(database)
    with pytest.raises(RuntimeError), database.write() as store:
        task_id = new_task_id(NOW / 1000)
        store.add_task(task_id, SpeechRequest((ItemRequest("Hello", "espeak-en-us"),)), now=NOW)
        store.cancel(task_id, now=NOW)
        raise RuntimeError("killed")
    with database.read() as store:
        assert measured(store) == {(TASKS_FINISHED.name, '["cancelled"]', "total"): 2.0}


def test_numbers_of_many_processes_add_up(database: Database) -> None:
    hit, miss = ((CACHE_LOOKUPS.name, f'["{result}"]', "total") for result in ("hit", "miss"))

    def add(first: tuple[str, str, str], second: tuple[str, str, str]) -> None:
        for _ in range(10):
            with database.step() as store:
                add_measurements(store, {first: 1.0, second: 2.0})

    threads = [threading.Thread(target=add, args=order) for order in ((hit, miss), (miss, hit))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as store:
        assert measured(store) == {hit: 30.0, miss: 30.0}


def test_a_scrape_finds_what_is_unfinished(database: Database) -> None:
    with database.read() as store:
        assert read_metrics(store).oldest_created_at is None
    for at in (NOW + 5000, NOW):
        with database.write() as store:
            request = SpeechRequest((ItemRequest("Hello", "espeak-en-us"),))
            store.add_task(new_task_id(at / 1000), request, now=at)
    ended(database)
    with database.read() as store:
        found = read_metrics(store)
    assert found.oldest_created_at == NOW
    assert found.unfinished == {TaskState.PENDING: 2, TaskState.PROCESSING: 0, TaskState.RETRYABLE: 0}
    assert found.pending_deliveries == 1
