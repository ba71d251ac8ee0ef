"""What attackers send: paths, headers and bodies that are to do harm. Each is an answer, and none does any."""

import json

import pytest

from tests.support.api import Api, accept_problem

TRAVERSALS = [
    "/docs/assets/../../app/settings.py",
    "/docs/assets/..%2f..%2f..%2fetc/passwd",
    "/docs/assets/%2e%2e/%2e%2e/pyproject.toml",
    "/docs/assets/....//....//etc/passwd",
    "/docs/assets//etc/passwd",
    "/dashboard/static/..%2f__init__.py",
    "/dashboard/static/%2e%2e%2f_routes.py",
    "/tasks/..%2f..%2fsayathing.db/audio",
    "/tasks/%2e%2e/audio",
    "/tasks/01KAPM5T7VNB1C8R3E9ZQ4XWJ2/items/..%2f0/audio",
    "/tasks/01KAPM5T7VNB1C8R3E9ZQ4XWJ2/items/0/captions.%2e%2e%2fjson",
    "/tts/voices/..%2f..%2fmodel",
    "/tts/voices/af_heart%00.bin",
]


@pytest.mark.parametrize("path", TRAVERSALS)
async def test_no_path_leads_out_of_its_folder(api: Api, path: str) -> None:
    task_id = (await api.say())["task_id"]
    api.finish(task_id)
    for asked in (path, path.replace("01KAPM5T7VNB1C8R3E9ZQ4XWJ2", task_id)):
        answer = await api.client.get(asked)
        assert answer.status_code in {404, 422}, answer.text[:200]
        assert b"root:" not in answer.content
        assert b"import " not in answer.content


INJECTED = "x\r\nSet-Cookie: evil=1"


async def test_nothing_that_a_client_sends_becomes_a_header(api: Api) -> None:
    """In names, ids and fields that come back in headers or in the file's name."""
    task = await api.say(metadata={"name": INJECTED})
    api.finish(task["task_id"])
    encoded = INJECTED.replace("\r", "%0d").replace("\n", "%0a").replace(" ", "%20")
    answers = [
        await api.client.get(f"/tasks/{task['task_id']}/audio"),
        await api.client.get(f"/tasks/{encoded}"),
        await api.client.get("/tasks", params={"cursor": INJECTED}),
        await api.client.get("/livez", headers={b"x-request-id": b"x\x00\x85evil"}),
        await api.client.post("/api/tts", json={"text": "a", "voice": INJECTED}),
        await api.client.post("/api/tts", json={"text": "a"}, headers={b"content-type": b"text/\x85evil"}),
        await api.client.post("/v1/audio/speech", json={"model": INJECTED, "voice": INJECTED, "input": "a"}),
    ]
    for answer in answers:
        assert answer.status_code < 500
        assert "set-cookie" not in answer.headers
        for name, value in answer.headers.raw:
            assert not set(name + value) & set(b"\r\n\x00"), (name, value)


BOMBS = {
    "deep lists": b"[" * 200_000,
    "deep objects": b'{"a":' * 100_000,
    "deep and closed": b"[" * 100_000 + b"]" * 100_000,
    "deep metadata": b'{"text": "a", "metadata": ' + b'{"a":' * 900 + b"1" + b"}" * 900 + b"}",
    "a huge number": b'{"text": "a", "speed": ' + b"9" * 100_000 + b"}",
    "a huge exponent": b'{"text": "a", "speed": 1e999999999}',
    "many keys": b"{" + b",".join(b'"k%d": 1' % number for number in range(20_000)) + b"}",
    "many items": b'{"items": [' + b",".join([b'{"text": "a"}'] * 50_000) + b"]}",
    "one key many times": b"{" + b",".join([b'"text": "a"'] * 50_000) + b"}",
    "many escapes": b'{"text": "' + b"\\u0000" * 100_000 + b'"}',
    "half a surrogate": b'{"text": "\\ud800"}',
    "nothing but spaces": b" " * 1_000_000,
    "a list of nulls": b'{"text": [' + b"null," * 100_000 + b"null]}",
}


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.parametrize("path", ["/api/tts", "/tasks/bulk", "/v1/audio/speech"])
async def test_a_bomb_of_json_is_a_problem_of_few_bytes(api: Api, name: str, path: str) -> None:
    answer = await api.client.post(path, content=BOMBS[name], headers={"content-type": "application/json"})

    assert answer.status_code in {400, 422}, answer.text[:200]
    assert len(answer.content) < 64 * 1024
    assert (await api.client.get("/tasks")).json()["tasks"] == []


async def test_a_packed_body_is_not_unpacked(api: Api) -> None:
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    answer = await api.client.post("/api/tts", content=b"\x1f\x8b" + b"\x00" * 100, headers=headers)

    accept_problem(answer, 400, "malformed-json")


@pytest.mark.parametrize("path", ["/api/tts", "/tasks/bulk", "/v1/audio/speech", "/dashboard/speak"])
async def test_a_body_that_is_too_large_is_refused_before_it_is_read(api: Api, path: str) -> None:
    read = 0

    async def endless():
        nonlocal read
        while True:
            read += 1
            yield b" " * 1_000_000

    kind = "application/x-www-form-urlencoded" if path.startswith("/dashboard") else "application/json"
    answer = await api.client.post(path, content=endless(), headers={"content-type": kind})

    assert answer.status_code == 413
    assert read < 100


async def test_ten_thousand_headers_of_ifs_are_answered(api: Api) -> None:
    task = await api.say()
    tags = ",".join(f'"{number}"' for number in range(10_000))

    assert (await api.client.get(f"/tasks/{task['task_id']}", headers={"if-none-match": tags})).status_code == 200


async def test_a_list_filter_is_text_and_no_pattern(api: Api) -> None:
    await api.say("100 % sure")
    for asked, found in (("%", 1), ("_", 0), ("' OR 1=1 --", 0), ("100 %", 1), ("\\", 0)):
        tasks = (await api.client.get("/tasks", params={"q": asked})).json()["tasks"]
        assert len(tasks) == found, asked
    assert json.dumps(tasks) == "[]"
