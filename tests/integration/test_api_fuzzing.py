"""Schemathesis against the real application: what the OpenAPI document says is so, and nothing gives a 5xx."""

import base64
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np  # noqa: F401  # Hypothesis looks for it, and must not meet it half loaded by the application
import pytest
import schemathesis
from dependency_injector import providers
from schemathesis.config import GenerationConfig, ProjectConfig, ProjectsConfig

from app.api.examples import EXAMPLE_TASK_ID
from app.audio import FolderAudioStore
from app.container import WebContainer
from app.domain.ids import TaskId
from app.domain.lexicons import Lexicon
from app.domain.phonemes import PhonemePreview
from app.domain.tasks import ItemRequest, SpeechRequest
from app.main import create_app
from app.publishing import PREVIEW_PHONEMES
from app.results import AsyncDatabase, add_lexicon, migrate
from app.services.follow_changes import ChangeFeed
from app.settings import Settings
from tests.support.api import NOW, Hands
from tests.support.processes import Child
from tests.unit.api.test_speech_requests import give_kokoro

FOLDER = Path(tempfile.gettempdir()) / f"sayathing-fuzzing-{os.getpid()}"
SETTINGS = Settings.load(
    _env_file=None,
    data_dir=FOLDER,
    model_dir=FOLDER / "models",
    durability="normal",
    allow_no_keys=True,
    webhook_secret="whsec_" + base64.b64encode(bytes(32)).decode(),
)
FINISHED = TaskId(EXAMPLE_TASK_ID)
"""The id that the document gives as an example, so that examples meet a task."""

SPEAKING = ["af_heart", "bm_george"]
"""Voices that take every lexicon."""


class EndedFeed(ChangeFeed):
    """Streams over it end with what is in the log, so that a test of one ends too."""

    def __init__(self, database: AsyncDatabase) -> None:
        super().__init__(database)
        self._closed = True


LEXICON = "kept"


class AnsweringQuestions:
    """A worker that answers at once."""

    async def ask(self, actor_name: str, question: Mapping[str, Any], *, seconds: float) -> Mapping[str, Any]:
        if actor_name == PREVIEW_PHONEMES:
            return PhonemePreview(question["text"], question["text"], (), ()).to_json()
        with FolderAudioStore(SETTINGS.audio_dir).writing_sample(question["key"]) as draft:
            draft.write_bytes(b"ID3" * 100)
        return {}

    def close(self) -> None:
        """Waits for nobody."""


def only_lexicons_that_are_there(document: dict) -> None:
    """Nor is it in the document which lexicons there are, and which ETag each has."""
    for name in ("OneTextBody", "SeveralTextsBody", "ItemBody", "PreviewBody"):
        fields = document["components"]["schemas"][name]["properties"]
        _, inline = fields["lexicon"]["anyOf"]
        fields["lexicon"] = {"anyOf": [{"enum": [LEXICON]}, inline]}
    for method in ("put", "delete"):
        operation = document["paths"]["/tts/lexicons/{name}"][method]
        operation["parameters"] = [each for each in operation["parameters"] if each["in"] != "header"]


def only_voices_that_speak_here(document: dict) -> None:
    """Which voices a machine has is not in the document; a voice that it has not is refused, and that is tested
    elsewhere."""
    for name in ("OneTextBody", "SeveralTextsBody", "ItemBody", "PreviewBody"):
        document["components"]["schemas"][name]["properties"]["voice"]["enum"] = SPEAKING
    document["components"]["schemas"]["WebhookBody"]["properties"]["url"]["enum"] = ["https://example.org/hooks"]
    filter_voice = document["components"]["schemas"]["FilterBody"]["properties"]["voice"]
    filter_voice["anyOf"] = [{"type": "string", "enum": SPEAKING}, {"type": "null"}]
    speech = document["components"]["schemas"]["OpenAISpeechBody"]["properties"]
    speech["voice"] = {"enum": ["espeak-de", {"id": "espeak-de"}]}
    speech["model"]["enum"] = ["tts-1", "espeak"]
    for method in ("get", "head"):
        for parameter in document["paths"]["/tts/voices/{voice_id}/sample"][method]["parameters"]:
            parameter["examples"] = {"voice": {"value": SPEAKING[0]}}
    for parameter in document["paths"]["/tasks"]["get"]["parameters"]:
        if parameter["name"] == "voice":
            parameter["schema"] = {"type": "string", "enum": SPEAKING}


def no_books(document: dict) -> None:
    """A book's titles must be as many as its items, and its items `m4b`: a schema cannot say that. Tested elsewhere."""
    for name in ("OneTextBody", "SeveralTextsBody"):
        del document["components"]["schemas"][name]["properties"]["book"]
    examples = document["paths"]["/api/tts"]["post"]["requestBody"]["content"]["application/json"]["examples"]
    for name in [name for name, example in examples.items() if "book" in example["value"]]:
        del examples[name]


def give_its_own_key(case: schemathesis.Case) -> None:
    """A key that came before with another body is refused, and that is tested elsewhere."""
    key = (case.headers or {}).get("Idempotency-Key")
    if isinstance(key, str) and re.fullmatch("[!#-~][!-~]{0,240}", key):
        case.headers["Idempotency-Key"] = f"{key}-{next(numbers)}"


def give_something_to_say(case: schemathesis.Case) -> None:
    """A text in which the voice finds nothing to say is refused once a worker has tried, and that is tested elsewhere."""
    text = case.body.get("input") if isinstance(case.body, dict) else None
    if isinstance(text, str) and text.strip():
        case.body["input"] = f"{text[:-2] if len(text) > 4 else text} a"


numbers = count()


def build_schema() -> schemathesis.BaseSchema:
    """The application and its document; nothing is opened before the first request."""
    container = WebContainer()
    container.changes.override(providers.Singleton(EndedFeed, container.database))
    container.questions.override(providers.Object(AnsweringQuestions()))
    app = create_app(SETTINGS, container)
    document = app.openapi()
    only_voices_that_speak_here(document)
    no_books(document)
    only_lexicons_that_are_there(document)
    generation = GenerationConfig(deterministic=True, allow_x00=False, database="none")
    projects = ProjectsConfig(default=ProjectConfig(generation=generation))
    schema = schemathesis.openapi.from_dict(document, config=schemathesis.Config(seed=1, projects=projects))
    schema.app = app
    return schema


schema = build_schema()
# By the document's own links alone: whatever else is found in an answer depends on what was asked before.
schema.config.phases.stateful.inference.algorithms = []
walked = schema.include(path_regex=r"^/(api/tts|tasks/\{task_id\})")


@pytest.fixture(scope="module", autouse=True)
def store() -> Iterator[Hands]:
    give_kokoro(SETTINGS)
    hands = Hands(SETTINGS)
    migrate(hands.database)
    with hands.database.write() as results:
        add_lexicon(results, LEXICON, Lexicon.parse({"Nguyen": "win"}), now=NOW)
    yield hands
    hands.database.close()
    shutil.rmtree(FOLDER)


@pytest.fixture(autouse=True)
def a_finished_task(store: Hands) -> None:
    """Anew for each operation: the one before may have deleted it."""
    with store.database.write() as rows:
        if rows.task(FINISHED) is not None:
            return
        texts = (ItemRequest("Nothing is lost.", "espeak-en-us"),)
        rows.add_task(FINISHED, SpeechRequest(texts, webhook_url="https://example.org/"), now=NOW)
    store.finish(FINISHED)


@pytest.fixture(scope="module", autouse=True)
def a_worker(store: Hands) -> Iterator[None]:
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
    give_its_own_key(case)
    give_something_to_say(case)
    case.call_and_validate()


class Walk(walked.as_state_machine()):  # type: ignore[misc]  # made from the document
    """From an accepted task to what can be done with it, and on: what was deleted is gone, what was accepted is there."""

    def before_call(self, case: schemathesis.Case) -> None:
        give_its_own_key(case)
        give_something_to_say(case)


TestWalks = Walk.TestCase
TestWalks.settings = hypothesis.settings(
    max_examples=20,
    stateful_step_count=8,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)
