"""What holds for every request: hosts, headers, errors, logs."""

import hashlib
import sqlite3
from pathlib import Path

import httpx
import pytest
import structlog
from dependency_injector import providers
from fastapi import HTTPException
from structlog.testing import LogCapture

from app.container import WebContainer
from app.results import AsyncDatabase
from app.settings import Settings
from tests.support.api import Api, accept_problem, running_api


@pytest.fixture
def logged() -> LogCapture:
    """Every log line of the test, with what is bound around it."""
    capture = LogCapture()
    before = structlog.get_config()["processors"]
    structlog.configure(processors=[structlog.contextvars.merge_contextvars, capture])
    yield capture
    structlog.configure(processors=before)


SECRET = "secret words"


class BrokenDatabase(AsyncDatabase):
    """Fails in a way that nobody foresaw, with words in its message that no log may hold."""

    async def read(self, ask, *args, **kwargs):
        raise RuntimeError(SECRET)


async def test_every_answer_carries_the_security_headers(api: Api) -> None:
    for path in ("/livez", "/nothing", "/tasks?x=1", "/docs", "/docs/assets/docs.js"):
        headers = (await api.client.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]


@pytest.mark.parametrize("given", ["abc-123", "A.b_c-" + "x" * 100])
async def test_a_sane_request_id_is_echoed(api: Api, given: str) -> None:
    assert (await api.client.get("/livez", headers={"x-request-id": given})).headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, "é", "a;b", "{}"])
async def test_any_other_request_id_is_replaced(api: Api, given: str) -> None:
    answer = await api.client.get("/livez", headers={"x-request-id": given.encode("latin-1")})

    assert answer.headers["x-request-id"] not in {"", given}


async def test_every_log_line_of_a_request_has_its_id(api: Api, logged: LogCapture) -> None:
    await api.client.get("/livez", headers={"x-request-id": "mine"})

    assert [entry["request_id"] for entry in logged.entries] == ["mine"]


async def test_logs_never_hold_a_text(api: Api, logged: LogCapture) -> None:
    await api.say("secret words")
    await api.client.post("/api/tts", json={"text": "secret words", "speed": "fast"})
    await api.client.get("/tasks", params={"q": "secret words"})

    assert len(logged.entries) == 3
    assert "secret" not in str(logged.entries)


async def test_an_unforeseen_error_is_a_problem_and_a_log_line_with_the_request_id(
    settings: Settings, logged: LogCapture
) -> None:
    async with running_api(settings) as api:
        await api.client.get("/task-states")  # reads the keys, from the database that works
        logged.entries.clear()
        api.container.database.override(providers.Object(BrokenDatabase(settings.results_url)))
        answer = await api.client.get("/tasks", headers={"x-request-id": "mine"})
        api.container.database.reset_last_overriding()

    problem = accept_problem(answer, 500, "internal-error")
    assert "mine" in problem["detail"]
    assert "Traceback" not in answer.text
    (entry,) = (entry for entry in logged.entries if entry["event"] == "request_failed")
    assert entry["request_id"] == "mine"
    assert entry["error"] == "builtins.RuntimeError"
    assert any("list_all" in place for place in entry["where"])
    assert "secret" not in str(logged.entries)


async def test_an_error_of_any_other_status_keeps_it(api: Api) -> None:
    @api.app.get("/teapot")
    async def teapot() -> None:
        raise HTTPException(418, "No coffee here.")

    answer = await api.client.get("/teapot")

    assert answer.json() | {"instance": ""} == {
        "type": "about:blank", "title": "I'm a Teapot", "status": 418, "detail": "No coffee here.", "instance": "",
    }  # fmt: skip


@pytest.mark.parametrize("host", ["speech.example", "SPEECH.example:8000", "a.below.example", "[::1]:8000"])
async def test_hosts_that_are_allowed_are_answered(settings: Settings, host: str) -> None:
    allowed = settings.model_copy(update={"allowed_hosts": ("speech.example", "*.below.example", "[::1]")})
    async with running_api(allowed) as api:
        assert (await api.client.get("/livez", headers={"host": host})).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "", "below.example", "speech.example@evil", "speech.example evil"])
async def test_other_hosts_are_refused(settings: Settings, host: str) -> None:
    allowed = settings.model_copy(update={"allowed_hosts": ("speech.example", "*.below.example")})
    async with running_api(allowed) as api:
        accept_problem(await api.client.get("/livez", headers={"host": host}), 400, "unknown-host")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("DELETE", "/tasks", "GET"), ("GET", "/api/tts", "POST"), ("PUT", "/tasks/x/audio", "GET, HEAD"),
     ("BREW", "/livez", "GET"), ("PUT", "/tasks/bulk", "POST"), ("PUT", "/tasks/x", "DELETE, GET"), ("OPTIONS", "/events", "GET"), ("TRACE", "/tasks/x/cancel", "POST")],
)  # fmt: skip
async def test_a_wrong_method_is_refused_with_the_right_ones(api: Api, method: str, path: str, allowed: str) -> None:
    answer = await api.client.request(method, path)

    accept_problem(answer, 405, "method-not-allowed")
    assert answer.headers["allow"] == allowed


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/tasks/", "/api/tts/", "/TASKS", "/%00", "/%ff", "/" + "x" * 9000, "/docs/assets/..%2f"],
)
async def test_an_unknown_address_is_a_problem(api: Api, path: str) -> None:
    accept_problem(await api.client.get(path), 404, "not-found")


async def test_a_locked_database_is_a_503_that_says_when_to_come_back(settings: Settings, monkeypatch) -> None:
    monkeypatch.setattr("app.results.database.BUSY_TIMEOUT_SECONDS", 0.05)
    async with running_api(settings) as api:
        holder = sqlite3.connect(settings.broker_path, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        answer = await api.client.post("/api/tts", json={"text": "a"})
        holder.execute("ROLLBACK")
        holder.close()

        accept_problem(answer, 503, "storage-unavailable")
        assert int(answer.headers["retry-after"]) >= 1
        assert (await api.client.post("/api/tts", json={"text": "a"})).status_code == 202


async def test_a_full_disk_is_a_503_and_nothing_is_accepted(settings: Settings) -> None:
    async with running_api(settings) as api:
        await api.say()
        database = api.container.database()

        def fill(store) -> None:
            pages = store.connection.exec_driver_sql("PRAGMA page_count").scalar()
            store.connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

        await database.write(fill)
        answer = await api.client.post("/api/tts", json={"text": "x" * 500_000})

        assert "disk is full" in accept_problem(answer, 503, "storage-unavailable")["detail"]
        assert len((await api.client.get("/tasks")).json()["tasks"]) == 1


async def test_a_container_that_is_handed_in_is_used(settings: Settings) -> None:
    container = WebContainer()
    container.clock.override(providers.Object(lambda: 1_795_348_800.0))
    async with running_api(settings, container) as api:
        assert (await api.say())["created_at"] == "2026-11-22T12:00:00.000Z"


async def test_huge_headers_are_no_trouble(api: Api) -> None:
    headers = dict.fromkeys(("if-none-match", "x-request-id", "last-event-id", "x-other"), "x" * 60000)

    assert (await api.client.get("/livez", headers=headers)).status_code == 200


def test_the_files_of_others_are_those_that_are_listed() -> None:
    folder = Path(__file__).parents[3] / "app" / "api" / "static"
    rows = [line.split(" | ") for line in (folder / "VENDORED.md").read_text().splitlines() if "npm" in line]
    listed = {row[0].removeprefix("| "): row[-1].removesuffix(" |") for row in rows}
    ours = {"VENDORED.md", "docs.js"}

    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}

    assert {name: digest for name, digest in found.items() if name not in ours} == listed
    assert sum(path.stat().st_size for path in folder.iterdir()) < 2_000_000


async def test_the_documentation_asks_nobody_else(api: Api) -> None:
    page: httpx.Response = await api.client.get("/docs")

    assert "http" not in page.text
    for name in ("swagger-ui-bundle.js", "swagger-ui.css", "docs.js", "favicon.png"):
        assert f"/docs/assets/{name}" in page.text
        assert (await api.client.get(f"/docs/assets/{name}")).status_code == 200


async def test_the_root_leads_to_the_dashboard(api: Api) -> None:
    answer = await api.client.get("/")
    assert (answer.status_code, answer.headers["location"]) == (307, "/dashboard")
