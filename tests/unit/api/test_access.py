"""API keys: who may pass, what they may do, and whose tasks they see."""

import asyncio
import base64
import hmac
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import httpx
import pytest
from fastapi.routing import APIRoute

from app.api import application
from app.api.access import is_open
from app.cli import run
from app.domain.access import KnownKey, Scope, key_digest, new_key
from app.domain.ids import TaskId
from app.results.api_keys import add_key, revoke_key
from app.results.deliveries import deliveries_of
from app.services import key_ring
from app.settings import Settings
from tests.support.api import Api, accept_problem, running_api

ADA, BOB, ROOT, VIEWER, SPEAKER = (f"{name}-0123456789abcdefghij" for name in ("ada", "bob", "root", "viewer", "mouth"))
KEYS = f"ada={ADA},bob={BOB},root={ROOT}:admin,viewer={VIEWER}:read,speaker={SPEAKER}:speak"


def by(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


@pytest.fixture
def keyed(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(key_ring, "FRESH_SECONDS", 0.0)
    return Settings.load(_env_file=None, data_dir=settings.data_dir, model_dir=settings.model_dir, api_keys=KEYS)


@pytest.fixture
async def api(keyed: Settings) -> AsyncIterator[Api]:
    async with running_api(keyed) as service:
        yield service


async def say(api: Api, key: str, text: str = "Nothing is lost.") -> str:
    answer = await api.client.post("/api/tts", json={"text": text}, headers=by(key))
    assert answer.status_code == 202, answer.text
    task_id: str = answer.json()["task_id"]
    return task_id


@asynccontextmanager
async def from_address(api: Api, address: str) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(api.app, raise_app_exceptions=False, client=(address, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        yield client


async def test_no_address_but_the_open_ones_answers_without_a_key(api: Api) -> None:
    addresses = [
        (method, route.path.replace("{", "").replace("}", ""))
        for router in application._ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods
    ]
    closed = [(method, path) for method, path in addresses if not is_open(path)]
    assert len(closed) > 20
    for method, path in [*closed, ("GET", "/dashboard"), ("POST", "/dashboard/speak"), ("GET", "/nothing")]:
        answer = await api.client.request(method, path)
        assert answer.status_code == 401, (method, path)
        assert [each.partition(" ")[0] for each in answer.headers.get_list("www-authenticate")] == ["Bearer", "Basic"]
    for path in ("/livez", "/readyz", "/docs", "/openapi.json", "/docs/assets/docs.js", "/dashboard/static/live.js"):
        assert (await api.client.get(path)).status_code == 200, path


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"Bearer {ADA}"},
        {"authorization": f"bEARER   {ADA}"},
        {"x-api-key": ADA},
        {"authorization": "Basic " + base64.b64encode(f"ada:{ADA}".encode()).decode()},
        {"authorization": "Basic " + base64.b64encode(f"{ADA}:".encode()).decode()},
    ],
)
async def test_a_key_may_come_in_each_of_these_ways(api: Api, headers: dict[str, str]) -> None:
    assert (await api.client.get("/tasks", headers=headers)).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        [("authorization", f"Bearer {ADA}x")],
        [("authorization", f"Bearer {ADA[:-1]}")],
        [("authorization", f"Bearer {ADA.upper()}")],
        [("authorization", "Bearer")],
        [("authorization", f"Digest {ADA}")],
        [("authorization", ADA)],
        [("authorization", "Basic !!!")],
        [("authorization", "Basic " + base64.b64encode(b"\xff:\xff").decode())],
        [("authorization", "Bearer " + key_digest(ADA))],
        [("authorization", f"Bearer {ADA}"), ("authorization", f"Bearer {ADA}")],
        [("x-api-key", ADA), ("x-api-key", ADA)],
        [("authorization", "Bearer wrong"), ("x-api-key", ADA)],
        [("x-api-key", b"\xff\xfe")],
        [("cookie", f"key={ADA}")],
    ],
)
async def test_anything_else_is_no_key(api: Api, headers: list[tuple[str, str]]) -> None:
    accept_problem(await api.client.get("/tasks", headers=headers), 401, "unauthorized")


@pytest.mark.parametrize(
    ("key", "may_read", "may_speak"),
    [(ADA, True, True), (ROOT, True, True), (VIEWER, True, False), (SPEAKER, False, True)],
)
async def test_a_key_may_do_what_its_scopes_say(api: Api, key: str, may_read: bool, may_speak: bool) -> None:
    read = await api.client.get("/tasks", headers=by(key))
    speak = await api.client.post("/api/tts", json={"text": "a"}, headers=by(key))
    for answer, may, scope in ((read, may_read, "read"), (speak, may_speak, "speak")):
        if may:
            assert answer.status_code in {200, 202}
        else:
            accept_problem(answer, 403, "forbidden")
            assert f'scope="{scope}"' in answer.headers["www-authenticate"]


async def test_another_keys_task_is_404_wherever_it_is_asked_for(api: Api) -> None:
    task_id = await say(api, ADA)
    api.finish(task_id)
    routes = [
        (method, route.path.replace("{task_id}", task_id).replace("{index}", "0").replace("{format}", "srt"))
        for router in application._ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute) and "{task_id}" in route.path
        for method in route.methods
    ]
    assert len(routes) > 10
    for method, path in routes:
        answer = await api.client.request(method, path, headers=by(BOB))
        assert answer.status_code == 404, (method, path)
        missing = await api.client.request(method, path.replace(task_id, "0" * 26), headers=by(BOB))
        assert answer.text.replace(task_id, "") == missing.text.replace("0" * 26, ""), "nothing tells that it is there"
    for path in ("", "/cancel", "/retry"):
        method = "POST" if path else "GET"
        assert (
            await api.client.request(method, f"/dashboard/tasks/{task_id}{path}", headers=by(BOB))
        ).status_code == 404
    for key in (ADA, ROOT):
        assert (await api.client.get(f"/tasks/{task_id}/audio", headers=by(key))).status_code == 200


async def test_lists_and_bulk_and_the_dashboard_are_of_ones_own_tasks(api: Api) -> None:
    of_ada, of_bob = await say(api, ADA, "From Ada."), await say(api, BOB, "From Bob.")
    for key, seen in ((ADA, {of_ada}), (BOB, {of_bob}), (ROOT, {of_ada, of_bob})):
        tasks = (await api.client.get("/tasks", headers=by(key))).json()["tasks"]
        assert {task["task_id"] for task in tasks} == seen
        page = (await api.client.get("/dashboard/tasks", headers=by(key))).text
        assert {task_id for task_id in (of_ada, of_bob) if task_id in page} == seen

    body = {"action": "cancel", "filter": {}}
    assert (await api.client.post("/tasks/bulk", json=body, headers=by(ADA))).json()["matched"] == 1
    state = (await api.client.get(f"/tasks/{of_bob}", headers=by(BOB))).json()["state"]
    assert state == "pending"


async def test_a_stream_of_events_tells_of_ones_own_tasks(api: Api) -> None:
    await say(api, BOB)
    of_ada = await say(api, ADA)
    await say(api, BOB)
    feed = api.container.changes()
    found: list[str] = []
    async with aclosing(feed.follow(after=0, owner="settings:ada", ping_seconds=30.0)) as batches:
        async for batch in batches:
            found += [change.move.task_id for change in batch]
            if len(found) > 1:
                break
            await api.client.post(f"/tasks/{of_ada}/cancel", headers=by(ADA))
    assert found == [of_ada, of_ada]


async def test_idempotency_keys_are_each_owners_own(api: Api) -> None:
    headers = {"idempotency-key": "mine"}
    one = await api.client.post("/api/tts", json={"text": "a"}, headers={**headers, **by(ADA)})
    other = await api.client.post("/api/tts", json={"text": "a"}, headers={**headers, **by(BOB)})

    assert one.json()["task_id"] != other.json()["task_id"]
    assert "idempotency-replayed" not in other.headers


async def test_a_key_that_is_made_or_revoked_meanwhile_counts(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_ring, "FRESH_SECONDS", 0.0)
    secret = new_key()
    async with running_api(settings) as api:
        assert (await api.client.get("/tasks")).status_code == 200
        with api.database.write() as store:
            key = KnownKey("K1", "", key_digest(secret), frozenset({Scope.READ}))
            add_key(store.connection, key, now=1)
        assert (await api.client.get("/tasks")).status_code == 401
        assert (await api.client.get("/tasks", headers=by(secret))).status_code == 200
        with api.database.write() as store:
            assert revoke_key(store.connection, "K1", now=2)
            assert not revoke_key(store.connection, "K1", now=2)
        assert (await api.client.get("/tasks", headers=by(secret))).status_code == 401
        assert (await api.client.get("/tasks")).status_code == 401, "a revoked key does not open the door to all"
        monkeypatch.setenv("SAYATHING_DATA_DIR", str(settings.data_dir))
        assert run(["keys", "forget"]) == 0
        assert (await api.client.get("/tasks")).status_code == 200


async def test_without_keys_only_this_machine_is_answered(settings: Settings) -> None:
    async with running_api(settings) as api:
        for address in ("127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"):
            async with from_address(api, address) as client:
                assert (await client.get("/tasks")).status_code == 200, address
        for address in ("10.0.0.7", "::ffff:10.0.0.7", "fe80::1%eth0", "somewhere"):
            async with from_address(api, address) as client:
                accept_problem(await client.get("/tasks"), 403, "keys-needed")
                accept_problem(await client.post("/api/tts", json={"text": "a"}), 403, "keys-needed")
    async with (
        running_api(settings.model_copy(update={"allow_no_keys": True})) as api,
        from_address(api, "10.0.0.7") as client,
    ):
        assert (await client.get("/tasks")).status_code == 200


async def test_with_a_key_any_address_is_answered(api: Api) -> None:
    async with from_address(api, "10.0.0.7") as client:
        assert (await client.get("/tasks", headers=by(ADA))).status_code == 200


@pytest.mark.parametrize(
    "headers", [{"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}, {"origin": "null"}]
)
async def test_another_sites_page_changes_nothing_with_what_a_browser_adds_by_itself(
    settings: Settings, keyed: Settings, headers: dict[str, str]
) -> None:
    basic = {"authorization": "Basic " + base64.b64encode(f":{ADA}".encode()).decode()}
    for configured, own in ((settings, {}), (keyed, basic)):
        async with running_api(configured) as api:
            answer = await api.client.post("/api/tts", json={"text": "a"}, headers={**headers, **own})
            accept_problem(answer, 403, "other-site")
            same = {"origin": "http://testserver", **own}
            assert (await api.client.post("/api/tts", json={"text": "a"}, headers=same)).status_code == 202
    async with running_api(keyed) as api:  # what a program adds on purpose is its own business
        assert (
            await api.client.post("/api/tts", json={"text": "a"}, headers={**headers, **by(ADA)})
        ).status_code == 202


@pytest.mark.parametrize("presented", [ADA, ADA[:-1] + "x", "x", "", ADA + "x" * 10_000])
async def test_every_key_is_compared_once_and_in_constant_time(
    api: Api, monkeypatch: pytest.MonkeyPatch, presented: str
) -> None:
    """The structure, not the clock: whatever is presented, one digest of a fixed length is compared with another."""
    compared: list[tuple[int, int]] = []
    original = hmac.compare_digest

    def count(one: str, other: str) -> bool:
        compared.append((len(one), len(other)))
        return original(one, other)

    monkeypatch.setattr(key_ring.hmac, "compare_digest", count)
    await api.client.get("/tasks", headers={"x-api-key": presented})

    assert compared == [(64, 64)]


async def test_a_key_is_kept_nowhere(api: Api, keyed: Settings) -> None:
    await say(api, ADA)
    assert ADA not in repr(keyed)
    assert ADA not in str(keyed.model_dump())
    for path in keyed.data_dir.glob("*.db*"):
        if path.is_file():
            assert ADA.encode() not in path.read_bytes()


async def test_keys_are_read_from_the_store_once_a_while_and_not_for_each_request(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_ring, "FRESH_SECONDS", 60.0)
    ring = api.container.key_ring()
    ring._read_at = time.monotonic()
    read = []
    monkeypatch.setattr(key_ring, "_stored", lambda store: read.append(store) or [])
    for _ in range(5):
        await api.client.get("/tasks", headers=by(ADA))

    assert read == []


async def test_openai_clients_get_their_own_words_and_their_own_tasks(api: Api) -> None:
    refused = await api.client.get("/v1/models", headers=by("wrong-0123456789abcdefghij"))

    assert refused.status_code == 401
    assert refused.json()["error"]["type"] == "authentication_error"
    assert (await api.client.get("/v1/models", headers=by(ADA))).status_code == 200


async def test_a_task_of_an_openai_client_is_its_keys_and_has_no_webhook(api: Api) -> None:
    body = {"model": "tts-1", "input": "Nothing is lost.", "voice": "espeak-en-us"}
    request = asyncio.create_task(api.client.post("/v1/audio/speech", json=body, headers=by(ADA)))
    found: list[dict[str, str]] = []
    for _ in range(1000):
        if found := (await api.client.get("/tasks", headers=by(ADA))).json()["tasks"]:
            break
        await asyncio.sleep(0.01)
    task_id = found[0]["task_id"]

    accept_problem(await api.client.get(f"/tasks/{task_id}", headers=by(BOB)), 404, "task-not-found")
    cancelled = await api.client.post(f"/tasks/{task_id}/cancel", headers=by(ADA))
    assert cancelled.status_code == 200
    with api.database.read() as store:
        assert deliveries_of(store, TaskId(task_id)) == []
    refused = await asyncio.wait_for(request, 20)
    assert refused.headers["x-task-id"] == task_id
