"""What a book costs on top of the engine that speaks it: queue, store and assembly, in time and in memory.

As many segments are spoken twice. First by direct calls of the engine, nothing kept: its own time. Then through a
running service that has spoken before, from the POST until the task's row says completed. Both with one engine call at
a time, and with one in each of two processes, which leaves no core for anything else. The book is new each time, so
that no segment comes from the cache. Seconds of the clock and of the CPU stand side by side: with one process the
second core does what the engine does not wait for.

    python tests/benchmarks/bench_book.py [characters] [format]
"""

import multiprocessing
import random
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import httpx

from actors.freed_memory import keep_freed_memory
from actors.speech import EspeakEngine, split
from app.domain.speech import Utterance
from app.domain.stopping import StopToken
from app.domain.tasks import SegmentKind
from app.domain.voices import VoiceMix
from tests.benchmarks.tables import print_table, verdict, whole
from tests.support.books import chapters_of
from tests.support.memory import peak_megabytes
from tests.support.processes import Service, running_service, until

VOICE = "espeak-en-us"
LARGEST_SHARE = 0.05


@dataclass
class Cost:
    wall_seconds: float
    cpu_seconds: float
    audio_seconds: float = 0.0


def utterances(chapters: list[str]) -> list[str]:
    spans = [span for chapter in chapters for span in split(chapter, language="en-us")]
    return [span.content for span in spans if span.kind is SegmentKind.SPEECH]


def speak(texts: list[str]) -> float:
    engine, voice = EspeakEngine(), VoiceMix.parse(VOICE)
    said = (engine.synthesize(Utterance(text, voice), StopToken()) for text in texts)
    return sum(len(speech.samples) / speech.sample_rate for speech in said)


def speak_measured(texts: list[str]) -> Cost:
    before = time.process_time()
    seconds = speak(texts)
    return Cost(0.0, time.process_time() - before, seconds)


def engine_alone(texts: list[str], processes: int) -> Cost:
    """The engine in so many processes set up as workers are, each with its share of the segments."""
    with multiprocessing.get_context("spawn").Pool(processes, initializer=keep_freed_memory) as pool:
        pool.map(speak, [["warm up"]] * processes, chunksize=1)
        start = time.perf_counter()
        shares = [texts[n :: processes * 8] for n in range(processes * 8)]
        costs = list(pool.imap_unordered(speak_measured, shares, chunksize=1))
        wall = time.perf_counter() - start
        pool.close()
        pool.join()
    return Cost(wall, sum(cost.cpu_seconds for cost in costs), sum(cost.audio_seconds for cost in costs))


def cpu_of(service: Service) -> float:
    """CPU seconds of the service's processes and their children so far."""
    ticks = 0
    groups = {child.pid for child in (service.api, *service.workers)}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) in groups:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / 100


def whole_way(folder: Path, chapters: list[str], processes: int, audio_format: str) -> tuple[Cost, dict[str, float]]:
    body = {"voice": VOICE, "format": audio_format, "items": [{"text": text} for text in chapters]}
    if audio_format == "m4b":
        body["book"] = {"title": "A book"}
    settings = {"SAYATHING_LOG_LEVEL": "info", "TTS_THREAD_POOL_MAX_WORKERS": "1"}
    with running_service(folder, workers=processes, **settings) as service:
        for _ in range(processes):
            service.finished(service.post(text="Warm up.", voice=VOICE)["task_id"])
        until(lambda: len(service.logged("worker_ready")) == processes)
        before, start = cpu_of(service), time.perf_counter()
        answer = httpx.post(f"{service.url}/api/tts", json=body, timeout=60)
        answer.raise_for_status()
        task_id = answer.json()["task_id"]
        with closing(sqlite3.connect(f"file:{service.database_path}?mode=ro", uri=True)) as results:
            state = "pending"
            while state not in {"completed", "discarded"}:
                time.sleep(0.05)
                (state,) = results.execute("SELECT state FROM tasks WHERE id = ?", (task_id,)).fetchone()
            wall = time.perf_counter() - start
            assert state == "completed"
            (seconds,) = results.execute(
                "SELECT sum(duration_seconds) FROM items WHERE task_id = ?", (task_id,)
            ).fetchone()
        cost = Cost(wall, cpu_of(service) - before, seconds)
        return cost, peak_megabytes(service)


def main() -> None:
    characters = int(sys.argv[1]) if len(sys.argv) > 1 else 500_000
    audio_format = sys.argv[2] if len(sys.argv) > 2 else "wav"
    rows, memory = [], []
    with tempfile.TemporaryDirectory() as folder:
        for processes in (1, 2):
            rng = random.Random(processes)
            own_chapters, chapters = chapters_of(rng, characters), chapters_of(rng, characters)
            texts = utterances(own_chapters)
            own = engine_alone(texts, processes)
            way, peaks = whole_way(Path(folder, str(processes)), chapters, processes, audio_format)
            over = way.wall_seconds / own.wall_seconds - 1
            rows.append(
                (
                    f"{processes}",
                    whole(len(texts)),
                    f"{way.audio_seconds / 3600:.1f}",
                    f"{own.wall_seconds:.1f}",
                    f"{way.wall_seconds:.1f}",
                    f"{over:+.1%}",
                    f"{own.cpu_seconds:.1f}",
                    f"{way.cpu_seconds:.1f}",
                    f"{way.cpu_seconds / own.cpu_seconds - 1:+.1%}",
                    verdict(met=over <= LARGEST_SHARE),
                )
            )
            memory += [(f"{processes}", name, whole(peak)) for name, peak in peaks.items()]
    print(f"{characters:,} characters in {len(chapters)} chapters, {audio_format}, {VOICE}\n")
    print_table(
        (
            "processes",
            "segments",
            "hours of sound",
            "engine alone, s",
            "the whole way, s",
            "on top",
            "engine alone, CPU s",
            "the whole way, CPU s",
            "on top, CPU",
            f"target {LARGEST_SHARE:.0%}",
        ),
        rows,
    )
    print_table(("processes", "process", "peak memory, MB"), memory)


if __name__ == "__main__":
    main()
