"""Saturating writers on one SQLite file: how long each waits for the write lock, with SQLite's patience and our gate.

Four processes commit one row after the other. Printed for each way and each `synchronous` setting: commits a second of
all of them, the share of the slowest to that of the fastest, and the waits for the lock.

    python tests/benchmarks/bench_write_lock.py [--seconds N] [--writers N]
"""

from __future__ import annotations

import argparse
import multiprocessing
import sqlite3
import statistics
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from broker._gate import Gate
from tests.benchmarks.tables import print_table

ROW = "x" * 300


def open_file(folder: Path, synchronous: str) -> sqlite3.Connection:
    connection = sqlite3.connect(folder / "queue.db", isolation_level=None, timeout=30)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    return connection


def write(folder: Path, synchronous: str, gated: bool, seconds: float, results: Any) -> None:
    connection = open_file(folder, synchronous)
    gate = Gate(folder, patience_seconds=30) if gated else None
    waits = []
    begun_at = time.monotonic()
    while time.monotonic() < begun_at + seconds:
        asked_at = time.monotonic()
        with gate.passed() if gate is not None else nullcontext():
            connection.execute("BEGIN IMMEDIATE")
            waits.append(time.monotonic() - asked_at)
            connection.execute("INSERT INTO rows VALUES (?)", (ROW,))
            connection.execute("COMMIT")
    results.put(waits)


def measure(synchronous: str, gated: bool, seconds: float, writers: int) -> list[str]:
    with tempfile.TemporaryDirectory(dir=".") as name:
        connection = open_file(Path(name), synchronous)
        connection.execute("CREATE TABLE rows (content TEXT)")
        connection.close()
        results: Any = multiprocessing.Queue()
        arguments = (Path(name), synchronous, gated, seconds, results)
        processes = [multiprocessing.Process(target=write, args=arguments) for _ in range(writers)]
        for process in processes:
            process.start()
        each = [results.get() for _ in processes]
        for process in processes:
            process.join()
    counts = [len(waits) for waits in each]
    waits = sorted(wait for waits in each for wait in waits)
    return [
        "gate" if gated else "SQLite's busy handler",
        synchronous,
        f"{sum(counts) / seconds:,.0f}",
        f"{min(counts) / max(counts):.2f}",
        f"{statistics.median(waits) * 1000:.2f}",
        f"{waits[int(len(waits) * 0.99)] * 1000:.1f}",
        f"{waits[-1] * 1000:,.0f}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each run")
    parser.add_argument("--writers", type=int, default=4, help="processes")
    arguments = parser.parse_args()
    rows = [
        measure(synchronous, gated, arguments.seconds, arguments.writers)
        for synchronous in ("FULL", "NORMAL")
        for gated in (False, True)
    ]
    titles = ["way", "synchronous", "commits/s", "slowest to fastest", "wait p50 ms", "wait p99 ms", "worst ms"]
    print_table(titles, rows)


if __name__ == "__main__":
    main()
