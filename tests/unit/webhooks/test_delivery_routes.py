"""The API's side of webhooks."""

from collections.abc import AsyncIterator

import pytest

from app.settings import Settings
from tests.support.api import Api, accept_problem, running_api

URL = "https://example.org/hooks"


@pytest.fixture
async def api(signing: Settings) -> AsyncIterator[Api]:
    async with running_api(signing.model_copy(update={"webhook_allow_private": False})) as service:
        yield service


async def test_the_log_of_a_task_shows_what_was_told(api: Api) -> None:
    task_id = (await api.say(webhook={"url": URL}))["task_id"]
    assert (await api.client.get(f"/tasks/{task_id}/deliveries")).json() == {"deliveries": []}
    await api.client.post(f"/tasks/{task_id}/cancel")

    (told,) = (await api.client.get(f"/tasks/{task_id}/deliveries")).json()["deliveries"]

    assert (told["n"], told["event"], told["url"], told["state"]) == (1, "task.cancelled", URL, "pending")
    assert told["webhook_id"] == f"msg_{task_id}_1"
    assert told["attempts"] == []
    assert told["next_attempt_at"] == told["created_at"]
    (queue,) = [depth for depth in api.container.broker().inspect.queues() if depth.queue == "webhooks"]
    assert queue.ready == 1


async def test_several_texts_have_one_webhook(api: Api) -> None:
    task = await api.post_speech({"items": [{"text": "One."}, {"text": "Two."}], "webhook": {"url": URL}})
    await api.client.post(f"/tasks/{task['task_id']}/cancel")

    assert len((await api.client.get(f"/tasks/{task['task_id']}/deliveries")).json()["deliveries"]) == 1


async def test_it_can_be_told_again(api: Api) -> None:
    task_id = (await api.say(webhook={"url": URL}))["task_id"]
    await api.client.post(f"/tasks/{task_id}/cancel")

    again = await api.client.post(f"/tasks/{task_id}/deliveries/1/redeliver")

    assert again.status_code == 200
    assert (again.json()["n"], again.json()["state"]) == (1, "pending")


async def test_what_is_not_there_is_a_problem(api: Api) -> None:
    task_id = (await api.say())["task_id"]
    accept_problem(await api.client.post(f"/tasks/{task_id}/deliveries/1/redeliver"), 404, "delivery-not-found")
    gone = "01KAPM5T7VNB1C8R3E9ZQ4XWJ2"
    accept_problem(await api.client.get(f"/tasks/{gone}/deliveries"), 404, "task-not-found")
    accept_problem(await api.client.post(f"/tasks/{gone}/deliveries/1/redeliver"), 404, "delivery-not-found")
    accept_problem(await api.client.post(f"/tasks/{task_id}/deliveries/0/redeliver"), 422, "invalid-input")


@pytest.mark.parametrize(
    ("webhook", "where"),
    [
        (None, "/webhook"),
        ("https://example.org", "/webhook"),
        ({}, "/webhook/url"),
        ({"url": "ftp://example.org"}, "/webhook/url"),
        ({"url": "https://user:word@example.org"}, "/webhook/url"),
        ({"url": URL, "secret": "x"}, "/webhook/secret"),
    ],
)
async def test_a_webhook_that_is_none_is_refused_at_its_place(api: Api, webhook: object, where: str) -> None:
    answer = await api.client.post("/api/tts", json={"text": "Hi.", "webhook": webhook})

    assert accept_problem(answer, 422, "invalid-input")["errors"][0]["pointer"] == where


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::1]", "10.0.0.1", "169.254.169.254", "[::ffff:10.0.0.1]", "2130706433"]
)
async def test_a_number_that_is_private_is_refused_at_once(api: Api, host: str) -> None:
    answer = await api.client.post("/api/tts", json={"text": "Hi.", "webhook": {"url": f"http://{host}/"}})

    accept_problem(answer, 422, "webhook-refused")


async def test_an_item_has_no_webhook_of_its_own(api: Api) -> None:
    answer = await api.client.post("/api/tts", json={"items": [{"text": "Hi.", "webhook": {"url": URL}}]})

    accept_problem(answer, 422, "invalid-input")


async def test_without_a_secret_no_webhook_is_accepted(settings: Settings) -> None:
    async with running_api(settings) as api:
        answer = await api.client.post("/api/tts", json={"text": "Hi.", "webhook": {"url": URL}})

        accept_problem(answer, 422, "webhooks-unavailable")
        assert (await api.client.get("/tasks")).json()["tasks"] == []


def test_a_bad_secret_is_named_and_never_printed(monkeypatch: pytest.MonkeyPatch, signing: Settings) -> None:
    from app.settings import BadSettings

    monkeypatch.setenv("SAYATHING_WEBHOOK_SECRET", "whsec_hunter2")
    with pytest.raises(BadSettings, match="SAYATHING_WEBHOOK_SECRET") as bad:
        Settings.load(_env_file=None)
    assert "hunter2" not in str(bad.value)
    assert "AAEC" not in repr(signing)
