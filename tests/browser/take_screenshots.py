"""Take the pictures of docs/dashboard.md: `python -m tests.browser.take_screenshots`.

They show a real service with a real worker; only the hour before, the attempt that fails and the one at work are
written by hand.
"""

import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from math import exp
from operator import itemgetter
from pathlib import Path

import httpx
from dramatiq import Message
from playwright.sync_api import Browser, sync_playwright

from app.domain.errors import SegmentTimeout
from app.domain.ids import TaskId, new_task_id
from app.domain.tasks import AudioFormat, FinishedAudio, ItemRequest, SegmentKind, SpeechRequest
from app.publishing import NOTIFY_WEBHOOK, SPEECH_QUEUE, WEBHOOK_QUEUE
from app.results import Database, PlannedSegment, ResultsStore
from broker import SQLiteBroker
from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.support.processes import PROJECT, Service, running_service, until

FOLDER = PROJECT / "docs" / "screenshots"

SPOKEN = [
    {"text": "Nothing is lost.", "format": "mp3"},
    {"text": "Ein Zug fährt durch den Schnee, und niemand zählt die Stunden.", "voice": "espeak-de"},
    {"text": "Call me Ishmael. Some years ago, never mind how long precisely, I thought I would sail about a little."},
    {"items": [{"text": "Chapter one. The beginning."}, {"text": "Chapter two. The end."}], "format": "mp3"},
]
WAITING = [
    {"text": "Der Mensch ist frei geboren, und überall liegt er in Ketten.", "voice": "espeak-de"},
    {"text": "The quick brown fox jumps over the lazy dog."},
    {"text": "It was a bright cold day in April. The clocks were striking. " * 12},
    {"text": "It was the best of times, it was the worst of times. It was the age of wisdom."},
]


HOUR_MS = 3_600_000
A_TASK_EVERY_MS = 16_000
TALLEST = 1150


def an_hour(database: Database, *, end: int) -> None:
    """Tasks that were spoken in the hour before `end` (milliseconds), more of them in its middle than workers manage."""
    moves: list[tuple[int, Callable[[ResultsStore], object]]] = []
    free_at, number, at = 0, 0, end - HOUR_MS
    while at < end - 2 * A_TASK_EVERY_MS:
        number += 1
        rush = 1 + 2.2 * exp(-(((at - end) / HOUR_MS + 0.45) ** 2) / 0.02)
        at += int(A_TASK_EVERY_MS / rush * (0.6 + number * 37 % 80 / 100))
        begun = max(at + 40, free_at)
        free_at = begun + 6_000 + number * 1_709 % 5_000
        moves += one_task(new_task_id(at / 1000), at, begun, free_at)
    with database.write() as store:
        for _, move in sorted(moves, key=itemgetter(0)):
            move(store)


def one_task(task_id: TaskId, at: int, begun: int, done: int) -> list[tuple[int, Callable[[ResultsStore], object]]]:
    text = "Nothing is lost on the way."
    file = FinishedAudio(AudioFormat.MP3, 41.0, 164_000, 24_000, "0" * 64)

    def begin(store: ResultsStore) -> None:
        store.begin(task_id, 1, worker="workshop/17", now=begun)
        store.save_plan(task_id, 0, [PlannedSegment(0, len(text), SegmentKind.SPEECH, text)], place=0)

    def finish(store: ResultsStore) -> None:
        store.segment_rendered(task_id, 1, 0, 0, key="k", audio_seconds=41.0, now=done)
        store.item_assembled(task_id, 1, 0, file, [], worker="workshop/17", now=done)

    request = SpeechRequest((ItemRequest(text, "espeak-en-us", format=AudioFormat.MP3),))
    return [(at, lambda store: store.add_task(task_id, request, now=at)), (begun, begin), (done, finish)]


def tell_a_story(service: Service) -> dict[str, str]:
    """Tasks in each state; the ids of those that get a picture."""
    database = Database(f"sqlite:///{service.database_path}")
    an_hour(database, end=int(time.time() * 1000))
    spoken = [service.post(**body)["task_id"] for body in SPOKEN]
    for task_id in spoken:
        service.finished(task_id)
    httpx.post(f"{service.url}/dashboard/queues/pause", data={"queue": SPEECH_QUEUE})
    cancelled, _, moving, failed = [service.post(**body)["task_id"] for body in WAITING]
    httpx.post(f"{service.url}/tasks/{cancelled}/cancel").raise_for_status()
    broker = SQLiteBroker(service.database_path)
    broker.declare_queue(WEBHOOK_QUEUE)
    for _ in range(2):
        broker.enqueue(Message(WEBHOOK_QUEUE, NOTIFY_WEBHOOK, ({"event": "Unheard"},), {}, {"max_retries": 0}))
    until(lambda: len(broker.inspect.dead_letters()) == 2)
    broker.close()
    with database.write() as store:
        task = store.task(TaskId(failed))
        assert task is not None
        now = task.created_at + 120
        store.begin(task.id, 1, worker="workshop/17", now=now)
        error = SegmentTimeout("The engine took longer than 30.0 s. Raise TTS_GENERATION_TIMEOUT or free the CPU.")
        store.attempt_failed(
            task.id, 1, error, item=None, segment=None, final=False, worker="workshop/17", now=now + 30_000
        )
        store.begin(task.id, 1, worker="workshop/18", now=now + 31_400)
        store.attempt_failed(
            task.id, 1, error, item=None, segment=None, final=True, worker="workshop/18", now=now + 61_400
        )
        at_work = store.task(TaskId(moving))
        assert at_work is not None
        store.begin(at_work.id, 1, worker="workshop/17", now=now)
        text = at_work.items[0].text
        ends = [len(text) * part // 8 for part in range(9)]
        store.save_plan(
            at_work.id,
            0,
            [PlannedSegment(start, end, SegmentKind.SPEECH, text[start:end]) for start, end in pairwise(ends)],
            place=0,
        )
        for segment in range(5):
            store.segment_rendered(at_work.id, 1, 0, segment, key="k", audio_seconds=4.1, now=now)
    database.close()
    return {"done": spoken[2], "failed": failed}


def take(browser: Browser, address: str, name: str, *, width: int, height: int, scheme: str) -> None:
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(address)
    page.wait_for_timeout(1500)
    path = FOLDER / f"{name}.png"
    tall = min(TALLEST, page.evaluate("document.documentElement.scrollHeight"))
    page.set_viewport_size({"width": width, "height": max(height, tall)})
    page.screenshot(path=path)
    print(f"{path}: {path.stat().st_size // 1000} kB")
    context.close()


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        running_service(Path(folder) / "service") as service,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        ids = tell_a_story(service)
        pages = {
            **{name: f"/{name}" for name in ("tasks", "speak", "voices", "queues", "workers", "dead", "about")},
            "overview": "",
            "task": f"/tasks/{ids['done']}",
            "task-failed": f"/tasks/{ids['failed']}",
        }
        for name, path in pages.items():
            address = f"{service.url}/dashboard{path}"
            take(browser, address, name, width=1100, height=480, scheme="light")
            take(browser, address, f"{name}-dark", width=1100, height=480, scheme="dark")
            take(browser, address, f"{name}-narrow", width=360, height=640, scheme="light")
        browser.close()


if __name__ == "__main__":
    main()
