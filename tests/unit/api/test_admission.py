"""Room for one more task: the queue's bound and the disk's, before anything is written."""

import asyncio
import shutil
from types import SimpleNamespace

import pytest

from app.domain.ids import TaskId
from app.services import admission
from app.settings import Settings
from tests.support.api import Api, accept_problem, running_api


async def post(api: Api, **headers: str):
    return await api.client.post("/api/tts", json={"text": "Hello."}, headers=headers)


@pytest.fixture
def three_at_most(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(admission, "RECOUNT_SECONDS", 0.0)
    return settings.model_copy(update={"max_queued_tasks": 3})


async def test_one_task_too_many_is_refused_until_another_is_finished(three_at_most: Settings) -> None:
    async with running_api(three_at_most) as api:
        accepted = [(await post(api)).json()["task_id"] for _ in range(3)]

        refused = await post(api)
        accept_problem(refused, 503, "queue-full")
        assert int(refused.headers["retry-after"]) >= 1
        assert len((await api.client.get("/tasks")).json()["tasks"]) == 3

        await api.client.post(f"/tasks/{accepted[0]}/cancel")
        assert (await post(api)).status_code == 202
        assert (await post(api)).status_code == 503


async def test_requests_at_the_same_instant_share_what_room_there_is(three_at_most: Settings) -> None:
    async with running_api(three_at_most) as api:
        answers = await asyncio.gather(*(post(api) for _ in range(12)))

    assert sorted(answer.status_code for answer in answers) == [202] * 3 + [503] * 9


async def test_a_refused_body_takes_no_room(three_at_most: Settings) -> None:
    async with running_api(three_at_most) as api:
        await post(api, **{"idempotency-key": "mine"})
        for _ in range(5):
            answer = await api.client.post("/api/tts", json={"text": "Other."}, headers={"idempotency-key": "mine"})
            accept_problem(answer, 422, "idempotency-key-reused")
        assert [(await post(api)).status_code for _ in range(3)] == [202, 202, 503]


async def test_the_dashboard_tells_that_the_queue_is_full(three_at_most: Settings) -> None:
    async with running_api(three_at_most) as api:
        for _ in range(3):
            await post(api)
        page = await api.client.post("/dashboard/speak", data={"text": "Hello."})

    assert page.status_code == 422
    assert "3 tasks are unfinished already" in page.text


async def test_a_disk_that_is_almost_full_refuses_before_anything_is_written(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = 1_000
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(total=10**9, used=10**9 - free, free=free))
    monkeypatch.setattr(admission, "DISK_SECONDS", 0.0)
    async with running_api(settings) as api:
        refused = await post(api)
        accept_problem(refused, 503, "disk-full")
        assert int(refused.headers["retry-after"]) >= 1
        assert (await api.client.get("/tasks")).json()["tasks"] == []

        free = settings.min_free_bytes
        assert (await post(api)).status_code == 202


async def test_a_finished_task_tells_when_it_expires(settings: Settings) -> None:
    async with running_api(settings.model_copy(update={"result_ttl": 3600})) as api:
        task_id = (await api.say())["task_id"]
        assert (await api.client.get(f"/tasks/{task_id}")).json()["expires_at"] is None
        api.finish(task_id)  # at 2026-11-22T12:00:00Z, as the tests' worker has it

        assert (await api.client.get(f"/tasks/{task_id}")).json()["expires_at"] == "2026-11-22T13:00:00.000Z"
        assert (await api.client.get("/tasks")).json()["tasks"][0]["expires_at"] == "2026-11-22T13:00:00.000Z"


async def test_a_task_that_is_kept_never_expires(api: Api) -> None:
    task_id = TaskId((await api.say())["task_id"])
    api.finish(task_id)

    assert (await api.client.get(f"/tasks/{task_id}")).json()["expires_at"] is None
