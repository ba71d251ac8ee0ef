"""From an event to the message of the actor that answers it.

Actors are named here and imported nowhere: the process that publishes needs none of their code. A message is
written into the caller's own transaction, so the state and the work that follows from it are one commit.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dramatiq import Message
from dramatiq.broker import MessageProxy

from app.domain.events import (
    AssemblyRequested,
    BindingRequested,
    DeliveryRequested,
    Event,
    SegmentRequested,
    TextToSpeechRequested,
)
from app.ports import Transaction
from broker import SQLiteBroker

SPEECH_QUEUE = "speech"
HOUSE_QUEUE = "house"
WEBHOOK_QUEUE = "webhooks"

PLAN_SPEECH = "plan_speech"
SYNTHESIZE_SEGMENT = "synthesize_segment"
ASSEMBLE_SPEECH = "assemble_speech"
NOTIFY_WEBHOOK = "notify_webhook"
BIND_BOOK = "bind_book"
KEEP_HOUSE = "keep_house"
PREVIEW_PHONEMES = "preview_phonemes"
SPEAK_SAMPLE = "speak_sample"

DELIVERIES_AT_ONCE = 2
"""Over all workers: a receiver that keeps us waiting must not take the threads that speak."""

_EVENT_OF_ACTOR: Mapping[str, type[Event]] = {
    PLAN_SPEECH: TextToSpeechRequested,
    SYNTHESIZE_SEGMENT: SegmentRequested,
    ASSEMBLE_SPEECH: AssemblyRequested,
    NOTIFY_WEBHOOK: DeliveryRequested,
    BIND_BOOK: BindingRequested,
}


def message_for(event: Event) -> Message[None]:
    """The message of an event.

    `key` lets one live message stand for each piece of work, so publishing an event again is harmless.
    `rank` is the work's place in its task, from 1: a book's hundredth segment goes after a new task's first, and
    each segment that is taken moves the queue's clock on, so that new tasks cannot keep the book waiting for ever. So do
    the files of a batch that is all in the cache.
    """
    queue, more = SPEECH_QUEUE, dict[str, object]()
    match event:
        case TextToSpeechRequested():
            actor, rank, key = PLAN_SPEECH, 0, f"plan:{event.task_id}:{event.run}"
        case SegmentRequested():
            actor, rank = SYNTHESIZE_SEGMENT, event.place + 1
            key = f"segment:{event.task_id}:{event.run}:{event.item}:{event.segment}:{event.take}"
        case AssemblyRequested():
            actor, rank, key = (
                ASSEMBLE_SPEECH,
                event.place,
                f"assemble:{event.task_id}:{event.run}:{event.item}:{event.take}",
            )
        case DeliveryRequested():
            queue, actor, rank, key = (
                WEBHOOK_QUEUE,
                NOTIFY_WEBHOOK,
                0,
                f"notify:{event.task_id}:{event.run}:{event.ticket}",
            )
            more = {"eta": event.at, "concurrency_key": NOTIFY_WEBHOOK, "concurrency_limit": DELIVERIES_AT_ONCE}
        case BindingRequested():
            actor, rank, key = BIND_BOOK, 0, f"bind:{event.task_id}:{event.run}:{event.take}"
        case _:
            raise TypeError(f"No actor answers {type(event).__name__}.")
    return Message(
        queue_name=queue,
        actor_name=actor,
        args=(event.to_json(),),
        kwargs={},
        options={"priority": int(event.priority), "rank": rank, "key": key, **more},
    )


def event_of(message: Message[Any] | MessageProxy) -> Event | None:
    """The event that a message carries; None where it carries none, such as a round of housekeeping."""
    kind = _EVENT_OF_ACTOR.get(message.actor_name)
    return kind.from_json(message.args[0]) if kind is not None and message.args else None


class SQLitePublisher:
    """The `EventPublisher` where messages and results share one SQLite file."""

    def __init__(self, broker: SQLiteBroker, carry: Callable[[], Mapping[str, str]] = dict) -> None:
        """`carry` gives the options that every message takes along from where it is sent."""
        self._broker = broker
        self._carry = carry

    def publish(self, events: Sequence[Event], transaction: Transaction) -> None:
        queues = set()
        carried = self._carry()
        for event in events:
            message = message_for(event)
            message.options.update(carried)
            statement = self._broker.statement(message)
            transaction.execute(statement.sql, statement.parameters)
            queues.add(statement.queue_name)
        if queues:
            transaction.after_commit(lambda: self._broker.wake(queues))
