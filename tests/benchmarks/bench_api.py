"""Whether the API is quick: accepting tasks, looking at one of very many, and paging through them.

    python tests/benchmarks/bench_api.py [--seconds 8] [--tasks 1000000]

`POST /api/tts` is measured against a bare FastAPI route in the same server that validates the same body in the same
way, answers with the same JSON and keeps nothing, in turns, with 32 connections from a process of its own.

`GET /healthz`, `/readyz` and `/metrics` are asked of a small store and of the large one, a twentieth of whose tasks wait; so
long after one another that none is answered from the last second's look.
"""

import argparse
import asyncio
import json
import multiprocessing
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from app.api.health_check import FRESH_SECONDS
from tests.benchmarks.filling import fill
from tests.benchmarks.serving import Served, timed
from tests.benchmarks.tables import fsync_line, print_table, quantile, verdict, whole

CONNECTIONS = 32
BODY = json.dumps({"text": "Nothing is lost, and nobody waits for long.", "voice": "espeak-en-us"}).encode()
FEW_TASKS = 1_000
WATCHED = ("/healthz", "/readyz", "/metrics")
WATCHED_TIMES = 12
NOT_FRESH_SECONDS = FRESH_SECONDS + 0.05

BARE = """
import anyio.to_thread
from fastapi import FastAPI, Request
from fastapi.responses import Response
from app.api.json_bodies import read_json_body
from app.api.speech_requests import parse_speech_request
from app.api.task_bodies import TaskBody
from app.api.health_check import FRESH_SECONDS
from app.domain.ids import new_task_id
from app.results.rows import pending_task
from app.services.list_voices import VoiceDirectory
from pathlib import Path
import time

app = FastAPI()
voices = VoiceDirectory(Path("models"), "espeak")


@app.post("/api/tts", status_code=202)
async def bare(request: Request):
    body = await read_json_body(request)
    wanted = await anyio.to_thread.run_sync(parse_speech_request, body, voices, 1_000_000)
    now = time.time()
    task = pending_task(new_task_id(now), wanted, int(now * 1000))
    return Response(TaskBody.of(task, now).model_dump_json(by_alias=True), 202, media_type="application/json")
"""


async def _connection(port: int, request: bytes, until: float, times: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.monotonic() < until:
        begun = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if head[9:12] not in {b"200", b"202"}:
            raise RuntimeError(head.decode())
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        times.append(time.perf_counter() - begun)
    writer.close()


def _load(port: int, seconds: float, answers: "multiprocessing.Queue[list[float]]") -> None:
    head = f"POST /api/tts HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n"
    times: list[float] = []

    async def all_of_them() -> None:
        until = time.monotonic() + seconds
        await asyncio.gather(*(_connection(port, head.encode() + BODY, until, times) for _ in range(CONNECTIONS)))

    asyncio.run(all_of_them())
    answers.put(times)


def posts(port: int, seconds: float) -> list[float]:
    """Seconds of each answered POST."""
    context = multiprocessing.get_context("spawn")
    answers: multiprocessing.Queue[list[float]] = context.Queue()
    process = context.Process(target=_load, args=(port, seconds, answers))
    process.start()
    times = answers.get(timeout=seconds + 60)
    process.join()
    return times


def watched(folder: Path) -> dict[str, list[float]]:
    """Milliseconds of each look at the service over a store, path by path, one in turn with the others."""
    import httpx

    served = Served("app.main:app_from_environment", folder, factory=True)
    figures: dict[str, list[float]] = {path: [] for path in WATCHED}
    with httpx.Client(base_url=f"http://127.0.0.1:{served.port}", timeout=60) as client:
        timed(client, list(WATCHED))
        for _ in range(WATCHED_TIMES):
            for path in WATCHED:
                time.sleep(NOT_FRESH_SECONDS)
                figures[path] += timed(client, [path])
    served.stop()
    return figures


def main() -> None:
    import httpx

    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--tasks", type=int, default=1_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "bare.py").write_text(BARE)
        print(fsync_line(folder))
        rates: dict[str, list[float]] = {"bare": [], "ours": []}
        waits: dict[str, list[float]] = {"bare": [], "ours": []}
        bare, ours = (
            Served("bare:app", folder, factory=False),
            Served("app.main:app_from_environment", folder, factory=True),
        )
        for served in (bare, ours):
            posts(served.port, 2.0)
        for _ in range(3):
            for which, served in (("bare", bare), ("ours", ours)):
                times = posts(served.port, options.seconds)
                rates[which].append(len(times) / options.seconds)
                waits[which] += [each * 1000 for each in times]
        bare.stop()
        ours.stop()
        best = {which: sorted(each)[1] for which, each in rates.items()}
        print_table(
            ("POST /api/tts, 32 connections", "requests/s", "p50 ms", "p99 ms", "ratio"),
            [
                (which, whole(best[key]), f"{quantile(waits[key], 0.5):.1f}", f"{quantile(waits[key], 0.99):.1f}",
                 f"{best[key] / best['bare']:.2f}")
                for which, key in (("bare route, nothing kept", "bare"), ("durable", "ours"))
            ],
        )  # fmt: skip
        share = best["ours"] / best["bare"]
        targets = [("durable to bare", ">= 0.40", f"{share:.2f}", verdict(met=share >= 0.40))]

        full = folder / "full"
        begun = time.monotonic()
        ids = fill(full, options.tasks)
        print(f"{options.tasks:,} tasks stored in {time.monotonic() - begun:.0f} s\n")
        served = Served("app.main:app_from_environment", full, factory=True)
        with httpx.Client(base_url=f"http://127.0.0.1:{served.port}", timeout=60) as client:
            timed(client, [f"/tasks/{each}" for each in ids[:50]])
            one = timed(client, [f"/tasks/{ids[number * 7 % len(ids)]}" for number in range(2000)])
            newest, oldest = ids[-1], ids[0]
            first = timed(client, [f"/tasks?limit=100&cursor={newest}"] * 60)
            near_end = ids[min(1, len(ids) - 1)]
            last = timed(client, [f"/tasks?limit=100&cursor={near_end}"] * 60)
            assert client.get(f"/tasks?limit=100&cursor={oldest}").json()["tasks"] == []
        served.stop()
        rows = [("GET /tasks/{id}", one), ("a page of 100 at the start", first), ("a page of 100 at the end", last)]
        print_table(
            (f"{options.tasks:,} tasks", "p50 ms", "p99 ms", "p99 to p50"),
            [(what, f"{quantile(f, 0.5):.2f}", f"{quantile(f, 0.99):.2f}", f"{quantile(f, 0.99) / quantile(f, 0.5):.2f}")
             for what, f in rows],
        )  # fmt: skip
        fill(folder / "few", FEW_TASKS)
        few, many = watched(folder / "few"), watched(full)
        growth = {path: quantile(many[path], 0.5) / quantile(few[path], 0.5) for path in WATCHED}
        print_table(
            ("a look that is not the last second's", f"{FEW_TASKS:,} tasks, p50 ms", f"{options.tasks:,} tasks, p50 ms", "ratio"),
            [(f"GET {path}", f"{quantile(few[path], 0.5):.1f}", f"{quantile(many[path], 0.5):.1f}", f"{growth[path]:.2f}")
             for path in WATCHED],
        )  # fmt: skip
        tail = quantile(one, 0.99) / quantile(one, 0.5)
        paging = quantile(last, 0.5) / quantile(first, 0.5)
        targets += [
            ("GET /tasks/{id}, p99 to p50", "< 5", f"{tail:.2f}", verdict(met=tail < 5)),
            ("page at the end to page at the start", "<= 1.2", f"{paging:.2f}", verdict(met=paging <= 1.2)),
            *(
                (f"GET {path}, many tasks to few", "<= 2", f"{growth[path]:.2f}", verdict(met=growth[path] <= 2))
                for path in WATCHED
            ),
        ]
        print_table(("target", "wanted", "measured", ""), targets)


if __name__ == "__main__":
    main()
