"""Whether the API stays quick while the workers are busy.

One client asks `GET /healthz` and posts short tasks, one request at a time, first with idle workers, then while
two workers render a backlog of books. The ratio is that of the medians and of the 99th percentiles.

    python tests/benchmarks/bench_latency_under_load.py [requests]
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import httpx
from rich.console import Console
from rich.table import Table

from tests.support.processes import running_service

PACE_SECONDS = 0.02


def timed(ask: Callable[[int], httpx.Response], requests: int) -> list[float]:
    """Milliseconds of each request, a pause between them so that this client is no load of its own."""
    figures = []
    for n in range(requests):
        start = time.perf_counter()
        ask(n).raise_for_status()
        figures.append((time.perf_counter() - start) * 1000)
        time.sleep(PACE_SECONDS)
    return figures


def main() -> None:
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    measured: dict[str, dict[str, list[float]]] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        running_service(Path(folder), workers=2, SAYATHING_LOG_LEVEL="warning") as service,
        httpx.Client(base_url=service.url, timeout=30) as client,
    ):
        # What is posted while measuring must add no load: bulk tasks wait behind everything else.
        asks: dict[str, Callable[[int], httpx.Response]] = {
            "GET /healthz": lambda n: client.get("/healthz"),
            "POST /api/tts": lambda n: client.post("/api/tts", json={"text": "Hi.", "priority": "bulk"}),
        }
        for ask in asks.values():
            timed(ask, 20)
        for load in ("idle", "busy"):
            if load == "busy":
                for book in range(20):
                    text = " ".join(f"Sentence {n} of book {book} goes on for a while." for n in range(4000))
                    client.post("/api/tts", json={"text": text, "priority": "interactive"}).raise_for_status()
                time.sleep(3)
            for name, ask in asks.items():
                measured.setdefault(name, {})[load] = timed(ask, requests)
    table = Table("request", "idle p50 ms", "idle p99 ms", "busy p50 ms", "busy p99 ms", "ratio p50", "ratio p99")
    for name, by_load in measured.items():
        p50 = {load: statistics.median(figures) for load, figures in by_load.items()}
        p99 = {load: statistics.quantiles(figures, n=100)[-1] for load, figures in by_load.items()}
        table.add_row(
            name,
            *(f"{figure:.1f}" for load in ("idle", "busy") for figure in (p50[load], p99[load])),
            f"{p50['busy'] / p50['idle']:.2f}",
            f"{p99['busy'] / p99['idle']:.2f}",
        )
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
