"""What `sayathing doctor` looks at in the deliveries to webhooks."""

import time

import httpx
from sqlalchemy.exc import SQLAlchemyError

from app.cli.findings import Finding
from app.results import Database
from app.results.delivery_summary import DeliverySummary, Trouble, summarize_deliveries
from app.settings import Settings

OVERDUE_SECONDS = 300.0
"""A delivery that was due so long ago is not merely in a queue: deliveries are made within seconds of being due."""

_NAME = "webhooks"


def check_webhooks(settings: Settings) -> Finding:
    """Can what is to be told be signed and sent, and was it?"""
    if not settings.broker_path.is_file():
        return Finding(_NAME, "ok", "none were asked for yet")
    database = Database(settings.results_url)
    try:
        with database.read() as store:
            summary = summarize_deliveries(store)
    except SQLAlchemyError:
        return Finding(_NAME, "warn", "the deliveries cannot be read.", "Mend the database first.")
    finally:
        database.close()
    return (
        _unsigned(summary, settings)
        or _without_authorities(settings)
        or _stuck(summary, time.time())
        or _given_up(summary.failed)
        or _tried_again(summary.retried)
        or Finding(_NAME, "ok", _usual(summary, settings))
    )


def _unsigned(summary: DeliverySummary, settings: Settings) -> Finding | None:
    if settings.webhook_keys or not (summary.pending or summary.awaiting):
        return None
    return Finding(
        _NAME,
        "fail",
        f"{summary.pending} deliveries and {summary.awaiting} unfinished tasks wait to be told, and there is no "
        "SAYATHING_WEBHOOK_SECRET to sign with.",
        "Set the one that the receivers know, for the API and the workers, and start both again.",
    )


def _without_authorities(settings: Settings) -> Finding | None:
    if not settings.webhook_keys:
        return None
    try:
        httpx.create_ssl_context()
    except OSError as error:
        return Finding(
            _NAME,
            "fail",
            f"SSL_CERT_FILE or SSL_CERT_DIR cannot be used: {error.strerror or error}.",
            "Name a file of certificates in PEM that this user can read, or unset it.",
        )
    return None


def _stuck(summary: DeliverySummary, now: float) -> Finding | None:
    overdue = now - summary.oldest_due_at / 1000 if summary.oldest_due_at is not None else 0.0
    if overdue <= OVERDUE_SECONDS:
        return None
    return Finding(
        _NAME,
        "fail",
        f"{summary.pending} deliveries wait, the oldest has been due for {overdue / 60:.0f} minutes.",
        "Workers deliver: see that some are alive, and that the queue `webhooks` is not paused (/dashboard/queues).",
    )


def _given_up(failed: Trouble | None) -> Finding | None:
    if failed is None:
        return None
    return Finding(
        _NAME,
        "warn",
        f"{failed.count} deliveries were given up, lastly that of task {failed.task_id}: {failed.error}",
        f"Mend the receiver, then `POST /tasks/{failed.task_id}/deliveries/{failed.n}/redeliver`; "
        "`GET /tasks/{id}/deliveries` shows every attempt.",
    )


def _tried_again(retried: Trouble | None) -> Finding | None:
    if retried is None:
        return None
    return Finding(
        _NAME,
        "warn",
        f"{retried.count} deliveries failed and are tried again, lastly that of task {retried.task_id}: {retried.error}",
        "Mend the receiver; they are tried for some 27 hours.",
    )


def _usual(summary: DeliverySummary, settings: Settings) -> str:
    if not settings.webhook_keys:
        return "not set up: no SAYATHING_WEBHOOK_SECRET"
    return f"{summary.pending} deliveries wait"
