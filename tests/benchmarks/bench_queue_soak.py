"""Minutes of full load on one file, beside readers that would keep its write-ahead log from being cut.

Two producers that never rest (they wait only while 10,000 messages lie unprocessed), two worker processes with eight
threads each, four processes that hold read transactions of up to two seconds one after the other, and one that reads
the queues' depths each second. The log's size is asked of the kernel every 50 ms; nobody opens the live file for it.

    python tests/benchmarks/bench_queue_soak.py [--minutes N] [--durability normal] [--backlog N]
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from broker import SQLiteBroker
from tests.benchmarks.broker_programs import Arena, Records, Workers, arena, resident_megabytes
from tests.benchmarks.tables import fsync_line, print_table, quantile, verdict, whole
from tests.support.processes import Child

PRODUCERS, WORKERS, READERS = 2, 2, 4
SAMPLE_SECONDS = 0.05
WAL_TARGET_MB = 64.0
#: More than a producer sends in a minute; the oldest are overwritten.
RECORDS = 1 << 20
FEWEST_PARTS = 10


@dataclass
class Part:
    """A minute of the soak, or a tenth of a short one."""

    seconds: float = 0.0
    processed: int = 0
    enqueued: int = 0
    wal_mb: list[float] = field(default_factory=list)
    worker_mb: float = 0.0
    backlog: int = 0
    enqueue_ms: list[float] = field(default_factory=list)


@dataclass
class Soak:
    one: Arena
    workers: Workers
    children: Sequence[Child]
    sent: Records
    done: Records

    def part(self, seconds: float) -> Part:
        part = Part()
        start, sent, done = time.monotonic(), self.sent.written(), self.done.written()
        while time.monotonic() - start < seconds:
            part.wal_mb.append(wal_megabytes(self.one))
            ended = [child.log.name for child in self.children if not child.alive]
            if ended:
                raise SystemExit(f"ended too early: {', '.join(ended)}\n{tails(self.children)}")
            time.sleep(SAMPLE_SECONDS)
        part.seconds = time.monotonic() - start
        part.enqueued, part.processed = self.sent.written() - sent, self.done.written() - done
        part.backlog = self.sent.written() - self.done.written()
        part.worker_mb = max(resident_megabytes(pid) for pid in self.workers.pids())
        part.enqueue_ms = [record.nanoseconds / 1e6 for record in self.sent.new()]
        return part


def wal_megabytes(one: Arena) -> float:
    try:
        return os.stat(f"{one.database_path}-wal").st_size / 1e6
    except FileNotFoundError:
        return 0.0


def tails(children: Sequence[Child]) -> str:
    return "\n".join(f"{child.log.name}: {child.log.read_text(errors='replace')[-1000:]}" for child in children)


def row(name: str, part: Part) -> tuple[str, ...]:
    shares = (f"{quantile(part.enqueue_ms, share):.2f}" for share in (0.5, 0.99, 1.0)) if part.enqueue_ms else "---"
    return (
        name,
        whole(part.processed / part.seconds),
        whole(part.enqueued / part.seconds),
        " / ".join(shares),
        f"{max(part.wal_mb):.1f}",
        f"{part.worker_mb:.1f}",
        whole(part.backlog),
    )


def whole_of(parts: Sequence[Part]) -> Part:
    return Part(
        seconds=sum(part.seconds for part in parts),
        processed=sum(part.processed for part in parts),
        enqueued=sum(part.enqueued for part in parts),
        wal_mb=[size for part in parts for size in part.wal_mb],
        worker_mb=max(part.worker_mb for part in parts),
        backlog=parts[-1].backlog,
        enqueue_ms=[figure for part in parts for figure in part.enqueue_ms],
    )


def drain(soak: Soak, producers: Sequence[Child]) -> tuple[int, int]:
    """Let the producers stop and the workers finish; how many were sent and how many were processed."""
    for child in producers:
        child.stop()
    soak.workers.wait(lambda: soak.done.written() >= soak.sent.written(), "process the rest", seconds=120)
    time.sleep(1)  # for what would run twice
    return soak.sent.written(), soak.done.written()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--durability", choices=("full", "normal"), default="full")
    parser.add_argument("--backlog", type=int, default=10_000, help="unprocessed messages at which producers wait")
    given = parser.parse_args()
    with arena(f"ours-{given.durability}", record_capacity=RECORDS) as one, ExitStack() as stack:
        print(fsync_line(one.folder))
        SQLiteBroker(one.database_path).setup()  # the readers need the tables
        workers = stack.enter_context(one.workers(processes=WORKERS))
        workers.wait_until_ready()
        producers = [one.program(f"producer-{n}", "flood", str(given.backlog)) for n in range(PRODUCERS)]
        readers = [one.program(f"reader-{n}", "read") for n in range(READERS)]
        inspector = one.program("inspector", "inspect")
        for child in (*readers, inspector, *producers):
            child.start()
            stack.callback(child.kill)
        sent, done = Records(one.records, "producer"), Records(one.records)
        workers.wait(lambda: len(sent.pids()) == PRODUCERS and sent.written() > 0, "get messages")
        soak = Soak(one, workers, (*readers, inspector, *producers), sent, done)
        parts: list[Part] = []
        count = max(FEWEST_PARTS, round(given.minutes))
        for n in range(count):
            parts.append(soak.part(given.minutes * 60 / count))
            print(f"{n + 1} of {count}: {' '.join(row('', parts[-1]))}", file=sys.stderr, flush=True)
        sent_in_all, done_in_all = drain(soak, producers)
        inspections = [record.nanoseconds / 1e6 for record in Records(one.records, "inspector").new()]
        report(given.minutes, given.durability, parts)
        wal = max(size for part in parts for size in part.wal_mb)
        print(f"WAL at most {wal:.1f} MB, target < {WAL_TARGET_MB:.0f} MB: {verdict(met=wal < WAL_TARGET_MB)}")
        print(
            f"inspect.queues(): p50 {quantile(inspections, 0.5):.1f} ms, p99 {quantile(inspections, 0.99):.1f} ms\n"
            f"sent {whole(sent_in_all)}, processed {whole(done_in_all)}, enqueues refused {sent.failed()}"
        )


def report(minutes: float, durability: str, parts: Sequence[Part]) -> None:
    print(f"{minutes:g} minutes, durability={durability}\n")
    each = minutes / len(parts)
    rows = [row(f"{n * each:g} to {(n + 1) * each:g}", part) for n, part in enumerate(parts)]
    print_table(
        (
            "minutes",
            "processed/s",
            "enqueued/s",
            "enqueue p50 / p99 / worst, ms",
            "WAL at most, MB",
            "a worker's memory, MB",
            "waiting at the end",
        ),
        [*rows, row("all", whole_of(parts))],
    )


if __name__ == "__main__":
    main()
