"""Half a million characters: killed on the way, edited and posted again, in the memory of a short text."""

import random
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.books import chapters_of
from tests.support.memory import peak_megabytes
from tests.support.processes import Service, running_service, until

WORKERS, THREADS = 2, 2
PATIENCE_SECONDS = 1200.0
NOISE_MEGABYTES = 24.0
"""What peaks of the same work differ by from run to run: threads' arenas, and where the allocator was."""


def post(service: Service, chapters: list[str]) -> str:
    answer = httpx.post(f"{service.url}/api/tts", json={"items": [{"text": text} for text in chapters]}, timeout=120)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["task_id"])


def progress(service: Service, task_id: str) -> dict[str, Any]:
    """From the list, whose answer is short however long the book is."""
    tasks = httpx.get(f"{service.url}/tasks", params={"q": task_id}, timeout=60).json()["tasks"]
    return dict(tasks[0])


def finished(service: Service, task_id: str) -> dict[str, Any]:
    def ended() -> dict[str, Any] | None:
        task = progress(service, task_id)
        return task if task["state"] in {"completed", "discarded"} else None

    task = until(ended, seconds=PATIENCE_SECONDS, every=0.25)
    assert task is not None
    assert task["state"] == "completed", task["error"]
    return task


def renders(service: Service) -> Counter[tuple[str, int, int]]:
    return Counter((entry["task_id"], entry["item"], entry["segment"]) for entry in service.logged("segment_rendered"))


def peaks_of_a_book(folder: Path, characters: int) -> dict[str, float]:
    with running_service(folder, workers=WORKERS, threads=THREADS) as service:
        finished(service, post(service, chapters_of(random.Random(characters), characters)))
        return peak_megabytes(service)


@pytest.mark.long
@pytest.mark.integration
@pytest.mark.timeout(3600)
def test_a_book_survives_kills_edits_and_its_own_length(tmp_path: Path) -> None:
    chapters = chapters_of(random.Random(4), 500_000)
    short = peaks_of_a_book(tmp_path / "short", 100_000)
    with running_service(tmp_path / "long", workers=WORKERS, threads=THREADS) as service:
        task_id = post(service, chapters)

        def share_done() -> float:
            told = progress(service, task_id)["progress"]
            return float(told["audio_seconds"]) / (500_000 / 17)

        peaks: dict[str, float] = {}
        for part in (0.2, 0.4, 0.6):
            until(lambda part=part: share_done() >= part, seconds=PATIENCE_SECONDS)
            peaks = {name: max(peak, peaks.get(name, 0.0)) for name, peak in peak_megabytes(service).items()}
            for worker in service.workers:
                worker.kill()
                worker.start()
        task = finished(service, task_id)
        peaks = {name: max(peak, peaks.get(name, 0.0)) for name, peak in peak_megabytes(service).items()}
        counted = renders(service)
        repeated = sum(counted.values()) - len(counted)
        assert repeated <= 3 * WORKERS * THREADS, f"{repeated} segments were rendered again"

        edited = list(chapters)
        paragraphs = edited[7].split("\n\n")
        middle = len(paragraphs) // 2
        words = paragraphs[middle].split(" ")
        words[len(words) // 2] = "lighthouse"
        paragraphs[middle] = " ".join(words)
        edited[7] = "\n\n".join(paragraphs)
        again = post(service, edited)
        finished(service, again)
        new = [segment for segment in renders(service) if segment[0] == again]
        assert 1 <= len(new) <= 2, f"{len(new)} segments were rendered for one changed word"
    print(f"{task['progress']['segments_total']} segments, {repeated} rendered again, {len(new)} after the edit")
    print(f"peak memory in MB: 100,000 characters {short}, 500,000 characters {peaks}")
    for name, peak in peaks.items():
        assert peak <= 1.1 * short[name] + NOISE_MEGABYTES, (
            f"the {name} takes {peak:.0f} MB, and {short[name]:.0f} for a fifth"
        )
