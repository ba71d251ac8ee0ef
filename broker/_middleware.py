"""Where Dramatiq's worker tells the broker what it is about to do."""

from __future__ import annotations

from collections.abc import Callable

from dramatiq import Broker, MessageProxy, Middleware, Worker
from dramatiq.middleware import SkipMessage
from dramatiq.worker import ConsumerThread, WorkerThread

from ._held import Delivery, HeldClaim
from ._options import ACTOR_OPTIONS


class ClaimKeeping(Middleware):
    """Notes which message each thread processes, and starts no actor whose message was lost meanwhile.

    It stands before all others, so that it is asked first before something and last after it: what other middleware
    writes about a message belongs to the message.

    Parameters:
      begin: Whether a claim still holds, renewing it if it is old.
      settle: Hands in the answer to a message.
      set_stopping: Called with True when a shutdown begins and with False once it is over.
      thread_ends: Called in each worker and consumer thread at its end.
    """

    def __init__(
        self,
        *,
        begin: Callable[[HeldClaim], bool],
        settle: Callable[[Delivery], None],
        set_stopping: Callable[[bool], None],
        thread_ends: Callable[[], None],
    ) -> None:
        self._begin = begin
        self._settle = settle
        self._set_stopping = set_stopping
        self._thread_ends = thread_ends

    @property
    def actor_options(self) -> set[str]:
        """The options the broker reads."""
        return set(ACTOR_OPTIONS)

    def before_worker_boot(self, broker: Broker, worker: Worker) -> None:
        """Claim."""
        self._set_stopping(False)

    def after_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        """Its consumers are closed: whoever consumes next may claim."""
        self._set_stopping(False)

    def before_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        """Claim nothing more: the worker's threads stop before its consumers do."""
        self._set_stopping(True)

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        """Skip a message that waited here so long that it was given to another worker."""
        if isinstance(message, Delivery) and not self._begin(message.claim):
            raise SkipMessage("The message was given to another worker.")

    def after_ack(self, broker: Broker, message: MessageProxy) -> None:
        """The message's processing is over, its result included."""
        if isinstance(message, Delivery):
            self._settle(message)

    after_nack = after_ack

    def before_worker_thread_shutdown(self, broker: Broker, thread: WorkerThread) -> None:
        """Close the thread's connection."""
        self._thread_ends()

    def before_consumer_thread_shutdown(self, broker: Broker, thread: ConsumerThread) -> None:
        """Close the thread's connection."""
        self._thread_ends()
