"""Idempotency-Key on POST /api/tts."""

import asyncio
import string

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from app.api.idempotency import body_digest
from tests.support.api import Api, accept_problem

VISIBLE = "".join(chr(code) for code in range(0x21, 0x7F))


async def send(api: Api, key: str | bytes, body: object = None, **more: object) -> httpx.Response:
    headers = {"idempotency-key": key}
    return await api.client.post("/api/tts", json=body or {"text": "Nothing is lost.", **more}, headers=headers)


async def tasks_of(api: Api) -> list[dict]:
    return (await api.client.get("/tasks")).json()["tasks"]


async def test_the_same_key_and_body_are_the_same_task(api: Api) -> None:
    first, again = await send(api, "mine"), await send(api, "mine")

    assert (first.status_code, again.status_code) == (202, 202)
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["location"] == first.headers["location"]
    assert again.json()["task_id"] == first.json()["task_id"]
    assert len(await tasks_of(api)) == 1


async def test_a_replay_tells_how_the_task_is_by_now(api: Api) -> None:
    task_id = (await send(api, "mine")).json()["task_id"]
    api.finish(task_id)

    assert (await send(api, "mine")).json()["state"] == "completed"


async def test_the_same_key_with_another_body_is_refused(api: Api) -> None:
    await send(api, "mine")
    answer = await send(api, "mine", speed=1.5)

    accept_problem(answer, 422, "idempotency-key-reused")
    assert len(await tasks_of(api)) == 1


async def test_many_at_the_same_instant_are_one_task(api: Api) -> None:
    answers = await asyncio.gather(*(send(api, "mine") for _ in range(12)))

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["task_id"] for answer in answers}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1


async def test_a_refused_request_leaves_its_key_free(api: Api) -> None:
    accept_problem(await send(api, "mine", speed=7), 422, "invalid-input")

    assert (await send(api, "mine")).status_code == 202


async def test_quotation_marks_around_a_key_make_no_difference(api: Api) -> None:
    await send(api, '"mine"')

    assert (await send(api, "mine")).headers["idempotency-replayed"] == "true"


@pytest.mark.parametrize("key", ["", " ", "a b", '""', "x" * 256, b"\xe9", b"a\tb", b"\x7f"])
async def test_a_key_that_is_none_is_refused_and_nothing_is_accepted(api: Api, key: str | bytes) -> None:
    problem = accept_problem(await send(api, key), 422, "invalid-input")

    assert problem["errors"][0]["parameter"] == "Idempotency-Key"
    assert await tasks_of(api) == []


async def test_two_keys_are_refused(api: Api) -> None:
    headers = [("idempotency-key", "a"), ("idempotency-key", "b")]

    accept_problem(await api.client.post("/api/tts", json={"text": "a"}, headers=headers), 422, "invalid-input")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    key=st.one_of(
        st.text(VISIBLE, max_size=300), st.binary(max_size=300).map(lambda raw: raw.translate(None, b"\r\n\0"))
    )
)
@example(key='"')
@example(key='"""')
async def test_any_header_is_a_key_or_a_problem(api: Api, key: str | bytes) -> None:
    answer = await send(api, key)

    if answer.status_code == 202:
        assert (await send(api, key)).json()["task_id"] == answer.json()["task_id"]
    else:
        accept_problem(answer, 422, "invalid-input")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b'{"a": 1, "b": [1.0, {"c": "\\u00e9"}]}', '{"b":[1,{"c":"é"}],"a":1e0}'.encode()),
        (b'{"text": "a"}', b'\n{ "text" :\t"a" }'),
    ],
)
def test_bodies_that_say_the_same_have_the_same_digest(one: bytes, other: bytes) -> None:
    assert body_digest(one) == body_digest(other)


@pytest.mark.parametrize(
    "other", [b'{"text": "b"}', b'{"text": "a", "speed": 1.0}', b'{"text": ["a"]}', b'{"text": "a "}', b"[]"]
)
def test_bodies_that_say_something_else_have_another(other: bytes) -> None:
    assert body_digest(b'{"text": "a"}') != body_digest(other)


def test_every_visible_character_may_be_in_a_key() -> None:
    assert set(string.ascii_letters + string.digits + string.punctuation) == set(VISIBLE)
