"""Bodies of JSON, and those that are none."""

import pytest

from app.api.speech_requests import body_limit_bytes
from app.api.validation import advice_of
from app.settings import Settings
from tests.support.api import Api, accept_problem, running_api

JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b'{"text": "a"',
        b'{"text": "a"} x',
        b"{'text': 'a'}",
        b'{"text": NaN}',
        b'{"text": "a", "speed": Infinity}',
        b'{"text": "a", "speed": -Infinity}',
        b'{"text": "\x07"}',
        b'{"text": "\xff"}',
        b'\xef\xbb\xbf{"text": "a"}',
        '{"text": "a"}'.encode("utf-16"),
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"text": "a", "text": "b"}',
        b'{"text": "a", "metadata": {"a": 1, "a": 2}}',
        b'{"text": "a", "speed": ' + b"1" * 5000 + b"}",
        b"\x00",
    ],
    ids=lambda body: ascii(body)[:30],
)
async def test_what_is_not_json_is_refused(api: Api, body: bytes) -> None:
    accept_problem(await api.client.post("/api/tts", content=body, headers=JSON), 400, "malformed-json")


async def test_a_key_that_stands_twice_in_a_large_object_is_found_at_once(api: Api) -> None:
    pairs = ",".join(f'"{number}":1' for number in range(200_000))

    answer = await api.client.post("/api/tts", content=f'{{{pairs},"199999":2}}', headers=JSON)

    assert "'199999'" in accept_problem(answer, 400, "malformed-json")["detail"]


@pytest.mark.parametrize(
    "media_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml", "json",
     "application/json; charset=latin-1", "", "/", ";", "application/jsonx"],
)  # fmt: skip
async def test_other_media_types_are_refused(api: Api, media_type: str) -> None:
    answer = await api.client.post("/api/tts", content=b'{"text": "a"}', headers={"content-type": media_type})

    accept_problem(answer, 415, "unsupported-media-type")


async def test_a_body_without_a_media_type_is_refused(api: Api) -> None:
    accept_problem(await api.client.post("/api/tts", content=b'{"text": "a"}'), 415, "unsupported-media-type")


@pytest.mark.parametrize(
    "media_type", ["application/json", "Application/JSON; charset=UTF-8", "application/vnd.api+json"]
)
async def test_json_by_any_of_its_names_is_taken(api: Api, media_type: str) -> None:
    answer = await api.client.post("/api/tts", content=b'{"text": "a"}', headers={"content-type": media_type})

    assert answer.status_code == 202


async def test_a_body_beyond_the_limit_is_refused(settings: Settings) -> None:
    small = settings.model_copy(update={"max_text_chars": 1})
    async with running_api(small) as api:
        body = b" " * (body_limit_bytes(1) + 1)
        accept_problem(await api.client.post("/api/tts", content=body, headers=JSON), 413, "body-too-large")

        accept_problem(await api.client.post("/api/tts", content=body[:-1], headers=JSON), 400, "malformed-json")


async def test_a_body_that_does_not_tell_its_length_is_refused_as_soon_as_it_is_too_long(settings: Settings) -> None:
    sent = 0

    async def far_too_long():
        nonlocal sent
        for _ in range(100):
            sent += 65_536
            yield b" " * 65_536

    small = settings.model_copy(update={"max_text_chars": 1})
    async with running_api(small) as api:
        answer = await api.client.post("/api/tts", content=far_too_long(), headers=JSON)

    accept_problem(answer, 413, "body-too-large")
    assert sent <= body_limit_bytes(1) + 2 * 65_536


def test_the_limit_leaves_room_for_the_longest_text_written_at_its_longest() -> None:
    assert body_limit_bytes(1_000_000) > len(r"\ud834\udd1e") * 1_000_000
    assert body_limit_bytes(10_000_000) == 64 * 1024 * 1024


@pytest.mark.parametrize(("bound", "told"), [(2**63 - 1, "9223372036854775807"), (2.0, "2"), (0.5, "0.5")])
def test_a_bound_is_told_as_it_can_be_sent(bound: float, told: str) -> None:
    assert advice_of({"type": "less_than_equal", "loc": ("n",), "ctx": {"le": bound}}) == f"Give at most {told}."
