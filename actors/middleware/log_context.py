"""Binds what every line of a message's work should say: the task, the attempt, the worker, the request it goes back to."""

from typing import Any

import structlog
from dramatiq import Broker, Middleware
from dramatiq.broker import MessageProxy

from actors.workbench import worker_name
from app.observability import request_id_of


class LogContext(Middleware):
    """Each worker thread has a context of its own, so lines of two messages never mix."""

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        event = message.args[0] if message.args and isinstance(message.args[0], dict) else {}
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(
            task_id=event.get("task_id"),
            actor=message.actor_name,
            attempt=message.options.get("retries", 0) + 1,
            worker=worker_name(),
            **({"request_id": request_id} if (request_id := request_id_of(message.options)) else {}),
        )

    def after_process_message(
        self, broker: Broker, message: MessageProxy, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        structlog.contextvars.clear_contextvars()

    def after_skip_message(self, broker: Broker, message: MessageProxy) -> None:
        structlog.contextvars.clear_contextvars()
