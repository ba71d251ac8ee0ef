"""Take the pictures of docs/dashboard.md: `python -m tests.browser.take_screenshots`.

They show a real service with a real worker; only the attempt that fails is written by hand.
"""

import tempfile
from pathlib import Path

import httpx
from playwright.sync_api import Browser, sync_playwright

from app.domain.errors import SegmentTimeout
from app.domain.ids import TaskId
from app.results import Database
from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.support.processes import PROJECT, Service, running_service

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


def tell_a_story(service: Service) -> dict[str, str]:
    """Tasks in each state; the ids of those that get a picture."""
    spoken = [service.post(**body)["task_id"] for body in SPOKEN]
    for task_id in spoken:
        service.finished(task_id)
    service.workers[0].stop()
    cancelled, _, moving, failed = [service.post(**body)["task_id"] for body in WAITING]
    httpx.post(f"{service.url}/tasks/{cancelled}/cancel").raise_for_status()
    database = Database(f"sqlite:///{service.database_path}")
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
        store.begin(TaskId(moving), 1, worker="workshop/17", now=now)
    database.close()
    return {"done": spoken[2], "failed": failed}


def take(browser: Browser, address: str, name: str, *, width: int, height: int, scheme: str) -> None:
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(address)
    page.wait_for_timeout(1500)
    path = FOLDER / f"{name}.png"
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
            take(browser, address, name, width=1100, height=850, scheme="light")
            take(browser, address, f"{name}-dark", width=1100, height=850, scheme="dark")
            take(browser, address, f"{name}-narrow", width=360, height=780, scheme="light")
        browser.close()


if __name__ == "__main__":
    main()
