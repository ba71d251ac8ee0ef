"""Tell a task's webhook that it has ended: one signed POST, and what it came to in the delivery log."""

import random
import time
from email.utils import parsedate_to_datetime
from importlib.metadata import version

import structlog

from actors.posting import Answer, PostFailed
from actors.workbench import Workbench
from app.domain.events import DeliveryRequested
from app.domain.metrics import WEBHOOK_ATTEMPTS, WEBHOOK_SECONDS
from app.domain.webhooks import GONE, Delivery, DeliveryAttempt, DeliveryState, signed_headers, wait_seconds
from app.results.deliveries import delivery, last_attempt, save_attempt

log = structlog.get_logger(__name__)

_FIXED_HEADERS = {"Content-Type": "application/json", "User-Agent": f"SayAThing/{version('sayathing')}"}


def notify_webhook(event: DeliveryRequested, bench: Workbench) -> None:
    """Make one attempt, and ask for the next where it failed and is not the last.

    A worker killed after the receiver has answered leaves the message: the next one sends the same again, under the
    same `webhook-id`.
    """
    with bench.database.read() as store:
        told = delivery(store, event.task_id, event.run)
        before = last_attempt(store, event.task_id, event.run)
    if told is None or told.state is not DeliveryState.PENDING or told.ticket != event.ticket:
        return
    at, begun = bench.now(), time.perf_counter()
    answer, error = _send(told, at, bench)
    attempt = DeliveryAttempt(
        attempt=before + 1,
        at=at,
        duration_ms=round((time.perf_counter() - begun) * 1000),
        status=answer.status if answer else None,
        error=error,
        excerpt=answer.excerpt if answer else None,
    )
    state, next_at = _what_follows(told, answer, error, bench)
    with bench.database.write() as store:
        following = save_attempt(store, told, attempt, state, next_at=next_at)
        if following is not None:
            bench.publisher.publish([following], store)
    bench.tally.count(WEBHOOK_ATTEMPTS, state.value)
    bench.tally.observe(WEBHOOK_SECONDS, attempt.duration_ms / 1000)
    log.info(
        "webhook_attempted",
        delivery=told.n,
        number=attempt.attempt,
        status=attempt.status,
        state=state.value,
        milliseconds=attempt.duration_ms,
    )


def _send(told: Delivery, at: int, bench: Workbench) -> tuple[Answer | None, str | None]:
    """The receiver's answer, and why the attempt counts as failed; None where it does not."""
    if not bench.webhook_keys:
        return None, "This worker has no SAYATHING_WEBHOOK_SECRET to sign with. Give it the API's, and start it again."
    body = told.payload.encode()
    headers = _FIXED_HEADERS | signed_headers(bench.webhook_keys, told.webhook_id, at // 1000, body)
    try:
        answer = bench.post(told.url, body, headers)
    except PostFailed as error:
        return None, str(error)
    if 200 <= answer.status < 300:  # the statuses of success
        return answer, None
    if 300 <= answer.status < 400:  # the statuses of redirection
        return answer, f"The receiver answered {answer.status}; redirects are not followed."
    return answer, f"The receiver answered {answer.status}."


def _what_follows(
    told: Delivery, answer: Answer | None, error: str | None, bench: Workbench
) -> tuple[DeliveryState, int | None]:
    """The delivery's state, and when to try again where it is to be."""
    if error is None:
        return DeliveryState.DELIVERED, None
    if answer is not None and answer.status == GONE:
        return DeliveryState.GONE, None
    asked = _retry_after_seconds(answer.retry_after, bench.clock()) if answer is not None else None
    wait = wait_seconds(told.tries + 1, asked, random.random())
    if wait is None:
        return DeliveryState.FAILED, None
    return DeliveryState.PENDING, bench.now() + round(wait * 1000)


def _retry_after_seconds(header: str | None, now: float) -> float | None:
    """Seconds, from a number of them or a date (RFC 9110, 10.2.3); None where it is neither."""
    if header is None:
        return None
    given = header.strip()
    if given.isascii() and given.isdigit():
        return float(given[:9])
    try:
        return max(0.0, parsedate_to_datetime(given).timestamp() - now)
    except (ValueError, OverflowError):
        return None
