"""A service of a few lines for the commands to talk to."""

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TASK_ID = "01KAQ8J3Y0000000000000TASK"
AUDIO = b"RIFF and so on"


def task_document(state: str = "completed", **changed: object) -> dict[str, Any]:
    """A task of one item, as the API would show it."""
    finished = state == "completed"
    audio = {
        "url": f"/tasks/{TASK_ID}/items/0/audio",
        "format": "wav",
        "duration_seconds": 1.0,
        "bytes": len(AUDIO),
        "sample_rate": 22050,
        "sha256": hashlib.sha256(AUDIO).hexdigest(),
    }
    item = {
        "index": 0,
        "state": state,
        "text": "Nothing is lost.",
        "voice": "espeak-en-us",
        "speed": 1.0,
        "volume": 1.0,
        "format": "wav",
        "audio": audio if finished else None,
        "error": None,
    }
    return {
        "task_id": TASK_ID,
        "state": state,
        "priority": "normal",
        "attempts": 1,
        "created_at": "2026-11-22T12:00:00.000Z",
        "updated_at": "2026-11-22T12:00:00.000Z",
        "started_at": None,
        "finished_at": None,
        "progress": {"segments_done": 1, "segments_total": 2, "audio_seconds": 1.0, "eta_seconds": 1.0},
        "item_count": 1,
        "items": [item],
        "book": None,
        "error": None,
        **changed,
    }


@dataclass
class Answer:
    status: int = 200
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class FakeService:
    """Gives each request the next of its prepared answers; the last one stays."""

    url: str
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    asked: list[tuple[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    """What each request showed as its key."""
    headers: list[Mapping[str, str]] = field(default_factory=list)

    def prepare(self, request: str, *answers: Answer) -> None:
        """What `request`, such as `GET /tasks`, is answered with."""
        self.answers[request] = list(answers)

    def answer(self, request: str, body: bytes) -> Answer:
        self.asked.append((request, json.loads(body) if body else None))
        prepared = self.answers.get(request.partition("?")[0], [Answer(404, {"detail": "There is nothing here."})])
        return prepared.pop(0) if len(prepared) > 1 else prepared[0]


@contextmanager
def fake_service() -> Iterator[FakeService]:
    """A service that listens on this machine and has one completed task."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            fake.keys.append(self.headers.get("Authorization"))
            length = int(self.headers.get("Content-Length", 0))
            fake.headers.append(dict(self.headers))
            answer = fake.answer(f"{self.command} {self.path}", self.rfile.read(length))
            content = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(content)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815  # the library's own names

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake = FakeService(f"http://127.0.0.1:{server.server_port}")
    fake.prepare("GET /healthz", Answer(body={"status": "ok", "reasons": []}))
    fake.prepare("POST /api/tts", Answer(202, task_document("pending"), {"Retry-After": "1"}))
    fake.prepare(f"GET /tasks/{TASK_ID}", Answer(body=task_document(), headers={"ETag": 'W/"1"'}))
    fake.prepare(f"GET /tasks/{TASK_ID}/audio", Answer(body=AUDIO))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield fake
    server.shutdown()
    thread.join()
    server.server_close()
