"""How a text would be said: asked of the API, told by a worker."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest
from dependency_injector import providers

from actors.speech import FakeEngine
from app.asking import AnsweredWithError
from app.domain.phonemes import PhonemePreview, Rung, WordPreview
from app.publishing import PREVIEW_PHONEMES
from app.settings import Settings
from tests.support.api import Api, accept_problem
from tests.support.processes import until
from tests.unit.actors.conftest import Workshop, logs_as_they_were  # noqa: F401  # a fixture

PREVIEW = PhonemePreview("ˈæsk wˈɪn.", "Ask Nguyen.", (WordPreview(4, 10, "Nguyen", "wˈɪn", Rung.GIVEN),), ("Ask",))


class Worker:
    """Answers with the same preview, or raises; keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Mapping[str, Any]] = []
        self.error: Exception | None = None
        self.held: asyncio.Event | None = None

    async def ask(self, actor_name: str, question: Mapping[str, Any], *, seconds: float) -> Mapping[str, Any]:
        assert actor_name == PREVIEW_PHONEMES
        self.asked.append(question)
        if self.held is not None:
            await self.held.wait()
        if self.error is not None:
            raise self.error
        return PREVIEW.to_json()

    def close(self) -> None:
        """Waits for nobody."""


@pytest.fixture
def worker(api: Api) -> Worker:
    worker = Worker()
    api.container.questions.override(providers.Object(worker))
    return worker


@pytest.fixture
def workshop(settings: Settings, logs_as_they_were: None) -> Iterator[Workshop]:  # noqa: F811  # the fixture above
    workshop = Workshop(settings.model_copy(update={"log_level": "error"}), FakeEngine())
    yield workshop
    workshop.stop()
    workshop.broker.close()
    workshop.bench.database.close()


async def ask(api: Api, **body: object) -> httpx.Response:
    return await api.client.post("/tts/phonemes", json=body)


async def test_a_worker_tells_how_each_word_is_said_and_which_are_unknown(api: Api, workshop: Workshop) -> None:
    await api.client.put("/tts/lexicons/names", json={"Nguyen": "/wˈɪn/"})
    workshop.work()

    answer = await ask(api, text="  Ask Nguyen, xyzzyq!", lexicon="names", voice="bf_emma")

    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["voice"], told["language"], told["text"]) == ("bf_emma", "en-gb", "Ask Nguyen, xyzzyq!")
    assert [(each["text"], each["source"]) for each in told["words"]] == [
        ("Ask", "dictionary"),
        ("Nguyen", "given"),
        ("xyzzyq", "espeak"),
    ]
    assert all(told["text"][each["start_char"] : each["end_char"]] == each["text"] for each in told["words"])
    assert told["words"][1]["phonemes"] == "wˈɪn"
    assert "wˈɪn" in told["phonemes"]
    assert told["unknown"] == ["xyzzyq"]
    assert workshop.live_messages() <= 1, "housekeeping's next round, and no question"
    assert (await ask(api, text="Bonjour.", voice="ff_siwis")).json()["unknown"] == []


async def test_only_the_words_of_the_text_are_sent_to_the_worker(api: Api, worker: Worker) -> None:
    answer = await ask(api, text="Ask Nguyen.", lexicon={"Nguyen": "win", "SQL": "sequel"})

    assert worker.asked == [{"text": "Ask Nguyen.", "voice": "af_heart", "pronunciations": (("Nguyen", "win"),)}]
    assert answer.json() == {
        "voice": "af_heart",
        "language": "en-us",
        "text": "Ask Nguyen.",
        "spoken": "Ask Nguyen.",
        "phonemes": "ˈæsk wˈɪn.",
        "words": [{"text": "Nguyen", "start_char": 4, "end_char": 10, "phonemes": "wˈɪn", "source": "given"}],
        "unknown": ["Ask"],
    }


@pytest.mark.parametrize(
    ("body", "kind", "pointer"),
    [
        ({}, "invalid-input", "/text"),
        ({"text": " "}, "invalid-input", "/text"),
        ({"text": "x" * 5001}, "invalid-input", "/text"),
        ({"text": "a", "speed": 1}, "invalid-input", "/speed"),
        ({"text": "a [b](/§/)"}, "invalid-input", "/text"),
        ({"text": "a", "voice": "nobody"}, "unknown-voice", "/voice"),
        ({"text": "a", "voice": "espeak-en-us"}, "phonemes-unsupported", "/voice"),
        ({"text": "a", "voice": "espeak-de"}, "phonemes-unsupported", "/voice"),
        ({"text": "a", "lexicon": "names"}, "unknown-lexicon", "/lexicon"),
        ({"text": "a", "lexicon": {"a": ""}}, "invalid-input", "/lexicon/a"),
        ([], "invalid-input", ""),
    ],
)
async def test_what_cannot_be_shown_is_refused(
    api: Api, worker: Worker, body: dict[str, Any], kind: str, pointer: str
) -> None:
    problem = accept_problem(await api.client.post("/tts/phonemes", json=body), 422, kind)

    assert problem["errors"][0]["pointer"] == pointer
    assert worker.asked == []


async def test_for_an_espeak_voice_a_kokoro_voice_of_its_language_is_named(api: Api) -> None:
    problem = accept_problem(await ask(api, text="a", voice="espeak-fr-fr"), 422, "phonemes-unsupported")
    assert "ff_siwis" in problem["detail"]


@pytest.mark.parametrize(
    ("permanent", "status", "kind"), [(True, 422, "voice-unavailable"), (False, 503, "worker-failed")]
)
async def test_why_a_worker_cannot_tell_is_told(
    api: Api, worker: Worker, permanent: bool, status: int, kind: str
) -> None:
    worker.error = AnsweredWithError("engine-missing", "A library is missing.", permanent=permanent)

    answer = await ask(api, text="a")

    assert accept_problem(answer, status, kind)["detail"] == "A library is missing."
    assert ("retry-after" in answer.headers) == (status == 503)


async def test_a_preview_too_many_is_refused_at_once(api: Api, worker: Worker) -> None:
    worker.held = asyncio.Event()
    waiting = [asyncio.create_task(ask(api, text="a")) for _ in range(10)]
    await asyncio.to_thread(until, lambda: len(worker.asked) == 10)

    answer = await ask(api, text="a")

    accept_problem(answer, 503, "workers-busy")
    assert answer.headers["retry-after"]
    worker.held.set()
    assert {each.status_code for each in await asyncio.gather(*waiting)} == {200}
    assert (await ask(api, text="a")).status_code == 200


async def test_without_a_worker_the_wait_ends(api: Api) -> None:
    api.container.previews()._wait_seconds = 0.2

    accept_problem(await ask(api, text="a"), 503, "workers-busy")
