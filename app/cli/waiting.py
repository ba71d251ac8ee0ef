"""Wait until a task is finished: quick to notice, light on the service, not put off by its restart."""

import time
from collections.abc import Callable
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_before_delay

from app.cli.client import Away, Busy, Look, Service
from app.cli.errors import NoService
from app.domain.states import FINISHED

T = TypeVar("T")

PATIENCE_SECONDS = 60.0
"""How long to go on asking a service that is away or too busy."""

FIRST_PAUSE_SECONDS = 0.02
SHORT_PAUSE_SECONDS = 0.1
LONG_PAUSE_SECONDS = 2.0

Sleep = Callable[[float], None]


def patiently(ask: Callable[[], T], *, errors: type[NoService] | tuple[type[NoService], ...], sleep: Sleep) -> T:
    """What `ask` answers, asked again after such an error: when the service said so, else ever more slowly.

    Raises:
      NoService: it was still away or busy after `PATIENCE_SECONDS`, or said that it will be.
    """
    retrying = Retrying(
        retry=retry_if_exception_type(errors),
        wait=_pause_after_error,
        stop=stop_before_delay(PATIENCE_SECONDS),
        sleep=sleep,
        reraise=True,
    )
    return retrying(ask)


def wait_until_finished(
    service: Service, look: Look, *, progress: Callable[[Look], None], sleep: Sleep = time.sleep
) -> Look:
    """The task in its last state. `progress` is told of every look.

    While the service expects news within a second it is asked ten times a second, else at a tenth of the time that
    it named, and every two seconds at the least.

    Raises:
      NoService, WrongUse
    """
    pause = FIRST_PAUSE_SECONDS
    while look.task["state"] not in FINISHED:
        progress(look)
        sleep(min(pause, pause_before_look(look)))
        pause *= 1.5
        before = look
        look = patiently(lambda: service.look(before.task["task_id"], before), errors=(Away, Busy), sleep=sleep)  # noqa: B023  # called at once
    progress(look)
    return look


def pause_before_look(look: Look) -> float:
    """Seconds until it is worth looking again, from the service's `Retry-After`."""
    if look.retry_after_seconds <= 1:  # its least: it may mean now
        return SHORT_PAUSE_SECONDS
    return min(max(look.retry_after_seconds / 10, SHORT_PAUSE_SECONDS), LONG_PAUSE_SECONDS)


def _pause_after_error(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome is not None else None
    if isinstance(error, Busy) and error.retry_after_seconds is not None:
        return error.retry_after_seconds
    return min(SHORT_PAUSE_SECONDS * 2.0 ** min(state.attempt_number - 1, 16), LONG_PAUSE_SECONDS)
