"""Keeps, in the results store, what a failed attempt means for its task."""

from typing import Any

import structlog
from dramatiq import Broker, Middleware
from dramatiq.broker import MessageProxy

from actors.calls import WorkerStopping
from actors.middleware.causes import cause_of
from actors.workbench import Workbench, worker_name
from app.domain.errors import Cancelled
from app.publishing import event_of


class StateTransitions(Middleware):
    """An attempt that fails makes the task `retryable`, with its error kept; only the last makes it `discarded`.

    Stands before the retries in the list of middleware, so that its `after` hook runs when they have decided.
    """

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        self._log = structlog.get_logger(__name__)

    def after_process_message(
        self, broker: Broker, message: MessageProxy, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        if exception is None or isinstance(exception, WorkerStopping | Cancelled):
            return
        event = event_of(message)
        if event is None:
            return
        error = cause_of(exception)
        item, segment = event.part
        with self._bench.database.write() as store:
            store.attempt_failed(
                event.task_id,
                event.run,
                error,
                item=item,
                segment=segment,
                final=message.failed,
                worker=worker_name(),
                now=self._bench.now(),
            )
        self._log.warning(
            "attempt_failed", item=item, segment=segment, error=error.type, detail=str(error), final=message.failed
        )
