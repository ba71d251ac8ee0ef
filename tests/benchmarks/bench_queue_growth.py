"""Whether a long queue is a slow queue.

Queues of 1,000, 100,000 and 1,000,000 waiting messages, and one of 1,000 behind 100,000 that are due next week. One
process takes and acknowledges by the broker's consumer, eight messages held at most, as for Dramatiq's eight threads:
once with the acks from another thread, as Dramatiq does it, and once from the same, one after the other. What was
taken is put back between the runs, untimed. The queues take turns, so that each is compared with the short one of the
same seconds.

    python tests/benchmarks/bench_queue_growth.py [--rows N,N,...] [--scheduled N] [--turns N] [--durability normal]
"""

import argparse
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from dramatiq import Consumer, Message, MessageProxy

from broker import SQLiteBroker
from tests.benchmarks.broker_programs import THREADS, Stuck
from tests.benchmarks.tables import fsync_line, print_table, quantile, verdict, whole

QUEUE = "growth"
PREFETCH = 2 * THREADS  # what a Dramatiq worker asks for
RUN_MESSAGES = 200
FILL_AT_ONCE = 10_000
WEEK_MS = 7 * 86_400 * 1000
TARGET_RATIO = 1.3


@dataclass
class Depth:
    """A filled queue and its figures, one entry a run."""

    waiting: int
    scheduled: int
    broker: SQLiteBroker
    consumer: Consumer
    from_threads_us: list[float] = field(default_factory=list)
    from_one_thread_us: list[float] = field(default_factory=list)
    inspect_ms: list[float] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{whole(self.waiting)}{f' behind {whole(self.scheduled)} scheduled' if self.scheduled else ''}"


def messages(count: int) -> Iterator[Message[Any]]:
    for number in range(count):
        yield Message(queue_name=QUEUE, actor_name="note", args=(number,), kwargs={}, options={})


def fill(broker: SQLiteBroker, count: int, *, delay: int | None = None) -> None:
    for start in range(0, count, FILL_AT_ONCE):
        broker.enqueue_many(messages(min(FILL_AT_ONCE, count - start)), delay=delay)


@contextmanager
def filled(path: Path, waiting: int, scheduled: int, durability: str) -> Iterator[Depth]:
    broker = SQLiteBroker(path, durability="full" if durability == "full" else "normal")
    broker.declare_queue(QUEUE)
    fill(broker, scheduled, delay=WEEK_MS)
    fill(broker, waiting)
    consumer = broker.consume(QUEUE, prefetch=PREFETCH, timeout=1000)
    try:
        yield Depth(waiting, scheduled, broker, consumer)
    finally:
        consumer.close()
        broker.close()


def take(consumer: Consumer) -> MessageProxy:
    message = next(consumer)
    if message is None:
        raise Stuck("the queue has messages, but the consumer got none")
    return message


def ack_from_threads(consumer: Consumer) -> None:
    """This thread takes, another acknowledges."""
    taken: SimpleQueue[MessageProxy | None] = SimpleQueue()

    def acknowledge() -> None:
        while (message := taken.get()) is not None:
            consumer.ack(message)

    other = threading.Thread(target=acknowledge)
    other.start()
    for _ in range(RUN_MESSAGES):
        taken.put(take(consumer))
    taken.put(None)
    other.join()


def ack_from_one_thread(consumer: Consumer) -> None:
    for _ in range(RUN_MESSAGES // THREADS):
        for message in [take(consumer) for _ in range(THREADS)]:
            consumer.ack(message)


def timed_us(run: Callable[[Consumer], None], depth: Depth) -> float:
    """Microseconds a message; the queue is as long afterwards as it was."""
    start = time.perf_counter()
    run(depth.consumer)
    elapsed = time.perf_counter() - start
    depth.broker.enqueue_many(messages(RUN_MESSAGES))
    return elapsed * 1e6 / RUN_MESSAGES


def measure(depths: list[Depth], turns: int) -> None:
    for turn in range(turns + 1):
        for depth in depths:
            from_threads, from_one = timed_us(ack_from_threads, depth), timed_us(ack_from_one_thread, depth)
            start = time.perf_counter()
            depth.broker.inspect.queues()
            inspect = (time.perf_counter() - start) * 1000
            if turn:  # the first warms up
                depth.from_threads_us.append(from_threads)
                depth.from_one_thread_us.append(from_one)
                depth.inspect_ms.append(inspect)


def print_figures(depths: list[Depth]) -> None:
    figures: dict[str, Callable[[Depth], list[float]]] = {
        "claim + ack, acks from another thread, us": lambda depth: depth.from_threads_us,
        "claim + ack, from one thread, us": lambda depth: depth.from_one_thread_us,
        "inspect.queues(), ms": lambda depth: depth.inspect_ms,
    }
    rows = []
    for name, of in figures.items():
        for depth in depths:
            ours = of(depth)
            ratio = statistics.median(a / b for a, b in zip(ours, of(depths[0]), strict=True))
            p50, p95 = f"{statistics.median(ours):.2f}", f"{quantile(ours, 0.95):.2f}"
            rows.append((name, depth.name, p50, p95, f"{ratio:.2f}", verdict(met=ratio <= TARGET_RATIO)))
    print_table(
        ("what", "messages waiting", "p50", "p95", f"ratio to {depths[0].name}", f"target {TARGET_RATIO} x"), rows
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default="1000,100000,1000000", help="lengths; the first is what others are put to")
    parser.add_argument("--scheduled", type=int, default=100_000, help="scheduled messages before the first length")
    parser.add_argument("--turns", type=int, default=30, help=f"runs of {RUN_MESSAGES} messages for each queue")
    parser.add_argument("--durability", choices=("full", "normal"), default="full")
    given = parser.parse_args()
    lengths = [int(length) for length in given.rows.split(",")]
    wanted = [*((length, 0) for length in lengths), (lengths[0], given.scheduled)]
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, ExitStack() as stack:
        print(fsync_line(Path(folder)))
        depths = []
        for waiting, scheduled in wanted:
            print(f"filling {waiting:,} + {scheduled:,} ...", file=sys.stderr, flush=True)
            path = Path(folder) / f"{waiting}-{scheduled}.db"
            depths.append(stack.enter_context(filled(path, waiting, scheduled, given.durability)))
        measure(depths, given.turns)
        print(
            f"durability={given.durability}, {given.turns} runs of {RUN_MESSAGES} messages for each queue, in turns\n"
        )
        print_figures(depths)


if __name__ == "__main__":
    main()
