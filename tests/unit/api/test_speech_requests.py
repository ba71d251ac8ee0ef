"""POST /api/tts."""

import json
from pathlib import Path
from typing import get_args

import httpx
import pytest

from app.api.speech_bodies import PriorityName
from app.domain.ids import parse_task_id
from app.domain.kokoro_voices import KOKORO_VOICES
from app.domain.tasks import Priority
from app.settings import Settings
from tests.support.api import Api, accept_problem, running_api


def give_kokoro(settings: Settings) -> None:
    """Files where a Kokoro model would lie: enough for a request to be accepted."""
    folder = settings.model_dir / "kokoro"
    for name in ("onnx/model.onnx", "tokenizer.json", *(f"voices/{voice}.bin" for voice in KOKORO_VOICES)):
        path: Path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


async def send(api: Api, body: object) -> httpx.Response:
    return await api.client.post("/api/tts", json=body)


async def test_an_accepted_task_is_told_where_it_is_and_when_to_ask(api: Api) -> None:
    answer = await send(api, {"text": "Nothing is lost."})

    assert answer.status_code == 202
    task = answer.json()
    assert parse_task_id(task["task_id"]) == task["task_id"]
    assert answer.headers["location"] == task["links"]["self"] == f"/tasks/{task['task_id']}"
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.headers["etag"]


async def test_an_accepted_task_has_its_message_in_the_broker(api: Api) -> None:
    await api.say()

    queues = api.container.broker().inspect.queues()

    assert [(queue.queue, queue.ready) for queue in queues] == [("speech", 1)]


async def test_a_refused_request_leaves_neither_task_nor_message(api: Api) -> None:
    accept_problem(await send(api, {"text": ""}), 422, "invalid-input")

    assert (await api.client.get("/tasks")).json()["tasks"] == []
    assert api.container.broker().inspect.queues() == []


async def test_a_task_has_exactly_the_fields_that_are_documented(api: Api) -> None:
    task = await api.say("  Hello.\n", voice="espeak-de", speed=2, volume=0.5, format="mp3", metadata={"a": [1]})

    item = task["items"][0]
    assert list(task) == [
        "task_id", "state", "priority", "attempts", "created_at", "updated_at", "started_at", "finished_at",
        "expires_at",
        "progress", "item_count", "items", "book", "error", "links",
    ]  # fmt: skip
    assert item == {
        "index": 0,
        "state": "pending",
        "text": "Hello.",
        "text_characters": 6,
        "text_truncated": False,
        "voice": "espeak-de",
        "speed": 2.0,
        "volume": 0.5,
        "format": "mp3",
        "lexicon": None,
        "metadata": {"a": [1]},
        "audio": None,
        "captions": None,
        "dropped": [],
        "error": None,
    }
    assert task["progress"].keys() == {"segments_done", "segments_total", "audio_seconds", "eta_seconds"}
    assert task["links"].keys() == {"self", "audio", "events"}
    assert task["created_at"].endswith("Z")
    assert len(task["created_at"]) == len("2026-11-22T12:00:00.000Z")


async def test_fields_at_the_top_are_the_defaults_of_the_items(api: Api) -> None:
    task = await api.post_speech(
        {
            "speed": 0.5,
            "format": "mp3",
            "metadata": {"book": 1},
            "priority": "bulk",
            "items": [{"text": "One."}, {"text": "Two.", "speed": 1.5, "metadata": {}}],
        }
    )

    assert [(item["speed"], item["format"], item["metadata"]) for item in task["items"]] == [
        (0.5, "mp3", {"book": 1}),
        (1.5, "mp3", {}),
    ]
    assert task["priority"] == "bulk"
    assert task["links"]["audio"] is None


async def test_the_names_of_formats_and_priorities_are_those_of_the_domain() -> None:
    assert get_args(PriorityName) == tuple(priority.name.lower() for priority in Priority)


async def test_a_mix_of_voices_is_kept_under_its_canonical_name(settings: Settings) -> None:
    give_kokoro(settings)
    async with running_api(settings) as api:
        task = await api.say(voice="af_sky + af_bella:2")

        assert task["items"][0]["voice"] == "af_bella:2+af_sky:1"
        answer = await api.client.get("/tasks", params={"voice": "af_bella:4+af_sky:2"})
        assert [found["task_id"] for found in answer.json()["tasks"]] == [task["task_id"]]


async def test_without_a_voice_the_best_one_that_can_speak_is_taken(settings: Settings) -> None:
    async with running_api(settings) as api:
        assert (await api.say())["items"][0]["voice"] == "espeak-en-us"
        give_kokoro(settings)
        assert (await api.say())["items"][0]["voice"] == "af_heart"


async def test_an_unknown_voice_is_refused_and_never_replaced(api: Api) -> None:
    problem = accept_problem(await send(api, {"text": "a", "voice": "af_nobody"}), 422, "unknown-voice")

    assert problem["errors"] == [
        {
            "pointer": "/voice",
            "detail": "There is no voice 'af_nobody'. Did you mean af_nova? GET /tts/voices lists them.",
        }
    ]


async def test_a_voice_without_its_model_is_refused_with_what_to_do(api: Api) -> None:
    problem = accept_problem(await send(api, {"text": "a", "voice": "af_heart"}), 422, "voice-unavailable")

    assert "sayathing models pull" in problem["detail"]


async def test_phonemes_are_refused_where_the_voice_cannot_speak_them(settings: Settings) -> None:
    give_kokoro(settings)
    async with running_api(settings) as api:
        text = "Say [Kokoro](/kˈOkəɹO/) now."

        assert (await send(api, {"text": text, "voice": "af_heart"})).status_code == 202
        problem = accept_problem(await send(api, {"text": text, "voice": "espeak-de"}), 422, "phonemes-unsupported")
        assert "Kokoro voice" in problem["detail"]
        assert "character 4" in problem["detail"]


async def test_errors_in_several_items_are_all_named(api: Api) -> None:
    body = {
        "voice": "nobody",
        "items": [{"text": "a"}, {"text": "b", "voice": "noone"}, {"text": "c", "voice": "espeak-de"}],
    }

    problem = accept_problem(await send(api, body), 422, "unknown-voice")

    assert [error["pointer"] for error in problem["errors"]] == ["/voice", "/items/1/voice"]


async def test_a_text_may_be_as_long_as_the_setting_says_and_no_longer(settings: Settings) -> None:
    async with running_api(settings.model_copy(update={"max_text_chars": 10})) as api:
        assert (await send(api, {"text": " " * 50 + "x" * 10})).status_code == 202
        problem = accept_problem(await send(api, {"items": [{"text": "x" * 11}]}), 422, "invalid-input")
        assert problem["errors"][0]["pointer"] == "/items/0/text"


async def test_a_million_characters_are_accepted_and_kept(api: Api) -> None:
    text = "Ein Wort. 𝄞 " * 83_333

    task = await api.say(text.strip())

    again = (await api.client.get(f"/tasks/{task['task_id']}")).json()
    assert again["items"][0]["text"] == text.strip()
    assert again["items"][0]["text_characters"] == len(text.strip())


MISFITS = [
    ({}, "/text"),
    ([], ""),
    (None, ""),
    ("text", ""),
    (7, ""),
    ({"text": None}, "/text"),
    ({"text": 7}, "/text"),
    ({"text": ["a"]}, "/text"),
    ({"text": ""}, "/text"),
    ({"text": " \t\n\u2003"}, "/text"),
    ({"text": "bell\x07"}, "/text"),
    ({"text": "null\x00"}, "/text"),
    ({"text": "delete\x7f"}, "/text"),
    ({"text": "c1\x9f"}, "/text"),
    ({"text": "half \ud83d"}, "/text"),
    ({"text": "no character \uffff"}, "/text"),
    ({"text": "no character \ufffe"}, "/text"),
    ({"text": "a", "voice": None}, "/voice"),
    ({"text": "a", "voice": ""}, "/voice"),
    ({"text": "a", "voice": 1}, "/voice"),
    ({"text": "a", "voice": "a" * 2001}, "/voice"),
    ({"text": "a", "voice": "espeak-de+espeak-fr"}, "/voice"),
    ({"text": "a", "voice": "\ud800"}, "/voice"),
    ({"text": "a", "speed": "1"}, "/speed"),
    ({"text": "a", "speed": True}, "/speed"),
    ({"text": "a", "speed": None}, "/speed"),
    ({"text": "a", "speed": 0.49}, "/speed"),
    ({"text": "a", "speed": 2.01}, "/speed"),
    ({"text": "a", "speed": 10**400}, "/speed"),
    ({"text": "a", "volume": 0.09}, "/volume"),
    ({"text": "a", "volume": "loud"}, "/volume"),
    ({"text": "a", "format": "WAV"}, "/format"),
    ({"text": "a", "format": "ogg"}, "/format"),
    ({"text": "a", "format": 1}, "/format"),
    ({"text": "a", "priority": 0}, "/priority"),
    ({"text": "a", "priority": "urgent"}, "/priority"),
    ({"text": "a", "metadata": []}, "/metadata"),
    ({"text": "a", "metadata": "x"}, "/metadata"),
    ({"text": "a", "metadata": {"a": "x" * 16_384}}, "/metadata"),
    ({"text": "a", "metadata": {"a\x00": 1}}, "/metadata"),
    ({"text": "a", "metadata": {"a": ["\x00"]}}, "/metadata"),
    ({"text": "a", "metadata": {"a": "\ud800"}}, "/metadata"),
    ({"text": "a", "lexicon": "mine"}, "/lexicon"),
    ({"text": "a", "webhook": {"url": "http://x"}}, "/webhook"),
    ({"text": "a", "colour": "red"}, "/colour"),
    ({"text": "a", "a/b~c": 1}, "/a~1b~0c"),
    ({"text": "a", "\ud800": 1}, ""),
    ({"text": "a", "items": [{"text": "b"}]}, "/items"),
    ({"items": []}, "/items"),
    ({"items": {}}, "/items"),
    ({"items": [1]}, "/items/0"),
    ({"items": [{}]}, "/items/0/text"),
    ({"items": [{"text": "a"}] * 1001}, "/items"),
    ({"items": [{"text": "a"}, {"text": "b", "speed": 9}]}, "/items/1/speed"),
    ({"items": [{"text": "a", "priority": "bulk"}]}, "/items/0/priority"),
    ({"items": [{"text": "a", "webhook": {}}]}, "/items/0/webhook"),
]


@pytest.mark.parametrize(("body", "pointer"), MISFITS, ids=lambda value: ascii(value)[:40])
async def test_a_body_that_does_not_fit_is_refused_with_a_pointer(api: Api, body: object, pointer: str) -> None:
    answer = await api.client.post(
        "/api/tts", content=json.dumps(body).encode(), headers={"content-type": "application/json"}
    )

    assert answer.status_code == 422, answer.text
    problem = accept_problem(answer, 422, answer.json()["type"].removeprefix("/problems/"))
    assert problem["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize(
    ("text", "said"),
    [("bell\x07", "Character 4 is U+0007"), (" a\ud83d", "Character 2 is U+D83D"), ("\uffff", "Character 0 is U+FFFF")],
    ids=ascii,
)
async def test_a_character_that_cannot_be_spoken_is_named_with_its_place(api: Api, text: str, said: str) -> None:
    answer = await api.client.post(
        "/api/tts", content=json.dumps({"text": text}).encode(), headers={"content-type": "application/json"}
    )

    assert said in accept_problem(answer, 422, "invalid-input")["detail"]


async def test_white_space_characters_inside_a_text_are_kept(api: Api) -> None:
    task = await api.say("a\tb\nc\rd\fe\vf")

    assert task["items"][0]["text"] == "a\tb\nc\rd\fe\vf"


async def test_a_problem_lists_many_errors_but_not_all(api: Api) -> None:
    problem = accept_problem(await send(api, {"items": [{"text": ""}] * 1000}), 422, "invalid-input")

    assert len(problem["errors"]) == 100
    assert "999 more errors" in problem["detail"]


async def test_metadata_comes_back_as_it_was(api: Api) -> None:
    metadata = {"ключ": [1, 2.5, None, True, {"deep": "\\u0000"}], "": "\x01"}

    task = await api.say(metadata=metadata)

    assert (await api.client.get(f"/tasks/{task['task_id']}")).json()["items"][0]["metadata"] == metadata


async def test_metadata_that_is_nested_too_deeply_is_refused(api: Api) -> None:
    deep: object = 1
    for _ in range(100):
        deep = [deep]

    problem = accept_problem(await send(api, {"text": "a", "metadata": {"a": deep}}), 422, "invalid-input")

    assert "nested" in problem["detail"]


@pytest.mark.parametrize("format", ["wav", "mp3", "flac", "opus", "aac", "pcm", "m4b"])
async def test_every_format_is_accepted_and_documented(api: Api, format: str) -> None:
    task = await api.say(format=format)
    assert task["items"][0]["format"] == format
    document = (await api.client.get("/openapi.json")).json()
    assert format in document["components"]["schemas"]["AudioFormat"]["enum"]


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"text": "a", "webhook": "http://example.org"}, '/webhook: Give a JSON object. Such as {"url": '),
        ({"items": []}, "/items: Give at least 1 element."),
        ({"items": ["a"]}, "/items/0: Give a JSON object."),
        ({"txt": "a"}, "/text: `text` is missing. There is one more error in the body."),
        ({"text": "a", "speed": 9}, "/speed: Give at most 2."),
        ({"text": "a", "speed": "9"}, "/speed: Give a number."),
        ({"text": 1}, "/text: Give a string."),
        ({"text": "a", "format": "ogg"}, "/format: Give one of 'wav', 'mp3'"),
        ({"text": "a", "priority": "first"}, "/priority: Give one of 'interactive', 'normal' or 'bulk'."),
        ({"text": "a", "voice": ""}, "/voice: Give at least 1 character."),
        ({"text": "a", "metadata": 1}, "/metadata: Give a JSON object."),
    ],
    ids=ascii,
)
async def test_what_does_not_fit_is_told_in_words_of_json(api: Api, body: object, detail: str) -> None:
    problem = (await api.client.post("/api/tts", json=body)).json()
    assert problem["detail"].startswith(detail)
