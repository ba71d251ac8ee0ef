"""Accept a speech task: the row, its first transition and the event that sets it going, in one transaction."""

from app.domain.events import TextToSpeechRequested
from app.domain.ids import new_task_id
from app.domain.tasks import SpeechRequest, Task
from app.ports import Clock, EventPublisher
from app.results import ResultsStore


def request_speech(
    store: ResultsStore,
    request: SpeechRequest,
    *,
    publisher: EventPublisher,
    clock: Clock,
) -> Task:
    """The accepted task. It may be promised to a client once the store's transaction is committed."""
    now = clock()
    task = store.add_task(new_task_id(now), request, now=int(now * 1000))
    publisher.publish([TextToSpeechRequested(task_id=task.id, run=task.run, priority=task.priority)], store)
    return task
