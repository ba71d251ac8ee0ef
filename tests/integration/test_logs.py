"""What real processes log at their most talkative: whose request it was, and never what was said."""

from pathlib import Path

import httpx

from tests.support.processes import running_service, until
from tests.unit.webhooks.conftest import SECRET
from tests.unit.webhooks.receiver import Reply, a_receiver

MARKER = "Zwetschgenkuchen"
PATHS = (
    "/tasks",
    "/tasks/{id}",
    "/tasks/{id}/transitions",
    "/tasks/{id}/deliveries",
    "/dashboard",
    "/dashboard/tasks/{id}",
)


def test_no_text_is_logged_on_its_whole_way_and_every_line_of_work_names_its_request(tmp_path: Path) -> None:
    settings = {
        "SAYATHING_LOG_LEVEL": "debug",
        "SAYATHING_WEBHOOK_SECRET": SECRET,
        "SAYATHING_WEBHOOK_ALLOW_PRIVATE": "true",
        "SAYATHING_MAX_ATTEMPTS": "2",
    }
    with a_receiver() as receiver, running_service(tmp_path, **settings) as service:
        receiver.replies = [Reply(200, {}, b"thanks")]
        told = {"metadata": {"note": MARKER}, "webhook": {"url": f"{receiver.url}&token=hushhush"}}
        asked = [
            ({"text": f"{MARKER} tastes good. [pause:0.1s] {MARKER}!", **told}, "said-1"),
            ({"items": [{"text": MARKER}, {"text": "¤"}], **told}, "said-2"),  # the second has no sound
        ]
        tasks = []
        for body, request_id in asked:
            answer = httpx.post(f"{service.url}/api/tts", json=body, headers={"X-Request-ID": request_id}, timeout=60)
            assert answer.status_code == 202, answer.text
            tasks.append(answer.json()["task_id"])
        for body in ({"text": MARKER, "voice": MARKER}, {"text": MARKER, MARKER: 1}, {"text": [MARKER]}):
            assert httpx.post(f"{service.url}/api/tts", json=body, timeout=60).status_code == 422
        httpx.post(f"{service.url}/api/tts", content=f'{{"text": "{MARKER}', timeout=60)
        httpx.get(f"{service.url}/tasks", params={"q": MARKER}, timeout=60)
        for task_id in tasks:
            service.finished(task_id)
            for path in PATHS:
                assert httpx.get(service.url + path.format(id=task_id), timeout=60).status_code == 200
        until(lambda: len(receiver.told) == len(tasks))
        until(lambda: len(service.logged("webhook_attempted")) == len(tasks))

        logs = "".join(path.read_text() for path in tmp_path.glob("*.log"))
        for hidden in (MARKER, MARKER.encode("unicode_escape").decode(), "hushhush", SECRET, SECRET[6:]):
            assert hidden not in logs
        assert all(MARKER.encode() not in each.body for each in receiver.told)
        assert {line["request_id"] for line in service.logged("item_planned")} == {"said-1", "said-2"}
        assert {line["request_id"] for line in service.logged("webhook_attempted")} == {"said-1", "said-2"}
        assert {line["request_id"] for line in service.api.logged("request") if line["path"] == "/api/tts"} >= {
            "said-1"
        }
        assert '"level": "debug"' in logs, "the processes were told to be talkative"
