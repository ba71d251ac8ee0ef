"""Looking at tasks, stopping them, setting them going again."""

import asyncio
import re
import threading
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from app.api.parameters import parse_time
from app.api.task_bodies import TaskBody
from app.api.times import timestamp
from app.domain.audio_formats import AudioFormat
from app.domain.ids import TaskId
from app.domain.tasks import Task
from app.results import ResultsStore
from app.results.reading import LISTED_ITEMS, SHORTENED_CHARACTERS
from app.services.read_tasks import eta_seconds
from tests.support.api import NOW, Api, accept_problem

NOBODY = "01K8ZZZZZZZZZZZZZZZZZZZZZZ"
BAD_IDS = ["x", "0", "8" * 26, "U" * 26, "0" * 25, "0" * 27, "%00", "١" * 26, "a" * 5000, "%F0%9F%92%A9", "-1"]


async def test_a_task_is_found_under_its_id_in_either_case(api: Api) -> None:
    task = await api.say()

    for spelled in (task["task_id"], task["task_id"].lower()):
        assert (await api.client.get(f"/tasks/{spelled}")).json()["task_id"] == task["task_id"]


@pytest.mark.parametrize("task_id", [NOBODY, *BAD_IDS])
@pytest.mark.parametrize(
    ("method", "tail"),
    [("GET", ""), ("GET", "/transitions"), ("GET", "/audio"), ("HEAD", "/audio"), ("GET", "/items/0/audio"),
     ("GET", "/events"), ("POST", "/cancel"), ("POST", "/retry")],
)  # fmt: skip
async def test_what_is_no_task_is_not_found(api: Api, method: str, tail: str, task_id: str) -> None:
    answer = await api.client.request(method, f"/tasks/{task_id}{tail}")

    if method == "HEAD":
        assert answer.status_code == 404
    else:
        accept_problem(answer, 404, "task-not-found")


async def test_an_unfinished_task_says_when_to_ask_again_and_a_finished_one_does_not(api: Api) -> None:
    task_id = (await api.say())["task_id"]
    assert int((await api.client.get(f"/tasks/{task_id}")).headers["retry-after"]) >= 1

    api.finish(task_id)

    assert "retry-after" not in (await api.client.get(f"/tasks/{task_id}")).headers


async def test_the_etag_changes_with_every_step_of_a_task(api: Api) -> None:
    task_id = (await api.say())["task_id"]
    seen = []

    async def look() -> None:
        seen.append((await api.client.get(f"/tasks/{task_id}")).headers["etag"])

    await look()
    for step in (api.begin, api.plan, api.render, api.assemble):
        step(task_id)
        await look()

    assert len(set(seen)) == len(seen)


async def test_a_client_that_has_the_task_gets_304_and_no_body(api: Api) -> None:
    task_id = (await api.say())["task_id"]
    etag = (await api.client.get(f"/tasks/{task_id}")).headers["etag"]

    for known in (etag, etag.removeprefix("W/"), f'"other", {etag}', "*"):
        answer = await api.client.get(f"/tasks/{task_id}", headers={"if-none-match": known})
        assert answer.status_code == 304, known
        assert answer.content == b""
        assert answer.headers["etag"] == etag


@pytest.mark.parametrize("known", ['"other"', "", "nonsense", '"', "W/", '"a" "b"', "é", "*x", ",,,", '"' * 5000])
async def test_an_if_none_match_that_names_something_else_changes_nothing(api: Api, known: str) -> None:
    task_id = (await api.say())["task_id"]

    answer = await api.client.get(f"/tasks/{task_id}", headers={"if-none-match": known.encode("latin-1")})

    assert answer.status_code == 200


async def test_what_a_file_takes_to_put_together_is_part_of_the_estimate(api: Api) -> None:
    task_id = (await api.say(format="mp3"))["task_id"]
    api.begin(task_id)
    api.plan(task_id)
    api.render(task_id)
    with api.database.read() as store:
        task = store.task(TaskId(task_id))
    assert task is not None
    assert task.progress.characters_left == 0
    hour = replace(task, items=(replace(task.items[0], audio_seconds=3600.0),))
    assert eta_seconds(hour, NOW / 1000) == pytest.approx(36.0)
    lossless = replace(hour, items=(replace(hour.items[0], format=AudioFormat.FLAC),))
    assert eta_seconds(lossless, NOW / 1000) == pytest.approx(1.8)


async def test_progress_and_audio_are_told(api: Api) -> None:
    task_id = (await api.post_speech({"items": [{"text": "One."}, {"text": "Two."}]}))["task_id"]
    api.begin(task_id)
    api.plan(task_id, 0)
    api.plan(task_id, 1)
    api.render(task_id, 0)

    task = (await api.client.get(f"/tasks/{task_id}")).json()
    assert (task["progress"]["segments_done"], task["progress"]["segments_total"]) == (1, 2)
    assert task["progress"]["audio_seconds"] == 0.5
    assert task["progress"]["eta_seconds"] > 0

    content = api.assemble(task_id, 0)
    audio = (await api.client.get(f"/tasks/{task_id}")).json()["items"][0]["audio"]
    assert audio["url"] == f"/tasks/{task_id}/items/0/audio"
    assert audio["bytes"] == len(content)
    assert audio.keys() == {"url", "format", "duration_seconds", "bytes", "sample_rate", "sha256"}


async def test_an_error_tells_what_happened_when_and_where(api: Api) -> None:
    task_id = (await api.say("Speak up."))["task_id"]
    api.begin(task_id)
    api.plan(task_id)
    api.fail(task_id, final=False)

    task = (await api.client.get(f"/tasks/{task_id}")).json()
    moves = (await api.client.get(f"/tasks/{task_id}/transitions")).json()

    assert task["state"] == "retryable"
    assert task["error"] == {
        "type": "engine-failed",
        "title": "The speech engine failed",
        "detail": "The engine broke down.",
        "attempt": 1,
        "at": "2026-11-22T12:00:00.000Z",
        "segment": {"item": 0, "index": 0, "text": "Speak up."},
    }
    assert moves[-1]["detail"]["error"] == task["error"]


async def test_cancel_and_retry_follow_the_table_of_states(api: Api) -> None:
    task_id = (await api.say())["task_id"]

    accept_problem(await api.client.post(f"/tasks/{task_id}/retry"), 409, "illegal-move")
    assert (await api.client.post(f"/tasks/{task_id}/cancel")).json()["state"] == "cancelled"
    problem = accept_problem(await api.client.post(f"/tasks/{task_id}/cancel"), 409, "illegal-move")
    assert problem["state"] == "cancelled"
    assert (await api.client.post(f"/tasks/{task_id}/retry")).json()["state"] == "pending"


async def test_a_completed_task_can_be_neither_cancelled_nor_retried(api: Api) -> None:
    task_id = (await api.say())["task_id"]
    api.finish(task_id)

    for verb in ("cancel", "retry"):
        problem = accept_problem(await api.client.post(f"/tasks/{task_id}/{verb}"), 409, "illegal-move")
        assert problem["state"] == "completed"


async def test_a_retry_puts_a_message_into_the_broker(api: Api) -> None:
    task_id = (await api.say())["task_id"]
    await api.client.post(f"/tasks/{task_id}/cancel")

    await api.client.post(f"/tasks/{task_id}/retry")

    assert api.container.broker().inspect.queues()[0].ready == 2


async def test_transitions_are_the_whole_history_oldest_first(api: Api) -> None:
    task_id = (await api.say())["task_id"]
    api.finish(task_id)

    moves = (await api.client.get(f"/tasks/{task_id}/transitions")).json()

    assert [(move["from"], move["to"], move["worker"]) for move in moves] == [
        (None, "pending", None),
        ("pending", "processing", "test"),
        ("processing", "completed", "test"),
    ]
    assert [move["id"] for move in moves] == sorted(move["id"] for move in moves)
    assert moves[0].keys() == {"id", "task_id", "from", "to", "at", "attempt", "worker", "detail"}


async def test_the_catalogue_of_states_lists_all_states_and_moves(api: Api) -> None:
    states = {state["state"]: state for state in (await api.client.get("/task-states")).json()["states"]}

    assert states.keys() == {"pending", "processing", "retryable", "completed", "cancelled", "discarded"}
    assert states["cancelled"]["moves"] == ["pending"]
    assert states["completed"]["finished"] is True


async def test_pages_show_every_task_once_newest_first(api: Api) -> None:
    asked = []
    for number in range(7):
        asked.append((await api.say(f"Text {number}."))["task_id"])
        await asyncio.sleep(0.002)  # ids of one millisecond have no order
    found, cursor = [], None
    while True:
        query = {"limit": 3, **({"cursor": cursor} if cursor else {})}
        page = (await api.client.get("/tasks", params=query)).json()
        found += [task["task_id"] for task in page["tasks"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert found == asked[::-1]


async def test_lists_shorten_texts_and_say_so(api: Api) -> None:
    text = "x" * 501
    task_id = (await api.say(text))["task_id"]

    listed = (await api.client.get("/tasks")).json()["tasks"][0]["items"][0]
    whole = (await api.client.get(f"/tasks/{task_id}")).json()["items"][0]

    assert (listed["text"], listed["text_characters"], listed["text_truncated"]) == (text[:500], 501, True)
    assert (whole["text"], whole["text_characters"], whole["text_truncated"]) == (text, 501, False)
    assert SHORTENED_CHARACTERS == 500


async def test_a_list_gives_a_part_of_a_task_of_many_items_and_its_whole_progress(api: Api) -> None:
    items = [{"text": f"Text {n}.", "metadata": {"x": "y" * 2000}} for n in range(LISTED_ITEMS + 1)]
    task_id = (await api.post_speech({"items": items}))["task_id"]
    api.begin(task_id)
    api.plan(task_id, LISTED_ITEMS)
    api.render(task_id, LISTED_ITEMS)

    [listed] = (await api.client.get("/tasks")).json()["tasks"]
    whole = (await api.client.get(f"/tasks/{task_id}")).json()

    assert (listed["item_count"], whole["item_count"]) == (len(items), len(items))
    assert [item["index"] for item in listed["items"]] == list(range(LISTED_ITEMS))
    assert [item["metadata"] for item in listed["items"]] == [{}] * LISTED_ITEMS
    assert [item["metadata"] for item in whole["items"]] == [item["metadata"] for item in items]
    assert listed["progress"] == {**whole["progress"], "eta_seconds": listed["progress"]["eta_seconds"]}
    assert (listed["progress"]["segments_done"], listed["progress"]["audio_seconds"]) == (1, 0.5)
    assert listed["links"] == whole["links"]


async def test_whether_a_task_has_one_file_is_told_by_all_its_items(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await api.post_speech({"items": [{"text": "One."}, {"text": "Two."}]})
    listed_items = ResultsStore.tasks

    def first_only(*args: Any, **kwargs: Any) -> list[Task]:
        return [replace(task, items=task.items[:1]) for task in listed_items(*args, **kwargs)]

    monkeypatch.setattr(ResultsStore, "tasks", first_only)
    [listed] = (await api.client.get("/tasks")).json()["tasks"]

    assert (len(listed["items"]), listed["links"]["audio"]) == (1, None)


async def test_a_list_is_built_off_the_event_loop(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await api.say()
    threads = []
    build = TaskBody.of

    def noted(task: Task, now: float) -> TaskBody:
        threads.append(threading.current_thread())
        return build(task, now)

    monkeypatch.setattr(TaskBody, "of", noted)
    await api.client.get("/tasks")

    assert len(threads) == 1
    assert threads[0] is not threading.current_thread()


async def test_filters_keep_only_what_fits(api: Api) -> None:
    german = (await api.say("Guten Tag.", voice="espeak-de"))["task_id"]
    english = (await api.say("Good day, 100%."))["task_id"]
    await api.client.post(f"/tasks/{english}/cancel")

    async def found(**query: str) -> list[str]:
        answer = await api.client.get("/tasks", params=query)
        assert answer.status_code == 200, answer.text
        return [task["task_id"] for task in answer.json()["tasks"]]

    assert await found(voice="espeak-de") == [german]
    assert await found(state="cancelled") == [english]
    assert await found(q="guten") == [german]
    assert await found(q="0%") == [english]
    assert await found(q=german[-6:]) == [german]
    assert await found(since="2999-01-01T00:00:00Z") == []
    assert set(await found(since="2020-01-01T00:00:00+02:00")) == {german, english}


@pytest.mark.parametrize(
    ("query", "parameter", "kind"),
    [
        ("state=done", "state", "invalid-input"),
        ("state=", "state", "invalid-input"),
        ("limit=0", "limit", "invalid-input"),
        ("limit=101", "limit", "invalid-input"),
        ("limit=1.0", "limit", "invalid-input"),
        ("limit=1_0", "limit", "invalid-input"),
        ("limit=-1", "limit", "invalid-input"),
        ("limit=%D9%A1", "limit", "invalid-input"),
        ("limit=" + "9" * 5000, "limit", "invalid-input"),
        ("limit=", "limit", "invalid-input"),
        ("limit=1&limit=2", "limit", "invalid-input"),
        ("cursor=x", "cursor", "invalid-input"),
        ("cursor=", "cursor", "invalid-input"),
        ("cursor=" + "9" * 26, "cursor", "invalid-input"),
        ("since=yesterday", "since", "invalid-input"),
        ("since=2026-11-22", "since", "invalid-input"),
        ("since=2026-02-30T00:00:00Z", "since", "invalid-input"),
        ("since=2026-11-22T12:00:00 02:00", "since", "invalid-input"),
        ("since=0001-01-01T00:00:00%2B14:00", "since", "invalid-input"),
        ("since=1795348800", "since", "invalid-input"),
        ("voice=nobody", "voice", "unknown-voice"),
        ("voice=", "voice", "invalid-input"),
        ("q=", "q", "invalid-input"),
        ("q=%00", "q", "invalid-input"),
        ("q=" + "x" * 201, "q", "invalid-input"),
        ("colour=red", "colour", "invalid-input"),
        ("%00=1", "\\\\x00", "invalid-input"),
        ("%ED%A0%80=1", "\ufffd\ufffd\ufffd", "invalid-input"),
    ],
    ids=lambda value: ascii(value)[:40],
)
async def test_a_query_that_does_not_fit_is_refused_by_name(api: Api, query: str, parameter: str, kind: str) -> None:
    problem = accept_problem(await api.client.get(f"/tasks?{query}"), 422, kind)

    assert problem["errors"][0]["in"] == "query"
    assert problem["errors"][0]["parameter"] == parameter.replace("\\\\", "\\")


@pytest.mark.parametrize(
    "path", ["/tasks/{id}", "/tasks/{id}/transitions", "/tasks/{id}/audio", "/tasks/{id}/events", "/task-states",
             "/tts/voices", "/tts/voices/espeak-de", "/healthz", "/livez", "/readyz", "/events"],
)  # fmt: skip
async def test_no_query_parameter_is_ignored_in_silence(api: Api, path: str) -> None:
    task_id = (await api.say())["task_id"]

    accept_problem(await api.client.get(path.format(id=task_id) + "?colour=red"), 422, "invalid-input")


@pytest.mark.parametrize("index", ["x", "-1", "1.0", "1000", "9" * 30, "%00", "١"])
async def test_an_item_number_that_does_not_fit_is_refused(api: Api, index: str) -> None:
    task_id = (await api.say())["task_id"]

    problem = accept_problem(await api.client.get(f"/tasks/{task_id}/items/{index}/audio"), 422, "invalid-input")

    assert problem["errors"][0]["parameter"] == "index"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-11-22T12:00:00.289Z", 1_795_348_800_289),
        ("2026-11-22t14:00:00.5+02:00", 1_795_348_800_500),
        ("1969-12-31T23:59:59.999999999Z", -1),
        ("2016-12-31T23:59:60Z", 1_483_228_799_000),
    ],
)
def test_times_are_read_to_the_millisecond(text: str, expected: int) -> None:
    assert parse_time(text) == expected


def test_times_are_written_in_utc_with_milliseconds() -> None:
    milliseconds = int(datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp() * 1000) + 7

    assert timestamp(milliseconds) == "2026-11-22T12:00:00.007Z"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", timestamp(0))
