"""The web application in this process, over a real results store, a real broker file and a real audio folder."""

import hashlib
import io
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from fastapi import FastAPI

from app.audio import FolderAudioStore
from app.container import WebContainer
from app.domain.errors import EngineFailed
from app.domain.ids import TaskId
from app.domain.tasks import AudioFormat, FinishedAudio, SegmentKind
from app.main import create_app
from app.results import Database, PlannedSegment
from app.settings import Settings

NOW = 1_795_348_800_000
WORKER = "test"

CAPTIONS = (
    b'{"words": [{"start": 0.0, "end": 0.2, "start_char": 0, "end_char": 7, "text": "Nothing"},\n'
    b'{"start": 0.2, "end": 0.3, "start_char": 8, "end_char": 10, "text": "is"},\n'
    b'{"start": 0.3, "end": 0.5, "start_char": 11, "end_char": 15, "text": "lost"}]}\n'
)
"""The words of the text that `Api.say` asks for."""


def wav_bytes(seconds: float = 0.5, sample_rate: int = 8000) -> bytes:
    """A WAV file whose bytes differ from one another, so that a wrong range is seen."""
    frames = int(seconds * sample_rate)
    content = io.BytesIO()
    with wave.open(content, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(sample_rate)
        sound.writeframes(b"".join((n % 30000).to_bytes(2, "little") for n in range(frames)))
    return content.getvalue()


class Hands:
    """What a worker does to tasks, step by step."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.database = Database(settings.results_url)
        self.audio_store = FolderAudioStore(settings.audio_dir)

    def begin(self, task_id: str) -> None:
        with self.database.write() as store:
            assert store.begin(TaskId(task_id), 1, worker=WORKER, now=NOW)

    def plan(self, task_id: str, item: int = 0) -> None:
        """One segment for the whole text."""
        with self.database.write() as store:
            task = store.task(TaskId(task_id))
            assert task is not None
            text = task.items[item].text
            planned = [PlannedSegment(0, len(text), SegmentKind.SPEECH, text)]
            assert store.save_plan(task.id, item, planned, place=0)

    def render(self, task_id: str, item: int = 0) -> None:
        with self.database.write() as store:
            take = store.segment_rendered(TaskId(task_id), 1, item, 0, key="ab" * 32, audio_seconds=0.5, now=NOW)
            assert take is not None

    def assemble(
        self, task_id: str, item: int = 0, content: bytes | None = None, captions: bytes | None = CAPTIONS
    ) -> bytes:
        """Put a finished file and its captions in their places; the file's content."""
        content = wav_bytes() if content is None else content
        if captions:
            with self.audio_store.writing_captions(TaskId(task_id), item) as draft:
                draft.write_bytes(captions)
        with self.audio_store.writing_finished(TaskId(task_id), item, AudioFormat.WAV) as draft:
            draft.write_bytes(content)
        audio = FinishedAudio(AudioFormat.WAV, 0.5, len(content), 8000, hashlib.sha256(content).hexdigest())
        with self.database.write() as store:
            told = {"captions_sha256": hashlib.sha256(captions).hexdigest()} if captions else {}
            assert store.item_assembled(TaskId(task_id), 1, item, audio, [], worker=WORKER, now=NOW, **told)
        return content

    def finish(self, task_id: str, items: int = 1) -> bytes:
        self.begin(task_id)
        content = b""
        for item in range(items):
            self.plan(task_id, item)
            self.render(task_id, item)
            content = self.assemble(task_id, item)
        return content

    def fail(self, task_id: str, *, final: bool) -> None:
        with self.database.write() as store:
            error = EngineFailed("The engine broke down.")
            store.attempt_failed(TaskId(task_id), 1, error, item=0, segment=0, final=final, worker=WORKER, now=NOW)


class Api(Hands):
    """The application, a client of it, and the hands of a worker."""

    def __init__(self, app: FastAPI, container: WebContainer, client: httpx.AsyncClient, settings: Settings) -> None:
        super().__init__(settings)
        self.app = app
        self.container = container
        self.client = client

    async def say(self, text: str = "Nothing is lost.", **fields: Any) -> dict[str, Any]:
        return await self.post_speech({"text": text, **fields})

    async def post_speech(self, body: object) -> dict[str, Any]:
        answer = await self.client.post("/api/tts", json=body)
        assert answer.status_code == 202, answer.text
        task: dict[str, Any] = answer.json()
        return task


def accept_problem(answer: httpx.Response, status: int, kind: str) -> dict[str, Any]:
    """The problem of an answer, which is complete and of this kind."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["type"] == f"/problems/{kind}"
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"].endswith("."), problem["detail"]
    return problem


@asynccontextmanager
async def running_api(settings: Settings, container: WebContainer | None = None) -> AsyncIterator[Api]:
    """The application, started, and stopped when the block ends."""
    parts = container or WebContainer()
    app = create_app(settings, parts)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
            api = Api(app, parts, client, settings)
            yield api
            api.database.close()
