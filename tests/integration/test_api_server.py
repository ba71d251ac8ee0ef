"""The web process as it runs: a real uvicorn on a real socket."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from app.api.speech_requests import body_limit_bytes
from app.settings import Settings
from tests.support.api import Hands
from tests.support.processes import PROJECT

pytestmark = pytest.mark.integration

FACTORY = ["-m", "uvicorn", "--factory", "app.main:app_from_environment", "--no-access-log", "--port", "0"]


class Server:
    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process = process
        self.port = port
        self.url = f"http://127.0.0.1:{port}"

    def say(self, text: str = "Nothing is lost.") -> str:
        return str(httpx.post(f"{self.url}/api/tts", json={"text": text}).raise_for_status().json()["task_id"])

    def exchange(self, request: bytes) -> bytes:
        """What the server sends back to these bytes, until it closes the connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(request)
            return b"".join(iter(lambda: connection.recv(65_536), b""))


@contextmanager
def serving(data_dir: Path, **environment: str) -> Iterator[Server]:
    process = subprocess.Popen(
        [sys.executable, *FACTORY],
        cwd=PROJECT,
        env={**os.environ, "SAYATHING_DATA_DIR": str(data_dir), **environment},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if found := re.search(r"running on http://127\.0\.0\.1:(\d+)", line):
                yield Server(process, int(found[1]))
                return
        raise AssertionError("the server did not start")
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("data"), SAYATHING_MAX_TEXT_CHARS="1000") as running:
        yield running


class Events:
    """The events of a stream, one by one."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.iter_lines()

    def next_block(self) -> dict[str, str]:
        block: dict[str, str] = {}
        for line in self._lines:
            if not line and block:
                return block
            name, _, value = line.partition(": ")
            block[name] = value
        return block

    def next_change(self) -> dict[str, str]:
        while True:
            block = self.next_block()
            assert block.get("") != "ping", "nothing happened for 15 seconds"
            if not block or "data" in block:
                return block


@contextmanager
def events(url: str, **headers: str) -> Iterator[Events]:
    with httpx.stream("GET", url, headers=headers, timeout=20) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        yield Events(response)


def test_a_stream_begins_at_once_and_says_when_to_come_back(server: Server) -> None:
    with events(f"{server.url}/events") as stream:
        assert stream.next_block()["retry"] == "1000"


def test_a_change_arrives_as_an_event_with_its_transition_id(server: Server) -> None:
    with events(f"{server.url}/events") as stream:
        task_id = server.say()
        change = stream.next_change()

    assert change["event"] == "task.changed"
    data = json.loads(change["data"])
    assert data.keys() == {"task_id", "from", "to", "at", "attempt", "detail"}
    assert (data["task_id"], data["from"], data["to"]) == (task_id, None, "pending")
    moves = httpx.get(f"{server.url}/tasks/{task_id}/transitions").json()
    assert moves[-1]["id"] == int(change["id"])


def test_a_client_that_comes_back_misses_nothing_and_gets_nothing_twice(server: Server) -> None:
    task_id = server.say()
    with events(f"{server.url}/tasks/{task_id}/events?last_event_id=0") as stream:
        first = stream.next_change()
    httpx.post(f"{server.url}/tasks/{task_id}/cancel")
    httpx.post(f"{server.url}/tasks/{task_id}/retry")

    with events(f"{server.url}/tasks/{task_id}/events", **{"Last-Event-ID": first["id"]}) as stream:
        missed = [json.loads(stream.next_change()["data"])["to"] for _ in range(2)]
        httpx.post(f"{server.url}/tasks/{task_id}/cancel")
        live = json.loads(stream.next_change()["data"])["to"]

    assert [*missed, live] == ["cancelled", "pending", "cancelled"]


def test_the_stream_of_one_task_tells_of_no_other(server: Server) -> None:
    mine = server.say()
    server.say()
    with events(f"{server.url}/tasks/{mine}/events?last_event_id=0") as stream:
        stream.next_change()
        server.say()
        httpx.post(f"{server.url}/tasks/{mine}/cancel")

        assert json.loads(stream.next_change()["data"]) | {"at": ""} == {
            "task_id": mine, "from": "pending", "to": "cancelled", "at": "", "attempt": 0, "detail": {},
        }  # fmt: skip


def test_an_id_ahead_of_the_log_resets_the_client(server: Server) -> None:
    with events(f"{server.url}/events", **{"Last-Event-ID": str(2**63 - 1)}) as stream:
        assert stream.next_change()["event"] == "reset"


@pytest.mark.parametrize("cursor", ["x", "-1", "1.5", "", "9" * 40, str(2**63), "1 2", "é"])
def test_an_event_id_that_is_none_is_refused(server: Server, cursor: str) -> None:
    header = httpx.get(f"{server.url}/events", headers={"Last-Event-ID": cursor.encode("latin-1")})
    query = httpx.get(f"{server.url}/events", params={"last_event_id": cursor})

    for answer in (header, query):
        assert answer.status_code == 422, cursor
        assert answer.json()["errors"][0]["parameter"].lower().replace("-", "_") == "last_event_id"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_open_streams_do_not_hold_up_the_end(tmp_path: Path, number: signal.Signals) -> None:
    with serving(tmp_path) as server, events(f"{server.url}/events") as stream:
        stream.next_block()

        server.process.send_signal(number)
        began = time.monotonic()

        assert stream.next_change() == {}
        server.process.wait(timeout=10)
        assert time.monotonic() - began < 5


@pytest.mark.parametrize("length", [body_limit_bytes(1000) + 1, 100 * 1024**2])
def test_a_large_body_is_refused_before_it_is_sent(server: Server, length: int) -> None:
    head = f"POST /api/tts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"

    answer = server.exchange(head.encode())

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"/problems/body-too-large" in answer


def test_a_large_body_in_chunks_is_refused_while_it_comes(server: Server) -> None:
    head = b"POST /api/tts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    enough = body_limit_bytes(1000) // 0x10000 + 1

    answer = server.exchange(head + chunk * enough)

    assert answer.startswith(b"HTTP/1.1 413 ")


def test_a_range_comes_through_a_socket(settings: Settings) -> None:
    with serving(settings.data_dir) as server:
        task_id = server.say()
        worker = Hands(settings)
        content = worker.finish(task_id)
        worker.database.close()
        request = f"GET /tasks/{task_id}/audio HTTP/1.1\r\nHost: x\r\nRange: bytes=100-199\r\nConnection: close\r\n\r\n"

        head, _, body = server.exchange(request.encode()).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 206 ")
    assert f"content-range: bytes 100-199/{len(content)}".encode() in head.lower()
    assert body == content[100:200]


@pytest.mark.parametrize("setting", [("SAYATHING_PORT", "many"), ("SAYATHING_MAX_TEXT_CHARS", "0")])
def test_a_bad_setting_ends_the_start_with_one_line_that_names_it(tmp_path: Path, setting: tuple[str, str]) -> None:
    name, value = setting
    asks = "import app.main; app.main.app_from_environment()"
    environment = {**os.environ, "SAYATHING_DATA_DIR": str(tmp_path), "PYTHONPATH": str(PROJECT), name: value}

    ended = subprocess.run(
        [sys.executable, "-c", asks], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )

    assert ended.returncode == 2
    assert name in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
