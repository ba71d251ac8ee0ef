"""`book`: several texts as the chapters of one file."""

import hashlib
from typing import Any

import pytest

from app.domain.audio_formats import AudioFormat
from app.domain.ids import TaskId
from app.domain.tasks import FinishedAudio
from tests.support.api import NOW, WORKER, Api, accept_problem, wav_bytes

BODY: dict[str, Any] = {
    "book": {"title": " The Lamp ", "author": "Ann Author", "language": "en-GB", "chapters": ["One", "Two"]},
    "items": [{"text": "First."}, {"text": "Second."}],
}


def bind(api: Api, task_id: str) -> bytes:
    """What a worker does last."""
    content = wav_bytes(1.0)
    with api.audio_store.writing_book(TaskId(task_id)) as draft:
        draft.write_bytes(content)
    audio = FinishedAudio(AudioFormat.M4B, 1.0, len(content), 48000, hashlib.sha256(content).hexdigest())
    with api.database.write() as store:
        assert store.book_bound(TaskId(task_id), 1, audio, (0.0, 0.5), worker=WORKER, now=NOW)
    return content


async def test_a_book_is_accepted_and_told_back(api: Api) -> None:
    task = await api.post_speech(BODY)
    assert task["book"] == {
        "title": "The Lamp",
        "author": "Ann Author",
        "language": "en-GB",
        "chapters": [
            {"index": 0, "title": "One", "start_seconds": None},
            {"index": 1, "title": "Two", "start_seconds": None},
        ],
        "audio": None,
    }
    assert [item["format"] for item in task["items"]] == ["m4b", "m4b"]
    assert task["links"]["audio"] == f"/tasks/{task['task_id']}/audio"


async def test_chapters_are_numbered_where_they_have_no_titles(api: Api) -> None:
    task = await api.post_speech({"book": {"title": "T"}, "items": BODY["items"]})
    assert [chapter["title"] for chapter in task["book"]["chapters"]] == ["1", "2"]
    assert (task["book"]["author"], task["book"]["language"]) == (None, None)
    one = await api.post_speech({"book": {"title": "T"}, "text": "Only."})
    assert [chapter["title"] for chapter in one["book"]["chapters"]] == ["1"]


async def test_without_a_book_nothing_is_bound(api: Api) -> None:
    task = await api.post_speech({"format": "m4b", "items": BODY["items"]})
    assert (task["book"], task["links"]["audio"]) == (None, None)


@pytest.mark.parametrize(
    ("changed", "at"),
    [
        ({"book": None}, "/book"),
        ({"book": {}}, "/book/title"),
        ({"book": {"title": " "}}, "/book/title"),
        ({"book": {"title": "a\nb"}}, "/book/title"),
        ({"book": {"title": "a\x00b"}}, "/book/title"),
        ({"book": {"title": "a" * 501}}, "/book/title"),
        ({"book": {"title": "T", "author": None}}, "/book/author"),
        ({"book": {"title": "T", "language": "not a tag"}}, "/book/language"),
        ({"book": {"title": "T", "chapters": []}}, "/book/chapters"),
        ({"book": {"title": "T", "chapters": ["One"]}}, "/book/chapters"),
        ({"book": {"title": "T", "chapters": ["One", ""]}}, "/book/chapters/1"),
        ({"book": {"title": "T", "cover": "x"}}, "/book/cover"),
        ({"format": "mp3"}, "/format"),
        ({"items": [{"text": "First."}, {"text": "Second.", "format": "wav"}]}, "/items/1/format"),
    ],
)
async def test_a_book_that_does_not_fit_is_refused(api: Api, changed: dict[str, Any], at: str) -> None:
    problem = accept_problem(await api.client.post("/api/tts", json=BODY | changed), 422, "invalid-input")
    assert [error["pointer"] for error in problem["errors"]] == [at]


async def test_the_file_of_a_book_is_the_tasks_own(api: Api) -> None:
    task = await api.post_speech(BODY)
    task_id, url = task["task_id"], task["links"]["audio"]
    early = accept_problem(await api.client.get(url), 409, "audio-not-ready")
    assert early["task_state"] == "pending"
    api.finish(task_id, items=2)
    waiting = (await api.client.get(f"/tasks/{task_id}")).json()
    assert waiting["state"] == "processing"
    assert [item["state"] for item in waiting["items"]] == ["completed", "completed"]
    accept_problem(await api.client.get(url), 409, "audio-not-ready")
    content = bind(api, task_id)
    done = (await api.client.get(f"/tasks/{task_id}")).json()
    assert done["state"] == "completed"
    assert done["book"]["audio"]["url"] == url
    assert [chapter["start_seconds"] for chapter in done["book"]["chapters"]] == [0.0, 0.5]
    answer = await api.client.get(url, headers={"Range": "bytes=10-19"})
    assert (answer.status_code, answer.content) == (206, content[10:20])
    assert answer.headers["content-type"] == "audio/mp4"
    assert answer.headers["etag"] == f'"{done["book"]["audio"]["sha256"]}"'
    listed = (await api.client.get("/tasks")).json()["tasks"][0]
    assert listed["book"] == done["book"]


async def test_a_book_whose_file_is_gone_is_told_so(api: Api) -> None:
    task = await api.post_speech(BODY)
    api.finish(task["task_id"], items=2)
    bind(api, task["task_id"])
    api.audio_store.drop_book(TaskId(task["task_id"]))
    accept_problem(await api.client.get(task["links"]["audio"]), 410, "audio-missing")
