"""What the broker benchmarks share: the brokers as they are compared, the actors, and what those write down.

Every process of a benchmark is told by its environment which broker it talks to. Each message writes its number and
the time of CLOCK_MONOTONIC at which its actor began into a memory-mapped file of its process: about a microsecond,
the same on every broker, and nothing of it passes through the broker that is measured.

`python -m dramatiq tests.benchmarks.broker_worker:broker` runs workers. This file, run as a script, is everybody else:

    python -m tests.benchmarks.broker_programs stream RATE | flood BACKLOG | ceiling MESSAGES | read | inspect
"""

import itertools
import json
import mmap
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import dramatiq
from dramatiq import Actor, Broker, Worker
from dramatiq.brokers.stub import StubBroker

from broker import SQLiteBroker
from tests.support.processes import PROJECT, Child

REDIS_URL = os.getenv("BENCH_REDIS_URL", "redis://127.0.0.1:6379/0")
RABBITMQ_URL = os.getenv("BENCH_RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672/")

THREADS = 8
#: Numbers from here on belong to the background stream; no figure is made of them.
BACKGROUND = 1 << 40
HOLD_SECONDS = 120.0
READY_LINE = b"Worker process is ready for action."
PATIENCE_SECONDS = 60.0

# A record file: how many were written, how many failed; then pairs of (number, nanoseconds), the oldest overwritten.
HEADER_WORDS = 2
WORD_BYTES = 8
WRITTEN, FAILED = 0, 1


class Stuck(Exception):
    """What a benchmark waited for did not come."""


@dataclass(frozen=True, slots=True)
class Arena:
    """A fresh queue on one broker, and the folders that its processes share."""

    kind: str
    queue: str
    folder: Path
    records: Path
    record_capacity: int

    @classmethod
    def of_this_process(cls) -> "Arena":
        return cls(
            kind=os.environ["BENCH_KIND"],
            queue=os.environ["BENCH_QUEUE"],
            folder=Path(os.environ["BENCH_FOLDER"]),
            records=Path(os.environ["BENCH_RECORDS"]),
            record_capacity=int(os.environ["BENCH_RECORD_CAPACITY"]),
        )

    @property
    def environment(self) -> dict[str, str]:
        return {
            "BENCH_KIND": self.kind,
            "BENCH_QUEUE": self.queue,
            "BENCH_FOLDER": str(self.folder),
            "BENCH_RECORDS": str(self.records),
            "BENCH_RECORD_CAPACITY": str(self.record_capacity),
            "BENCH_REDIS_URL": REDIS_URL,
            "BENCH_RABBITMQ_URL": RABBITMQ_URL,
        }

    @property
    def database_path(self) -> Path:
        return self.folder / "queue.db"

    @property
    def gate(self) -> Path:
        """Workers begin once this exists."""
        return self.records / "go"

    def broker(self) -> Broker:
        """The broker, with Dramatiq's default middleware and encoder."""
        match self.kind:
            case "ours-full":
                return SQLiteBroker(self.database_path, durability="full")
            case "ours-normal":
                return SQLiteBroker(self.database_path, durability="normal")
            case "redis":
                from dramatiq.brokers.redis import RedisBroker

                return RedisBroker(url=REDIS_URL, namespace=self.queue)  # type: ignore[no-untyped-call]  # it has no types
            case "rabbitmq" | "rabbitmq-confirms":
                from dramatiq.brokers.rabbitmq import RabbitmqBroker

                return RabbitmqBroker(url=RABBITMQ_URL, confirm_delivery=self.kind == "rabbitmq-confirms")
            case "stub":
                return StubBroker()
        raise ValueError(self.kind)

    def child(self, name: str, *arguments: str) -> Child:
        """A Python process of this arena, not yet started."""
        return Child([sys.executable, "-m", *arguments], self.environment, self.folder / f"{name}.log")

    def program(self, name: str, *arguments: str) -> Child:
        """One of this file's programs, not yet started."""
        return self.child(name, "tests.benchmarks.broker_programs", *arguments)

    def workers(self, name: str = "workers", *, processes: int = 1) -> "Workers":
        return Workers(self, name, processes)

    def leave_the_server(self) -> None:
        """Delete what this arena put on Redis or RabbitMQ."""
        match self.kind:
            case "redis":
                import redis

                with redis.Redis.from_url(REDIS_URL) as client:
                    for key in client.scan_iter(f"{self.queue}:*", count=10_000):
                        client.delete(key)
            case "rabbitmq" | "rabbitmq-confirms":
                import pika  # type: ignore[import-untyped]  # ships none

                with closing(pika.BlockingConnection(pika.URLParameters(RABBITMQ_URL))) as connection:
                    channel = connection.channel()
                    for suffix in ("", ".DQ", ".XQ"):
                        channel.queue_delete(self.queue + suffix)
            case _:
                pass


_ARENAS = itertools.count(1)


@contextmanager
def arena(kind: str, *, record_capacity: int = 1 << 17) -> Iterator[Arena]:
    """A fresh arena; nothing of it is left behind.

    Parameters:
      kind: A broker, as in `Arena.broker`.
      record_capacity: How many records of each process are kept.
    """
    # The records lie in memory, lest a sync of the queue's file writes them out too.
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    folder, records = Path(tempfile.mkdtemp(prefix="bench-")), Path(tempfile.mkdtemp(prefix="bench-", dir=memory))
    one = Arena(kind, f"sayathing-bench-{os.getpid()}-{next(_ARENAS)}", folder, records, record_capacity)
    try:
        yield one
    finally:
        shutil.rmtree(records, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
        one.leave_the_server()


class Recorder:
    """The record file of this process. Any thread may write."""

    def __init__(self, folder: Path, role: str, capacity: int) -> None:
        size = (HEADER_WORDS + 2 * capacity) * WORD_BYTES
        path = folder / f"{os.getpid()}.{role}"
        draft = path.with_suffix(".draft")
        with draft.open("wb") as file:
            file.truncate(size)
        with draft.open("r+b") as file:
            self._words = memoryview(mmap.mmap(file.fileno(), size)).cast("q")
        draft.rename(path)
        self._capacity = capacity
        self._lock = threading.Lock()
        self.written = 0

    def write(self, number: int, nanoseconds: int) -> None:
        with self._lock:
            at = HEADER_WORDS + 2 * (self.written % self._capacity)
            self._words[at] = number
            self._words[at + 1] = nanoseconds
            self.written += 1
            self._words[WRITTEN] = self.written

    def fail(self) -> None:
        with self._lock:
            self._words[FAILED] += 1


class Record(NamedTuple):
    pid: int
    number: int
    nanoseconds: int


class Records:
    """What the processes of one role wrote down, read while they write."""

    def __init__(self, folder: Path, role: str = "worker") -> None:
        self._folder = folder
        self._role = role
        self._files: dict[int, memoryview] = {}
        self._read: dict[int, int] = {}

    def pids(self) -> list[int]:
        """The processes that have loaded."""
        for path in self._folder.glob(f"*.{self._role}"):
            pid = int(path.stem)
            if pid not in self._files:
                with path.open("rb") as file:
                    self._files[pid] = memoryview(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)).cast("q")
        return list(self._files)

    def written(self) -> int:
        return sum(self._files[pid][WRITTEN] for pid in self.pids())

    def failed(self) -> int:
        return sum(self._files[pid][FAILED] for pid in self.pids())

    def new(self) -> list[Record]:
        """Those written since the last call, as far as they are still kept."""
        found = []
        for pid in self.pids():
            words = self._files[pid]
            capacity = (len(words) - HEADER_WORDS) // 2
            written = words[WRITTEN]
            for slot in range(max(self._read.get(pid, 0), written - capacity), written):
                at = HEADER_WORDS + 2 * (slot % capacity)
                found.append(Record(pid, words[at], words[at + 1]))
            self._read[pid] = written
        return found

    def wait_for(self, number: int, seconds: float, *, other_than: int = 0) -> Record | None:
        """The first new record of this number by another process than that one; None where it does not come."""
        give_up_at = time.monotonic() + seconds
        while time.monotonic() < give_up_at:
            for record in self.new():
                if record.number == number and record.pid != other_than:
                    return record
            time.sleep(0.001)
        return None


class Actors(NamedTuple):
    note: Actor[..., Any]
    hold: Actor[..., Any]


def declare(broker: Broker, queue: str, recorder: Recorder | None = None) -> Actors:
    """The actors. A producer, which runs none of them, needs no recorder."""

    def record(number: int) -> None:
        assert recorder is not None
        recorder.write(number, time.monotonic_ns())

    def note(number: int) -> None:
        record(number)

    def hold(number: int) -> None:
        record(number)
        time.sleep(HOLD_SECONDS)

    return Actors(
        note=dramatiq.actor(broker=broker, queue_name=queue, actor_name="note")(note),
        hold=dramatiq.actor(broker=broker, queue_name=queue, actor_name="hold")(hold),
    )


@contextmanager
def producer(arena: Arena) -> Iterator[Actors]:
    """The actors of an arena, to be sent to from this process."""
    broker = arena.broker()
    try:
        yield declare(broker, arena.queue)
    finally:
        broker.close()


class Workers:
    """One `dramatiq` command with its worker processes; killed when the block ends."""

    def __init__(self, arena: Arena, name: str, processes: int) -> None:
        command = ("dramatiq", "tests.benchmarks.broker_worker:broker", "--processes", str(processes))
        self.child = arena.child(name, *command, "--threads", str(THREADS))
        self._arena = arena
        self._processes = processes

    def __enter__(self) -> Self:
        self.child.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.child.kill()

    def pids(self) -> list[int]:
        """Its worker processes that have loaded."""
        return [pid for pid in Records(self._arena.records).pids() if _parent(pid) == self.child.pid]

    def wait_until_loaded(self) -> None:
        self.wait(lambda: len(self.pids()) == self._processes, "load")

    def wait_until_ready(self) -> None:
        """Loaded, and let through the gate."""
        self.wait_until_loaded()
        self._arena.gate.touch()
        self.wait(lambda: self.child.log.read_bytes().count(READY_LINE) >= self._processes, "begin")

    def wait(self, ask: Callable[[], bool], what: str, seconds: float = PATIENCE_SECONDS) -> None:
        """Until `ask` is true.

        Raises:
          Stuck: it stayed false for that long, or the workers ended.
        """
        give_up_at = time.monotonic() + seconds
        while not ask():
            if time.monotonic() > give_up_at or not self.child.alive:
                tail = "\n".join(self.child.log.read_text(errors="replace").splitlines()[-20:])
                raise Stuck(f"{self._arena.kind}: the workers did not {what} within {seconds:.0f} s\n{tail}")
            time.sleep(0.01)


def cpu_seconds(pid: int) -> float:
    """What all threads of a process have had of the processors, to the nanosecond."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError):
            total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def resident_megabytes(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def measure_ceiling(messages: int) -> tuple[float, float]:
    """Dramatiq without any broker beneath it: what is enqueued and processed a second, in one process."""
    with arena("stub", record_capacity=messages) as one:
        command = [sys.executable, "-m", "tests.benchmarks.broker_programs", "ceiling", str(messages)]
        run = subprocess.run(
            command, cwd=PROJECT, env={**os.environ, **one.environment}, stdout=subprocess.PIPE, check=True, timeout=300
        )
        enqueued = float(json.loads(run.stdout))
        times = [record.nanoseconds for record in Records(one.records).new()]
    return enqueued, (len(times) - 1) / ((max(times) - min(times)) / 1e9)


def _ceiling(arena: Arena, messages: int) -> None:
    recorder = Recorder(arena.records, "worker", arena.record_capacity)
    broker = arena.broker()
    actors = declare(broker, arena.queue, recorder)
    start = time.perf_counter()
    for number in range(messages):
        actors.note.send(number)
    print(json.dumps(messages / (time.perf_counter() - start)))
    worker = Worker(broker, worker_threads=THREADS)
    worker.start()
    while recorder.written < messages:
        time.sleep(0.01)
    worker.stop()


def _stream(arena: Arena, rate: float) -> None:
    """Sends at a steady rate; where it cannot keep up it sends as it can, without making up for it later."""
    recorder = Recorder(arena.records, "producer", 1)
    with producer(arena) as actors:
        due = time.monotonic()
        for number in itertools.count(BACKGROUND):
            now = time.monotonic()
            due = max(due + 1 / rate, now - 0.05)
            if due > now:
                time.sleep(due - now)
            actors.note.send(number)
            recorder.write(number, 0)


def _flood(arena: Arena, backlog: int) -> None:
    """Sends as fast as it can while fewer than `backlog` messages wait, until SIGTERM; keeps how long each took."""
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    recorder = Recorder(arena.records, "producer", arena.record_capacity)
    sent, done = Records(arena.records, "producer"), Records(arena.records, "worker")
    with producer(arena) as actors:
        for number in itertools.count():
            while number % 50 == 0 and sent.written() - done.written() > backlog and not stopping.is_set():
                time.sleep(0.005)
            if stopping.is_set():
                break
            start = time.monotonic_ns()
            try:
                actors.note.send(number)
            except Exception as error:  # counted and shown; the load goes on
                print(repr(error), flush=True)
                recorder.fail()
            else:
                recorder.write(number, time.monotonic_ns() - start)


def _read(arena: Arena) -> None:
    """Holds one read transaction after the other, each for up to two seconds."""
    with closing(sqlite3.connect(f"file:{arena.database_path}?mode=ro", uri=True, isolation_level=None)) as connection:
        while True:
            connection.execute("BEGIN")
            connection.execute("SELECT id FROM broker_messages LIMIT 1").fetchall()
            time.sleep(random.uniform(0.0, 2.0))
            connection.execute("COMMIT")


def _inspect(arena: Arena) -> None:
    """Reads the queues' depths each second, and keeps how long it took."""
    recorder = Recorder(arena.records, "inspector", arena.record_capacity)
    broker = arena.broker()
    assert isinstance(broker, SQLiteBroker)
    while True:
        start = time.monotonic_ns()
        depths = broker.inspect.queues()
        recorder.write(sum(depth.ready for depth in depths), time.monotonic_ns() - start)
        time.sleep(1)


def main() -> None:
    match Arena.of_this_process(), sys.argv[1:]:
        case one, ["ceiling", messages]:
            _ceiling(one, int(messages))
        case one, ["stream", rate]:
            _stream(one, float(rate))
        case one, ["flood", backlog]:
            _flood(one, int(backlog))
        case one, ["read"]:
            _read(one)
        case one, ["inspect"]:
            _inspect(one)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
