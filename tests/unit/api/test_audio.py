"""The finished files."""

import asyncio
import hashlib

import pytest

from app.api.byte_ranges import ByteRange, NotSatisfiable, parse_range
from tests.support.api import Api, accept_problem


async def finished(api: Api) -> tuple[str, bytes]:
    task_id = (await api.say())["task_id"]
    return task_id, api.finish(task_id)


async def test_the_file_comes_whole_with_all_that_a_player_needs(api: Api) -> None:
    task_id, content = await finished(api)

    for path in (f"/tasks/{task_id}/audio", f"/tasks/{task_id}/items/0/audio"):
        answer = await api.client.get(path)
        assert answer.status_code == 200
        assert answer.content == content
        assert answer.headers["content-type"] == "audio/wav"
        assert answer.headers["content-length"] == str(len(content))
        assert answer.headers["accept-ranges"] == "bytes"
        assert answer.headers["etag"] == f'"{hashlib.sha256(content).hexdigest()}"'
        assert answer.headers["content-disposition"].startswith(f'inline; filename="sayathing-{task_id}')
        assert answer.headers["content-disposition"].endswith('.wav"')


async def test_head_tells_the_same_headers_without_the_file(api: Api) -> None:
    task_id, _ = await finished(api)

    got = await api.client.get(f"/tasks/{task_id}/audio")
    head = await api.client.head(f"/tasks/{task_id}/audio")

    assert head.content == b""
    same = ("content-type", "content-length", "etag", "accept-ranges", "content-disposition")
    assert [head.headers[name] for name in same] == [got.headers[name] for name in same]


async def test_head_sends_nothing_of_the_file_to_the_server(api: Api) -> None:
    task_id, _ = await finished(api)
    sent = []

    async def receive() -> dict[str, object]:
        return await asyncio.Event().wait()  # the client says nothing more

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    path = f"/tasks/{task_id}/audio"
    await api.app({"type": "http", "method": "HEAD", "path": path, "query_string": b"", "headers": []}, receive, send)

    assert sent[0]["status"] == 200
    assert b"".join(message["body"] for message in sent[1:]) == b""


@pytest.mark.parametrize(
    ("header", "start", "end"),
    [("bytes=0-99", 0, 100), ("bytes=100-", 100, None), ("bytes=-50", -50, None), ("bytes=7-7", 7, 8),
     ("bytes=0-99999999999999", 0, None), ("bytes=-99999999999999", 0, None), ("BYTES=1-2", 1, 3)],
)  # fmt: skip
async def test_a_range_gives_exactly_these_bytes(api: Api, header: str, start: int, end: int | None) -> None:
    task_id, content = await finished(api)
    size = len(content)

    answer = await api.client.get(f"/tasks/{task_id}/audio", headers={"range": header})

    assert answer.status_code == 206
    assert answer.content == content[start:end]
    first, last = range(size)[start:end][0], range(size)[start:end][-1]
    assert answer.headers["content-range"] == f"bytes {first}-{last}/{size}"
    assert answer.headers["content-length"] == str(len(answer.content))


@pytest.mark.parametrize("header", ["bytes=999999999-", "bytes=8044-", "bytes=-0"])
async def test_a_range_outside_the_file_is_a_problem_that_tells_its_size(api: Api, header: str) -> None:
    task_id, content = await finished(api)
    assert len(content) == 8044

    answer = await api.client.get(f"/tasks/{task_id}/audio", headers={"range": header})

    accept_problem(answer, 416, "range-not-satisfiable")
    assert answer.headers["content-range"] == "bytes */8044"


@pytest.mark.parametrize(
    "header",
    ["", "bytes", "bytes=", "bytes=-", "bytes=x-y", "bytes=5-1", "lines=0-1", "bytes=0-1,3-4", "bytes=1", "bytes=--1",
     "bytes=0-1-2", "bytes=" + "9" * 5000 + "-", "bytes=²-³", "\x7f" * 10, "bytes=0-0," * 2000],
    ids=lambda header: ascii(header)[:30],
)  # fmt: skip
async def test_a_range_that_cannot_be_read_gives_the_whole_file(api: Api, header: str) -> None:
    task_id, content = await finished(api)

    answer = await api.client.get(f"/tasks/{task_id}/audio", headers={"range": header.encode("latin-1")})

    assert (answer.status_code, answer.content) == (200, content)


@pytest.mark.parametrize(
    ("condition", "status"),
    [("{etag}", 206), ("W/{etag}", 200), ('"other"', 200), ("Wed, 21 Oct 2015 07:28:00 GMT", 200), ("", 200),
     ("nonsense", 200)],
)  # fmt: skip
async def test_if_range_gives_the_part_only_of_the_same_file(api: Api, condition: str, status: int) -> None:
    task_id, content = await finished(api)
    etag = f'"{hashlib.sha256(content).hexdigest()}"'

    answer = await api.client.get(
        f"/tasks/{task_id}/audio", headers={"range": "bytes=0-9", "if-range": condition.format(etag=etag)}
    )

    assert answer.status_code == status
    assert answer.content == (content[:10] if status == 206 else content)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_client_that_has_the_file_gets_304_even_for_a_range(api: Api, method: str) -> None:
    task_id, content = await finished(api)
    etag = f'"{hashlib.sha256(content).hexdigest()}"'

    for known in (etag, f"W/{etag}", f'"x",{etag}', "*"):
        headers = {"if-none-match": known, "range": "bytes=0-9"}
        answer = await api.client.request(method, f"/tasks/{task_id}/audio", headers=headers)
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == etag


@pytest.mark.parametrize(
    ("state", "steps"),
    [("pending", ()), ("processing", ("begin", "plan")), ("retryable", ("begin", "plan", "fail")),
     ("discarded", ("begin", "plan", "give_up")), ("cancelled", ("cancel",))],
)  # fmt: skip
async def test_audio_that_is_not_there_yet_is_a_conflict_that_names_the_state(
    api: Api, state: str, steps: tuple[str, ...]
) -> None:
    task_id = (await api.say())["task_id"]
    for step in steps:
        match step:
            case "fail" | "give_up":
                api.fail(task_id, final=step == "give_up")
            case "cancel":
                await api.client.post(f"/tasks/{task_id}/cancel")
            case _:
                getattr(api, step)(task_id)

    answer = await api.client.get(f"/tasks/{task_id}/audio")

    assert accept_problem(answer, 409, "audio-not-ready")["state"] == state
    assert ("retry-after" in answer.headers) == (state in {"pending", "processing", "retryable"})


async def test_of_several_items_each_has_its_own_file_as_soon_as_it_is_finished(api: Api) -> None:
    task_id = (await api.post_speech({"items": [{"text": "One."}, {"text": "Two."}]}))["task_id"]
    api.begin(task_id)
    api.plan(task_id, 0)
    api.render(task_id, 0)
    content = api.assemble(task_id, 0)

    assert (await api.client.get(f"/tasks/{task_id}/items/0/audio")).content == content
    accept_problem(await api.client.get(f"/tasks/{task_id}/items/1/audio"), 409, "audio-not-ready")
    accept_problem(await api.client.get(f"/tasks/{task_id}/items/2/audio"), 404, "item-not-found")
    problem = accept_problem(await api.client.get(f"/tasks/{task_id}/audio"), 409, "several-items")
    assert f"/tasks/{task_id}/items/" in problem["detail"]


@pytest.mark.parametrize("damage", ["gone", "cut", "folder"])
async def test_a_file_that_is_lost_or_damaged_is_said_to_be_so(api: Api, damage: str) -> None:
    task_id, content = await finished(api)
    (path,) = (api.settings.audio_dir / "files" / task_id).glob("*.wav")
    path.unlink()
    if damage == "cut":
        path.write_bytes(content[:-1])
    if damage == "folder":
        path.mkdir()

    accept_problem(await api.client.get(f"/tasks/{task_id}/audio"), 410, "audio-missing")


def test_ranges_are_those_of_the_rfc() -> None:
    assert parse_range("bytes=0-0", 1) == ByteRange(0, 1)
    assert parse_range("bytes=-2", 1) == ByteRange(0, 1)
    assert parse_range(None, 1) is None
    assert parse_range("bytes=3-2", 10) is None
    for header in ("bytes=0-", "bytes=-1", "bytes=0-0"):
        with pytest.raises(NotSatisfiable):
            parse_range(header, 0)
