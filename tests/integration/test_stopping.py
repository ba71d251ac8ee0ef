"""SIGTERM on the API as it runs: streams end, nothing that was promised is lost, and it is quick about it."""

import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from app.domain.ids import TaskId
from app.domain.tasks import SegmentKind
from app.results import PlannedSegment
from app.settings import Settings
from tests.integration.test_api_server import Server, serving
from tests.support.api import NOW, Hands, wav_bytes
from tests.support.processes import until

pytestmark = pytest.mark.integration

TEXT = "Nothing is lost."
GRACE_SECONDS = 10
KEY = "ab" * 32


def render_the_first_half(hands: Hands, task_id: str) -> None:
    hands.begin(task_id)
    planned = [
        PlannedSegment(0, 8, SegmentKind.SPEECH, TEXT[:8]),
        PlannedSegment(8, 16, SegmentKind.SPEECH, TEXT[8:]),
    ]
    hands.audio_store.write_segment(KEY, wav_bytes(), (), lufs=-20.0)
    with hands.database.write() as store:
        store.save_plan(TaskId(task_id), 0, planned, place=0)
        store.segment_rendered(TaskId(task_id), 1, 0, 0, key=KEY, audio_seconds=0.5, now=NOW)


def ends_in_time(server: Server) -> None:
    server.process.wait(GRACE_SECONDS)


def newest_task(server: Server) -> str:
    def newest() -> str | None:
        tasks = httpx.get(f"{server.url}/tasks?limit=1").json()["tasks"]
        return str(tasks[0]["task_id"]) if tasks else None

    found = until(newest)
    assert found is not None
    return found


@pytest.fixture
def hands(settings: Settings) -> Hands:
    return Hands(settings)


def listening(server: Server, body: dict[str, object]) -> tuple[threading.Thread, list[object]]:
    """A client of OpenAI's API that is listening: what it hears, and how that ends."""
    heard: list[object] = []

    def listen() -> None:
        try:
            with httpx.stream("POST", f"{server.url}/v1/audio/speech", json=body, timeout=60) as answer:
                heard.append(answer.status_code)
                heard.extend(answer.iter_raw())
        except httpx.HTTPError as error:
            heard.append(error)

    thread = threading.Thread(target=listen)
    thread.start()
    return thread, heard


ASKED: dict[str, object] = {"model": "tts-1", "voice": "alloy", "input": TEXT, "response_format": "wav"}


def test_a_stream_that_cannot_be_completed_in_time_is_cut_visibly_and_its_task_is_kept(
    settings: Settings, hands: Hands
) -> None:
    with serving(settings.data_dir) as server:
        thread, heard = listening(server, ASKED)
        task_id = newest_task(server)
        render_the_first_half(hands, task_id)
        until(lambda: len(heard) > 1)

        server.process.send_signal(signal.SIGTERM)
        ends_in_time(server)
        thread.join()
        assert server.process.stderr is not None
        logs = server.process.stderr.read()

    assert heard[0] == 200
    assert isinstance(heard[-1], httpx.RemoteProtocolError), "no well-formed end"
    assert "stream_broken" in logs
    assert "Traceback" not in logs, "to be told to stop is no crash"
    with hands.database.read() as store:
        task = store.task(TaskId(task_id))
    assert task is not None
    assert task.state == "processing"


def test_a_stream_that_is_completed_in_time_ends_well(settings: Settings, hands: Hands) -> None:
    with serving(settings.data_dir) as server:
        thread, heard = listening(server, ASKED)
        task_id = newest_task(server)
        render_the_first_half(hands, task_id)
        until(lambda: len(heard) > 1)

        server.process.send_signal(signal.SIGTERM)
        with hands.database.write() as store:
            store.segment_rendered(TaskId(task_id), 1, 0, 1, key=KEY, audio_seconds=0.5, now=NOW)
        ends_in_time(server)
        thread.join()

    content = b"".join(chunk for chunk in heard if isinstance(chunk, bytes))
    assert len(content) - content.index(b"data") - 8 == 16_000


def test_events_of_a_speech_end_with_an_error(settings: Settings, hands: Hands) -> None:
    with serving(settings.data_dir) as server:
        thread, heard = listening(server, {**ASKED, "stream_format": "sse"})
        render_the_first_half(hands, newest_task(server))
        until(lambda: len(heard) > 1)

        server.process.send_signal(signal.SIGTERM)
        ends_in_time(server)
        thread.join()

    content = b"".join(chunk for chunk in heard if isinstance(chunk, bytes))
    last = content.rstrip().rsplit(b"\n\n", 1)[-1]
    assert last.startswith(b"event: error\ndata: ")
    assert b'"code": "stopping"' in last


def test_who_waits_for_the_first_sound_or_for_a_task_is_answered(settings: Settings, hands: Hands) -> None:
    answers: list[httpx.Response] = []
    with serving(settings.data_dir) as server:
        task_id = server.say()

        def ask(path: str) -> Callable[[], None]:
            return lambda: answers.append(httpx.get(f"{server.url}{path}", headers={"Prefer": "wait=60"}, timeout=60))

        threads = [
            threading.Thread(target=ask(f"/tasks/{task_id}")),
            threading.Thread(target=ask(f"/tasks/{task_id}/audio?follow=true")),
        ]
        for thread in threads:
            thread.start()
        time.sleep(0.5)  # both have arrived; that they wait is what the statuses below tell

        server.process.send_signal(signal.SIGTERM)
        ends_in_time(server)
        for thread in threads:
            thread.join()

    assert sorted(answer.status_code for answer in answers) == [200, 503]
    assert [answer.json()["state"] for answer in answers if answer.status_code == 200] == ["pending"]


def test_no_request_that_was_answered_is_lost_and_no_answer_is_cut(tmp_path: Path, settings: Settings) -> None:
    accepted: list[str] = []
    strange: list[object] = []
    followers: list[bytes] = []
    over = threading.Event()

    def post(server: Server, number: int) -> None:
        with httpx.Client(base_url=server.url, timeout=30) as client:
            while not over.is_set():
                try:
                    answer = client.post("/api/tts", json={"text": f"Text of client {number}. " + "x" * 2000})
                except (httpx.ConnectError, httpx.ReadError, httpx.WriteError):
                    return
                except httpx.RemoteProtocolError as error:
                    if "without sending a response" not in str(error):
                        strange.append(error)
                    return
                if answer.status_code == 202:
                    accepted.append(answer.json()["task_id"])
                else:
                    strange.append(answer.status_code)

    def follow(server: Server) -> None:
        with httpx.stream("GET", f"{server.url}/events", timeout=30) as answer:
            followers.append(b"".join(answer.iter_raw()))

    with serving(settings.data_dir) as server:
        threads = [threading.Thread(target=post, args=(server, number)) for number in range(6)]
        threads += [threading.Thread(target=follow, args=(server,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        until(lambda: len(accepted) >= 30)

        server.process.send_signal(signal.SIGTERM)
        try:
            ends_in_time(server)
        finally:
            over.set()
        for thread in threads:
            thread.join()

    assert strange == []
    assert len(followers) == 3
    hands = Hands(settings)
    with hands.database.read() as store:
        lost = [task_id for task_id in accepted if store.task(TaskId(task_id)) is None]
    hands.database.close()
    assert lost == []
