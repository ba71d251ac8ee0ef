"""What a voice sounds like: asked of the API, spoken by a worker with a fake engine."""

import asyncio
import hashlib
import io
import os
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from actors.speech import FakeEngine
from app.audio import folder
from app.domain.errors import EngineFailed, VoiceUnavailable
from app.domain.kokoro_voices import KOKORO_LANGUAGES
from app.domain.sample_texts import ANYWHERE, sample_text
from app.domain.voices import CATALOGUE, VoiceMix
from app.services.voice_samples import sample_key
from app.settings import Settings
from tests.support.api import Api, accept_problem, running_api
from tests.support.processes import until
from tests.unit.actors.conftest import Workshop, failing, logs_as_they_were  # noqa: F401  # a fixture
from tests.unit.api.test_speech_requests import give_kokoro

SAMPLE = "/tts/voices/espeak-en-us/sample"

pytestmark = pytest.mark.usefixtures("logs_as_they_were")


@pytest.fixture
def workshop(settings: Settings) -> Iterator[Workshop]:
    """A worker that shares the API's folder; a test starts it with `work`."""
    workshop = Workshop(settings.model_copy(update={"log_level": "error"}), FakeEngine())
    yield workshop
    workshop.stop()
    workshop.broker.close()
    workshop.bench.database.close()


def seconds_of(mp3: bytes) -> float:
    with av.open(io.BytesIO(mp3)) as sound:
        return sum(frame.samples / frame.sample_rate for frame in sound.decode(audio=0))


async def test_a_sample_is_spoken_by_a_worker_and_kept(api: Api, workshop: Workshop) -> None:
    workshop.work()

    first = await api.client.get(SAMPLE)
    again = await api.client.get(SAMPLE)

    assert first.status_code == again.status_code == 200
    assert first.headers["content-type"] == "audio/mpeg"
    assert first.headers["etag"] == f'"{hashlib.sha256(first.content).hexdigest()}"'
    assert first.content == again.content
    assert [call.text for call in workshop.engine.calls] == [sample_text("en-us")]
    assert seconds_of(first.content) == pytest.approx(len(sample_text("en-us")) * 0.05, abs=0.1)


async def test_a_sample_outlives_the_service_and_its_workers(settings: Settings, workshop: Workshop) -> None:
    workshop.work()
    async with running_api(settings) as api:
        first = await api.client.get(SAMPLE)
    workshop.stop()

    async with running_api(settings) as api:
        assert (await api.client.get(SAMPLE)).content == first.content


async def test_parts_of_a_sample_are_given_and_what_the_client_has_is_not(api: Api, workshop: Workshop) -> None:
    workshop.work()
    whole = await api.client.get(SAMPLE)
    etag, size = whole.headers["etag"], len(whole.content)

    part = await api.client.get(SAMPLE, headers={"Range": "bytes=10-19"})
    stale = await api.client.get(SAMPLE, headers={"Range": "bytes=10-19", "If-Range": '"other"'})
    known = await api.client.get(SAMPLE, headers={"If-None-Match": etag})
    head = await api.client.head(SAMPLE)
    beyond = await api.client.get(SAMPLE, headers={"Range": f"bytes={size}-"})

    assert (part.status_code, part.content) == (206, whole.content[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{size}"
    assert (stale.status_code, stale.content) == (200, whole.content)
    assert (known.status_code, known.content) == (304, b"")
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(size))
    accept_problem(beyond, 416, "range-not-satisfiable")


async def test_a_mix_has_a_sample_of_its_own_and_another_model_another(
    settings: Settings, api: Api, workshop: Workshop
) -> None:
    give_kokoro(settings)
    workshop.work()
    mix = "/tts/voices/af_sky:1+af_bella:2/sample"
    assert (await api.client.get(mix)).headers["content-disposition"] == 'inline; filename="af_bella-2-af_sky-1.mp3"'
    assert (await api.client.get("/tts/voices/af_bella:2+af_sky:1/sample")).status_code == 200
    assert [str(call.voice) for call in workshop.engine.calls] == ["af_bella:2+af_sky:1"]

    key = sample_key(VoiceMix.parse("af_sky"), settings.model_dir)
    model: Path = settings.model_dir / "kokoro" / "onnx" / "model.onnx"
    os.utime(model, (1, 1))

    assert sample_key(VoiceMix.parse("af_sky"), settings.model_dir) != key


async def test_everybody_who_asks_for_a_sample_at_once_waits_for_one(api: Api, workshop: Workshop) -> None:
    workshop.engine.delay_seconds = 0.3
    workshop.work()

    answers = await asyncio.gather(*(api.client.get(SAMPLE) for _ in range(12)))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert len(workshop.engine.calls) == 1


async def test_a_sample_too_many_is_refused_at_once(settings: Settings, workshop: Workshop) -> None:
    few = settings.model_copy(update={"max_concurrent_voice_samples": 2})
    async with running_api(few) as api:
        waiting = [asyncio.create_task(api.client.get(f"/tts/voices/espeak-{each}/sample")) for each in ("de", "fi")]
        samples = api.container.samples()
        await asyncio.to_thread(until, lambda: len(samples._waited_for) == 2)

        problem = accept_problem(await api.client.get(SAMPLE), 503, "workers-busy")
        assert "MAX_CONCURRENT_VOICE_SAMPLES" in problem["detail"]
        workshop.work()
        assert [answer.status_code for answer in await asyncio.gather(*waiting)] == [200, 200]
        assert (await api.client.get(SAMPLE)).status_code == 200


async def test_without_a_worker_the_wait_ends_and_says_when_to_come_back(api: Api, workshop: Workshop) -> None:
    samples = api.container.samples()
    samples._wait_seconds = 0.2

    answer = await api.client.get(SAMPLE)

    accept_problem(answer, 503, "workers-busy")
    assert int(answer.headers["retry-after"]) >= 1
    workshop.work()  # what nobody waits for any more is not spoken
    samples._wait_seconds = 30.0
    assert (await api.client.get(SAMPLE)).status_code == 200
    assert len(workshop.engine.calls) == 1
    assert workshop.broker.inspect.dead_letters() == []


async def test_a_service_that_stops_ends_the_wait(api: Api) -> None:
    asking = asyncio.create_task(api.client.get(SAMPLE))
    await asyncio.to_thread(until, lambda: api.container.samples()._waited_for)

    api.container.questions().close()

    assert "stopping" in accept_problem(await asking, 503, "workers-busy")["detail"]


async def test_an_engine_that_fails_is_told_and_asked_again_the_next_time(api: Api, workshop: Workshop) -> None:
    failing(workshop, "Hello", EngineFailed("The engine broke down."))
    workshop.work()

    problem = accept_problem(await api.client.get(SAMPLE), 503, "worker-failed")

    assert (problem["detail"], problem["error"]) == ("The engine broke down.", "engine-failed")
    assert (await api.client.get(SAMPLE)).status_code == 200
    assert workshop.broker.inspect.dead_letters() == []


async def test_what_the_worker_does_not_have_is_a_problem_of_the_voice(api: Api, workshop: Workshop) -> None:
    failing(workshop, "Hello", VoiceUnavailable("The worker has no such voice."))
    workshop.work()

    problem = accept_problem(await api.client.get(SAMPLE), 422, "voice-unavailable")

    assert problem["detail"] == "The worker has no such voice."


async def test_a_voice_that_cannot_speak_here_is_refused_with_the_reason(api: Api) -> None:
    problem = accept_problem(await api.client.get("/tts/voices/af_heart/sample"), 422, "voice-unavailable")
    assert "sayathing models pull" in problem["detail"]
    accept_problem(await api.client.get("/tts/voices/nobody/sample"), 404, "voice-not-found")


def test_the_oldest_samples_go_where_there_are_too_many(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "MOST_SAMPLES", 3)
    store = workshop.bench.audio
    for number in range(5):
        with store.writing_sample(f"key{number}") as draft:
            draft.write_bytes(b"x")
            os.utime(draft, (number, number))

    assert [store.read_sample(f"key{number}") for number in range(5)] == [None, None, b"x", b"x", b"x"]


def test_every_voice_has_a_text_and_the_nine_languages_of_kokoro_a_sentence() -> None:
    assert all(sample_text(voice.language) for voice in CATALOGUE.values())
    sentences = {sample_text(language) for language in KOKORO_LANGUAGES.values()}
    assert len(sentences) == len(KOKORO_LANGUAGES)
    assert ANYWHERE not in sentences
    assert sample_text("es-419") == sample_text("es")
    assert sample_text("xx-yy") == ANYWHERE
