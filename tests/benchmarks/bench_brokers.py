"""Our broker beside Redis, RabbitMQ and no broker at all, in one run.

The same actor, Dramatiq's own `dramatiq` command with 8 threads a process, its default middleware and its default
encoder everywhere. What is repeated is repeated in turns (ours, Redis, RabbitMQ, ours, ...), and each ratio is the
median of the ratios within a turn: the machine's speed wanders, and neighbours in time wander together.

- enqueue: messages a second, one by one, from one producer, the first left out.
- end to end: no-ops that were all enqueued beforehand; from the first actor's start to the last's. Worker processes
  begin together once each has loaded.
- pick-up: from the start of the call that enqueues to the start of the actor, in another process. Idle: one message
  at a time to a worker that had nothing to do for a second. Busy: beside a steady stream from another process of 30 %
  of what the slowest broker processes, or half of what the slowest takes in, whichever is less.
- back after kill -9: from the kill of the process that holds a message to the start of that message in another.
- idle CPU: of one worker process, all its threads.

Redis and RabbitMQ are looked for at BENCH_REDIS_URL and BENCH_RABBITMQ_URL; they are left as they were found.

    python tests/benchmarks/bench_brokers.py [--messages N] [--repeats N] [--brokers a,b] [--samples N] [--quick]
"""

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.benchmarks.broker_programs import (
    REDIS_URL,
    Actors,
    Records,
    Stuck,
    Workers,
    arena,
    cpu_seconds,
    measure_ceiling,
    producer,
)
from tests.benchmarks.tables import fsync_line, print_table, quantile, verdict, whole

BROKERS = {
    "ours-full": "SQLite, FULL",
    "ours-normal": "SQLite, NORMAL",
    "redis": "Redis",
    "rabbitmq": "RabbitMQ, no confirms",
    "rabbitmq-confirms": "RabbitMQ, confirms",
}
CEILING = "in-process stub, the ceiling"
PROCESSES = (1, 2)
STREAM_SHARE = 0.3
SENDER_SHARE = 0.5
SETTLE_SECONDS = 2.0

THOROUGH = {"messages": 20_000, "repeats": 3, "samples": 200, "idle_seconds": 10.0, "recovery_limit": 20.0}
QUICK = {"messages": 500, "repeats": 1, "samples": 20, "idle_seconds": 2.0, "recovery_limit": 5.0}


@dataclass
class Figures:
    """What one broker showed: one entry a turn, the pick-ups one a message."""

    enqueue: list[float] = field(default_factory=list)
    end_to_end: dict[int, list[float]] = field(default_factory=lambda: {count: [] for count in PROCESSES})
    repeated: int = 0
    idle_ms: list[float] = field(default_factory=list)
    idle_cpu_percent: float | None = None
    busy_ms: list[float] = field(default_factory=list)
    stream_rates: list[float] = field(default_factory=list)
    recovery_ms: list[float | None] = field(default_factory=list)


def progress(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


# What is measured


def enqueue_and_drain(messages: int, processes: int, kind: str, figures: Figures) -> None:
    with arena(kind, record_capacity=messages * 2) as one:
        with producer(one) as actors:
            actors.note.send(0)
            start = time.perf_counter()
            for number in range(1, messages):
                actors.note.send(number)
            figures.enqueue.append((messages - 1) / (time.perf_counter() - start))
        records = Records(one.records)
        with one.workers(processes=processes) as workers:
            workers.wait_until_loaded()
            one.gate.touch()
            times = drained(workers, records, messages)
    figures.repeated += len(times) - messages
    figures.end_to_end[processes].append((len(times) - 1) / ((max(times) - min(times)) / 1e9))


def drained(workers: Workers, records: Records, messages: int) -> list[int]:
    """When each message started, once all have."""
    times: list[int] = []
    missing = set(range(messages))

    def is_new() -> bool:
        found = records.new()
        times.extend(record.nanoseconds for record in found)
        missing.difference_update(record.number for record in found)
        return bool(found) or not missing

    while missing:
        workers.wait(is_new, "process all messages", seconds=30)
        time.sleep(0.02)
    return times


def pick_ups(records: Records, actors: Actors, numbers: Sequence[int]) -> list[float]:
    """Milliseconds of each message, sent one at a time."""
    figures = []
    for number in numbers:
        start = time.monotonic_ns()
        actors.note.send(number)
        record = records.wait_for(number, 10)
        if record is None:
            raise Stuck("a message was not picked up within 10 s")
        figures.append((record.nanoseconds - start) / 1e6)
        time.sleep(random.uniform(0.01, 0.05))
    return figures


def idle(kinds: Sequence[str], samples: int, seconds: float, results: dict[str, Figures], ceiling: Figures) -> None:
    """Idle workers of all brokers side by side: their CPU, then one message to each in turn.

    A worker on the stub broker shows what Dramatiq's own threads need.
    """
    with ExitStack() as stack:
        arenas = {kind: stack.enter_context(arena(kind)) for kind in (*kinds, "stub")}
        actors = {kind: stack.enter_context(producer(arenas[kind])) for kind in kinds}
        pids = {}
        for kind, one in arenas.items():
            workers = stack.enter_context(one.workers())
            workers.wait_until_ready()
            pids[kind] = workers.pids()[0]
        records = {kind: Records(one.records) for kind, one in arenas.items()}
        for kind in kinds:
            pick_ups(records[kind], actors[kind], range(5))
        time.sleep(SETTLE_SECONDS + 1)
        before = {kind: cpu_seconds(pid) for kind, pid in pids.items()}
        start = time.monotonic()
        time.sleep(seconds)
        for kind, pid in pids.items():
            used = cpu_seconds(pid) - before[kind]
            results.get(kind, ceiling).idle_cpu_percent = 100 * used / (time.monotonic() - start)
        for number in range(10, 10 + samples):
            for kind in kinds:
                results[kind].idle_ms += pick_ups(records[kind], actors[kind], [number])
                time.sleep(max(0.1, 1.0 / len(kinds)) * random.uniform(0.8, 1.2))


def busy(samples: int, rate: float, kind: str, figures: Figures) -> None:
    with arena(kind) as one, producer(one) as actors, one.workers() as workers:
        workers.wait_until_ready()
        records, streamed = Records(one.records), Records(one.records, "producer")
        stream = one.program("stream", "stream", str(rate))
        stream.start()
        try:
            workers.wait(lambda: streamed.written() > rate, "get its stream")
            start, before = time.monotonic(), streamed.written()
            figures.busy_ms += pick_ups(records, actors, range(samples))
            figures.stream_rates.append((streamed.written() - before) / (time.monotonic() - start))
        finally:
            stream.kill()


def recover(limit: float, kind: str, figures: Figures) -> None:
    """From the kill to the start elsewhere; once that did not come within the limit, in seconds, it isn't tried again."""
    if None in figures.recovery_ms:
        return
    with arena(kind) as one, producer(one) as actors, one.workers("first") as first, one.workers("second") as second:
        first.wait_until_ready()
        second.wait_until_ready()
        records = Records(one.records)
        pick_ups(records, actors, range(10, 20))
        time.sleep(SETTLE_SECONDS)
        actors.hold.send(1)
        held = records.wait_for(1, 10)
        if held is None:
            raise Stuck("a message was not picked up within 10 s")
        time.sleep(random.uniform(0.5, 1.5))
        victim = first if held.pid in first.pids() else second
        killed_at = time.monotonic_ns()
        victim.child.kill()
        again = records.wait_for(1, limit, other_than=held.pid)
        figures.recovery_ms.append(None if again is None else (again.nanoseconds - killed_at) / 1e6)


# What is printed


def durability(kind: str) -> str:
    """What an accepted message survives, as the server is set up."""
    match kind:
        case "ours-full":
            return "a power cut"
        case "ours-normal":
            return "kill -9; not surely a power cut"
        case "redis":
            import redis

            with redis.Redis.from_url(REDIS_URL) as client:
                settings = client.config_get("appendonly", "appendfsync", "save")
            if settings["appendonly"] == "yes":
                return f"appendfsync {settings['appendfsync']}"
            return f"snapshots ({settings['save']})" if settings["save"] else "no restart of Redis"
        case "rabbitmq":
            return "nobody said that it arrived"
        case _:
            return "a power cut, once confirmed"


def middle(figures: Sequence[float], form: Callable[[float], str]) -> str:
    return form(statistics.median(figures)) if figures else "-"


def percentiles(figures: Sequence[float]) -> str:
    return " / ".join(f"{quantile(figures, share):.1f}" for share in (0.5, 0.95, 0.99)) if figures else "-"


def recovery_cell(figures: Sequence[float | None], limit: float) -> str:
    if not figures:
        return "-"
    found = [figure for figure in figures if figure is not None]
    if len(found) < len(figures):
        return f"not within {limit:.0f} s"
    return f"{statistics.median(found):.0f}, worst {max(found):.0f}"


def print_figures(results: dict[str, Figures], ceiling: Figures, limit: float) -> None:
    rows = [
        (
            name,
            middle(one.enqueue, whole),
            *(middle(one.end_to_end[count], whole) for count in PROCESSES),
            percentiles(one.idle_ms),
            percentiles(one.busy_ms),
            recovery_cell(one.recovery_ms, limit),
            "-" if one.idle_cpu_percent is None else f"{one.idle_cpu_percent:.3f}",
            survives,
        )
        for name, one, survives in (
            *((BROKERS[kind], one, durability(kind)) for kind, one in results.items()),
            (CEILING, ceiling, "nothing"),
        )
    ]
    times = "p50 / p95 / p99 ms"
    print_table(
        (
            "broker",
            "enqueue/s",
            "1 process, msg/s",
            "2 processes, msg/s",
            f"pick-up idle, {times}",
            f"pick-up busy, {times}",
            "back after kill -9, ms",
            "idle CPU, %",
            "an accepted message survives",
        ),
        rows,
    )


def ratio(over: Sequence[float], under: Sequence[float]) -> float | None:
    """The median of the turns' ratios."""
    turns = zip(over, under, strict=False)  # one of them may have dropped out
    return statistics.median(a / b for a, b in turns) if over and under else None


def print_targets(results: dict[str, Figures], limit: float) -> None:
    nothing = Figures()
    full, normal = results.get("ours-full", nothing), results.get("ours-normal", nothing)
    redis, rabbitmq = results.get("redis", nothing), results.get("rabbitmq", nothing)
    confirms = results.get("rabbitmq-confirms", nothing)
    rows: list[tuple[str, str, str, str]] = []

    def at_least(what: str, target: float, figure: float | None) -> None:
        if figure is not None:
            rows.append((what, f">= {target:g} x", f"{figure:.2f} x", verdict(met=figure >= target)))

    def at_most(what: str, target: float, unit: str, figure: float | None) -> None:
        if figure is not None:
            rows.append((what, f"<= {target:g} {unit}", f"{figure:.3g} {unit}", verdict(met=figure <= target)))

    for count in PROCESSES:
        place = f"end to end, {count} process{'es' if count > 1 else ''}"
        for name, ours, against_redis, against_rabbitmq in (("FULL", full, 3.0, 2.5), ("NORMAL", normal, 4.5, 3.5)):
            ours_rates = ours.end_to_end[count]
            at_least(f"{place}, {name} to Redis", against_redis, ratio(ours_rates, redis.end_to_end[count]))
            at_least(f"{place}, {name} to RabbitMQ", against_rabbitmq, ratio(ours_rates, rabbitmq.end_to_end[count]))
    at_least("enqueue, FULL to RabbitMQ with confirms", 3.0, ratio(full.enqueue, confirms.enqueue))
    for name, ours, pick_up in (("FULL", full, 3.0), ("NORMAL", normal, 1.5)):
        if ours.idle_ms:
            at_most(f"pick-up idle p50, {name}", pick_up, "ms", statistics.median(ours.idle_ms))
        at_most(f"idle CPU, {name}", 0.1, "%", ours.idle_cpu_percent)
        if ours.recovery_ms:
            waits = [limit * 1000 if wait is None else wait for wait in ours.recovery_ms]
            at_most(f"back after kill -9, {name}, the median", 100, "ms", statistics.median(waits))
    print_table(("target", "wanted", "measured", ""), rows)


def note_oddities(results: dict[str, Figures], rate: float) -> None:
    for kind, one in results.items():
        if one.repeated:
            print(f"{BROKERS[kind]}: {one.repeated} messages ran more than once, with nobody killed.")
        if one.stream_rates and min(one.stream_rates) < 0.9 * rate:
            print(f"{BROKERS[kind]}: its producer kept up {min(one.stream_rates):.0f} of {rate:.0f} messages/s.")


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, help="no-ops of each end-to-end run (20,000)")
    parser.add_argument("--repeats", type=int, help="turns; the figures are medians (3)")
    parser.add_argument("--samples", type=int, help="pick-ups measured, idle and in each busy turn (200)")
    parser.add_argument("--idle-seconds", type=float, help="how long the idle CPU is watched (10)")
    parser.add_argument("--recovery-limit", type=float, help="seconds to wait after a kill (20)")
    parser.add_argument("--brokers", default=",".join(BROKERS), help="which to compare, of: %(default)s")
    parser.add_argument("--quick", action="store_true", help="a look whether everything runs; its figures mean little")
    given = parser.parse_args()
    given.brokers = [kind.strip() for kind in given.brokers.split(",")]
    if unknown := set(given.brokers) - set(BROKERS):
        parser.error(f"no such broker: {', '.join(sorted(unknown))}")
    for name, value in (QUICK if given.quick else THOROUGH).items():
        if getattr(given, name) is None:
            setattr(given, name, value)
    return given


def reachable(kind: str) -> bool:
    try:
        with arena(kind) as one, producer(one) as actors:
            actors.note.send(0)
    except Exception as error:  # whatever its client raises: it is left out, and that is said
        print(f"{BROKERS[kind]} is left out: {error!r}")
        return False
    return True


class Bench:
    """The run: brokers in turns. One that gets stuck drops out, with what it had shown till then."""

    def __init__(self, kinds: Sequence[str]) -> None:
        self.kinds = list(kinds)
        self.results = {kind: Figures() for kind in kinds}
        self.ceiling = Figures()
        self.dropped: list[str] = []

    def each(self, what: str, measure: Callable[[str, Figures], None]) -> None:
        for kind in list(self.kinds):
            progress(f"{what}, {kind}")
            try:
                measure(kind, self.results[kind])
            except Stuck as stuck:
                progress(str(stuck))
                self.kinds.remove(kind)
                self.dropped.append(f"{BROKERS[kind]} dropped out ({what}): {str(stuck).splitlines()[0]}")

    def run(self, given: argparse.Namespace) -> float:
        """Measure everything; returns the rate of the busy stream, messages a second."""
        for turn in range(1, given.repeats + 1):
            for processes in PROCESSES:
                drain = partial(enqueue_and_drain, given.messages, processes)
                self.each(f"turn {turn}: end to end, {processes} x 8", drain)
            enqueued, processed = measure_ceiling(given.messages)
            self.ceiling.enqueue.append(enqueued)
            self.ceiling.end_to_end[1].append(processed)
        progress("idle workers, side by side")
        try:
            idle(self.kinds, given.samples, given.idle_seconds, self.results, self.ceiling)
        except Stuck as stuck:
            self.dropped.append(f"idle workers: {stuck}")
        remaining = [self.results[kind] for kind in self.kinds]
        slowest = min((statistics.median(one.end_to_end[1]) for one in remaining), default=0.0)
        slowest_in = min((statistics.median(one.enqueue) for one in remaining), default=0.0)
        rate = min(STREAM_SHARE * slowest, SENDER_SHARE * slowest_in)
        for turn in range(1, given.repeats + 1):
            self.each(f"turn {turn}: busy", partial(busy, given.samples, rate))
        for turn in range(1, given.repeats + 1):
            self.each(f"turn {turn}: kill -9", partial(recover, given.recovery_limit))
        return rate


def main() -> None:
    given = options()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        print(fsync_line(Path(folder)))
    bench = Bench([kind for kind in given.brokers if reachable(kind)])
    rate = bench.run(given)
    print(
        f"{whole(given.messages)} messages, {given.repeats} turns, {given.samples} pick-ups idle and in each busy turn, "
        f"busy: {whole(rate)} messages/s\n"
    )
    print_figures(bench.results, bench.ceiling, given.recovery_limit)
    print_targets(bench.results, given.recovery_limit)
    note_oddities(bench.results, rate)
    print("\n".join(bench.dropped))


if __name__ == "__main__":
    main()
