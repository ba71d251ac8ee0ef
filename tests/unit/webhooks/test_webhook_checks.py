"""What the doctor says of webhooks that cannot be told."""

from pathlib import Path

import pytest

from actors.notify import notify_webhook
from app.cli.webhook_checks import OVERDUE_SECONDS, check_webhooks
from app.domain.webhooks import RETRY_SECONDS
from app.settings import Settings
from tests.unit.actors.conftest import Workshop
from tests.unit.webhooks.receiver import Receiver, Reply
from tests.unit.webhooks.test_deliveries import attempt, cancel, only, say, waiting


@pytest.fixture
def unsigned(signing: Settings, settings: Settings) -> Settings:
    return signing.model_copy(update={"webhook_secret": settings.webhook_secret})


def test_where_nobody_is_to_be_told_nothing_is_wrong(workshop: Workshop, signing: Settings, unsigned: Settings) -> None:
    assert check_webhooks(signing).verdict == check_webhooks(unsigned).verdict == "ok"


def test_no_database_is_no_fault_and_none_is_made(settings: Settings) -> None:
    assert check_webhooks(settings).verdict == "ok"
    assert not settings.broker_path.exists()


def test_a_secret_that_is_missing_fails_while_a_task_is_to_be_told(
    workshop: Workshop, receiver: Receiver, signing: Settings, unsigned: Settings
) -> None:
    task_id = say(workshop, receiver.url)
    unfinished = check_webhooks(unsigned)
    assert (unfinished.verdict, "1 unfinished tasks" in unfinished.detail) == ("fail", True)
    assert "SAYATHING_WEBHOOK_SECRET" in unfinished.detail
    cancel(workshop, task_id)
    assert "1 deliveries" in check_webhooks(unsigned).detail
    assert check_webhooks(signing).verdict == "ok"


def test_a_delivery_that_was_refused_for_want_of_a_secret_says_so_once_there_is_one(
    workshop: Workshop, receiver: Receiver, signing: Settings
) -> None:
    task_id = say(workshop, receiver.url)
    cancel(workshop, task_id)
    object.__setattr__(workshop.bench, "webhook_keys", ())
    notify_webhook(waiting(workshop)[0], workshop.bench)
    found = check_webhooks(signing)
    assert (found.verdict, task_id in found.detail) == ("warn", True)
    assert "SAYATHING_WEBHOOK_SECRET" in found.detail


def test_a_delivery_that_is_overdue_fails(workshop: Workshop, receiver: Receiver, signing: Settings) -> None:
    cancel(workshop, say(workshop, receiver.url))
    with workshop.bench.database.write() as store:
        store.connection.exec_driver_sql(
            "UPDATE deliveries SET next_at = next_at - ?", (round((OVERDUE_SECONDS + 60) * 1000),)
        )
    found = check_webhooks(signing)
    assert (found.verdict, "due for 6 minutes" in found.detail) == ("fail", True)


def test_a_delivery_that_was_given_up_names_its_task_its_reason_and_the_cure(
    workshop: Workshop, receiver: Receiver, signing: Settings
) -> None:
    receiver.replies = [Reply(503)]
    task_id = say(workshop, receiver.url)
    cancel(workshop, task_id)
    attempt(workshop, task_id)
    assert "tried again" in check_webhooks(signing).detail
    for _ in RETRY_SECONDS:
        attempt(workshop, task_id)
    assert only(workshop, task_id).next_at is None
    found = check_webhooks(signing)
    assert (found.verdict, task_id in found.detail, "answered 503" in found.detail) == ("warn", True, True)
    assert f"POST /tasks/{task_id}/deliveries/1/redeliver" in found.advice


def test_authorities_that_cannot_be_read_fail(
    workshop: Workshop, signing: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    found = check_webhooks(signing)
    assert (found.verdict, "SSL_CERT_FILE" in found.detail) == ("fail", True)


def test_deliveries_that_cannot_be_read_are_no_crash(settings: Settings) -> None:
    settings.data_dir.mkdir()
    settings.broker_path.write_text("This is no database. " * 1000)
    assert check_webhooks(settings).verdict == "warn"
