"""Ask a worker something, and wait for its answer: a message whose result is kept until it is fetched.

docs/adr/0011-asking-a-worker.md tells why. A question has a time by which it is answered or forgotten; nobody tries
it again, and nothing is lost with it.
"""

import threading
import time
from collections.abc import Mapping
from typing import Any

import anyio
import anyio.to_thread
from dramatiq import Message
from dramatiq.results import ResultFailure, ResultTimeout

from app.ports import Clock
from broker import SQLiteBroker, SQLiteResultBackend

FIRST_OF_ALL = 0
"""The priority of questions, which somebody waits for: that of interactive tasks."""

_LOOK_MILLISECONDS = 500
"""How long a wait lasts before it looks whether the process is to end."""


class NoAnswer(Exception):
    """No worker answered in time, or the process ends; the message says which."""


class AnsweredWithError(Exception):
    """The worker could not do it: the `type` and message of an error of `app.domain.errors`."""

    def __init__(self, type: str, detail: str, *, permanent: bool) -> None:
        super().__init__(detail)
        self.type = type
        self.permanent = permanent


class WorkerQuestions:
    """Asks through the queue that workers take their work from.

    Each question takes a thread of its own while it waits: whoever asks bounds how many there are.

    Parameters:
      broker: it need not have the actors that answer.
      queue_name: the queue they listen to.
    """

    def __init__(self, broker: SQLiteBroker, queue_name: str, clock: Clock) -> None:
        self._broker = broker
        self._queue_name = queue_name
        self._clock = clock
        self._results = SQLiteResultBackend(broker)
        self._closing = threading.Event()

    async def ask(self, actor_name: str, question: Mapping[str, Any], *, seconds: float) -> Mapping[str, Any]:
        """What the actor answers.

        Raises:
          NoAnswer: there was none within `seconds`.
          AnsweredWithError: the worker says why it cannot.
        """
        message: Message[Any] = Message(
            queue_name=self._queue_name,
            actor_name=actor_name,
            args=({**question, "until": self._clock() + seconds},),
            kwargs={},
            options={"priority": FIRST_OF_ALL},
        )
        own_thread = anyio.CapacityLimiter(1)
        answer = await anyio.to_thread.run_sync(
            self._wait, message, seconds, limiter=own_thread, abandon_on_cancel=True
        )
        if (error := answer.get("error")) is not None:
            raise AnsweredWithError(error["type"], error["detail"], permanent=error["permanent"])
        found: Mapping[str, Any] = answer["answer"]
        return found

    def close(self) -> None:
        """End all waits."""
        self._closing.set()

    def _wait(self, message: Message[Any], seconds: float) -> Mapping[str, Any]:
        self._broker.declare_queue(self._queue_name)
        self._broker.enqueue(message)
        give_up_at = time.monotonic() + seconds
        while (left := give_up_at - time.monotonic()) > 0 and not self._closing.is_set():
            wait = min(_LOOK_MILLISECONDS, int(left * 1000) + 1)
            try:
                answer: Mapping[str, Any] = self._results.get_result(message, block=True, timeout=wait)
            except ResultTimeout:
                continue
            except ResultFailure as failure:
                raise NoAnswer("The worker broke down over it; its log tells why.") from failure
            return answer
        if self._closing.is_set():
            raise NoAnswer("The service is stopping.")
        raise NoAnswer(f"No worker answered within {seconds:g} s. Is one running? GET /healthz tells.")
