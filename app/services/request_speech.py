"""Accept a speech task: the row, its first transition and the event that sets it going, in one transaction."""

from dataclasses import dataclass

from app.domain.events import TextToSpeechRequested
from app.domain.ids import TaskId, new_task_id
from app.domain.tasks import SpeechRequest, Task
from app.ports import Clock, EventPublisher
from app.results import IdempotencyKey, ResultsStore, take_key


class KeyStandsForAnother(Exception):
    """The idempotency key came before, with another request."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """`replayed`: the task was accepted before, under the same key."""

    task: Task
    replayed: bool


def request_speech(
    store: ResultsStore,
    request: SpeechRequest,
    *,
    publisher: EventPublisher,
    clock: Clock,
) -> Task:
    """The accepted task. It may be promised to a client once the store's transaction is committed."""
    now = clock()
    return _accept(store, new_task_id(now), request, publisher, now)


def request_speech_once(
    store: ResultsStore,
    request: SpeechRequest,
    key: IdempotencyKey,
    *,
    publisher: EventPublisher,
    clock: Clock,
) -> Accepted:
    """The task that the key stands for: accepted now, or before, however often and however close together the
    request comes. It may be promised to a client once the store's transaction is committed.

    Raises:
      KeyStandsForAnother: the key came before with another request.
    """
    now = clock()
    task_id = new_task_id(now)
    taken = take_key(store.connection, key, task_id)
    if taken is None:
        return Accepted(_accept(store, task_id, request, publisher, now), replayed=False)
    if taken.digest != key.digest:
        raise KeyStandsForAnother
    task = store.task(taken.task_id)
    assert task is not None, "a key goes with its task"
    return Accepted(task, replayed=True)


def _accept(
    store: ResultsStore, task_id: TaskId, request: SpeechRequest, publisher: EventPublisher, now: float
) -> Task:
    task = store.add_task(task_id, request, now=int(now * 1000))
    publisher.publish([TextToSpeechRequested(task_id=task.id, run=task.run, priority=task.priority)], store)
    return task
