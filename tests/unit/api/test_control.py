"""DELETE /tasks/{id} and POST /tasks/bulk."""

import httpx
import pytest

from tests.support.api import Api, accept_problem


async def bulk(api: Api, action: str, filter: dict | None = None, **more: object) -> httpx.Response:
    return await api.client.post("/tasks/bulk", json={"action": action, "filter": filter or {}, **more})


async def counts(api: Api, *arguments, **more) -> tuple[int, int, int]:
    answer = await bulk(api, *arguments, **more)
    assert answer.status_code == 200, answer.text
    outcome = answer.json()
    return outcome["matched"], outcome["changed"], outcome["skipped"]


async def test_a_deleted_task_is_gone_with_its_audio_captions_and_peaks(api: Api) -> None:
    task_id = (await api.say())["task_id"]
    api.finish(task_id)
    folder = api.audio_store.finished_path(task_id, 0, "wav").parent
    assert folder.exists()

    answer = await api.client.delete(f"/tasks/{task_id}")

    assert (answer.status_code, answer.content) == (204, b"")
    assert not folder.exists()
    for path in ("", "/audio", "/items/0/captions.srt", "/items/0/peaks", "/transitions", "/events"):
        accept_problem(await api.client.get(f"/tasks/{task_id}{path}"), 404, "task-not-found")
    accept_problem(await api.client.delete(f"/tasks/{task_id}"), 404, "task-not-found")


@pytest.mark.parametrize("failing", [False, True])
async def test_a_task_that_is_being_worked_on_is_not_deleted(api: Api, failing: bool) -> None:
    task_id = (await api.say())["task_id"]
    api.begin(task_id)
    api.plan(task_id)
    if failing:
        api.fail(task_id, final=False)

    problem = accept_problem(await api.client.delete(f"/tasks/{task_id}"), 409, "task-at-work")

    assert problem["state"] == ("retryable" if failing else "processing")
    assert (await api.client.get(f"/tasks/{task_id}")).status_code == 200
    await api.client.post(f"/tasks/{task_id}/cancel")
    assert (await api.client.delete(f"/tasks/{task_id}")).status_code == 204


async def test_a_task_that_still_waits_is_deleted_and_its_message_does_no_harm(api: Api) -> None:
    task_id = (await api.say())["task_id"]

    assert (await api.client.delete(f"/tasks/{task_id}")).status_code == 204
    with api.database.write() as store:
        assert not store.begin(task_id, 1, worker="w", now=0)


async def test_a_dry_run_counts_and_changes_nothing(api: Api) -> None:
    for _ in range(3):
        await api.say()
    api.begin((await api.say())["task_id"])

    assert await counts(api, "delete", dry_run=True) == (4, 3, 1)
    assert await counts(api, "retry", dry_run=True) == (4, 0, 4)
    assert len((await api.client.get("/tasks")).json()["tasks"]) == 4


async def test_each_action_changes_all_that_match(api: Api) -> None:
    tasks = [await api.say(f"Number {number}.") for number in range(3)]
    await api.say("Nothing.", voice="espeak-de")

    assert await counts(api, "cancel", {"q": "number"}) == (3, 3, 0)
    assert await counts(api, "cancel", {"q": "number"}) == (3, 0, 3)
    assert await counts(api, "retry", {"state": "cancelled"}) == (3, 3, 0)
    assert await counts(api, "cancel", {"voice": "espeak-de"}) == (1, 1, 0)
    assert await counts(api, "delete", {"since": tasks[0]["created_at"]}) == (4, 4, 0)
    assert (await api.client.get("/tasks")).json()["tasks"] == []


async def test_a_retry_puts_a_message_of_the_new_run_in_the_broker(api: Api) -> None:
    await api.say()
    await bulk(api, "cancel")
    await bulk(api, "retry")

    assert [queue.ready for queue in api.container.broker().inspect.queues()] == [2]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"action": "cancel"}, "/filter"),
        ({"filter": {}}, "/action"),
        ({"action": "forget", "filter": {}}, "/action"),
        ({"action": "cancel", "filter": {"states": "pending"}}, "/filter/states"),
        ({"action": "cancel", "filter": {"since": "yesterday"}}, "/filter/since"),
        ({"action": "cancel", "filter": {"q": "\x00"}}, "/filter/q"),
        ({"action": "cancel", "filter": {}, "dry_run": "yes"}, "/dry_run"),
        ({"action": "cancel", "filter": [], "dry_run": True}, "/filter"),
        ([], ""),
    ],
)
async def test_a_body_that_does_not_fit_is_told_where_and_does_nothing(api: Api, body: object, pointer: str) -> None:
    task_id = (await api.say())["task_id"]

    problem = accept_problem(await api.client.post("/tasks/bulk", json=body), 422, "invalid-input")

    assert problem["errors"][0]["pointer"] == pointer
    assert (await api.client.get(f"/tasks/{task_id}")).json()["state"] == "pending"


async def test_an_unknown_voice_is_told_as_lists_tell_it(api: Api) -> None:
    accept_problem(await bulk(api, "cancel", {"voice": "nobody"}), 422, "unknown-voice")
