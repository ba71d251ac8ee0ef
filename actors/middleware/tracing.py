"""A span around every message's work: planning, a segment, an assembly, a delivery."""

import threading
from contextlib import ExitStack
from typing import Any

from dramatiq import Broker, Middleware
from dramatiq.broker import MessageProxy

from actors.calls import WorkerStopping
from actors.middleware.causes import cause_of
from app.domain.errors import Cancelled
from app.observability import tracing
from app.publishing import event_of


class Tracing(Middleware):
    """The span's parent is the one that sent the message, in whatever process. Stands behind the others in the list,
    so that what they do afterwards is not part of it."""

    def __init__(self) -> None:
        self._open = threading.local()

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        stack = ExitStack()
        span = stack.enter_context(tracing.span(message.actor_name, "consumer", message.options))
        if (event := event_of(message)) is not None:
            item, segment = event.part
            attempt = message.options.get("retries", 0) + 1
            span.set(task_id=event.task_id, run=event.run, item=item, segment=segment, attempt=attempt)
        self._open.stack, self._open.span = stack, span

    def after_process_message(
        self, broker: Broker, message: MessageProxy, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        stack: ExitStack | None = getattr(self._open, "stack", None)
        if stack is None:
            return
        if exception is not None and not isinstance(exception, WorkerStopping | Cancelled):
            self._open.span.fail(cause_of(exception).type)
        self._open.stack = None
        stack.close()
