"""What Dramatiq expects of any broker, asked of its own stub and of ours."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import dramatiq
import pytest
from dramatiq import Broker, Worker
from dramatiq.brokers.stub import StubBroker
from dramatiq.errors import QueueJoinTimeout, QueueNotFound

from broker import SQLiteBroker


@pytest.fixture(params=["stub", "sqlite"])
def broker(request, tmp_path) -> Iterator[Broker]:
    if request.param == "stub":
        broker: Broker = StubBroker(fail_fast_default=False)
    else:
        broker = SQLiteBroker(tmp_path / "queue.db", durability="normal")
    yield broker
    broker.flush_all()
    broker.close()


@pytest.fixture
def start(broker) -> Iterator[Callable[..., Worker]]:
    workers: list[Worker] = []

    def run(**settings: Any) -> Worker:
        worker = Worker(broker, worker_timeout=50, **{"worker_threads": 4, **settings})
        worker.start()
        workers.append(worker)
        return worker

    yield run
    for worker in workers:
        worker.stop()


def dead_letters(broker: Broker) -> list[Any]:
    if isinstance(broker, StubBroker):
        return list(broker.dead_letters)
    assert isinstance(broker, SQLiteBroker)
    return [letter.message for letter in broker.inspect.dead_letters()]


def finish(broker: Broker, worker: Worker, queue: str = "default") -> None:
    broker.join(queue, timeout=20_000)
    worker.join()


def test_a_message_sent_is_processed_with_its_arguments(broker, start) -> None:
    got = []

    @dramatiq.actor(broker=broker)
    def work(number, *, name):
        got.append((number, name))

    worker = start()
    sent = [work.send(number, name="x") for number in range(20)]
    finish(broker, worker)
    assert sorted(got) == [(number, "x") for number in range(20)]
    assert len({message.message_id for message in sent}) == 20


def test_a_message_sent_before_the_worker_starts_is_processed(broker, start) -> None:
    got = []

    @dramatiq.actor(broker=broker)
    def work(number):
        got.append(number)

    work.send(1)
    finish(broker, start())
    assert got == [1]


def test_each_queue_has_its_own_messages(broker, start) -> None:
    got = []

    @dramatiq.actor(broker=broker, queue_name="one")
    def one():
        got.append("one")

    @dramatiq.actor(broker=broker, queue_name="two")
    def two():
        got.append("two")

    worker = start(queues={"one"})
    one.send()
    two.send()
    finish(broker, worker, "one")
    assert got == ["one"]
    with pytest.raises(QueueJoinTimeout):
        broker.join("two", timeout=50)


def test_an_actor_that_fails_is_retried(broker, start) -> None:
    attempts = []

    @dramatiq.actor(broker=broker, max_retries=5, min_backoff=1, max_backoff=5)
    def work():
        attempts.append(1)
        if len(attempts) < 4:
            raise RuntimeError("again")

    worker = start()
    work.send()
    finish(broker, worker)
    assert len(attempts) == 4
    assert dead_letters(broker) == []


def test_retries_end_in_a_dead_letter_that_tells_how_often(broker, start) -> None:
    attempts = []

    @dramatiq.actor(broker=broker, max_retries=2, min_backoff=1, max_backoff=5)
    def work():
        attempts.append(1)
        raise RuntimeError("never")

    worker = start()
    work.send()
    finish(broker, worker)
    assert len(attempts) == 3
    (letter,) = dead_letters(broker)
    assert letter.options["retries"] == 3
    assert "RuntimeError" in letter.options["traceback"]


def test_a_delayed_message_waits(broker, start) -> None:
    ran_at = []

    @dramatiq.actor(broker=broker)
    def work():
        ran_at.append(time.time())

    worker = start()
    sent_at = time.time()
    work.send_with_options(delay=200)
    finish(broker, worker)
    assert ran_at[0] - sent_at >= 0.199


def test_a_retry_may_name_its_delay(broker, start) -> None:
    ran_at = []

    @dramatiq.actor(broker=broker)
    def work():
        ran_at.append(time.time())
        if len(ran_at) == 1:
            raise dramatiq.errors.Retry("later", delay=100)

    worker = start()
    work.send()
    finish(broker, worker)
    assert ran_at[1] - ran_at[0] >= 0.099


def test_a_message_for_an_unknown_actor_becomes_a_dead_letter(broker, start) -> None:
    broker.declare_queue("default")
    broker.enqueue(dramatiq.Message("default", "nobody", (), {}, {}))
    finish(broker, start())
    assert [letter.actor_name for letter in dead_letters(broker)] == ["nobody"]


def test_flush_empties_a_queue_and_join_returns(broker, start) -> None:
    got = []

    @dramatiq.actor(broker=broker)
    def work():
        got.append(1)

    work.send()
    work.send_with_options(delay=60_000)
    broker.flush("default")
    broker.flush("default.DQ")
    broker.join("default", timeout=1000)
    finish(broker, start())
    assert got == []


def test_join_gives_up_after_its_timeout(broker) -> None:
    @dramatiq.actor(broker=broker)
    def work(): ...

    work.send()
    with pytest.raises(QueueJoinTimeout):
        broker.join("default", timeout=50)
    with pytest.raises(QueueNotFound):
        broker.join("nowhere")
    with pytest.raises(QueueNotFound):
        broker.consume("nowhere")


def test_pipelines_and_callbacks_work(broker, start) -> None:
    got = []

    @dramatiq.actor(broker=broker)
    def add(a, b):
        return a + b

    @dramatiq.actor(broker=broker)
    def keep(total):
        got.append(total)

    @dramatiq.actor(broker=broker)
    def note(message_data, result):
        got.append("done")

    worker = start()
    dramatiq.pipeline([add.message(1, 2), add.message(3), keep.message()], broker=broker).run()
    add.send_with_options(args=(1, 1), on_success=note)
    finish(broker, worker)
    assert sorted(got, key=str) == [6, "done"]


def test_the_enqueue_hooks_frame_each_enqueue(broker) -> None:
    seen = []

    class Watcher(dramatiq.Middleware):
        def before_enqueue(self, broker, message, delay):
            seen.append(("before", delay))
            message.options["stamped"] = True

        def after_enqueue(self, broker, message, delay):
            seen.append(("after", delay))

    broker.add_middleware(Watcher())

    @dramatiq.actor(broker=broker)
    def work(): ...

    message = work.send_with_options()
    work.send_with_options(delay=10_000)
    assert seen == [("before", None), ("after", None), ("before", 10_000), ("after", 10_000)]
    delivery = next(broker.consume("default", prefetch=2, timeout=100))
    assert delivery.message_id == message.message_id
    assert delivery.options["stamped"] is True


def test_an_empty_queue_gives_none_within_the_timeout(broker) -> None:
    broker.declare_queue("default")
    began = time.monotonic()
    assert next(broker.consume("default", timeout=50)) is None
    assert time.monotonic() - began < 2


def test_a_stopped_worker_finishes_what_it_began_and_a_new_one_goes_on(broker, start) -> None:
    begun, finished = threading.Event(), []

    @dramatiq.actor(broker=broker)
    def work(number):
        begun.set()
        time.sleep(0.05)
        finished.append(number)

    worker = start(worker_threads=1)
    for number in range(3):
        work.send(number)
    assert begun.wait(10)
    worker.stop()
    count = len(finished)
    assert count >= 1
    if isinstance(broker, SQLiteBroker):
        finish(broker, start(worker_threads=1))
        assert sorted(finished) == [0, 1, 2]
