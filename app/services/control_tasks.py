"""Stop a task, set it going again, or forget it."""

from app.domain.events import TextToSpeechRequested
from app.domain.ids import TaskId
from app.domain.states import TaskState
from app.domain.tasks import Task
from app.ports import Clock, EventPublisher
from app.results import ResultsStore
from app.results.control import delete_tasks


class TaskAtWork(Exception):
    """The task cannot be deleted while it is being worked on."""

    def __init__(self, state: TaskState) -> None:
        super().__init__(f"The task is {state}: it is being worked on. Cancel it first, then delete it.")
        self.state = state


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


def forget_task(store: ResultsStore, task_id: TaskId) -> bool:
    """Whether there was such a task; it is gone now. Its files may be removed once this is committed: a worker that
    is still busy with it then finds no row, and leaves none behind.

    Raises:
      TaskAtWork: it is being worked on.
    """
    if delete_tasks(store.connection, [task_id]):
        return True
    task = store.task(task_id)
    if task is None:
        return False
    raise TaskAtWork(task.state)
