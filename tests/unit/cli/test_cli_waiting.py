"""Waiting for a task, without ever sleeping."""

import httpx
import pytest

from app.cli.client import Away, Busy, Look, Service
from app.cli.errors import NoService, WrongUse
from app.cli.progress import described, shown_progress
from app.cli.waiting import PATIENCE_SECONDS, patiently, pause_before_look, wait_until_finished
from tests.unit.cli.fake_service import TASK_ID, task_document


class Sleeps(list[float]):
    """Every pause that was to be slept."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def scripted(*responses: httpx.Response | Exception) -> tuple[Service, list[httpx.Request]]:
    """A service that gives these answers one after the other, and the requests that it got."""
    left = list(responses)
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        response = left.pop(0)
        if isinstance(response, Exception):
            raise response
        return response

    return Service("http://127.0.0.1:1", transport=httpx.MockTransport(answer)), requests


def answered(state: str, *, status: int = 200, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, json=task_document(state), headers=named)


def begun(retry_after_seconds: float = 1.0) -> Look:
    return Look(task_document("pending"), retry_after_seconds, 'W/"0"')  # type: ignore[arg-type]  # a plain dict


def test_each_look_is_shown_until_the_task_is_finished() -> None:
    service, requests = scripted(answered("processing"), answered("completed"))
    shown: list[str] = []
    with service:
        look = wait_until_finished(
            service, begun(), progress=lambda look: shown.append(look.task["state"]), sleep=Sleeps()
        )
    assert look.task["state"] == "completed"
    assert shown == ["pending", "processing", "completed"]
    assert [request.url.path for request in requests] == [f"/tasks/{TASK_ID}"] * 2


def test_an_unchanged_task_costs_no_body() -> None:
    service, requests = scripted(httpx.Response(304), answered("completed"))
    with service:
        wait_until_finished(service, begun(), progress=lambda look: None, sleep=Sleeps())
    assert [request.headers["If-None-Match"] for request in requests] == ['W/"0"'] * 2


def test_a_task_that_may_be_done_soon_is_looked_at_ten_times_a_second() -> None:
    service, _ = scripted(*[answered("processing", Retry_After="1")] * 30, answered("completed"))
    sleeps = Sleeps()
    with service:
        wait_until_finished(service, begun(), progress=lambda look: None, sleep=sleeps)
    assert sleeps[0] < 0.05
    assert max(sleeps) == sleeps[-1] == pytest.approx(0.1)


@pytest.mark.parametrize(("retry_after", "pause"), [(0, 0.1), (1, 0.1), (5, 0.5), (300, 2.0)])
def test_a_long_task_is_looked_at_seldom(retry_after: float, pause: float) -> None:
    assert pause_before_look(begun(retry_after)) == pytest.approx(pause)


def test_a_restart_of_the_service_is_waited_out() -> None:
    service, _ = scripted(httpx.ConnectError("refused"), httpx.Response(502), answered("completed"))
    with service:
        look = wait_until_finished(service, begun(), progress=lambda look: None, sleep=Sleeps())
    assert look.task["state"] == "completed"


def test_a_busy_service_is_asked_again_when_it_said_so() -> None:
    busy = httpx.Response(503, headers={"Retry-After": "7"}, json={"detail": "The queue is full."})
    service, requests = scripted(busy, answered("pending", status=202))
    sleeps = Sleeps()
    with service:
        patiently(lambda: service.request_speech({"text": "Hello"}), errors=Busy, sleep=sleeps)
    assert sleeps == [7.0]
    assert len(requests) == 2


def test_a_service_that_is_busy_for_long_is_not_waited_for() -> None:
    headers = {"Retry-After": str(int(PATIENCE_SECONDS) + 1)}
    service, _ = scripted(httpx.Response(429, headers=headers, json={"detail": "Too many requests."}))
    sleeps = Sleeps()
    with service, pytest.raises(NoService, match="Too many requests"):
        patiently(lambda: service.request_speech({"text": "Hello"}), errors=Busy, sleep=sleeps)
    assert sleeps == []


def test_a_post_that_nobody_answered_is_not_repeated() -> None:
    service, requests = scripted(httpx.ReadTimeout("late"))
    with service, pytest.raises(Away, match="No service answers"):
        patiently(lambda: service.request_speech({"text": "Hello"}), errors=Busy, sleep=Sleeps())
    assert len(requests) == 1


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, WrongUse), (404, WrongUse), (409, WrongUse), (422, WrongUse), (500, NoService), (502, Away), (503, Busy)],
)
@pytest.mark.parametrize("content", [b'{"detail": "Told."}', b"<html>", b"[]", b'{"errors": 1}'])
def test_every_refusal_is_one_of_two_errors(status: int, error: type[Exception], content: bytes) -> None:
    service, _ = scripted(httpx.Response(status, content=content))
    with service, pytest.raises(error) as raised:
        service.look(TASK_ID)
    assert str(raised.value)


def test_something_else_on_the_port_is_not_taken_for_the_service() -> None:
    for other in (httpx.Response(200, text="hello"), httpx.Response(200, json=[]), httpx.ConnectError("refused")):
        service, _ = scripted(other)
        with service:
            assert not service.answers()


def test_a_line_now_and_then_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    now = 0.0
    with shown_progress(monotonic=lambda: now) as show:
        for now in (1.0, 4.9, 5.1, 6.0, 10.2):  # noqa: B007  # the clock reads it
            show(begun())
    line = f"{TASK_ID} pending: 1 of 2 segments, 1.0 s of audio\n"
    assert capsys.readouterr().err == line * 2


def test_a_task_without_segments_is_described_by_its_state() -> None:
    nothing = {"segments_done": 0, "segments_total": 0, "audio_seconds": 0.0, "eta_seconds": None}
    look = Look(task_document("pending", progress=nothing), 1.0, None)  # type: ignore[arg-type]  # a plain dict
    assert described(look) == "pending"
