"""Sound that is sent while it is made, and tasks that are waited for."""

import asyncio
import io
import os
import wave

import httpx
import pytest

from app.api.preferences import MAX_WAIT_SECONDS, wait_seconds
from app.domain.audio_formats import AudioFormat
from app.domain.ids import TaskId
from app.domain.tasks import SegmentKind
from app.results import PlannedSegment
from tests.support.api import NOW, Api, accept_problem, wav_bytes

KEYS = ["a" * 64, "b" * 64]


def plan_two(api: Api, task_id: str) -> None:
    """Two segments for the text that `Api.say` asks for."""
    api.begin(task_id)
    planned = [
        PlannedSegment(0, 8, SegmentKind.SPEECH, "Nothing"),
        PlannedSegment(8, 16, SegmentKind.SPEECH, "is lost."),
    ]
    with api.database.write() as store:
        assert store.save_plan(TaskId(task_id), 0, planned, place=0)


def render(api: Api, task_id: str, segment: int) -> None:
    api.audio_store.write_segment(KEYS[segment], wav_bytes(), (), lufs=-20.0)
    with api.database.write() as store:
        store.segment_rendered(TaskId(task_id), 1, 0, segment, key=KEYS[segment], audio_seconds=0.5, now=NOW)


def frames_of(content: bytes) -> int:
    assert content[:4] == b"RIFF"
    return (len(content) - content.index(b"data") - 8) // 2


async def finished(request: "asyncio.Task[httpx.Response]") -> httpx.Response:
    return await asyncio.wait_for(request, 20)


async def test_a_follower_gets_the_segments_in_their_order_however_they_come(api: Api) -> None:
    task_id = (await api.say())["task_id"]
    request = asyncio.create_task(api.client.get(f"/tasks/{task_id}/audio?follow=true"))
    plan_two(api, task_id)
    render(api, task_id, 1)
    await asyncio.sleep(0.05)
    assert not request.done()

    render(api, task_id, 0)
    answer = await finished(request)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "audio/wav"
    assert answer.headers["accept-ranges"] == "none"
    assert "content-length" not in answer.headers
    assert frames_of(answer.content) == 8000


async def test_what_is_followed_comes_in_the_format_that_is_asked_for(api: Api) -> None:
    task_id = (await api.say())["task_id"]
    plan_two(api, task_id)
    render(api, task_id, 0)
    render(api, task_id, 1)

    answer = await api.client.get(f"/tasks/{task_id}/items/0/audio?follow=true&format=pcm")

    assert answer.headers["content-type"] == "audio/pcm; rate=8000; channels=1"
    assert len(answer.content) == 16_000


async def test_a_finished_file_is_itself_also_for_a_follower(api: Api) -> None:
    task_id = (await api.say())["task_id"]
    content = api.finish(task_id)

    answer = await api.client.get(f"/tasks/{task_id}/audio?follow=true&format=wav", headers={"range": "bytes=0-9"})

    assert (answer.status_code, answer.content) == (206, content[:10])


@pytest.mark.parametrize("format", ["mp3", "flac", "opus", "aac", "pcm", "m4b"])
async def test_a_finished_file_is_converted(api: Api, format: str) -> None:
    task_id = (await api.say())["task_id"]
    api.finish(task_id)

    answer = await api.client.get(f"/tasks/{task_id}/audio?format={format}")
    again = await api.client.get(
        f"/tasks/{task_id}/audio?format={format}", headers={"if-none-match": answer.headers["etag"]}
    )
    head = await api.client.head(f"/tasks/{task_id}/audio?format={format}")

    assert answer.status_code == 200
    assert answer.content
    assert answer.headers["content-disposition"].endswith(f'.{format}"')
    assert (again.status_code, again.content) == (304, b"")
    assert head.headers["content-type"] == answer.headers["content-type"]
    assert not os.listdir(api.settings.audio_dir / "drafts")


async def test_raw_samples_of_a_finished_file_are_those_of_the_file(api: Api) -> None:
    task_id = (await api.say())["task_id"]
    content = api.finish(task_id)

    answer = await api.client.get(f"/tasks/{task_id}/audio?format=pcm")

    with wave.open(io.BytesIO(content)) as sound:
        assert answer.content == sound.readframes(sound.getnframes())


async def test_a_damaged_file_is_not_converted(api: Api) -> None:
    task_id = (await api.say())["task_id"]
    api.finish(task_id)
    path = api.audio_store.finished_path(TaskId(task_id), 0, AudioFormat.WAV)
    path.write_bytes(b"x" * path.stat().st_size)

    accept_problem(await api.client.get(f"/tasks/{task_id}/audio?format=mp3"), 410, "audio-missing")


@pytest.mark.parametrize("query", ["follow=yes", "follow=1", "format=ogg", "format=", "colour=red"])
async def test_wishes_that_make_no_sense_are_refused(api: Api, query: str) -> None:
    task_id = (await api.say())["task_id"]

    problem = accept_problem(await api.client.get(f"/tasks/{task_id}/audio?{query}"), 422, "invalid-input")
    assert len(problem["errors"]) == 1


async def test_an_item_that_ends_without_a_sound_is_a_problem_for_who_follows(api: Api) -> None:
    task_id = (await api.say())["task_id"]
    request = asyncio.create_task(api.client.get(f"/tasks/{task_id}/audio?follow=true"))
    await asyncio.sleep(0.05)
    await api.client.post(f"/tasks/{task_id}/cancel")

    problem = accept_problem(await finished(request), 409, "audio-not-ready")

    assert problem["state"] == "cancelled"
    accept_problem(await api.client.get(f"/tasks/{task_id}/audio?follow=true"), 409, "audio-not-ready")


async def test_a_follower_waits_for_a_segment_that_has_to_be_rendered_again(api: Api) -> None:
    task_id = (await api.say())["task_id"]
    plan_two(api, task_id)
    render(api, task_id, 0)
    render(api, task_id, 1)
    api.audio_store.drop_segment(KEYS[1])
    request = asyncio.create_task(api.client.get(f"/tasks/{task_id}/audio?follow=true"))
    await asyncio.sleep(0.1)
    assert not request.done()

    with api.database.write() as store:
        assert store.segments_lost(TaskId(task_id), 1, 0, [1], now=NOW + 1) == 1
    render(api, task_id, 1)

    assert frames_of((await finished(request)).content) == 8000


async def test_a_follower_holds_up_neither_other_requests_nor_the_task(api: Api) -> None:
    task_id = (await api.say())["task_id"]
    requests = [asyncio.create_task(api.client.get(f"/tasks/{task_id}/audio?follow=true")) for _ in range(50)]
    plan_two(api, task_id)
    assert (await api.client.get(f"/tasks/{task_id}")).status_code == 200
    render(api, task_id, 0)
    render(api, task_id, 1)

    sizes = {frames_of((await finished(request)).content) for request in requests}

    assert sizes == {8000}


async def test_a_task_is_waited_for_until_it_is_finished(api: Api) -> None:
    task_id = (await api.say())["task_id"]
    request = asyncio.create_task(api.client.get(f"/tasks/{task_id}", headers={"prefer": "wait=20"}))
    await asyncio.sleep(0.05)
    api.begin(task_id)
    await asyncio.sleep(0.05)
    assert not request.done()
    await api.client.post(f"/tasks/{task_id}/cancel")

    answer = await finished(request)

    assert answer.json()["state"] == "cancelled"
    assert answer.headers["preference-applied"] == "wait=20"


async def test_a_client_that_has_the_task_is_answered_with_its_next_change(api: Api) -> None:
    task_id = (await api.say())["task_id"]
    etag = (await api.client.get(f"/tasks/{task_id}")).headers["etag"]
    headers = {"prefer": "respond-async, wait=20", "if-none-match": etag}
    request = asyncio.create_task(api.client.get(f"/tasks/{task_id}", headers=headers))
    await asyncio.sleep(0.05)
    assert not request.done()
    plan_two(api, task_id)

    answer = await finished(request)

    assert answer.status_code == 200
    assert answer.headers["etag"] != etag


async def test_a_wait_ends_with_the_time_that_was_given(api: Api) -> None:
    task_id = (await api.say())["task_id"]
    etag = (await api.client.get(f"/tasks/{task_id}")).headers["etag"]

    plain = await api.client.get(f"/tasks/{task_id}", headers={"prefer": "wait=0"})
    known = await api.client.get(f"/tasks/{task_id}", headers={"prefer": "wait=1", "if-none-match": etag})

    assert (plain.status_code, plain.json()["state"]) == (200, "pending")
    assert (known.status_code, known.headers["preference-applied"]) == (304, "wait=1")


async def test_a_finished_task_is_not_waited_for(api: Api) -> None:
    task_id = (await api.say())["task_id"]
    api.finish(task_id)
    etag = (await api.client.get(f"/tasks/{task_id}")).headers["etag"]
    for headers in ({"prefer": "wait=60"}, {"prefer": "wait=60", "if-none-match": etag}):
        answer = await asyncio.wait_for(api.client.get(f"/tasks/{task_id}", headers=headers), 20)
        assert answer.status_code in {200, 304}


async def test_a_task_that_is_deleted_while_it_is_waited_for_is_not_found(api: Api) -> None:
    task_id = (await api.say())["task_id"]
    request = asyncio.create_task(api.client.get(f"/tasks/{task_id}", headers={"prefer": "wait=20"}))
    stream = asyncio.create_task(api.client.get(f"/tasks/{task_id}/audio?follow=true"))
    await asyncio.sleep(0.05)
    with api.database.write() as store:
        store.execute("DELETE FROM tasks WHERE id = ?", (task_id,))

    accept_problem(await finished(request), 404, "task-not-found")
    accept_problem(await finished(stream), 404, "task-not-found")


async def test_a_service_that_stops_answers_those_who_wait(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.api.stream_answers.GRACE_SECONDS", 0.05)
    task_id = (await api.say())["task_id"]
    request = asyncio.create_task(api.client.get(f"/tasks/{task_id}", headers={"prefer": "wait=60"}))
    stream = asyncio.create_task(api.client.get(f"/tasks/{task_id}/audio?follow=true"))
    await asyncio.sleep(0.05)

    api.container.watch().closing.set()

    assert (await finished(request)).json()["state"] == "pending"
    problem = accept_problem(await finished(stream), 503, "stopping")
    assert problem["detail"]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([], None), (["wait=5"], 5), (["WAIT = 5"], 5), (['wait="5"'], 5), (["respond-async", "wait=5; x=y"], 5),
        (["wait=5, wait=9"], 5), (["wait=0"], 0), ([f"wait={10**18}"], MAX_WAIT_SECONDS), (["wait=-1"], None),
        (["wait"], None), (["wait="], None), (["wait=1.5"], None), (["wait=abc"], None), (["x=wait=5"], None),
        (["wait=" + "9" * 5000], None), ([",,,"], None), (["wait=٥"], None),
    ],
)  # fmt: skip
def test_the_header_prefer_is_read_as_its_rfc_says(headers: list[str], seconds: int | None) -> None:
    assert wait_seconds(headers) == seconds


async def test_nobody_looks_at_the_store_while_nobody_waits(api: Api) -> None:
    task_id = (await api.say())["task_id"]
    watch = api.container.watch()
    async with watch.watching(TaskId(task_id)) as watched:
        await asyncio.wait_for(watched.changed(), 20)
    looker = watch._looker
    assert looker is not None
    await asyncio.wait_for(looker, 20)
    async with watch.watching(TaskId(task_id)) as watched:
        await asyncio.wait_for(watched.changed(), 20)
    assert watch._looker is not looker
