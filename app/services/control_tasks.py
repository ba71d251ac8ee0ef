"""Stop a task, or set it going again."""

from app.domain.events import TextToSpeechRequested
from app.domain.ids import TaskId
from app.domain.tasks import Task
from app.ports import Clock, EventPublisher
from app.results import ResultsStore


def cancel_task(store: ResultsStore, task_id: TaskId, *, clock: Clock) -> Task | None:
    """The task, cancelled; a running engine call is stopped by its worker. None where there is no such task.

    Raises:
      IllegalMove: the task is finished.
    """
    return store.cancel(task_id, now=int(clock() * 1000))


def retry_task(store: ResultsStore, task_id: TaskId, *, publisher: EventPublisher, clock: Clock) -> Task | None:
    """The task, pending again; what it has rendered is kept. None where there is no such task.

    Raises:
      IllegalMove: the task is completed, or still at work.
    """
    task = store.run_again(task_id, now=int(clock() * 1000))
    if task is not None:
        publisher.publish(
            [TextToSpeechRequested(task_id=task.id, run=task.run, priority=task.priority)],
            store,
        )
    return task
