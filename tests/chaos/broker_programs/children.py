"""What child processes of a test do with a broker."""

from __future__ import annotations

from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

from broker import SQLiteBroker
from tests.chaos.broker_programs.puppet import message_of


def send_and_finish(path: Path, name: str, answers: Queue[list[Any]]) -> None:
    """Send ten messages through a broker of its own, finish as many of whomever, and tell which."""
    broker = SQLiteBroker(path, durability="normal", middleware=[])
    broker.declare_queue("default")
    for number in range(10):
        broker.enqueue(message_of(f"{name}-{number}"))
    consumer = broker.consume("default", prefetch=4, timeout=1000)
    done: list[Any] = []
    while len(done) < 5:
        delivery = next(consumer)
        if delivery is not None:
            done.append(delivery.args[0])
            consumer.ack(delivery)
    consumer.close()
    broker.close()
    answers.put(done)


def send_through(broker: SQLiteBroker, name: str) -> None:
    """Send one message through the broker of the parent."""
    broker.enqueue(message_of(name))
    broker.close()
