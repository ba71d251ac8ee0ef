"""What the whole way costs on top of the engine, for one sentence on an idle machine.

Each round speaks a sentence that nobody has spoken before, twice: once by a direct call of the engine in this
process, once by a POST to a running service with one worker, until its row says completed (read from the file
every millisecond: asking the API that often would take the core that the worker needs). The difference of the two
is the overhead of acceptance, queue, planning, storing and assembly.

    python tests/benchmarks/bench_overhead.py [rounds]
"""

import http.client
import json
import sqlite3
import statistics
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from rich.console import Console
from rich.table import Table

from actors.speech import EspeakEngine
from app.domain.speech import Utterance
from app.domain.stopping import StopToken
from app.domain.voices import VoiceMix
from tests.support.processes import running_service

VOICE = "espeak-en-us"
WARM_UP = 5


def sentence(n: int) -> str:
    return f"The train number {n} to the harbour leaves from platform nine at noon."


def direct(engine: EspeakEngine, text: str) -> float:
    start = time.perf_counter()
    engine.synthesize(Utterance(text, VoiceMix.parse(VOICE)), StopToken())
    return time.perf_counter() - start


def whole_way(api: http.client.HTTPConnection, results: sqlite3.Connection, text: str) -> float:
    body = json.dumps({"text": text, "voice": VOICE})
    start = time.perf_counter()
    api.request("POST", "/api/tts", body, {"Content-Type": "application/json"})
    task_id = json.load(api.getresponse())["task_id"]
    while results.execute("SELECT state FROM tasks WHERE id = ?", (task_id,)).fetchone() != ("completed",):
        time.sleep(0.001)
    return time.perf_counter() - start


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    engine = EspeakEngine()
    calls, ways = [], []
    with (
        tempfile.TemporaryDirectory() as folder,
        running_service(Path(folder), SAYATHING_LOG_LEVEL="warning") as service,
        closing(http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)) as api,
        closing(sqlite3.connect(f"file:{service.database_path}?mode=ro", uri=True)) as results,
    ):
        for n in range(WARM_UP + rounds):
            call, way = direct(engine, sentence(2 * n)), whole_way(api, results, sentence(2 * n + 1))
            if n >= WARM_UP:
                calls.append(call * 1000)
                ways.append(way * 1000)
    over = [way - call for way, call in zip(ways, calls, strict=True)]
    table = Table("one sentence", "p50 ms", "p95 ms", "ratio to the call, p50")
    for name, figures in (("direct engine call", calls), ("POST to completed", ways), ("overhead", over)):
        p50, p95 = statistics.median(figures), statistics.quantiles(figures, n=20)[-1]
        table.add_row(name, f"{p50:.1f}", f"{p95:.1f}", f"{p50 / statistics.median(calls):.2f}")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
