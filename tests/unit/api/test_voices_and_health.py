"""Who can speak, and how the service is."""

import sqlite3

import pytest

from app.domain.voices import CATALOGUE
from app.settings import Settings
from tests.support.api import Api, accept_problem, running_api, wav_bytes


async def test_every_voice_is_listed_with_whether_it_can_speak_here(api: Api) -> None:
    listed = (await api.client.get("/tts/voices")).json()

    voices = {voice["id"]: voice for voice in listed["voices"]}
    assert voices.keys() == CATALOGUE.keys()
    assert voices["espeak-de"]["available"] is True
    assert voices["espeak-de"]["why_not"] is None
    assert voices["af_heart"]["available"] is False
    assert "sayathing models pull" in voices["af_heart"]["why_not"]
    assert listed["default"] == "espeak-en-us"
    assert voices["af_heart"].keys() == {
        "id", "name", "language", "gender", "grade", "engine", "available", "why_not",
    }  # fmt: skip


async def test_one_voice_is_told_as_in_the_list(api: Api) -> None:
    listed = (await api.client.get("/tts/voices")).json()["voices"][0]

    assert (await api.client.get(f"/tts/voices/{listed['id']}")).json() == listed


async def test_a_mix_is_told_as_a_voice_of_its_own(api: Api) -> None:
    mix = (await api.client.get("/tts/voices/af_sky:1+af_bella:2")).json()
    both = (await api.client.get("/tts/voices/af_sky+am_adam")).json()

    assert {name: mix[name] for name in ("id", "name", "language", "gender", "grade", "engine", "available")} == {
        "id": "af_bella:2+af_sky:1",
        "name": "Bella 2 + Sky 1",
        "language": "en-us",
        "gender": "female",
        "grade": None,
        "engine": "kokoro",
        "available": False,
    }
    assert "sayathing models pull" in mix["why_not"]
    assert both["gender"] is None
    assert (await api.client.get("/tts/voices/af_sky:3")).json()["id"] == "af_sky"


@pytest.mark.parametrize(
    "voice", ["nobody", "%00", "af_heart+bf_emma", "espeak-de+espeak-fi", "af_sky:0", "x" * 5000, "%F0%9F%92%A9"]
)
async def test_an_unknown_voice_is_not_found(api: Api, voice: str) -> None:
    accept_problem(await api.client.get(f"/tts/voices/{voice}"), 404, "voice-not-found")


async def test_health_without_workers_is_degraded_and_says_why(api: Api) -> None:
    await api.say()

    answer = await api.client.get("/healthz")

    health = answer.json()
    assert answer.status_code == 200
    assert health["status"] == "degraded"
    assert "No worker" in health["reasons"][0]
    assert health["version"]
    assert health["results"] == {"reachable": True}
    assert health["broker"]["depth"] == 1
    assert health["workers"] == {"alive": 0, "last_seen_at": None}
    assert health["disk"]["free_bytes"] > 0
    assert health["cache"] is None


async def test_health_tells_what_the_cache_takes(api: Api) -> None:
    api.audio_store.write_segment("ab" * 32, wav_bytes(), [], lufs=-20.0)
    api.audio_store.trim_segments(10**9, set)

    cache = (await api.client.get("/healthz")).json()["cache"]

    assert (cache["segments"], cache["max_bytes"]) == (1, 2 * 1024**3)
    assert cache["bytes"] > len(wav_bytes())
    assert cache["measured_at"].endswith("Z")


async def test_the_stores_are_asked_at_most_once_a_second(settings: Settings) -> None:
    async with running_api(settings) as api:
        now = 1000.0
        checker = api.container.health()
        checker.clock = lambda: now
        await api.client.get("/healthz")
        await api.say()

        assert (await api.client.get("/healthz")).json()["broker"]["depth"] == 0
        now = 1001.0
        assert (await api.client.get("/healthz")).json()["broker"]["depth"] == 1


async def test_a_store_that_does_not_answer_makes_health_fail_and_stops_new_work(api: Api) -> None:
    with sqlite3.connect(api.settings.broker_path) as connection:
        connection.execute("ALTER TABLE transitions RENAME TO lost")
    connection.close()

    answer = await api.client.get("/healthz")

    assert answer.status_code == 503
    assert answer.json()["status"] == "failing"
    assert answer.json()["results"] == {"reachable": False}
    assert "retry-after" in (await api.client.get("/readyz")).headers
    accept_problem(await api.client.get("/readyz"), 503, "not-ready")
    assert (await api.client.get("/livez")).json() == {"status": "ok"}


async def test_a_broker_that_does_not_answer_makes_health_fail(api: Api) -> None:
    with sqlite3.connect(api.settings.broker_path) as connection:
        connection.execute("ALTER TABLE broker_messages RENAME TO lost")
    connection.close()

    health = (await api.client.get("/healthz")).json()

    assert (health["status"], health["broker"]["reachable"], health["workers"]["alive"]) == ("failing", False, None)


async def test_a_service_without_trouble_is_ready(api: Api) -> None:
    assert (await api.client.get("/readyz")).json() == {"status": "ok"}
