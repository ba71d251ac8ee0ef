from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dramatiq
import pytest
from dramatiq import Worker

from broker import DatabaseUnavailable, SQLiteBroker
from broker import _liveness as liveness
from broker._peers import Peers

pytestmark = pytest.mark.integration

PROGRAM = """
import os, signal, sys, time
import dramatiq
from broker import SQLiteBroker

broker = SQLiteBroker(sys.argv[1], durability="normal", max_deliveries=3)

def note(line):
    with open(sys.argv[2], "a") as file:
        file.write(line + "\\n")

@dramatiq.actor(broker=broker)
def work(number, seconds=0.0):
    note(f"begin {number}")
    time.sleep(seconds)
    note(f"end {number}")

@dramatiq.actor(broker=broker)
def kill():
    note("kill")
    os.kill(os.getpid(), signal.SIGKILL)

worker = dramatiq.Worker(broker, worker_timeout=100, worker_threads=int(sys.argv[3]))
worker.start()
note("ready")
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
try:
    while True:
        time.sleep(0.05)
finally:
    worker.stop()
    broker.close()
"""


@pytest.fixture
def notes(tmp_path):
    file = tmp_path / "notes"
    file.touch()
    return lambda: file.read_text().splitlines()


@pytest.fixture
def start_worker(tmp_path, path):
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(PROGRAM))
    started = []

    def start(threads=1):
        command = [sys.executable, str(program), str(path), str(tmp_path / "notes"), str(threads)]
        process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": os.getcwd()}, stderr=subprocess.DEVNULL)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def sender(make_broker):
    return make_broker()


def send(message, actor, *args):
    return message(*args, actor=actor)


def test_a_killed_workers_message_is_done_once_by_a_living_peer(
    sender, message, start_worker, notes, until, tmp_path
) -> None:
    start_worker()
    sender.enqueue(send(message, "work", 1, 600.0))
    until(lambda: "begin 1" in notes(), 30)
    start_worker()
    until(lambda: notes().count("ready") == 2, 30)
    (claim,) = sender.inspect.claimed()
    (victim,) = [worker.pid for worker in sender.inspect.workers() if worker.owner == claim.owner]
    os.kill(victim, signal.SIGKILL)
    killed_at = time.monotonic()
    until(lambda: notes().count("begin 1") == 2, 30)
    assert time.monotonic() - killed_at < 2.0
    assert [worker.alive for worker in sender.inspect.workers()] == [True]


def test_a_worker_that_starts_finds_what_its_killed_predecessor_held(
    sender, message, start_worker, notes, until
) -> None:
    first = start_worker()
    sender.enqueue(send(message, "work", 1, 1.0))
    until(lambda: "begin 1" in notes(), 30)
    first.kill()
    first.wait()
    start_worker()
    until(lambda: "end 1" in notes(), 30)
    until(lambda: sender.inspect.queues()[0].claimed == 0)
    assert notes().count("end 1") == 1


def test_a_message_that_kills_its_workers_becomes_a_dead_letter_and_its_neighbours_do_not(
    sender, message, start_worker, notes, until
) -> None:
    sender.enqueue(send(message, "kill"))
    sender.enqueue(send(message, "work", 1, 1.0))
    processes = [start_worker(4) for _ in range(1)]
    for _ in range(2):
        processes[-1].wait(30)
        processes.append(start_worker(4))
    processes[-1].wait(30)
    start_worker(4)
    until(lambda: "end 1" in notes(), 30)
    until(lambda: sender.inspect.queues()[0].claimed == 0)
    (letter,) = sender.inspect.dead_letters()
    assert letter.actor == "kill"
    assert letter.reason == "delivered 3 times without an answer: the worker died or hung each time"
    assert notes().count("kill") == 3


def test_several_processes_never_claim_the_same_message_twice(sender, message, path) -> None:
    sender.setup()
    with sender._connections.writing() as connection:
        for number in range(600):
            statement = sender.statement(message(number))
            connection.execute(statement.sql, statement.parameters)
    code = textwrap.dedent(
        f"""
        from broker import SQLiteBroker
        broker = SQLiteBroker({str(path)!r}, durability="normal")
        broker.declare_queue("default")
        consumer = broker.consume("default", prefetch=8, timeout=1)
        while (delivery := next(consumer)) is not None:
            print(delivery.args[0])
            consumer.ack(delivery)
        broker.close()
        """
    )
    started = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    got = Counter(line for process in started for line in process.communicate(timeout=90)[0].split())
    assert len(got) == 600
    assert set(got.values()) == {1}


def test_eight_threads_may_hammer_one_broker(make_broker, until) -> None:
    broker = make_broker()
    done = Counter()
    lock = threading.Lock()

    @dramatiq.actor(broker=broker, max_retries=3, min_backoff=1, max_backoff=5)
    def work(number):
        with lock:
            done[number] += 1
            first = done[number] == 1
        if number % 10 == 0 and first:
            raise dramatiq.errors.Retry("once more", delay=1)

    worker = Worker(broker, worker_timeout=100, worker_threads=8)
    worker.start()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work.send, range(400)))
    broker.join("default", timeout=30_000)
    worker.stop()
    assert len(done) == 400
    assert {number for number, times in done.items() if times != 1 + (number % 10 == 0)} == set()
    assert broker.inspect.dead_letters() == []


def test_a_forked_child_keeps_nothing_of_its_parent(make_broker, message) -> None:
    broker = make_broker()
    consumer = broker.consume("default", prefetch=2, timeout=1)
    broker.enqueue(message("parent"))
    held = next(consumer)
    session, owner = broker._session, broker._session.process.owner
    with broker._connections.using() as connection:
        parents_connection = connection
    ready, go = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(30)
        status = 1
        try:
            broker.enqueue(message("child"))
            inside = broker.consume("default", prefetch=2, timeout=1)
            delivery = next(inside)
            inside.ack(delivery)
            with broker._connections.using() as connection:
                own = connection is not parents_connection
            if own and delivery.args[0] == "child" and broker._session.process.owner != owner:
                status = 0
            broker.close()
        finally:
            os.write(ready[1], b"x")
            os.read(go[0], 1)
            os._exit(status)
    try:
        os.read(ready[0], 1)
        assert broker._session is session
        assert liveness.is_alive(broker._run_dir, owner)
        consumer.ack(held)
        assert broker.inspect.queues()[0].claimed == 0
        broker._session.process._presence.forget()
        assert not liveness.is_alive(broker._run_dir, owner), "the child keeps its parent's lock alive"
    finally:
        os.write(go[1], b"x")
        status = os.waitpid(child, 0)[1]
        for end in (*ready, *go):
            os.close(end)
    assert status == 0


def test_a_removed_lock_file_is_made_again(make_broker, until) -> None:
    broker = make_broker()
    broker.consume("default")
    lock = liveness.lock_of(broker._run_dir, broker._session.process.owner)
    lock.unlink()
    until(lock.exists)
    assert liveness.is_alive(broker._run_dir, broker._session.process.owner)


def test_a_living_worker_that_was_taken_off_the_list_comes_back(make_broker, monkeypatch) -> None:
    monkeypatch.setattr("broker._process.Housekeeper.start", lambda self: None)
    broker = make_broker()
    broker.consume("default")
    process, (listed,) = broker._session.process, broker.inspect.workers()
    liveness.lock_of(broker._run_dir, process.owner).unlink()
    broker._house.free_the_dead()
    assert broker.inspect.workers() == []
    process.housekeeper.tick()
    (back,) = broker.inspect.workers()
    assert (back.owner, back.pid, back.host, back.started_at) == (
        listed.owner,
        listed.pid,
        listed.host,
        listed.started_at,
    )


def test_close_leaves_no_trace_of_the_worker(make_broker) -> None:
    others = set(threading.enumerate())
    broker = make_broker()
    broker.consume("default")
    run_dir = broker._run_dir
    broker.close()
    assert [name for name in os.listdir(run_dir) if name not in {"gate", "housekeeper"}] == []
    assert broker.inspect.workers() == []
    assert not [thread for thread in set(threading.enumerate()) - others if thread.name.startswith("broker-")]


def test_an_enqueue_between_the_look_and_the_wait_is_not_slept_through(make_broker, message, monkeypatch) -> None:
    broker = make_broker()
    consumer = broker.consume("default", prefetch=2, timeout=20_000)
    look = consumer._exchange
    looks = []

    def look_then_enqueue(armed):
        answer = look(armed)
        looks.append(answer)
        if len(looks) == 1:
            broker.enqueue(message(1))
        return answer

    monkeypatch.setattr(consumer, "_exchange", look_then_enqueue)
    began = time.monotonic()
    assert next(consumer).args == (1,)
    assert time.monotonic() - began < 5


def test_another_processes_enqueue_wakes_a_waiting_consumer(make_broker, message) -> None:
    broker, other = make_broker(), make_broker()
    consumer = broker.consume("default", prefetch=2, timeout=20_000)
    timer = threading.Timer(0.2, other.enqueue, [message(1)])
    timer.start()
    began = time.monotonic()
    assert next(consumer).args == (1,)
    assert time.monotonic() - began < 5
    timer.join()


def test_a_consumer_wakes_for_the_next_scheduled_message(make_broker, message, monkeypatch) -> None:
    monkeypatch.setattr("broker._process.Housekeeper.start", lambda self: None)
    broker = make_broker()
    consumer = broker.consume("default", prefetch=2, timeout=20_000)
    broker.enqueue(message(1), delay=300)
    began = time.monotonic()
    assert next(consumer).args == (1,)
    assert 0.25 < time.monotonic() - began < 3


def test_an_ack_from_another_thread_makes_room_at_once(make_broker, message) -> None:
    broker = make_broker()
    consumer = broker.consume("default", prefetch=2, timeout=20_000)
    broker.enqueue(message(1))
    broker.enqueue(message(2))
    first = next(consumer)
    timer = threading.Timer(0.2, consumer.ack, [first])
    timer.start()
    began = time.monotonic()
    assert next(consumer).args == (2,)
    assert time.monotonic() - began < 5
    timer.join()


def test_a_wake_never_raises_or_blocks(make_broker, monkeypatch) -> None:
    broker = make_broker()
    broker.consume("default")
    full = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    monkeypatch.chdir(broker._run_dir)  # a socket's path must be short
    full.bind(f"{'f' * 32}.sock")
    (broker._run_dir / f"{'9' * 32}.sock").touch()
    began = time.monotonic()
    for _ in range(2_000):
        broker.wake(["default", "other"])
    assert time.monotonic() - began < 10
    full.close()
    broker.wake([])


def test_the_folder_of_sockets_may_have_a_very_long_path(tmp_path, message) -> None:
    run_dir = tmp_path / ("x" * 120)
    broker = SQLiteBroker(tmp_path / "queue.db", run_dir=run_dir)
    other = SQLiteBroker(tmp_path / "queue.db", run_dir=run_dir)
    for one in (broker, other):
        one.declare_queue("default")
    consumer = broker.consume("default", prefetch=2, timeout=20_000)
    timer = threading.Timer(0.2, other.enqueue, [message(1)])
    timer.start()
    began = time.monotonic()
    assert next(consumer).args == (1,)
    assert time.monotonic() - began < 5
    timer.join()
    broker.close()
    other.close()


def test_the_connections_of_ended_threads_are_closed(make_broker, message) -> None:
    broker = make_broker()
    for _ in range(5):
        thread = threading.Thread(target=broker.enqueue, args=[message(1)])
        thread.start()
        thread.join()
    broker.setup()
    assert len(broker._connections._slots) == 1


def test_a_hung_workers_message_is_freed_by_the_housekeeper(broker, message, clock, until) -> None:
    broker.enqueue(message(1))
    consumer = broker.consume("default", prefetch=2, timeout=1)
    next(consumer)
    clock.move(901)
    until(lambda: broker.inspect.queues()[0].ready == 1)


def test_a_workers_first_claim_already_finds_what_the_dead_held(make_broker, message, monkeypatch) -> None:
    monkeypatch.setattr("broker._process.Housekeeper.start", lambda self: None)
    dead, heir = make_broker(), make_broker()
    dead.enqueue(message(1))
    assert next(dead.consume("default", prefetch=2, timeout=1))
    dead._session.process._presence.remove()
    assert next(heir.consume("default", prefetch=2, timeout=1)).args == (1,)


def test_a_forked_child_loses_nothing_when_its_parent_ends_first(make_broker, message, rows, until) -> None:
    """SQLite, copied with a connection open, would believe it holds its locks, and write to a log that is deleted."""
    broker = make_broker()
    broker.enqueue(message("parent"))
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        try:
            os.read(reader, 1)
            for number in range(20):
                broker.enqueue(message(number))
            os._exit(0)
        finally:
            os._exit(1)
    broker.enqueue(message("parent"))
    broker.close()
    assert rows("SELECT count(*) FROM broker_messages") == [(2,)]  # its connection, closed, cleans the log away
    os.write(writer, b"!")
    assert os.waitpid(child, 0)[1] == 0
    os.close(reader)
    os.close(writer)
    assert rows("SELECT count(*) FROM broker_messages") == [(22,)]


def test_a_child_forked_within_a_transaction_says_that_it_cannot_use_the_file(make_broker, message, capfd) -> None:
    broker = make_broker()
    with broker._connections.writing():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:
            try:
                broker.enqueue(message("child"))
                os._exit(0)
            except DatabaseUnavailable as error:
                os._exit(7 if "spawn" in str(error) else 1)
            finally:
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    broker.enqueue(message("parent"))


def test_threads_go_on_while_another_forks(make_broker, message, rows) -> None:
    broker = make_broker()
    ended = threading.Event()
    sent: list[int] = []
    failed: list[Exception] = []

    def send() -> None:
        while not ended.is_set():
            try:
                broker.enqueue(message("thread"))
                sent.append(1)
            except Exception as error:  # to be shown by the test
                failed.append(error)

    threads = [threading.Thread(target=send) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:
            try:
                broker.enqueue(message("child"))
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
    ended.set()
    for thread in threads:
        thread.join(30)
    assert failed == []
    assert rows("SELECT count(*) FROM broker_messages") == [(len(sent) + 20,)]


def test_closing_a_broker_does_not_break_another_thread_s_call(make_broker, message) -> None:
    broker = make_broker()
    ended = threading.Event()
    failed: list[Exception] = []

    def send() -> None:
        while not ended.is_set():
            try:
                broker.enqueue(message("thread"))
            except Exception as error:  # to be shown by the test
                failed.append(error)

    threads = [threading.Thread(target=send) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(100):
        broker.close()
    ended.set()
    for thread in threads:
        thread.join(30)
    assert failed == []


def test_a_start_that_fails_leaves_nothing_open(make_broker, path) -> None:
    broker = make_broker(busy_timeout_seconds=0.02)
    broker.setup()
    stranger = sqlite3.connect(path, isolation_level=None)
    stranger.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseUnavailable):
        broker.consume("default")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        with pytest.raises(DatabaseUnavailable):
            broker.consume("default")
    assert len(os.listdir("/proc/self/fd")) <= before
    stranger.close()
    assert list(Path(f"{path}-run").glob("*.lock")) == []


def test_strangers_files_in_its_folder_are_left_alone(make_broker, message, tmp_path) -> None:
    for name in ("uv.lock", "agent.sock", "0123.lock"):
        (tmp_path / name).touch()
    broker = make_broker(run_dir=tmp_path)
    broker.consume("default")
    broker.enqueue(message(1))
    broker._house.free_the_dead()
    for name in ("uv.lock", "agent.sock", "0123.lock"):
        assert (tmp_path / name).exists()


def test_without_pidfd_the_housekeeper_looks_each_second(make_broker, monkeypatch) -> None:
    monkeypatch.delattr(os, "pidfd_open", raising=False)
    peers = Peers()
    assert peers.watch({}) is True
    assert peers.watch({"somebody": os.getpid()}) is False
    peers.close()


def test_a_poke_is_heard_however_it_meets_the_one_before() -> None:
    peers = Peers()
    for _ in range(3):
        peers.poke()
        assert peers.wait(10).poked
    assert not peers.wait(0).poked
    peers.close()
    peers.poke()
