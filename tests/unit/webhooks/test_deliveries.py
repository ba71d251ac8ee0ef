"""From the end of a task to its receiver: once it is committed it is told, and every attempt is kept."""

import dataclasses
import json
from email.utils import formatdate

import pytest
from standardwebhooks import Webhook

from actors.housekeeping import keep_house
from actors.notify import notify_webhook
from app.domain.errors import NothingToSay
from app.domain.events import DeliveryRequested
from app.domain.ids import TaskId
from app.domain.tasks import ItemRequest, SpeechRequest
from app.domain.webhooks import Delivery, DeliveryState
from app.publishing import WEBHOOK_QUEUE, event_of
from app.results import Database
from app.results.deliveries import KEPT_ATTEMPTS, deliveries_of, delivery
from app.services.control_tasks import cancel_task, retry_task
from app.services.redeliver import redeliver
from app.services.request_speech import request_speech
from tests.support.processes import until
from tests.unit.actors.conftest import Workshop, failing
from tests.unit.webhooks.conftest import SECRET
from tests.unit.webhooks.receiver import Receiver, Reply


def say(workshop: Workshop, url: str | None, *texts: str) -> TaskId:
    items = tuple(ItemRequest(text, "espeak-en-us") for text in texts or ("Nothing is lost.",))
    with workshop.bench.database.write() as store:
        request = SpeechRequest(items, webhook_url=url)
        task = request_speech(store, request, publisher=workshop.bench.publisher, clock=workshop.bench.clock)
    return task.id


def cancel(workshop: Workshop, task_id: TaskId) -> None:
    with workshop.bench.database.write() as store:
        cancel_task(store, task_id, clock=workshop.bench.clock)


def log_of(workshop: Workshop, task_id: TaskId) -> list[Delivery]:
    with workshop.bench.database.read() as store:
        found = deliveries_of(store, task_id)
    assert found is not None
    return found


def only(workshop: Workshop, task_id: TaskId) -> Delivery:
    (told,) = log_of(workshop, task_id)
    return told


def waiting(workshop: Workshop) -> list[DeliveryRequested]:
    """The deliveries that the queue holds a message for."""
    with workshop.bench.broker._connections.reading() as connection:
        rows = connection.execute("SELECT payload FROM broker_messages WHERE queue = ?", (WEBHOOK_QUEUE,)).fetchall()
    events = [DeliveryRequested.from_json(json.loads(payload)["args"][0]) for (payload,) in rows]
    return sorted(events, key=lambda event: event.ticket)


def attempt(workshop: Workshop, task_id: TaskId) -> Delivery:
    """Make the attempt that is due, as a worker would."""
    told = only(workshop, task_id)
    event = next(event for event in waiting(workshop) if (event.task_id, event.ticket) == (task_id, told.ticket))
    notify_webhook(event, workshop.bench)
    return only(workshop, task_id)


def test_a_finished_task_is_told_to_its_receiver_signed(workshop: Workshop, receiver: Receiver) -> None:
    task_id = say(workshop, receiver.url)
    workshop.work()
    until(lambda: receiver.told)
    until(lambda: only(workshop, task_id).state is DeliveryState.DELIVERED)

    (told,) = receiver.told
    content = Webhook(SECRET).verify(told.body, dict(told.headers))
    assert content["type"] == "task.completed"
    assert content["data"]["task_id"] == task_id
    assert content["data"]["links"]["self"] == f"/tasks/{task_id}"
    assert "Nothing is lost" not in told.body.decode()
    assert told.headers["content-type"] == "application/json"
    (kept,) = only(workshop, task_id).attempts
    assert (kept.attempt, kept.status, kept.error) == (1, 204, None)


def test_a_task_without_a_webhook_tells_nobody(workshop: Workshop) -> None:
    task_id = say(workshop, None)
    cancel(workshop, task_id)

    assert log_of(workshop, task_id) == []
    assert waiting(workshop) == []


def test_a_cancelled_task_is_told(workshop: Workshop, receiver: Receiver) -> None:
    task_id = say(workshop, receiver.url)
    cancel(workshop, task_id)

    told = attempt(workshop, task_id)

    assert (told.event, told.state) == ("task.cancelled", DeliveryState.DELIVERED)
    assert receiver.told[0].headers["webhook-id"] == f"msg_{task_id}_1"


def test_a_discarded_task_is_told_with_its_error_and_without_its_text(workshop: Workshop, receiver: Receiver) -> None:
    failing(workshop, "MARKER", NothingToSay("MARKER has no sound."))
    task_id = say(workshop, receiver.url, "MARKER")
    workshop.work()
    until(lambda: receiver.told)

    content = json.loads(receiver.told[0].body)
    assert content["type"] == "task.discarded"
    assert content["data"]["error"] == {"type": "nothing-to-say", "title": "Nothing to say"}
    assert b"MARKER" not in receiver.told[0].body
    assert content["data"]["task_id"] == task_id


def test_each_run_of_a_task_tells_its_own_end(workshop: Workshop, receiver: Receiver) -> None:
    task_id = say(workshop, receiver.url)
    cancel(workshop, task_id)
    with workshop.bench.database.write() as store:
        retry_task(store, task_id, publisher=workshop.bench.publisher, clock=workshop.bench.clock)
    workshop.work()
    until(lambda: len(receiver.told) == 2)

    told = {each.headers["webhook-id"]: json.loads(each.body)["type"] for each in receiver.told}
    assert told == {f"msg_{task_id}_1": "task.cancelled", f"msg_{task_id}_2": "task.completed"}


def test_the_move_and_its_message_are_one_commit(workshop: Workshop, receiver: Receiver) -> None:
    task_id = say(workshop, receiver.url)
    with pytest.raises(RuntimeError), workshop.bench.database.write() as store:
        cancel_task(store, task_id, clock=workshop.bench.clock)
        raise RuntimeError("killed before the commit")

    assert log_of(workshop, task_id) == []
    assert waiting(workshop) == []


def test_a_worker_killed_between_the_answer_and_the_commit_sends_the_same_again(
    workshop: Workshop, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    task_id = say(workshop, receiver.url)
    cancel(workshop, task_id)
    (event,) = waiting(workshop)

    class Killed(BaseException):
        pass

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("actors.notify.save_attempt", die)
        with pytest.raises(Killed):
            notify_webhook(event, workshop.bench)
    notify_webhook(event, workshop.bench)

    first, second = receiver.told
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    assert only(workshop, task_id).state is DeliveryState.DELIVERED
    notify_webhook(event, workshop.bench)
    assert len(receiver.told) == 2


@pytest.mark.parametrize("status", [301, 400, 401, 404, 429, 500, 503])
def test_an_answer_that_is_no_success_is_tried_again_later(workshop: Workshop, receiver: Receiver, status: int) -> None:
    receiver.replies = [Reply(status, {}, b"not now")]
    task_id = say(workshop, receiver.url)
    cancel(workshop, task_id)

    told = attempt(workshop, task_id)

    assert told.state is DeliveryState.PENDING
    (kept,) = told.attempts
    assert (kept.status, kept.excerpt) == (status, "not now")
    assert kept.error is not None
    assert told.next_at is not None
    assert 4_000 <= told.next_at - kept.at <= 60_000
    (after,) = [event for event in waiting(workshop) if event.ticket == 2]
    assert after.at == told.next_at


def test_a_410_ends_it(workshop: Workshop, receiver: Receiver) -> None:
    receiver.replies = [Reply(410)]
    task_id = say(workshop, receiver.url)
    cancel(workshop, task_id)

    told = attempt(workshop, task_id)

    assert (told.state, told.next_at) == (DeliveryState.GONE, None)
    assert [event.ticket for event in waiting(workshop)] == [1]


@pytest.mark.parametrize("form", ["seconds", "date", "nonsense"])
def test_a_longer_wait_that_the_receiver_asks_for_is_kept(workshop: Workshop, receiver: Receiver, form: str) -> None:
    asked = {"seconds": "900", "date": formatdate(workshop.bench.clock() + 900, usegmt=True), "nonsense": "soon"}
    receiver.replies = [Reply(503, {"Retry-After": asked[form]})]
    task_id = say(workshop, receiver.url)
    cancel(workshop, task_id)

    told = attempt(workshop, task_id)

    assert told.next_at is not None
    wait = told.next_at - told.attempts[0].at
    assert wait < 60_000 if form == "nonsense" else 850_000 <= wait <= 960_000


def test_after_the_last_attempt_it_is_given_up_and_can_be_sent_again(workshop: Workshop, receiver: Receiver) -> None:
    receiver.replies = [Reply(500)]
    task_id = say(workshop, receiver.url)
    cancel(workshop, task_id)
    while only(workshop, task_id).state is DeliveryState.PENDING:
        attempt(workshop, task_id)
    assert only(workshop, task_id).state is DeliveryState.FAILED
    assert [kept.attempt for kept in only(workshop, task_id).attempts] == list(range(1, 9))

    receiver.replies = [Reply(200)]
    with workshop.bench.database.write() as store:
        again = redeliver(store, task_id, 1, publisher=workshop.bench.publisher, clock=workshop.bench.clock)
    assert again is not None
    assert again.state is DeliveryState.PENDING
    told = attempt(workshop, task_id)

    assert told.state is DeliveryState.DELIVERED
    assert len({each.headers["webhook-id"] for each in receiver.told}) == 1
    assert [kept.attempt for kept in told.attempts] == list(range(1, 10))


def test_a_message_of_an_attempt_that_was_asked_for_anew_does_nothing(workshop: Workshop, receiver: Receiver) -> None:
    task_id = say(workshop, receiver.url)
    cancel(workshop, task_id)
    (old,) = waiting(workshop)
    with workshop.bench.database.write() as store:
        redeliver(store, task_id, 1, publisher=workshop.bench.publisher, clock=workshop.bench.clock)

    notify_webhook(old, workshop.bench)
    assert receiver.told == []
    attempt(workshop, task_id)
    assert len(receiver.told) == 1


def test_only_the_newest_attempts_are_kept(workshop: Workshop, receiver: Receiver) -> None:
    task_id = say(workshop, receiver.url)
    cancel(workshop, task_id)
    for _ in range(KEPT_ATTEMPTS + 2):
        attempt(workshop, task_id)
        with workshop.bench.database.write() as store:
            redeliver(store, task_id, 1, publisher=workshop.bench.publisher, clock=workshop.bench.clock)

    numbers = [kept.attempt for kept in only(workshop, task_id).attempts]
    assert numbers == list(range(3, KEPT_ATTEMPTS + 3))


def test_a_private_receiver_is_refused_and_the_log_says_what_to_do(workshop: Workshop, receiver: Receiver) -> None:
    strict = dataclasses.replace(workshop.bench, post=type(workshop.bench.post)(allow_private=False))
    task_id = say(workshop, receiver.url)
    cancel(workshop, task_id)
    (event,) = waiting(workshop)

    notify_webhook(event, strict)

    assert receiver.told == []
    (kept,) = only(workshop, task_id).attempts
    assert kept.status is None
    assert "SAYATHING_WEBHOOK_ALLOW_PRIVATE" in str(kept.error)


def test_a_worker_without_the_secret_sends_nothing_unsigned(workshop: Workshop, receiver: Receiver) -> None:
    task_id = say(workshop, receiver.url)
    cancel(workshop, task_id)
    (event,) = waiting(workshop)

    notify_webhook(event, dataclasses.replace(workshop.bench, webhook_keys=()))

    assert receiver.told == []
    assert "SAYATHING_WEBHOOK_SECRET" in str(only(workshop, task_id).attempts[0].error)


def test_housekeeping_asks_again_for_a_delivery_whose_message_is_lost(workshop: Workshop, receiver: Receiver) -> None:
    task_id = say(workshop, receiver.url)
    with Database(workshop.bench.database.url).write() as store:  # it has no publisher: as if the message were lost
        cancel_task(store, task_id, clock=lambda: workshop.bench.clock() - 600)
    assert waiting(workshop) == []

    keep_house(workshop.bench)
    keep_house(workshop.bench)

    (event,) = waiting(workshop)
    notify_webhook(event, workshop.bench)
    assert only(workshop, task_id).state is DeliveryState.DELIVERED


def test_a_failed_delivery_does_nothing_to_its_task(workshop: Workshop, receiver: Receiver) -> None:
    receiver.replies = [Reply(500)]
    task_id = say(workshop, receiver.url)
    workshop.work()
    until(lambda: receiver.told)
    until(lambda: only(workshop, task_id).attempts)

    assert workshop.moves(task_id) == ["pending", "processing", "completed"]


def test_a_deleted_task_takes_its_deliveries_along(workshop: Workshop, receiver: Receiver) -> None:
    task_id = say(workshop, receiver.url)
    cancel(workshop, task_id)
    (event,) = waiting(workshop)
    with workshop.bench.database.write() as store:
        store.connection.exec_driver_sql("DELETE FROM tasks WHERE id = ?", (task_id,))

    notify_webhook(event, workshop.bench)

    assert receiver.told == []
    with workshop.bench.database.read() as store:
        assert delivery(store, task_id, 1) is None
        assert deliveries_of(store, task_id) is None


def test_a_message_of_a_delivery_carries_its_event(workshop: Workshop, receiver: Receiver) -> None:
    task_id = say(workshop, receiver.url)
    cancel(workshop, task_id)
    (event,) = waiting(workshop)
    from app.publishing import message_for

    message = message_for(event)
    assert event_of(message) == event
    assert message.options["concurrency_limit"] == 2


def test_every_task_that_is_cancelled_with_others_is_told(workshop: Workshop, receiver: Receiver) -> None:
    told = [say(workshop, receiver.url) for _ in range(3)]
    silent = say(workshop, None)
    with workshop.bench.database.write() as store:
        store.cancel_all([*told, silent], now=workshop.bench.now())

    assert sorted(event.task_id for event in waiting(workshop)) == sorted(told)
    assert log_of(workshop, silent) == []
