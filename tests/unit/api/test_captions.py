"""The captions of finished files."""

import hashlib

import pytest

from tests.support.api import CAPTIONS, Api, accept_problem


async def finished(api: Api) -> str:
    task_id: str = (await api.say())["task_id"]
    api.finish(task_id)
    return task_id


@pytest.mark.parametrize(
    ("format", "media_type", "content"),
    [
        ("json", "application/json", CAPTIONS.decode()),
        ("srt", "application/x-subrip; charset=utf-8", "1\n00:00:00,000 --> 00:00:01,000\nNothing is lost.\n"),
        ("vtt", "text/vtt; charset=utf-8", "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\nNothing is lost.\n"),
    ],
)
async def test_captions_come_in_each_format(api: Api, format: str, media_type: str, content: str) -> None:
    task_id = await finished(api)
    links = (await api.client.get(f"/tasks/{task_id}")).json()["items"][0]["captions"]
    assert links[format] == f"/tasks/{task_id}/items/0/captions.{format}"

    answer = await api.client.get(links[format])

    assert (answer.status_code, answer.text) == (200, content)
    assert answer.headers["content-type"] == media_type
    assert answer.headers["content-disposition"] == f'inline; filename="sayathing-{task_id}-0.{format}"'
    head = await api.client.head(links[format])
    assert head.content == b""
    assert [head.headers[name] for name in ("content-length", "content-type", "etag")] == [
        answer.headers[name] for name in ("content-length", "content-type", "etag")
    ]
    known = await api.client.get(links[format], headers={"if-none-match": answer.headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")


async def test_each_format_has_its_own_etag(api: Api) -> None:
    task_id = await finished(api)
    tags = {
        (await api.client.get(f"/tasks/{task_id}/items/0/captions.{format}")).headers["etag"]
        for format in ("json", "srt", "vtt")
    }
    assert len(tags) == 3
    assert f'"{hashlib.sha256(CAPTIONS).hexdigest()}"' in tags


async def test_captions_that_are_not_there_are_problems(api: Api) -> None:
    task_id = (await api.say())["task_id"]
    path = f"/tasks/{task_id}/items/0/captions.srt"
    assert (await api.client.get(f"/tasks/{task_id}")).json()["items"][0]["captions"] is None
    accept_problem(await api.client.get(path), 409, "audio-not-ready")
    accept_problem(await api.client.get(path.replace("/0/", "/1/")), 404, "item-not-found")
    accept_problem(await api.client.get(path.replace(task_id, "01KAPM5T7VNB1C8R3E9ZQ4XWJ2")), 404, "task-not-found")
    accept_problem(await api.client.get(path.replace("srt", "ass")), 422, "invalid-input")
    accept_problem(await api.client.get(f"{path}?x=1"), 422, "invalid-input")


async def test_an_item_finished_before_captions_were_kept_says_so(api: Api) -> None:
    task_id = (await api.say())["task_id"]
    api.begin(task_id)
    api.plan(task_id)
    api.render(task_id)
    api.assemble(task_id, captions=None)
    assert (await api.client.get(f"/tasks/{task_id}")).json()["items"][0]["captions"] is None
    answer = await api.client.get(f"/tasks/{task_id}/items/0/captions.vtt")
    assert "Post the text again" in accept_problem(answer, 404, "captions-not-found")["detail"]


@pytest.mark.parametrize("damage", ["gone", "changed"])
async def test_captions_that_are_lost_or_damaged_are_said_to_be_so(api: Api, damage: str) -> None:
    task_id = await finished(api)
    path = api.settings.audio_dir / "files" / task_id / "0.captions.json"
    path.unlink()
    if damage == "changed":
        path.write_bytes(CAPTIONS.replace(b"0.2", b"0.1"))
    accept_problem(await api.client.get(f"/tasks/{task_id}/items/0/captions.json"), 410, "audio-missing")
