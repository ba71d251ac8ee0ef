"""OpenAI's official Python client, as it comes from the registry, against the service as it runs."""

import base64
import json
import threading
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import av
import httpx
import numpy as np
import openai
import pytest

from app.domain.openai_names import MODELS, VOICE_ALIASES
from tests.support.processes import Service, running_service, until

pytestmark = pytest.mark.integration

TEXT = "Nothing is lost. Every word is there, from the first to the very last of them."
LONG = " ".join(f"This is sentence number {n} of a text that goes on for a while." for n in range(60))
FORMATS = {"mp3": "mp3", "opus": "opus", "aac": "aac", "flac": "flac", "wav": "pcm_s16le", "m4b": "aac"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running_service(tmp_path_factory.mktemp("openai"), SAYATHING_DURABILITY="normal") as running:
        yield running


@pytest.fixture(scope="module")
def client(service: Service) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{service.url}/v1", api_key="none", max_retries=0, timeout=60) as client:
        yield client


def speak(client: openai.OpenAI, **fields: Any) -> bytes:
    wanted = {"model": "tts-1", "voice": "alloy", "input": TEXT, **fields}
    return client.audio.speech.create(**wanted).content


def samples_of(content: bytes, format: str | None = None) -> tuple[np.ndarray, int]:
    with av.open(BytesIO(content), format=format) as container:
        frames = list(container.decode(audio=0))
    return np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames]), frames[0].sample_rate


@pytest.mark.parametrize("format", FORMATS)
def test_each_format_is_sound_that_players_know(client: openai.OpenAI, format: str) -> None:
    content = speak(client, response_format=format)

    with av.open(BytesIO(content)) as container:
        assert container.streams.audio[0].codec_context.name in {FORMATS[format], f"lib{format}", f"{format}float"}
    samples, rate = samples_of(content)
    assert 3 < samples.size / rate < 10
    assert np.abs(samples).max() > 0


def test_raw_samples_have_the_rate_that_clients_of_openai_expect(client: openai.OpenAI) -> None:
    answer = client.audio.speech.with_raw_response.create(
        model="tts-1", voice="alloy", input=TEXT, response_format="pcm"
    )
    wav, rate = samples_of(speak(client, response_format="wav"))

    assert answer.headers["content-type"] == "audio/pcm; rate=24000; channels=1"
    assert len(answer.content) / 2 / 24_000 == pytest.approx(wav.size / rate, abs=0.05)


def test_a_stream_is_the_sound_of_the_tasks_finished_file(service: Service, client: openai.OpenAI) -> None:
    answer = client.audio.speech.with_raw_response.create(
        model="tts-1", voice="fable", input=LONG, response_format="flac", speed=1.5
    )
    task = service.finished(answer.headers["x-task-id"])
    finished = httpx.get(f"{service.url}/tasks/{task['task_id']}/audio").content

    assert (task["state"], task["priority"]) == ("completed", "interactive")
    assert (task["items"][0]["voice"], task["items"][0]["speed"]) == ("espeak-en-gb", 1.5)
    assert answer.headers["x-voice"] == "espeak-en-gb"
    assert np.array_equal(samples_of(answer.content)[0], samples_of(finished)[0])


@pytest.mark.parametrize("format", ["mp3", "opus", "aac", "flac", "wav", "pcm"])
def test_the_first_bytes_leave_while_the_text_is_still_at_work(
    service: Service, client: openai.OpenAI, format: str
) -> None:
    book = " ".join(f"Sentence {n} of a book in {format} goes on for a while." for n in range(2000))
    with client.audio.speech.with_streaming_response.create(
        model="tts-1", voice="alloy", input=book, response_format=format
    ) as answer:
        chunks = answer.iter_bytes(1024)
        first = next(chunks)
        task = service.task(answer.headers["x-task-id"])

    assert len(first) == 1024
    assert task["state"] == "processing"
    assert task["progress"]["segments_done"] < task["progress"]["segments_total"]
    until(lambda: service.task(task["task_id"])["state"] == "cancelled", seconds=10)


def test_a_client_that_leaves_before_the_first_sound_cancels_its_task(service: Service) -> None:
    book = "Words without an end, " * 5000
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            f"{service.url}/v1/audio/speech",
            json={"model": "tts-1", "voice": "alloy", "input": book, "response_format": "m4b"},
            timeout=httpx.Timeout(10, read=0.5),
        )

    newest = httpx.get(f"{service.url}/tasks?limit=1").json()["tasks"][0]
    assert newest["items"][0]["format"] == "m4b"
    assert service.finished(newest["task_id"], seconds=10)["state"] == "cancelled"


def test_events_carry_the_sound_and_then_its_usage(client: openai.OpenAI) -> None:
    with client.audio.speech.with_streaming_response.create(
        model="gpt-4o-mini-tts", voice="alloy", input=TEXT, response_format="wav", stream_format="sse"
    ) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        events = [json.loads(line.removeprefix("data: ")) for line in answer.iter_lines() if line]

    assert {event["type"] for event in events[:-1]} == {"speech.audio.delta"}
    content = b"".join(base64.b64decode(event["audio"]) for event in events[:-1])
    assert content == speak(client, response_format="wav")
    usage = events[-1]["usage"]
    samples, rate = samples_of(content)
    assert events[-1]["type"] == "speech.audio.done"
    assert usage["input_tokens"] == len(TEXT)
    assert usage["output_tokens"] == pytest.approx(samples.size / rate * 20, abs=1)
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]


def test_models_and_voices_are_listed_and_work(service: Service, client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == list(MODELS)
    for model in set(MODELS) - {"kokoro"}:
        assert client.models.retrieve(model).id == model
        assert speak(client, model=model, input="Yes.")
    voices = {voice["id"]: voice for voice in httpx.get(f"{service.url}/v1/audio/voices").json()["voices"]}
    for alias, behind in VOICE_ALIASES.items():
        assert voices[alias]["speaks_as"] == behind.espeak
    for voice in ("verse", "espeak-de", {"id": "espeak-fr-fr"}, {"id": "marin"}):
        assert speak(client, voice=voice, input="Eins, zwei.")


@pytest.mark.parametrize(
    ("fields", "error", "param", "code"),
    [
        ({"model": "gpt-9"}, openai.NotFoundError, "model", "model_not_found"),
        ({"voice": "bob"}, openai.BadRequestError, "voice", "unknown_voice"),
        ({"voice": {"id": "voice_1234"}}, openai.BadRequestError, "voice", "unknown_voice"),
        ({"voice": "af_heart"}, openai.BadRequestError, "voice", "voice_unavailable"),
        ({"model": "kokoro"}, openai.BadRequestError, "voice", "voice_unavailable"),
        ({"model": "kokoro", "voice": "espeak-de"}, openai.BadRequestError, "voice", "invalid_input"),
        ({"model": "espeak", "voice": "af_heart"}, openai.BadRequestError, "voice", "invalid_input"),
        ({"speed": 0.25}, openai.BadRequestError, "speed", "invalid_input"),
        ({"speed": 4.0}, openai.BadRequestError, "speed", "invalid_input"),
        ({"speed": 5.0}, openai.BadRequestError, "speed", "invalid_input"),
        ({"instructions": "Whisper."}, openai.BadRequestError, "instructions", "invalid_input"),
        ({"instructions": ""}, openai.BadRequestError, "instructions", "invalid_input"),
        ({"response_format": "ogg"}, openai.BadRequestError, "response_format", "invalid_input"),
        ({"stream_format": "json"}, openai.BadRequestError, "stream_format", "invalid_input"),
        ({"input": " "}, openai.BadRequestError, "input", "invalid_input"),
        ({"input": "[word](/wɜːd/)"}, openai.BadRequestError, "input", "phonemes_unsupported"),
        ({"extra_body": {"volume": 2}}, openai.BadRequestError, "volume", "invalid_input"),
    ],
)
def test_what_cannot_be_done_is_refused_as_the_clients_own_error(
    client: openai.OpenAI, fields: dict[str, Any], error: type[openai.APIStatusError], param: str, code: str
) -> None:
    with pytest.raises(error) as refused:
        speak(client, **fields)

    assert (refused.value.param, refused.value.code) == (param, code)
    assert refused.value.type == "invalid_request_error"
    assert refused.value.request_id
    assert isinstance(refused.value.body, dict)
    assert refused.value.body["message"].endswith(".")


@pytest.mark.parametrize("events", [False, True])
def test_a_text_without_a_sound_is_an_error_and_not_an_empty_file(client: openai.OpenAI, events: bool) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        speak(client, input="...", stream_format="sse" if events else "audio")

    assert refused.value.code == "not_spoken"


def test_a_model_or_an_address_that_is_not_there_is_the_clients_own_error(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as refused:
        client.models.retrieve("gpt-9")
    assert refused.value.code == "model_not_found"
    with pytest.raises(openai.NotFoundError):
        client.audio.transcriptions.create(model="whisper-1", file=("a.wav", b"RIFF"))
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="gpt-9", messages=[])


async def test_the_asynchronous_client_streams(service: Service) -> None:
    async with (
        openai.AsyncOpenAI(base_url=f"{service.url}/v1", api_key="none", max_retries=0) as client,
        client.audio.speech.with_streaming_response.create(
            model="tts-1", voice="nova", input=LONG, response_format="wav"
        ) as answer,
    ):
        content = b"".join([chunk async for chunk in answer.iter_bytes()])

    samples, rate = samples_of(content)
    assert samples.size / rate > 60


def test_a_cancel_in_the_midst_of_a_stream_breaks_the_connection(service: Service, client: openai.OpenAI) -> None:
    """What was cut off never looks like a whole file."""
    book = " ".join(f"Sentence {n} of a book that will be cancelled." for n in range(3000))
    with (
        client.audio.speech.with_streaming_response.create(
            model="tts-1", voice="alloy", input=book, response_format="wav"
        ) as answer,
        pytest.raises((openai.APIConnectionError, httpx.HTTPError, Exception)) as broken,
    ):
        for number, _ in enumerate(answer.iter_bytes(4096)):
            if number == 0:
                httpx.post(f"{service.url}/tasks/{answer.headers['x-task-id']}/cancel").raise_for_status()

    assert "incomplete" in str(broken.value).lower()


def test_a_cancel_in_the_midst_of_events_is_an_event(service: Service, client: openai.OpenAI) -> None:
    book = " ".join(f"Sentence {n} of a book that will be cancelled, too." for n in range(3000))
    with client.audio.speech.with_streaming_response.create(
        model="tts-1", voice="alloy", input=book, stream_format="sse"
    ) as answer:
        lines = answer.iter_lines()
        next(lines)
        httpx.post(f"{service.url}/tasks/{answer.headers['x-task-id']}/cancel").raise_for_status()
        rest = [line for line in lines if line]

    assert rest[-2] == "event: error"
    error = json.loads(rest[-1].removeprefix("data: "))["error"]
    assert error["code"] == "speech_cancelled"
    assert not any("speech.audio.done" in line for line in rest)


def test_several_clients_are_spoken_to_at_once(client: openai.OpenAI) -> None:
    heard: list[int] = []

    def listen(number: int) -> None:
        heard.append(len(speak(client, input=f"Client {number}. " + TEXT, response_format="mp3")))

    threads = [threading.Thread(target=listen, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(heard) == 8


def test_a_text_of_many_parts_with_pauses_is_streamed_whole(service: Service, client: openai.OpenAI) -> None:
    text = "[pause:0.5s] First. [pause:1s] " + LONG + " [pause:0.7s]"
    content = speak(client, input=text, response_format="wav", voice="espeak-en-us")
    task = httpx.get(f"{service.url}/tasks?limit=1").json()["tasks"][0]
    finished = service.finished(task["task_id"])

    samples, rate = samples_of(content)
    assert samples.size / rate == pytest.approx(finished["items"][0]["audio"]["duration_seconds"], abs=0.001)
