"""sayathing tasks cancel, retry and delete: one, or all that match."""

import json

import pytest

from tests.unit.cli.conftest import Sayathing
from tests.unit.cli.fake_service import TASK_ID, Answer, FakeService

OUTCOME = {"action": "cancel", "dry_run": True, "matched": 3, "changed": 2, "skipped": 1}


def test_all_that_match_are_asked_for_in_one_request(service: FakeService, sayathing: Sayathing) -> None:
    service.prepare("POST /tasks/bulk", Answer(body=OUTCOME))
    filters = "--state pending --voice espeak-de --text t --since 2026-11-22T12:00:00Z"

    ended = sayathing("tasks", "cancel", "--all", *filters.split(), "--dry-run", "--url", service.url)

    assert (ended.status, ended.out) == (0, "3 tasks match: 2 would be cancelled, 1 left as they are.\n")
    wanted = {"state": "pending", "voice": "espeak-de", "q": "t", "since": "2026-11-22T12:00:00Z"}
    assert service.asked[-1:] == [("POST /tasks/bulk", {"action": "cancel", "filter": wanted, "dry_run": True})]


@pytest.mark.parametrize("action", ["cancel", "retry", "delete"])
def test_json_is_what_the_api_answers(service: FakeService, sayathing: Sayathing, action: str) -> None:
    service.prepare("POST /tasks/bulk", Answer(body={**OUTCOME, "action": action}))

    ended = sayathing("tasks", action, "--all", "--json", "--url", service.url)

    assert json.loads(ended.out) == {**OUTCOME, "action": action}
    assert service.asked[-1][1] == {"action": action, "filter": {}, "dry_run": False}


def test_one_task_is_deleted(service: FakeService, sayathing: Sayathing) -> None:
    service.prepare(f"DELETE /tasks/{TASK_ID}", Answer(204, b""))

    ended = sayathing("tasks", "delete", TASK_ID, "--url", service.url)

    assert (ended.status, ended.out) == (0, f"Task {TASK_ID} is deleted.\n")


@pytest.mark.parametrize("action", ["cancel", "retry", "delete"])
@pytest.mark.parametrize("arguments", ["", f"{TASK_ID} --all", f"{TASK_ID} --state pending", f"{TASK_ID} --dry-run"])
def test_what_is_not_clear_is_refused_before_anything_is_asked(
    service: FakeService, sayathing: Sayathing, action: str, arguments: str
) -> None:
    ended = sayathing("tasks", action, *arguments.split(), "--url", service.url)

    assert ended.status == 2
    assert "--all" in ended.err
    assert service.asked == []
