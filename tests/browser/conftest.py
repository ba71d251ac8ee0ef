"""A real Chromium before a real service on a real SQLite file; the tests drive the tasks through its store."""

from __future__ import annotations

import hashlib
import json
import math
import struct
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from app.audio import FolderAudioStore
from app.domain.errors import SpeechError
from app.domain.ids import TaskId, new_task_id
from app.domain.tasks import AudioFormat, FinishedAudio, ItemRequest, SegmentKind, SpeechRequest
from app.results import Database, PlannedSegment
from tests.support.processes import Service, running_service

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

if find_spec("playwright") is None:  # the small install runs the suite without these
    collect_ignore_glob = ["test_*.py"]

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

SAMPLE_RATE = 8000

TELL_CSP_REPORTS = """
document.addEventListener("securitypolicyviolation", (event) => {
  console.error(`CSP: ${event.violatedDirective} ${event.blockedURI}`);
});
"""


@dataclass
class Speaker:
    """Moves tasks as workers would, straight through the store."""

    database: Database
    audio: FolderAudioStore
    clock: float = 1_790_000_000.0
    ids: list[TaskId] = field(default_factory=list)

    def add(self, *texts: str) -> TaskId:
        task_id = new_task_id(self._tick())
        items = tuple(ItemRequest(text, "espeak-en-us") for text in texts)
        with self.database.write() as store:
            store.add_task(task_id, SpeechRequest(items), now=self._now())
        self.ids.append(task_id)
        return task_id

    def begin(self, task_id: TaskId, *, segments: int = 1, run: int = 1) -> None:
        with self.database.write() as store:
            assert store.begin(task_id, run, worker="test/1", now=self._now())
            task = store.task(task_id)
            assert task is not None
            for item in task.items:
                ends = [item.text_characters * (n + 1) // segments for n in range(segments)]
                planned = [
                    PlannedSegment(start, end, SegmentKind.SPEECH, item.text[start:end])
                    for start, end in zip([0, *ends[:-1]], ends, strict=True)
                ]
                store.save_plan(task_id, item.index, planned, place=0)

    def render(self, task_id: TaskId, segment: int, *, item: int = 0, run: int = 1) -> None:
        with self.database.write() as store:
            store.segment_rendered(task_id, run, item, segment, key="k", audio_seconds=1.0, now=self._now())

    def finish(self, task_id: TaskId, *, item: int = 0, seconds: float = 8.0, run: int = 1) -> None:
        with self.audio.writing_finished(task_id, item, AudioFormat.WAV) as path:
            write_tone(path, seconds)
            content = path.read_bytes()
        peaks = {"version": 2, "channels": 1, "sample_rate": SAMPLE_RATE, "samples_per_pixel": 400, "bits": 8}
        data = [-40, 40] * int(seconds * 20)
        peaks_path = self.audio.peaks_path(task_id, item)
        peaks_path.parent.mkdir(parents=True, exist_ok=True)
        peaks_path.write_text(json.dumps({**peaks, "length": len(data) // 2, "data": data}))
        file = FinishedAudio(AudioFormat.WAV, seconds, len(content), SAMPLE_RATE, hashlib.sha256(content).hexdigest())
        with self.database.write() as store:
            store.item_assembled(task_id, run, item, file, [], worker="test/1", now=self._now())

    def give_up(self, task_id: TaskId, error: SpeechError) -> None:
        with self.database.write() as store:
            store.attempt_failed(task_id, 1, error, item=0, segment=0, final=True, worker="test/1", now=self._now())

    def cancel(self, task_id: TaskId) -> None:
        with self.database.write() as store:
            store.cancel(task_id, now=self._now())

    def done(self, text: str, **fields: float) -> TaskId:
        task_id = self.add(text)
        self.begin(task_id)
        self.render(task_id, 0)
        self.finish(task_id, **fields)
        return task_id

    def _tick(self) -> float:
        self.clock += 0.5
        return self.clock

    def _now(self) -> int:
        return int(self._tick() * 1000)


def write_tone(path: Path, seconds: float) -> None:
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(SAMPLE_RATE)
        wanted = int(seconds * SAMPLE_RATE)
        tone = (int(6000 * math.sin(2 * math.pi * 440 * n / SAMPLE_RATE)) for n in range(wanted))
        sound.writeframes(struct.pack(f"<{wanted}h", *tone))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def service(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Service]:
    """Its workers and settings are those of the mark `service_settings`; without it there is no worker."""
    mark = request.node.get_closest_marker("service_settings")
    settings = {"workers": 0, **(mark.kwargs if mark else {})}
    with running_service(tmp_path / "service", **settings) as service:
        yield service


@pytest.fixture
def speaker(service: Service) -> Iterator[Speaker]:
    database = Database(f"sqlite:///{service.database_path}")
    yield Speaker(database, FolderAudioStore(service.folder / "data" / "audio"))
    database.close()


@pytest.fixture
def messages() -> list[str]:
    """All that the console said; a test that does not empty it wants it to be empty."""
    return []


@pytest.fixture
def visit(browser: Browser, service: Service, messages: list[str]) -> Iterator[Callable[..., Page]]:
    contexts: list[BrowserContext] = []

    def open_page(path: str = "/dashboard/tasks", **options: object) -> Page:
        context = browser.new_context(**options)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("console", lambda message: messages.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: messages.append(f"error: {error}"))
        page.add_init_script(TELL_CSP_REPORTS)
        page.goto(service.url + path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert messages == []


@contextmanager
def counting(page: Page, part: str) -> Iterator[list[str]]:
    """The addresses containing `part` that the page asks for while the block runs."""
    asked: list[str] = []

    def note(request: object) -> None:
        if part in request.url:  # type: ignore[attr-defined]
            asked.append(request.url)  # type: ignore[attr-defined]

    page.on("request", note)
    yield asked
    page.remove_listener("request", note)


@pytest.fixture
def requests_of() -> Callable[..., object]:
    return counting
