"""How much, how fast, and from where: rate limits, slow requests, other origins."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import httpx
import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st

from app.api import edge
from app.cli import http_protocol
from app.cli.http_protocol import PatientProtocol
from app.services import rate_limits
from app.services.rate_limits import Rate, RateLimits
from app.settings import Settings
from tests.support.api import accept_problem, running_api


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_quota_may_be_used_at_once_and_comes_back_evenly() -> None:
    clock = Clock()
    limits = RateLimits(Rate(3, 60), clock)

    assert [limits.take("a").remaining for _ in range(3)] == [2, 1, 0]
    refused = limits.take("a")
    assert (refused.allowed, refused.retry_after_seconds, refused.whole_again_seconds) == (False, 20, 60)
    assert limits.take("b").allowed
    clock.now += 19
    assert not limits.take("a").allowed
    clock.now += 1
    assert limits.take("a").allowed
    clock.now += 1000
    assert [limits.take("a").allowed for _ in range(4)] == [True, True, True, False]


@given(st.lists(st.floats(0, 30), max_size=200), st.integers(1, 20), st.sampled_from([1, 60]))
def test_no_more_than_the_quota_beside_what_came_back_ever_passes(waits: list[float], count: int, seconds: int) -> None:
    clock = Clock()
    limits = RateLimits(Rate(count, seconds), clock)
    passed = 0
    for wait in waits:
        clock.now += wait
        passed += limits.take("a").allowed
        assert passed <= count + (clock.now - 1000.0) * count / seconds + 1e-6


def test_as_many_callers_as_there_are_take_no_more_than_so_much_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limits, "MOST_CALLERS", 10)
    clock = Clock()
    limits = RateLimits(Rate(1, 60), clock)
    for number in range(100):
        limits.take(str(number))
    assert len(limits._whole_at) <= 10
    assert not limits.take("99").allowed


@pytest.mark.parametrize("text", ["", "60", "0/minute", "-1/minute", "60/year", "1.5/second", "60/minute/hour"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="requests"):
        Rate.parse(text)


def test_no_clock_adds_a_second_to_what_a_caller_waits_for() -> None:
    for moment in range(1000):
        now = 5000 + moment * 0.1234567
        limits = RateLimits(Rate(2, 3600), clock=lambda now=now: now)  # type: ignore[misc]
        assert [limits.take("a").whole_again_seconds for _ in range(2)] == [1800, 3600]
        assert limits.take("a").retry_after_seconds == 1800


async def test_one_request_too_many_is_429_and_every_answer_tells_of_the_quota(settings: Settings) -> None:
    async with running_api(settings.model_copy(update={"rate_limit": "2/hour"})) as api:
        first, second, third = [await api.client.get("/tasks") for _ in range(3)]

        assert (first.status_code, second.status_code) == (200, 200)
        assert first.headers["ratelimit-policy"] == '"default";q=2;w=3600'
        assert first.headers["ratelimit"] == '"default";r=1;t=1800'
        accept_problem(third, 429, "too-many-requests")
        assert third.headers["ratelimit"].startswith('"default";r=0;')
        assert 1 <= int(third.headers["retry-after"]) <= 1800
        assert (await api.client.get("/livez")).status_code == 200
        assert (await api.client.get("/v1/models")).json()["error"]["type"] == "rate_limit_error"


async def test_each_key_has_its_own_quota_and_wrong_keys_share_their_addresss(settings: Settings) -> None:
    one, other = "one-0123456789abcdefghij", "other-0123456789abcdefghij"
    keyed = Settings.load(
        _env_file=None, data_dir=settings.data_dir, rate_limit="2/hour", api_keys=f"one={one},other={other}"
    )
    async with running_api(keyed) as api:

        async def status(key: str) -> int:
            return (await api.client.get("/tasks", headers={"x-api-key": key})).status_code

        assert [await status(one) for _ in range(3)] == [200, 200, 429]
        assert await status(other) == 200
        assert [await status(f"guess-{number}") for number in range(3)] == [401, 401, 429]
        assert await status(other) == 200


async def trickle(body: bytes, seconds: float) -> AsyncIterator[bytes]:
    for place in range(len(body)):
        yield body[place : place + 1]
        await asyncio.sleep(seconds)


async def test_a_body_that_trickles_is_given_up(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge, "SLOWEST_BODY_SECONDS", 0.1)
    async with running_api(settings) as api:
        sent = 0

        async def receive() -> dict:
            nonlocal sent
            sent += 1
            await asyncio.sleep(0.02)
            return {"type": "http.request", "body": b" ", "more_body": True}

        answers: list[dict] = []

        async def send(message: dict) -> None:
            answers.append(message)

        headers = [(b"host", b"testserver"), (b"content-type", b"application/json")]
        scope = {
            "type": "http", "method": "POST", "path": "/api/tts", "raw_path": b"/api/tts", "query_string": b"",
            "headers": headers, "http_version": "1.1", "scheme": "http", "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 1), "root_path": "",
        }  # fmt: skip
        await asyncio.wait_for(api.app(scope, receive, send), 30)

    assert answers[0]["status"] == 408
    assert (b"connection", b"close") in answers[0]["headers"]
    assert 1 < sent < 100


@contextlib.asynccontextmanager
async def served() -> AsyncIterator[int]:
    """The port of a small application behind the protocol of `sayathing serve`."""

    async def app(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    config = uvicorn.Config(app, http=PatientProtocol, lifespan="off", log_config=None, timeout_keep_alive=60)
    server = uvicorn.Server(config)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        task = asyncio.create_task(server._serve([listener]))
        yield listener.getsockname()[1]
        server.should_exit = True
        await task


@pytest.mark.parametrize("head", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nX-"])
async def test_a_head_that_never_ends_closes_its_connection(monkeypatch: pytest.MonkeyPatch, head: bytes) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_SECONDS", 0.3)
    async with served() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head)
        answer = await asyncio.wait_for(reader.read(), 20)  # until it is closed
        writer.close()

    assert answer.count(b"200 OK") == head.count(b"\r\n\r\n")


async def test_a_head_that_comes_in_time_is_answered_on_a_connection_that_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_SECONDS", 5.0)
    async with served() as port, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        for _ in range(3):
            assert (await client.get("/")).text == "ok"


async def test_other_origins_are_let_in_only_where_they_are_named(settings: Settings) -> None:
    page = {"origin": "https://app.example"}
    preflight = {**page, "access-control-request-method": "POST", "access-control-request-headers": "authorization"}
    async with running_api(settings) as api:
        assert "access-control-allow-origin" not in (await api.client.get("/tasks", headers=page)).headers
        assert (await api.client.options("/api/tts", headers=preflight)).status_code >= 400
    named = settings.model_copy(update={"cors_origins": ("https://app.example",)})
    async with running_api(named) as api:
        answer = await api.client.options("/api/tts", headers=preflight)
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "https://app.example")
        answer = await api.client.post("/api/tts", json={"text": "a"}, headers=page)
        assert answer.status_code == 202
        assert "Location" in answer.headers["access-control-expose-headers"]
        evil = {"origin": "https://evil.example"}
        assert "access-control-allow-origin" not in (await api.client.get("/tasks", headers=evil)).headers
        accept_problem(await api.client.post("/api/tts", json={"text": "a"}, headers=evil), 403, "other-site")
