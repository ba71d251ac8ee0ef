"""Which failures are tried again, and when."""

from typing import Any, cast

from dramatiq import Broker, Message
from dramatiq.broker import MessageProxy
from dramatiq.middleware import Retries

from actors.calls import WorkerStopping
from actors.middleware.causes import cause_of
from app.domain.errors import Cancelled, PermanentError, StorageTrouble

STORAGE_PAUSE_MILLISECONDS = 15_000


class SpeechRetries(Retries):
    """Dramatiq's retries (exponential backoff with jitter), with the tree of `app.domain.errors` in mind.

    A permanent error is not tried again. A cancelled task's message is done. A message that a shutdown
    interrupted goes back to the queue at once, and one that the disk had no room for after a pause; neither counts
    as an attempt, for trying less often is all that helps.
    """

    def __init__(self, *, max_attempts: int, min_backoff: int, max_backoff: int) -> None:
        """`max_attempts` counts the first one; the backoffs are in milliseconds."""
        super().__init__(max_retries=max_attempts - 1, min_backoff=min_backoff, max_backoff=max_backoff)
        self._storage_pause = min(STORAGE_PAUSE_MILLISECONDS, max_backoff)

    def after_process_message(
        self, broker: Broker, message: MessageProxy, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        if isinstance(exception, WorkerStopping):
            broker.enqueue(
                cast("Message[Any]", message)
            )  # a proxy stands for its message, as in Dramatiq's own retries
        elif isinstance(exception, Cancelled):
            return
        elif exception is not None and isinstance(cause := cause_of(exception), StorageTrouble | PermanentError):
            if cause.permanent:
                message.fail()
            else:
                broker.enqueue(cast("Message[Any]", message), delay=self._storage_pause)
        else:
            super().after_process_message(  # type: ignore[no-untyped-call]  # Dramatiq leaves it untyped
                broker, message, result=result, exception=exception
            )
