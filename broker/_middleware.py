"""Where Dramatiq's worker tells the broker what it is about to do."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from dramatiq.middleware import MiddlewareError, SkipMessage

from ._held import Delivery, HeldClaim

LOGGER = logging.getLogger(__name__)


class ClaimKeeping:
    """Notes which message each thread processes, and starts no actor whose message was lost meanwhile.

    It hears what middleware hears without being one of them: before something ahead of them all and after something
    behind them all, wherever a program puts its own. What they write about a message belongs to the message.

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
        self._heard: Mapping[str, Callable[[object], None]] = {
            "before_worker_boot": lambda _: self._set_stopping(False),
            # The worker's threads stop before its consumers do: claim nothing more.
            "before_worker_shutdown": lambda _: self._set_stopping(True),
            # Its consumers are closed: whoever consumes next may claim.
            "after_worker_shutdown": lambda _: self._set_stopping(False),
            "before_process_message": self._may_begin,
            # The message's processing is over, its result included.
            "after_ack": self._is_over,
            "after_nack": self._is_over,
            "before_worker_thread_shutdown": lambda _: self._thread_ends(),
            "before_consumer_thread_shutdown": lambda _: self._thread_ends(),
        }

    def hear(self, event: str, *subjects: object) -> None:
        """Act on what the worker tells, as Dramatiq calls middleware.

        Parameters:
          event: The name of the middleware's method, such as "after_ack".
          subjects: What the event is about, the message or the thread first.

        Raises:
          SkipMessage: the message must not be begun.
        """
        act = self._heard.get(event)
        if act is None:
            return
        try:
            act(subjects[0])
        except MiddlewareError:
            raise
        except Exception:
            LOGGER.critical("Unexpected failure of the broker in %s.", event, exc_info=True)

    def _may_begin(self, message: object) -> None:
        """Skip a message that waited here so long that it was given to another worker."""
        if isinstance(message, Delivery) and not self._begin(message.claim):
            raise SkipMessage("The message was given to another worker.")

    def _is_over(self, message: object) -> None:
        if isinstance(message, Delivery):
            self._settle(message)
