"""What Dramatiq expects of result and rate limiter backends, asked of its own stubs and of ours; then ours alone."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import dramatiq
import pytest
from dramatiq import Message, Worker
from dramatiq.encoder import PickleEncoder
from dramatiq.middleware import GroupCallbacks
from dramatiq.rate_limits import (
    Barrier,
    BucketRateLimiter,
    ConcurrentRateLimiter,
    RateLimiterBackend,
    RateLimitExceeded,
    WindowRateLimiter,
)
from dramatiq.rate_limits.backends.stub import StubBackend as StubRateLimiterBackend
from dramatiq.results import ResultBackend, ResultFailure, ResultMissing, Results, ResultTimeout
from dramatiq.results.backends.stub import StubBackend as StubResultBackend

from broker import SQLiteBroker, SQLiteRateLimiterBackend, SQLiteResultBackend, _rate_limits, _results, _shared_file

PROJECT = Path(__file__).parents[2]
LONG_MS = 60_000


class FakeClock:
    """UNIX seconds that move only when told to."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def make_broker(tmp_path: Path) -> Iterator[Callable[..., SQLiteBroker]]:
    made: list[SQLiteBroker] = []

    def make(**settings: Any) -> SQLiteBroker:
        made.append(SQLiteBroker(tmp_path / "queue.db", durability="normal", **settings))
        return made[-1]

    yield make
    for broker in made:
        broker.close()


@pytest.fixture
def broker(make_broker) -> SQLiteBroker:
    return make_broker()


@pytest.fixture(params=["stub", "sqlite"])
def make_results(request, make_broker) -> Callable[..., ResultBackend]:
    if request.param == "stub":
        return StubResultBackend
    broker = make_broker()
    return lambda **settings: SQLiteResultBackend(broker, **settings)


@pytest.fixture
def results(make_results) -> ResultBackend:
    return make_results()


@pytest.fixture(params=["stub", "sqlite"])
def limits(request, make_broker) -> RateLimiterBackend:
    return StubRateLimiterBackend() if request.param == "stub" else SQLiteRateLimiterBackend(make_broker())


@pytest.fixture
def message() -> Message[Any]:
    return Message(queue_name="default", actor_name="work", args=(), kwargs={}, options={})


@pytest.fixture
def start() -> Iterator[Callable[..., Worker]]:
    workers: list[Worker] = []

    def run(broker: SQLiteBroker, threads: int = 4) -> Worker:
        worker = Worker(broker, worker_timeout=50, worker_threads=threads)
        workers.append(worker)
        worker.start()
        return worker

    yield run
    for worker in workers:
        worker.stop()


class Program:
    """Another process that speaks in lines."""

    def __init__(self, code: str, *arguments: object) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": str(PROJECT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def hear(self) -> str:
        """The next line that it prints."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def rest(self) -> list[str]:
        """What it still prints until it ends by itself, which it must do soon."""
        said, _ = self.process.communicate(timeout=60)
        assert self.process.returncode == 0
        return said.split()


@pytest.fixture
def program() -> Iterator[Callable[..., Program]]:
    started: list[Program] = []

    def start(code: str, *arguments: object) -> Program:
        started.append(Program(code, *arguments))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.communicate()


@pytest.fixture
def nothing_is_looked_at_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiters look again only when they are woken: the net that would hide a lost announcement is taken away."""
    monkeypatch.setattr(_shared_file, "LOOK_AGAIN_SECONDS", 3600.0)


# --- Results, as everyone keeps them ---


@pytest.mark.parametrize("value", [42, "text", None, False, 0, "", [], {"a": [1, 2]}])
def test_a_stored_result_comes_back_as_it_was(results, message, value) -> None:
    results.store_result(message, value, LONG_MS)
    assert results.get_result(message) == value
    assert results.get_result(message, block=True) == value


def test_a_result_that_is_not_there_is_missing(results, message) -> None:
    with pytest.raises(ResultMissing):
        results.get_result(message)


def test_waiting_for_a_result_ends_in_a_timeout(results, message) -> None:
    for timeout in (0, 50):
        with pytest.raises(ResultTimeout):
            results.get_result(message, block=True, timeout=timeout)


def test_a_waiter_gets_the_result_that_another_thread_stores(results, message) -> None:
    with ThreadPoolExecutor(4) as pool:
        waiters = [pool.submit(results.get_result, message, block=True, timeout=30_000) for _ in range(4)]
        results.store_result(message, "late", LONG_MS)
        assert [waiter.result() for waiter in waiters] == ["late"] * 4


def test_a_stored_exception_is_raised_with_its_name_and_words(results, message) -> None:
    results.store_exception(message, KeyError("gone"), LONG_MS)
    for block in (False, True):
        with pytest.raises(ResultFailure, match="KeyError") as caught:
            results.get_result(message, block=block)
        assert (caught.value.orig_exc_type, caught.value.orig_exc_msg) == ("KeyError", "'gone'")


def test_the_last_result_stored_is_the_one_that_counts(results, message) -> None:
    results.store_exception(message, RuntimeError("first try"), LONG_MS)
    results.store_result(message, "second try", LONG_MS)
    assert results.get_result(message) == "second try"


def test_a_result_without_time_to_live_is_missing_at_once(results, message) -> None:
    results.store_result(message, 1, 0)
    with pytest.raises(ResultMissing):
        results.get_result(message)


def test_namespaces_keep_their_results_apart(make_results, message) -> None:
    ours, theirs = make_results(namespace="ours"), make_results(namespace="theirs")
    ours.store_result(message, "ours", LONG_MS)
    with pytest.raises(ResultMissing):
        theirs.get_result(message)


def test_keys_can_be_readable_and_results_encoded_otherwise(make_results, message) -> None:
    backend = make_results(namespace="n", encoder=PickleEncoder(), use_namespace_prefix_keys=True)
    assert backend.build_message_key(message) == f"n:default:work:{message.message_id}"
    backend.store_result(message, {1, 2}, LONG_MS)
    assert backend.get_result(message) == {1, 2}


# --- Rate limits, as everyone keeps them ---


def test_a_counter_is_added_once(limits) -> None:
    assert limits.add("key", 3, LONG_MS)
    assert not limits.add("key", 9, LONG_MS)
    assert limits.decr("key", 3, 0, LONG_MS)
    assert not limits.decr("key", 1, 0, LONG_MS)


def test_counting_up_stops_at_the_maximum_and_a_refusal_changes_nothing(limits) -> None:
    assert [limits.incr("key", 2, 5, LONG_MS) for _ in range(4)] == [True, True, False, False]
    assert limits.incr("key", 1, 5, LONG_MS)


def test_counting_down_stops_at_the_minimum_and_a_refusal_changes_nothing(limits) -> None:
    limits.add("key", 5, LONG_MS)
    assert [limits.decr("key", 2, 0, LONG_MS) for _ in range(4)] == [True, True, False, False]
    assert limits.decr("key", 1, 0, LONG_MS)


def test_counters_of_different_names_do_not_meet(limits) -> None:
    assert limits.incr("one", 1, 1, LONG_MS)
    assert limits.incr("two", 1, 1, LONG_MS)
    assert not limits.incr("one", 1, 1, LONG_MS)


def test_a_sum_of_counters_stops_at_the_maximum(limits) -> None:
    limits.add("a", 2, LONG_MS)
    limits.add("other", 100, LONG_MS)
    keys = lambda: ["a", "b", "c"]
    assert [limits.incr_and_sum("b", keys, 1, 4, LONG_MS) for _ in range(3)] == [True, True, False]
    assert not limits.incr_and_sum("c", keys, 1, 4, LONG_MS)
    assert limits.incr_and_sum("c", keys, 1, 5, LONG_MS)


def test_a_counter_without_time_to_live_counts_as_zero(limits) -> None:
    limits.add("key", 7, 0)
    assert limits.add("key", 1, LONG_MS)
    limits.incr("other", 7, 7, 0)
    assert limits.incr("other", 7, 7, LONG_MS)
    limits.incr("third", 7, 7, 0)
    assert limits.incr_and_sum("fourth", lambda: ["third", "fourth"], 7, 7, LONG_MS)


def test_waiting_for_a_notice_that_does_not_come_gives_false(limits) -> None:
    assert not limits.wait("key", 50)


def test_a_notice_wakes_everyone_who_waits(limits) -> None:
    gone = threading.Event()

    def keep_notifying() -> None:
        # The stub's notice is lost on those who are not there yet.
        while not gone.wait(0.01):
            limits.wait_notify("key", LONG_MS)

    notifier = threading.Thread(target=keep_notifying)
    notifier.start()
    try:
        with ThreadPoolExecutor(4) as pool:
            assert all(pool.map(lambda _: limits.wait("key", 30_000), range(4)))
    finally:
        gone.set()
        notifier.join()


def test_the_notice_of_one_key_is_none_of_another(limits) -> None:
    limits.wait_notify("key", LONG_MS)
    assert not limits.wait("other", 50)


def test_a_barrier_opens_for_its_last_party(limits) -> None:
    barrier = Barrier(limits, "barrier", ttl=LONG_MS)
    assert barrier.create(3)
    assert not barrier.create(3)
    assert [barrier.wait(block=False) for _ in range(3)] == [False, False, True]


def test_a_mutex_lets_one_in_at_a_time(limits) -> None:
    mutex = ConcurrentRateLimiter(limits, "mutex", limit=1, ttl=LONG_MS)
    with mutex.acquire():
        with mutex.acquire(raise_on_failure=False) as second:
            assert not second
        with pytest.raises(RateLimitExceeded), mutex.acquire():
            pass
    with mutex.acquire(raise_on_failure=False) as again:
        assert again


def test_no_more_threads_hold_a_concurrent_limit_than_it_allows(limits) -> None:
    limiter = ConcurrentRateLimiter(limits, "limit", limit=3, ttl=LONG_MS)
    inside, most, lock = 0, 0, threading.Lock()

    def work() -> int:
        nonlocal inside, most
        entered = 0
        for _ in range(20):
            with limiter.acquire(raise_on_failure=False) as acquired:
                if acquired:
                    entered += 1
                    with lock:
                        inside += 1
                        most = max(most, inside)
                    with lock:
                        inside -= 1
        return entered

    with ThreadPoolExecutor(8) as pool:
        entered = sum(future.result() for future in [pool.submit(work) for _ in range(8)])
    assert entered >= 20
    assert 1 <= most <= 3


@pytest.mark.parametrize("make", [BucketRateLimiter, WindowRateLimiter])
def test_a_bucket_and_a_window_let_no_more_through_than_their_limit(limits, make) -> None:
    length = {"bucket": 3_600_000} if make is BucketRateLimiter else {"window": 3600}
    limiter = make(limits, "rate", limit=5, **length)

    def attempt(_: int) -> bool:
        with limiter.acquire(raise_on_failure=False) as acquired:
            return bool(acquired)

    with ThreadPoolExecutor(8) as pool:
        passed = sum(pool.map(attempt, range(40)))
    # Twice where an hour's bucket ended in between.
    assert passed == 5 or (make is BucketRateLimiter and passed == 10)


# --- Ours: waiting ---


def test_a_result_stored_while_the_waiter_looks_wakes_it(broker, message, nothing_is_looked_at_twice) -> None:
    backend = SQLiteResultBackend(broker)
    looks: list[bool] = []

    class Racing(SQLiteResultBackend):
        def _get(self, message_key: str) -> Any:
            found = super()._get(message_key)
            looks.append(True)
            if len(looks) == 2:  # the waiter has armed its bell and found nothing
                backend.store_result(message, "in between", LONG_MS)
            return found

    assert Racing(broker).get_result(message, block=True, timeout=3_600_000) == "in between"
    assert len(looks) == 3


WAIT_FOR_A_RESULT = """
import sys
from dramatiq import Message
from broker import SQLiteBroker, SQLiteResultBackend, _shared_file

_shared_file.LOOK_AGAIN_SECONDS = 3600.0

class Telling(SQLiteResultBackend):
    def _get(self, message_key):
        found = super()._get(message_key)
        print("looked", flush=True)
        return found

broker = SQLiteBroker(sys.argv[1], durability="normal")
message = Message("default", "work", (), {}, {}, message_id=sys.argv[2])
print(Telling(broker).get_result(message, block=True, timeout=3_600_000), flush=True)
broker.close()
"""


def test_a_result_stored_in_one_process_wakes_a_waiter_in_another(broker, message, program, tmp_path) -> None:
    waiter = program(WAIT_FOR_A_RESULT, tmp_path / "queue.db", message.message_id)
    assert [waiter.hear(), waiter.hear()] == ["looked", "looked"]
    SQLiteResultBackend(broker).store_result(message, "across", LONG_MS)
    assert waiter.rest() == ["looked", "across"]


WAIT_FOR_A_NOTICE = """
import sys
from broker import SQLiteBroker, SQLiteRateLimiterBackend, _shared_file

_shared_file.LOOK_AGAIN_SECONDS = 3600.0

class Telling(SQLiteRateLimiterBackend):
    def _notice(self, key):
        found = super()._notice(key)
        print("looked", flush=True)
        return found

broker = SQLiteBroker(sys.argv[1], durability="normal")
print(Telling(broker).wait("key", None), flush=True)
broker.close()
"""


@pytest.mark.parametrize("ttl", [LONG_MS, 0])
def test_a_notice_wakes_a_waiter_in_another_process_however_short_it_lives(broker, program, tmp_path, ttl) -> None:
    waiter = program(WAIT_FOR_A_NOTICE, tmp_path / "queue.db")
    assert [waiter.hear(), waiter.hear()] == ["looked", "looked"]
    SQLiteRateLimiterBackend(broker).wait_notify("key", ttl)
    assert waiter.rest() == ["looked", "True"]


def test_a_waiter_finds_what_nobody_announced(broker, message, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(_shared_file, "LOOK_AGAIN_SECONDS", 0.01)
    backend = SQLiteResultBackend(broker)
    backend.store_result(message, "unheard", LONG_MS)

    def store(held: list[tuple[Any, ...]]) -> None:
        with sqlite3.connect(tmp_path / "queue.db", timeout=30) as connection:
            connection.executemany("INSERT INTO broker_results VALUES (?, ?, ?)", held)
        connection.close()

    with sqlite3.connect(tmp_path / "queue.db", timeout=30) as connection:
        rows = connection.execute("DELETE FROM broker_results RETURNING key, result, expires_at").fetchall()
    connection.close()
    with ThreadPoolExecutor(1) as pool:
        waiter = pool.submit(backend.get_result, message, block=True, timeout=3_600_000)
        store(rows)
        assert waiter.result(timeout=60) == "unheard"


def test_a_notice_given_before_the_waiter_comes_is_not_lost_on_it(broker, clock, make_broker) -> None:
    limits = SQLiteRateLimiterBackend(make_broker(clock=clock))
    limits.wait_notify("key", 10_000)
    assert limits.wait("key", 0)
    clock.now += 9
    assert limits.wait("key", 0), "everyone who comes while it lives gets it"
    clock.now += 1
    assert not limits.wait("key", 0)


def test_a_party_that_comes_late_to_wait_passes_the_cleared_barrier(broker) -> None:
    limits = SQLiteRateLimiterBackend(broker)

    class Slow(SQLiteRateLimiterBackend):
        def wait(self, key: str, timeout: int | None) -> bool:
            assert Barrier(limits, "barrier", ttl=LONG_MS).wait(block=False)
            return super().wait(key, timeout)

    Barrier(limits, "barrier", ttl=LONG_MS).create(2)
    assert Barrier(Slow(broker), "barrier", ttl=LONG_MS).wait(timeout=0)


def test_all_parties_of_a_barrier_pass_together(broker) -> None:
    barrier = Barrier(SQLiteRateLimiterBackend(broker), "barrier", ttl=LONG_MS)
    barrier.create(8)
    with ThreadPoolExecutor(8) as pool:
        assert all(future.result() for future in [pool.submit(barrier.wait) for _ in range(8)])


def waiting_sockets(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "queue.db-run").glob("*.wait"))


def test_a_process_listens_from_its_first_wait_until_it_is_closed(broker, message, tmp_path) -> None:
    backend = SQLiteResultBackend(broker)
    backend.store_result(message, 1, LONG_MS)
    assert backend.get_result(message, block=True) == 1
    assert waiting_sockets(tmp_path) == []
    for _ in range(2):
        other = Message("default", "work", (), {}, {})
        with pytest.raises(ResultTimeout):
            backend.get_result(other, block=True, timeout=0)
        assert len(waiting_sockets(tmp_path)) == 1
    broker.close()
    assert waiting_sockets(tmp_path) == []
    with pytest.raises(ResultTimeout):
        backend.get_result(other, block=True, timeout=0)
    assert len(waiting_sockets(tmp_path)) == 1


def test_the_socket_of_a_process_that_is_gone_is_removed(broker, message, tmp_path) -> None:
    broker.setup()
    run_dir = tmp_path / "queue.db-run"
    run_dir.mkdir(exist_ok=True)
    left = [run_dir / f"{uuid.uuid4().hex}{suffix}" for suffix in (".wait", ".sock")]
    for path in left:
        folder = os.open(run_dir, os.O_PATH)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as gone:
            gone.bind(f"/proc/self/fd/{folder}/{path.name}")
        os.close(folder)
        assert path.exists()
    SQLiteResultBackend(broker).store_result(message, 1, LONG_MS)
    broker.wake(["default"])
    assert [path for path in left if path.exists()] == []


def test_a_listener_that_reads_nothing_holds_nobody_up(broker, message, tmp_path) -> None:
    broker.setup()
    run_dir = tmp_path / "queue.db-run"
    run_dir.mkdir(exist_ok=True)
    folder = os.open(run_dir, os.O_PATH)
    backend = SQLiteResultBackend(broker)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
        name = f"{uuid.uuid4().hex}.wait"
        deaf.bind(f"/proc/self/fd/{folder}/{name}")
        for number in range(1000):  # far more than a socket's buffer takes
            broker.shared_file.announce([f"topic {number}"])
        backend.store_result(message, 1, LONG_MS)
        assert (run_dir / name).exists()
    os.close(folder)
    assert backend.get_result(message) == 1


def test_a_thousand_topics_at_once_are_all_heard(make_broker, nothing_is_looked_at_twice) -> None:
    teller, hearer = make_broker(), make_broker()
    topics = [f"topic {number}\nof two lines" for number in range(1000)]
    with hearer.shared_file.listening(topics[0]) as first, hearer.shared_file.listening(topics[-1]) as last:
        armed = first.arm(), last.arm()
        teller.shared_file.announce(topics)
        for bell, mark in zip((first, last), armed, strict=True):
            bell.wait(mark, 60)
            assert bell.arm() != mark


FORK_A_WAITER = """
import os, sys, threading
from dramatiq import Message
from dramatiq.results import ResultTimeout
from broker import SQLiteBroker, SQLiteResultBackend, _shared_file

_shared_file.LOOK_AGAIN_SECONDS = 3600.0
broker = SQLiteBroker(sys.argv[1], durability="normal")
backend = SQLiteResultBackend(broker)

def message(name):
    return Message("default", "work", (), {}, {}, message_id=name)

try:
    backend.get_result(message("none"), block=True, timeout=0)
except ResultTimeout:
    pass
parents = set(os.listdir(sys.argv[1] + "-run"))
read, write = os.pipe()
child = os.fork()
if child == 0:
    def tell():
        while len(os.listdir(sys.argv[1] + "-run")) == len(parents):
            pass
        os.write(write, b"x")
    threading.Thread(target=tell).start()
    print(backend.get_result(message("child"), block=True, timeout=3_600_000), flush=True)
    broker.close()
    os._exit(0)
os.read(read, 1)
backend.store_result(message("child"), "forked", 60_000)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert parents <= set(os.listdir(sys.argv[1] + "-run")), "the child removed its parent's socket"
other = threading.Timer(0.0, backend.store_result, (message("parent"), "parent", 60_000))
other.start()
print(backend.get_result(message("parent"), block=True, timeout=3_600_000), flush=True)
broker.close()
"""


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # a fork beside threads is what is tested
def test_a_forked_child_waits_on_a_socket_of_its_own(program, tmp_path) -> None:
    assert program(FORK_A_WAITER, tmp_path / "queue.db").rest() == ["forked", "parent"]


# --- Ours: counting across processes ---


COUNT = """
import sys
from concurrent.futures import ThreadPoolExecutor
from broker import SQLiteBroker, SQLiteRateLimiterBackend

broker = SQLiteBroker(sys.argv[1], durability="normal")
limits = SQLiteRateLimiterBackend(broker)
broker.setup()
print("ready", flush=True)
sys.stdin.readline()

def count(number):
    up = limits.incr("up", 1, 100, 60_000)
    down = limits.decr("down", 1, 0, 60_000)
    spread = limits.incr_and_sum(f"part {number % 7}", lambda: [f"part {n}" for n in range(7)], 1, 100, 60_000)
    return up, down, spread

with ThreadPoolExecutor(8) as pool:
    counted = list(pool.map(count, range(120)))
print(*[sum(column) for column in zip(*counted)])
broker.close()
"""


def test_two_processes_of_eight_threads_never_count_past_the_limit(broker, program, tmp_path) -> None:
    limits = SQLiteRateLimiterBackend(broker)
    limits.add("down", 100, LONG_MS)
    both = [program(COUNT, tmp_path / "queue.db") for _ in range(2)]
    assert [one.hear() for one in both] == ["ready", "ready"]
    for one in both:
        assert one.process.stdin is not None
        one.process.stdin.write("go\n")
        one.process.stdin.flush()
    counted = [[int(word) for word in one.rest()] for one in both]
    assert [sum(column) for column in zip(*counted, strict=True)] == [100, 100, 100]
    assert not limits.incr("up", 1, 100, LONG_MS)
    assert limits.incr("up", 1, 101, LONG_MS)


# --- Ours: time ---


def test_an_expired_result_is_never_returned(make_broker, clock, message) -> None:
    backend = SQLiteResultBackend(make_broker(clock=clock))
    backend.store_result(message, 1, 10_000)
    clock.now += 9.999
    assert backend.get_result(message) == 1
    clock.now += 0.001
    with pytest.raises(ResultMissing):
        backend.get_result(message)
    with pytest.raises(ResultTimeout):
        backend.get_result(message, block=True, timeout=0)


def test_each_count_renews_the_time_to_live_and_an_expired_lock_is_free(make_broker, clock) -> None:
    limits = SQLiteRateLimiterBackend(make_broker(clock=clock))
    assert limits.incr("key", 1, 2, 10_000)
    clock.now += 9
    assert limits.incr("key", 1, 2, 10_000)
    clock.now += 9
    assert not limits.incr("key", 1, 2, 10_000)
    clock.now += 1
    assert limits.incr("key", 2, 2, 10_000)


def test_pruning_deletes_what_has_expired_in_batches_and_nothing_else(make_broker, clock) -> None:
    broker = make_broker(clock=clock)
    results, limits = SQLiteResultBackend(broker), SQLiteRateLimiterBackend(broker)
    messages = [Message("default", "work", (), {}, {}) for _ in range(7)]
    for number, message in enumerate(messages):
        results.store_result(message, number, 1_000 if number < 5 else LONG_MS)
        limits.add(f"key {number}", 1, 1_000 if number < 5 else LONG_MS)
    clock.now += 2
    now_ms = int(clock.now * 1000)
    for prune in (_results.prune, _rate_limits.prune):
        with broker.shared_file.connections.noting() as connection:
            assert [prune(connection, now_ms=now_ms, limit=2) for _ in range(4)] == [2, 2, 1, 0]
    assert [results.get_result(message) for message in messages[5:]] == [5, 6]
    assert not limits.add("key 6", 1, LONG_MS)
    assert limits.add("key 0", 1, LONG_MS)


def test_an_expired_notice_is_kept_a_while_for_those_who_waited_when_it_came(make_broker, clock) -> None:
    broker = make_broker(clock=clock)
    SQLiteRateLimiterBackend(broker).wait_notify("key", 1_000)
    for seconds, pruned in ((30, 0), (30, 0), (1, 1)):
        clock.now += seconds
        with broker.shared_file.connections.noting() as connection:
            assert _rate_limits.prune(connection, now_ms=int(clock.now * 1000), limit=10) == pruned


def test_looking_and_pruning_read_no_whole_table(broker) -> None:
    statements = {
        _results.FETCH: ("key", 0),
        _results.PRUNE: (0, 1),
        _rate_limits.FETCH: ("key", 0),
        _rate_limits.SUM: ('["a", "b"]', 0),
        _rate_limits.NOTICE: (0, "key"),
        _rate_limits.PRUNE: {"now": 0, "notices_before": 0, "limit": 1},
    }
    for sql, parameters in statements.items():
        plan = [row[3] for row in broker.shared_file.connections.read(f"EXPLAIN QUERY PLAN {sql}", parameters)]
        ours = [step for step in plan if step.startswith("SCAN") and "json_each" not in step and "wanted" not in step]
        assert ours == [], plan


# --- Ours: end to end, with Dramatiq's own worker ---


@pytest.fixture
def equipped(broker, monkeypatch) -> SQLiteBroker:
    """A broker whose results and group callbacks are in its own file; the one that Dramatiq takes for granted."""
    monkeypatch.setattr(dramatiq.broker, "global_broker", broker)
    # Dramatiq asks them in reverse once a message is done: its result is stored before it is counted.
    broker.add_middleware(GroupCallbacks(SQLiteRateLimiterBackend(broker)))
    broker.add_middleware(Results(backend=SQLiteResultBackend(broker), store_results=True))
    return broker


def test_a_sender_gets_the_result_of_what_it_sent(equipped, start, nothing_is_looked_at_twice) -> None:
    @dramatiq.actor(broker=equipped)
    def double(number):
        return 2 * number

    start(equipped)
    sent = [double.send(number) for number in range(20)]
    backend = equipped.get_results_backend()
    got = [message.get_result(backend=backend, block=True, timeout=60_000) for message in sent]
    assert got == [2 * number for number in range(20)]


def test_a_failure_reaches_who_waits_for_the_result(equipped, start) -> None:
    @dramatiq.actor(broker=equipped, max_retries=1, min_backoff=1, max_backoff=2)
    def fail():
        raise ValueError("no")

    start(equipped)
    with pytest.raises(ResultFailure, match="actor raised ValueError: no"):
        fail.send().get_result(backend=equipped.get_results_backend(), block=True, timeout=60_000)


@pytest.mark.parametrize("block", [True, False])
def test_an_actor_may_wait_for_the_result_of_what_it_has_sent_itself(equipped, start, block) -> None:
    backend = equipped.get_results_backend()

    @dramatiq.actor(broker=equipped)
    def part(number):
        return number

    @dramatiq.actor(broker=equipped)
    def whole():
        sent = [part.send(number) for number in range(3)]
        if block:
            return sum(message.get_result(backend=backend, block=True, timeout=60_000) for message in sent)
        got: dict[str, int] = {}
        while len(got) < 3:
            for message in sent:
                with suppress(ResultMissing):
                    got[message.message_id] = message.get_result(backend=backend)
            time.sleep(0.001)
        return sum(got.values())

    start(equipped)
    assert whole.send().get_result(backend=backend, block=True, timeout=60_000) == 3


class Pause(dramatiq.Middleware):
    """Holds a message between what an actor and other middleware did and its ack."""

    def __init__(self) -> None:
        self.reached, self.go_on = threading.Event(), threading.Event()

    def after_process_message(self, broker, message, *, result=None, exception=None):
        self.reached.set()
        assert self.go_on.wait(60)


def test_a_result_is_there_from_its_message_s_ack_on_and_not_before(broker, start) -> None:
    pause = Pause()
    backend = SQLiteResultBackend(broker)
    for middleware in (pause, Results(backend=backend, store_results=True)):
        broker.add_middleware(middleware)

    @dramatiq.actor(broker=broker)
    def work():
        return 1

    start(broker)
    sent = work.send()
    try:
        assert pause.reached.wait(60)
        with pytest.raises(ResultMissing):
            backend.get_result(sent)
    finally:
        pause.go_on.set()
    assert backend.get_result(sent, block=True, timeout=60_000) == 1
    assert broker.shared_file.connections.read("SELECT count(*) FROM broker_messages") == [(0,)]


@pytest.mark.parametrize("step", ["count", "notify"])
def test_who_sees_a_count_or_a_notice_also_sees_what_was_stored_before(equipped, start, step) -> None:
    pause = Pause()
    equipped.add_middleware(pause, before=GroupCallbacks)
    limits, backend = SQLiteRateLimiterBackend(equipped), equipped.get_results_backend()
    stored = Message("default", "other", (), {}, {})
    limits.add("parties", 1, LONG_MS)

    @dramatiq.actor(broker=equipped)
    def work():
        backend.store_result(stored, "before", LONG_MS)
        if step == "count":
            limits.decr("parties", 1, 0, LONG_MS)
        else:
            limits.wait_notify("done", LONG_MS)

    start(equipped)
    work.send()
    try:
        assert pause.reached.wait(60)
        assert backend.get_result(stored) == "before"
    finally:
        pause.go_on.set()


def test_a_pipeline_hands_its_results_on(equipped, start) -> None:
    @dramatiq.actor(broker=equipped)
    def add(a, b):
        return a + b

    start(equipped)
    pipe = dramatiq.pipeline([add.message(1, 2), add.message(3), add.message(4)], broker=equipped).run()
    assert pipe.get_result(block=True, timeout=60_000) == 10
    assert list(pipe.get_results(block=True, timeout=60_000)) == [3, 6, 10]
    assert pipe.completed


def test_a_group_s_callback_runs_once_and_finds_all_results(equipped, start) -> None:
    backend = equipped.get_results_backend()
    found: list[int] = []
    called = threading.Event()

    @dramatiq.actor(broker=equipped)
    def square(number):
        return number * number

    @dramatiq.actor(broker=equipped)
    def gather(children):
        messages = [Message(**{**child, "args": tuple(child["args"])}) for child in children]
        found.extend(message.get_result(backend=backend) for message in messages)
        called.set()

    worker = start(equipped)
    for _ in range(10):
        found.clear()
        called.clear()
        children = [square.message(number) for number in range(8)]
        group = dramatiq.group(children, broker=equipped)
        group.add_completion_callback(gather.message([child.asdict() for child in children]))
        group.run()
        assert called.wait(60)
        equipped.join("default", timeout=60_000)
        worker.join()
        assert found == [number * number for number in range(8)]
        assert group.completed


def test_a_barrier_holds_actors_of_several_workers_until_all_are_there(equipped, start) -> None:
    backend = equipped.get_results_backend()
    barrier = Barrier(SQLiteRateLimiterBackend(equipped), "meeting", ttl=LONG_MS)
    barrier.create(4)

    @dramatiq.actor(broker=equipped)
    def meet():
        return barrier.wait(timeout=60_000)

    start(equipped, threads=4)
    sent = [meet.send() for _ in range(4)]
    assert all(message.get_result(backend=backend, block=True, timeout=60_000) for message in sent)


def test_actors_under_a_mutex_never_run_two_at_once_and_all_get_their_turn(equipped, start) -> None:
    mutex = ConcurrentRateLimiter(SQLiteRateLimiterBackend(equipped), "mutex", limit=1, ttl=LONG_MS)
    inside = threading.Lock()
    ran: list[bool] = []

    @dramatiq.actor(broker=equipped, max_retries=1000, min_backoff=1, max_backoff=10)
    def work():
        with mutex.acquire():
            alone = inside.acquire(blocking=False)
            ran.append(alone)
            if alone:
                inside.release()

    worker = start(equipped, threads=8)
    for _ in range(24):
        work.send()
    equipped.join("default", timeout=120_000)
    worker.join()
    assert ran == [True] * 24
