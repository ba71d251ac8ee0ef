"""Ends the work of tasks that were cancelled."""

from dramatiq import Broker

from actors.calls import LongWork
from actors.middleware.background import Background
from app.results import Database

LOOK_SECONDS = 0.25


class Cancellation(Background):
    """Looks at the tasks that this process works for, and asks nothing of the store while there are none.

    A message of a cancelled task that has not begun needs no help: its actor sees the state and does nothing.
    """

    def __init__(self, long_work: LongWork, database: Database) -> None:
        super().__init__()
        self._long_work = long_work
        self._database = database

    def turn(self, broker: Broker) -> None:
        self._ended.wait(LOOK_SECONDS)
        if tasks := self._long_work.tasks():
            with self._database.read() as store:
                cancelled = store.cancelled_among({task_id for task_id, _ in tasks})
            for task_id, run in tasks:
                if task_id in cancelled:
                    self._long_work.stop_task(task_id, run)
