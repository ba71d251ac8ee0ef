import logging
from collections.abc import Iterator

import pytest
import structlog
from dependency_injector import providers
from dramatiq import Worker

from actors.container import build_container, declare_worker
from actors.speech import Engines, FakeEngine
from app.domain.errors import SpeechError
from app.domain.ids import TaskId
from app.domain.states import FINISHED
from app.domain.tasks import ItemRequest, SpeechRequest, Task
from app.results import migrate
from app.services.request_speech import request_speech
from app.settings import Settings
from tests.support.processes import until


class Workshop:
    """A worker in this process, with a fake engine and everything else real."""

    def __init__(self, settings: Settings, engine: FakeEngine) -> None:
        self.engine = engine
        self.container = build_container(settings)
        self.container.engines.override(
            providers.Singleton(Engines, {"espeak": lambda: engine, "kokoro": lambda: engine})
        )
        self.broker = declare_worker(self.container)
        self.bench = self.container.workbench()
        self.worker: Worker | None = None
        migrate(self.bench.database)
        self.broker.setup()

    def request(self, *items: ItemRequest) -> TaskId:
        with self.bench.database.write() as store:
            task = request_speech(store, SpeechRequest(items), publisher=self.bench.publisher, clock=self.bench.clock)
        return task.id

    def say(self, *texts: str, **fields: object) -> TaskId:
        return self.request(*(ItemRequest(text, "espeak-en-us", **fields) for text in texts))  # type: ignore[arg-type]

    def work(self, threads: int = 2) -> None:
        self.worker = Worker(self.broker, worker_timeout=50, worker_threads=threads)
        self.worker.start()

    def stop(self) -> None:
        if self.worker is not None:
            self.worker.stop()
            self.worker = None

    def task(self, task_id: TaskId) -> Task:
        with self.bench.database.read() as store:
            task = store.task(task_id)
        assert task is not None
        return task

    def moves(self, task_id: TaskId) -> list[str]:
        with self.bench.database.read() as store:
            return [str(move.to_state) for move in store.transitions(task_id)]

    def finished(self, task_id: TaskId) -> Task:
        until(lambda: self.task(task_id).state in FINISHED, every=0.01)
        return self.task(task_id)

    def live_messages(self) -> int:
        return sum(depth.ready + depth.scheduled + depth.claimed for depth in self.broker.inspect.queues())


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def logs_as_they_were() -> Iterator[None]:
    """A worker's boot sets up the logs of its whole process, and here that is the tests'."""
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def workshop(settings: Settings, engine: FakeEngine, logs_as_they_were: None) -> Iterator[Workshop]:
    quick = settings.model_copy(
        update={
            "retry_min_seconds": 0.01,
            "retry_max_seconds": 0.05,
            "max_attempts": 3,
            "tts_generation_timeout": 60.0,  # a machine that is busy with other tests is slow
            "log_level": "error",
        }
    )
    workshop = Workshop(quick, engine)
    yield workshop
    workshop.stop()
    workshop.broker.close()
    workshop.bench.database.close()


def failing(workshop: Workshop, text: str, *errors: SpeechError) -> None:
    """Have the engine fail on texts that contain `text`: once for each error, then succeed."""
    workshop.engine._failures[text] = list(errors)
