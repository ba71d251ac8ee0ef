"""Our broker behind the face of Dramatiq's stub: the internals that Dramatiq's own tests look at, and no more."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dramatiq import Consumer, Message, MessageProxy
from dramatiq.brokers import stub

from broker import SQLiteBroker

#: How long `enqueue` lets a consumer that waits take what it waits for. The stub's takes it at once, and two tests
#: that count what was fetched look a millisecond later.
HANDING_OVER_SECONDS = 0.05


class Queue:
    """What the tests ask of the `queue.Queue` that the stub keeps for each of its queues."""

    def __init__(self, broker: FacadeBroker, name: str) -> None:
        self._broker = broker
        self._name = name

    def ready(self) -> int:
        return sum(depth.ready for depth in self._depths())

    def qsize(self) -> int:
        return sum(depth.ready + depth.scheduled for depth in self._depths())

    @property
    def unfinished_tasks(self) -> int:
        return self.qsize() + sum(depth.claimed for depth in self._depths())

    def get(self, timeout: float) -> bytes:
        consumer = SQLiteBroker.consume(self._broker, self._name, prefetch=2, timeout=int(timeout * 1000))
        delivery = next(consumer)
        assert delivery is not None, "the queue is empty"
        consumer.ack(delivery)
        consumer.close()
        return delivery._message.encode()

    def put(self, data: bytes) -> None:
        """Store what another program may have written: the broker's own `enqueue` would not let such an eta pass."""
        message = Message.decode(data)
        statement = self._broker.statement(message.copy(options={"eta": None}))
        with self._broker.shared_file.connections.writing() as connection:
            connection.execute(statement.sql, statement.parameters)
            connection.execute(
                "UPDATE broker_messages SET payload = ? WHERE message_id = ?", (data, message.message_id)
            )
        self._broker.wake([self._name])

    def _depths(self) -> list[Any]:
        return [depth for depth in self._broker.inspect.queues() if depth.queue == self._name]


class Queues(dict[str, Any]):
    """The broker notes each queue it knows as a key; here the key leads to the queue."""

    def __init__(self, broker: FacadeBroker) -> None:
        super().__init__()
        self._broker = broker

    def __setitem__(self, name: str, value: object) -> None:
        super().__setitem__(name, Queue(self._broker, name))


class FacadeConsumer(Consumer):
    """Our consumer; what it nacks is noted, and what it delivers keeps its exception as the stub's messages do."""

    def __init__(self, inner: Consumer, queue_name: str, dead_letters: list[MessageProxy]) -> None:
        self.queue_name = queue_name
        self.waits = False
        self._inner = inner
        self._dead_letters = dead_letters

    def __next__(self) -> MessageProxy | None:
        self.waits = True
        delivery = next(self._inner)
        self.waits = False
        if delivery is not None:
            # Looked up when called: a test puts the ordinary method in its place.
            delivery.clear_exception = lambda: stub._StubMessageProxy.clear_exception(delivery)
        return delivery

    def ack(self, message: MessageProxy) -> None:
        self._inner.ack(message)

    def nack(self, message: MessageProxy) -> None:
        self._dead_letters.append(message)
        self._inner.nack(message)

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        self._inner.requeue(messages)

    def close(self) -> None:
        self._inner.close()


class FacadeBroker(SQLiteBroker):
    """The SQLite broker with the stub's `queues`, `dead_letters`, prefetch and `join`."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, durability="normal")
        self.queues = Queues(self)
        self.dead_letters_by_queue: defaultdict[str, list[MessageProxy]] = defaultdict(list)
        self._consumers: list[FacadeConsumer] = []

    @property
    def dead_letters(self) -> list[MessageProxy]:
        return [letter for letters in self.dead_letters_by_queue.values() for letter in letters]

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 100) -> Consumer:
        # The stub takes the whole prefetch, ours the half of it.
        inner = super().consume(queue_name, prefetch=2 * prefetch, timeout=timeout)
        self._consumers.append(FacadeConsumer(inner, queue_name, self.dead_letters_by_queue[queue_name]))
        return self._consumers[-1]

    def enqueue(self, message: Message[Any], *, delay: int | None = None) -> Message[Any]:
        message = super().enqueue(message, delay=delay)
        give_up_at = time.monotonic() + HANDING_OVER_SECONDS
        consumers = [consumer for consumer in self._consumers if consumer.queue_name == message.queue_name]
        while any(consumer.waits for consumer in consumers) and self.queues[message.queue_name].ready():
            if time.monotonic() > give_up_at:
                break
            time.sleep(0.0005)
        return message

    def flush_all(self) -> None:
        super().flush_all()
        for letters in self.dead_letters_by_queue.values():
            letters.clear()

    def join(self, queue_name: str, *, timeout: int | None = None, fail_fast: bool = True) -> None:
        super().join(queue_name, timeout=timeout)
        if fail_fast:
            for letter in self.dead_letters_by_queue[queue_name]:
                raise (letter._exception or Exception("Message failed with unknown error")) from None
