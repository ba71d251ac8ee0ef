"""What `dramatiq tests.chaos.broker_programs.storm` runs in the storm, and what its producers send.

STORM_DATABASE names the queue's file, STORM_NOTES the folder where each process keeps a journal of its own.
"""

from __future__ import annotations

import ctypes
import os
import random
import signal
import time
import uuid
from pathlib import Path

import dramatiq
from dramatiq.middleware import CurrentMessage, default_middleware

from broker import SQLiteBroker
from tests.chaos.broker_programs.puppet import Journal, retries

ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: no worker outlives the command that started it

NOTES = Path(os.environ["STORM_NOTES"])
BROKER = SQLiteBroker(
    os.environ["STORM_DATABASE"],
    durability="normal",  # a killed process loses nothing of it either
    max_deliveries=20,
    middleware=[*(kind() for kind in default_middleware), CurrentMessage()],
)
dramatiq.set_broker(BROKER)
JOURNAL = Journal(NOTES / f"{uuid.uuid4().hex}.processed")


def work_for_a_moment() -> None:
    time.sleep(random.random() * 0.06)


@dramatiq.actor
def plain(number: str) -> None:
    JOURNAL.note("begin", number)
    work_for_a_moment()
    JOURNAL.note("end", number)


@dramatiq.actor(min_backoff=5, max_backoff=50)
def fails_once(number: str) -> None:
    JOURNAL.note("begin", number)
    work_for_a_moment()
    if not retries():
        raise dramatiq.errors.Retry("the first time always fails", delay=20)
    JOURNAL.note("end", number)


@dramatiq.actor
def sends_on(number: str) -> None:
    JOURNAL.note("begin", number)
    work_for_a_moment()
    plain.send(f"after-{number}")
    JOURNAL.note("end", number)


def produce(pause_seconds: float) -> None:
    """Send one message after the other until SIGTERM, and note each before and after."""
    wanted = True

    def end(*_: object) -> None:
        nonlocal wanted
        wanted = False

    signal.signal(signal.SIGTERM, end)
    rng = random.Random()
    name = uuid.uuid4().hex[:12]
    journal = Journal(NOTES / f"{name}.sent", synced=True)
    count = 0
    while wanted:
        kind = rng.choice(["plain", "later", "fails", "sends", "several"])
        numbers = [f"{kind}-{name}-{count + place}" for place in range(4 if kind == "several" else 1)]
        count += len(numbers)
        actor = {"fails": fails_once, "sends": sends_on}.get(kind, plain)
        messages = [actor.message(number) for number in numbers]
        for number in numbers:
            journal.note("try", number)
        if kind == "several":
            BROKER.enqueue_many(messages)
        else:
            BROKER.enqueue(messages[0], delay=rng.randint(50, 400) if kind == "later" else None)
        for number in numbers:
            journal.note("sent", number)
        time.sleep(pause_seconds * len(numbers))
    BROKER.close()


if __name__ == "__main__":
    produce(float(os.environ["STORM_PAUSE_SECONDS"]))
