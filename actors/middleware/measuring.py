"""Counts what became of messages, and hands over what the process has measured."""

from typing import Any

from dramatiq import Broker
from dramatiq.broker import MessageProxy

from actors.calls import WorkerStopping
from actors.middleware.background import Background
from actors.workbench import Workbench
from app.domain.errors import Cancelled
from app.domain.metrics import MESSAGES
from app.results.measurements import add_measurements

HANDOVER_SECONDS = 5.0


class Measuring(Background):
    """Adds this process's numbers to the results store every few seconds, and when the worker ends.

    A killed worker takes its last seconds along. Stands before the retries in the list of middleware, so that its
    `after` hook runs when they have decided, and after what closes the store.
    """

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._bench = bench

    def turn(self, broker: Broker) -> None:
        if not self._ended.wait(HANDOVER_SECONDS):
            self._hand_over()

    def after_worker_shutdown(self, broker: Broker, worker: Any) -> None:
        super().after_worker_shutdown(broker, worker)
        self._hand_over()

    def after_process_message(
        self, broker: Broker, message: MessageProxy, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        if isinstance(exception, WorkerStopping):
            return  # it was not worked on
        done = exception is None or isinstance(exception, Cancelled)
        outcome = "done" if done else "failed" if message.failed else "retried"
        self._bench.tally.count(MESSAGES, message.actor_name, outcome)

    def _hand_over(self) -> None:
        if cells := self._bench.tally.drain():
            try:
                with self._bench.database.step() as store:
                    add_measurements(store, cells)
            except BaseException:
                self._bench.tally.put_back(cells)
                raise
