"""Schemathesis against the real application: what the OpenAPI document says is so, and nothing gives a 5xx."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import schemathesis
from dependency_injector import providers
from schemathesis.config import GenerationConfig, ProjectConfig, ProjectsConfig

from app.api.examples import EXAMPLE_TASK_ID
from app.container import WebContainer
from app.domain.ids import TaskId
from app.domain.tasks import ItemRequest, SpeechRequest
from app.main import create_app
from app.results import AsyncDatabase, migrate
from app.services.follow_changes import ChangeFeed
from app.settings import Settings
from tests.support.api import NOW, Hands
from tests.support.processes import Child

FOLDER = Path(tempfile.gettempdir()) / f"sayathing-fuzzing-{os.getpid()}"
SETTINGS = Settings.load(_env_file=None, data_dir=FOLDER, durability="normal")
FINISHED = TaskId(EXAMPLE_TASK_ID)
"""The id that the document gives as an example, so that examples meet a task."""

SPEAKING = ["espeak-en-us", "espeak-de"]


class EndedFeed(ChangeFeed):
    """Streams over it end with what is in the log, so that a test of one ends too."""

    def __init__(self, database: AsyncDatabase) -> None:
        super().__init__(database)
        self._closed = True


def only_voices_that_speak_here(document: dict) -> None:
    """Which voices a machine has is not in the document; a voice that it has not is refused, and that is tested
    elsewhere."""
    for name in ("OneTextBody", "SeveralTextsBody", "ItemBody"):
        document["components"]["schemas"][name]["properties"]["voice"]["enum"] = SPEAKING
    speech = document["components"]["schemas"]["OpenAISpeechBody"]["properties"]
    speech["voice"]["enum"] = ["alloy", {"id": "espeak-de"}]
    speech["model"]["enum"] = ["tts-1", "espeak"]
    for parameter in document["paths"]["/tasks"]["get"]["parameters"]:
        if parameter["name"] == "voice":
            parameter["schema"] = {"type": "string", "enum": SPEAKING}


def build_schema() -> schemathesis.BaseSchema:
    """The application and its document; nothing is opened before the first request."""
    container = WebContainer()
    container.changes.override(providers.Singleton(EndedFeed, container.database))
    app = create_app(SETTINGS, container)
    document = app.openapi()
    only_voices_that_speak_here(document)
    generation = GenerationConfig(deterministic=True, allow_x00=False, database="none")
    projects = ProjectsConfig(default=ProjectConfig(generation=generation))
    schema = schemathesis.openapi.from_dict(document, config=schemathesis.Config(seed=1, projects=projects))
    schema.app = app
    return schema


schema = build_schema()


@pytest.fixture(scope="module", autouse=True)
def a_finished_task() -> Iterator[None]:
    hands = Hands(SETTINGS)
    migrate(hands.database)
    with hands.database.write() as store:
        store.add_task(FINISHED, SpeechRequest((ItemRequest("Nothing is lost.", "espeak-en-us"),)), now=NOW)
    hands.finish(FINISHED)
    hands.database.close()
    yield
    shutil.rmtree(FOLDER)


@pytest.fixture(scope="module", autouse=True)
def a_worker(a_finished_task: None) -> Iterator[None]:
    """An answer that streams needs somebody who speaks."""
    environment = {
        "SAYATHING_DATA_DIR": str(FOLDER),
        "SAYATHING_DURABILITY": "normal",
        "SAYATHING_RETRY_MIN_SECONDS": "0.01",
        "SAYATHING_RETRY_MAX_SECONDS": "0.02",
    }
    command = [sys.executable, "-m", "dramatiq", "actors", "--processes", "1", "--threads", "2"]
    worker = Child(command, environment, FOLDER / "worker.log")
    worker.start()
    yield
    worker.kill()


@schema.parametrize()
@hypothesis.settings(
    max_examples=25,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)
def test_every_answer_is_as_documented_and_none_is_a_server_error(case: schemathesis.Case) -> None:
    case.call_and_validate()
