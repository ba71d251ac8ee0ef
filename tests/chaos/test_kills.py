"""`kill -9`, at random, of every process there is: what was accepted is spoken, once, to the last character."""

import random
import sqlite3
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import av
import httpx
import pytest

from app.results import Database
from app.settings import Settings
from broker import SQLiteBroker
from tests.support.processes import Child, Service, running_service, until

WORDS = [
    "The",
    "quick",
    "brown",
    "fox",
    "jumps",
    "over",
    "the",
    "lazy",
    "dog",
    "while",
    "seven",
    "wizards",
    "mix",
    "a",
    "potion",
    "of",
    "gold",
]


def text_of(rng: random.Random, characters: int) -> str:
    """Sentences that no other text has, so that nothing comes from the segment cache."""
    sentences, length = [], 0
    while length < characters:
        words = [rng.choice(WORDS) for _ in range(rng.randint(4, 16))]
        sentences.append(f"{' '.join(words).capitalize()} {rng.randint(0, 10**6)}.")
        length += len(sentences[-1]) + 1
    return " ".join(sentences)


def decoded_seconds(content: bytes, folder: Path) -> float:
    path = folder / "decoded"
    path.write_bytes(content)
    with av.open(str(path)) as container:
        return sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0))


def check_everything(service: Service, accepted: dict[str, str], folder: Path) -> None:
    """Every 202 is completed, exactly once; every file decodes; every character is covered; the file is sound."""
    database = Database(Settings.load(_env_file=None, data_dir=service.folder / "data").results_url)
    for task_id, text in accepted.items():
        task = service.task(task_id)
        assert task["state"] == "completed", (task["error"], task["attempts"], len(text))
        item = task["items"][0]
        assert item["text"] == text
        with database.read() as store:
            moves = Counter(str(move.to_state) for move in store.transitions(task_id))
            segments = store.segments(task_id, 0)
        assert moves["completed"] == 1
        assert "".join(segment.content for segment in segments) == text
        assert item["dropped"] == []
        answer = httpx.get(f"{service.url}{item['audio']['url']}", timeout=60)
        assert answer.status_code == 200
        seconds = decoded_seconds(answer.content, folder)
        assert seconds == pytest.approx(sum(segment.audio_seconds for segment in segments), abs=0.15)
        assert seconds > len(text) / 40, "no voice speaks forty characters a second"
    database.close()
    connection = sqlite3.connect(service.database_path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


def messages_left(service: Service) -> dict[str, int]:
    broker = SQLiteBroker(service.database_path, middleware=[])
    try:
        depths = {depth.queue: depth for depth in broker.inspect.queues()}
        speech = depths.get("speech")
        return {} if speech is None else {"ready": speech.ready, "claimed": speech.claimed, "dead": speech.dead}
    finally:
        broker.close()


def at_work(service: Service, child: Child) -> bool:
    return service.answers() if child is service.api else child.has_logged("worker_ready")


def unleash(service: Service, rng: random.Random, accepted: dict[str, str], texts: list[str], kills: int) -> None:
    """Post every text while processes are killed, `kills` times in all; one in five while it may be starting."""

    def next_kill() -> tuple[Child, bool, float]:
        return rng.choice([service.api, *service.workers]), rng.random() < 0.2, time.monotonic() + rng.uniform(0.1, 1.0)

    waiting = list(texts)
    victim, at_any_time, due = next_kill()
    while waiting or kills:
        if waiting:
            text = waiting[-1]
            body = {"text": text, "format": rng.choice(["wav", "mp3"]), "priority": rng.choice(["normal", "bulk"])}
            with suppress(httpx.HTTPError):
                answer = httpx.post(f"{service.url}/api/tts", json=body, timeout=10)
                if answer.status_code == 202:
                    accepted[answer.json()["task_id"]] = text
                    waiting.pop()
                else:
                    assert answer.status_code == 503, answer.text
        else:
            time.sleep(0.02)
        if kills and time.monotonic() >= due and (at_any_time or at_work(service, victim)):
            victim.kill()
            victim.start()
            kills -= 1
            victim, at_any_time, due = next_kill()


def storm(folder: Path, *, tasks: int, kills: int, seed: int) -> None:
    rng = random.Random(seed)
    texts = [text_of(rng, int(10 ** rng.uniform(1.0, 3.1))) for _ in range(tasks)]
    accepted: dict[str, str] = {}
    with running_service(folder, workers=2) as service:
        unleash(service, rng, accepted, texts, kills)
        service.wait_for_api()
        assert len(accepted) == tasks

        def all_ended() -> bool:
            going = ("pending", "processing", "retryable")
            lists = [httpx.get(f"{service.url}/tasks?limit=1&state={state}", timeout=60).json() for state in going]
            return not any(found["tasks"] for found in lists)

        until(all_ended, seconds=300, every=0.25)
        check_everything(service, accepted, folder)
        until(lambda: messages_left(service) in ({}, {"ready": 0, "claimed": 0, "dead": 0}), seconds=30)
        print(f"{tasks} tasks, {kills} kills")


@pytest.mark.integration
def test_two_hundred_tasks_survive_kills_of_every_process(tmp_path: Path) -> None:
    storm(tmp_path, tasks=200, kills=20, seed=20261122)


@pytest.mark.long
@pytest.mark.integration
@pytest.mark.timeout(900)
def test_a_longer_storm_loses_nothing_either(tmp_path: Path) -> None:
    storm(tmp_path, tasks=300, kills=60, seed=1)


@pytest.mark.integration
def test_a_killed_worker_repeats_only_the_segments_that_were_in_flight(tmp_path: Path) -> None:
    """A book of 100,000 characters, its workers killed three times on the way."""
    book = text_of(random.Random(7), 100_000)
    workers, threads = 2, 2
    with running_service(tmp_path, workers=workers, threads=threads) as service:
        task_id = service.post(text=book)["task_id"]

        def rendered() -> int:
            return int(service.task(task_id)["progress"]["segments_done"])

        total = until(lambda: service.task(task_id)["progress"]["segments_total"])
        kills = 0
        for part in (0.2, 0.4, 0.6):
            until(lambda part=part: rendered() >= part * total, every=0.01)
            for worker in service.workers:
                worker.kill()
                worker.start()
            kills += 1
        task = service.finished(task_id)
        assert task["state"] == "completed"
        renders = Counter(entry["segment"] for entry in service.logged("segment_rendered"))
        assert set(renders) <= set(range(total))
        repeated = sum(renders.values()) - len(renders)
        in_flight = kills * workers * threads
        assert repeated <= in_flight, f"{repeated} of {total} segments were rendered again"
        check_everything(service, {task_id: book}, tmp_path)
        print(f"{total} segments, {kills} kills of {workers} workers, {repeated} rendered again")
