"""What a process with a broker can be told to do, one operation after another."""

from __future__ import annotations

import ctypes
import faulthandler
import logging
import mmap
import os
import signal
import sqlite3
import struct
import sys
import threading
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import dramatiq
from dramatiq import Consumer, Message, MessageProxy, Worker
from dramatiq.middleware import CurrentMessage, SkipMessage, default_middleware

from broker import SQLiteBroker

WALL, MONOTONIC = 0, 1


class Clocks:
    """Wall and monotonic time that move only when told to, the same for every process that looks at the file."""

    def __init__(self, path: Path, *, wall: float = 1_800_000_000.0, monotonic: float = 1_000_000.0) -> None:
        self.path = path
        if not path.exists():
            path.write_bytes(struct.pack("dd", wall, monotonic))
        with path.open("r+b") as file:
            # Each is written in one piece: nobody sees half of it.
            self._times = memoryview(mmap.mmap(file.fileno(), 16)).cast("d")

    def wall(self) -> float:
        return self._times[WALL]

    def monotonic(self) -> float:
        return self._times[MONOTONIC]

    def move(self, *, wall: float = 0.0, monotonic: float = 0.0) -> None:
        self._times[WALL] += wall
        self._times[MONOTONIC] += monotonic

    def settings(self) -> dict[str, Any]:
        """What to construct a broker with."""
        return {"clock": self.wall, "steady_clock": self.monotonic}


def message_of(
    number: object,
    *,
    queue: str = "default",
    actor: str = "work",
    kwargs: dict[str, Any] | None = None,
    **options: Any,
) -> Message[Any]:
    """A message whose first argument tells it from all others."""
    return Message(queue_name=queue, actor_name=actor, args=(number,), kwargs=kwargs or {}, options=options)


class Connection_(sqlite3.Connection):  # noqa: N801  # there is another Connection here
    """A connection that counts the moments at which a process may be killed: before and after each statement."""

    def execute(self, *arguments: Any) -> sqlite3.Cursor:
        cursor = super().execute(*arguments)
        Countdown.pass_one()
        if Countdown.stops_in_a_transaction and self.in_transaction:
            Countdown.stops_in_a_transaction = False
            os.kill(os.getpid(), signal.SIGSTOP)
        return cursor

    def executemany(self, *arguments: Any) -> sqlite3.Cursor:
        cursor = super().executemany(*arguments)
        Countdown.pass_one()
        return cursor


class Countdown:
    """Kills this process at a chosen moment, so to say at the k-th SQL statement."""

    left = -1
    passed = 0
    stops_in_a_transaction = False
    _lock = threading.Lock()

    @classmethod
    def pass_one(cls, statement: str = "") -> None:
        with cls._lock:
            cls.passed += 1
            cls.left -= 1
            if cls.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
                signal.pause()

    @classmethod
    def start(cls, moments: int) -> None:
        cls.left = moments
        connect = sqlite3.connect

        def counting(*arguments: Any, **options: Any) -> sqlite3.Connection:
            connection = connect(*arguments, **{"factory": Connection_, **options})
            connection.set_trace_callback(cls.pass_one)
            return connection

        sqlite3.connect = counting  # type: ignore[assignment]  # the same parameters


class Journal:
    """One line for each thing that happened, in a file that outlives its writer."""

    def __init__(self, path: Path, *, synced: bool = False) -> None:
        self._synced = synced
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def note(self, *words: object) -> None:
        os.write(self._descriptor, (" ".join(map(str, words)) + "\n").encode())
        if self._synced:
            os.fsync(self._descriptor)


class Puppet:
    """One process with one broker, which does what it is told."""

    def __init__(self) -> None:
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: it ends with the zygote
        faulthandler.register(signal.SIGUSR1)  # says where a puppet that gives no answer is
        self.broker: SQLiteBroker
        self.consumer: Consumer
        self.worker: Worker
        self.held: dict[int, MessageProxy] = {}
        self.other: sqlite3.Connection
        self.handles = 0

    def obey(self, pipe: Connection) -> None:
        """Do what comes through the pipe until it is closed."""
        while True:
            try:
                operation, arguments, options = pipe.recv()
            except EOFError:
                return
            try:
                answer = (True, getattr(self, operation)(*arguments, **options))
            except Exception as error:  # the test judges it
                names = [kind.__name__ for kind in type(error).__mro__]
                answer = (False, (names, str(error), getattr(error, "permanent", None)))
            with suppress(BrokenPipeError):
                pipe.send(answer)

    # ----- the process itself

    def become(self, user: int) -> None:
        """Go on as a user for whom file modes count."""
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)

    def log_to(self, path: str) -> None:
        """What the broker and Dramatiq log, to a file."""
        logging.basicConfig(filename=path, level=logging.INFO, format="%(levelname)s %(name)s %(message)s", force=True)

    def keep_house_often(self) -> None:
        """Let a housekeeper's quarter of a second be some milliseconds, so that a test need not wait for it."""
        module = sys.modules["broker._housekeeping"]
        often = {
            "TICK_SECONDS": 0.004,
            "SECONDS_BETWEEN_PRUNINGS": 0.008,
            "TICKS_A_SECOND": 1,
            "TICKS_BETWEEN_PRUNINGS": 2,
        }
        for name, value in often.items():
            if hasattr(module, name):
                setattr(module, name, value)

    def keep_what_waits(self) -> None:
        """Let a consumer not give back what nobody begins: how long it then rests, no clock of a test's can say."""
        consumer = sys.modules["broker._consumer"].SQLiteConsumer
        assert callable(consumer._gives_back_what_waits)
        consumer._gives_back_what_waits = lambda self: False

    def be_impatient(self) -> None:
        """Let Dramatiq try again after a tenth of a second what it tries again after three and five."""
        for name in ("CONSUMER_RESTART_DELAY_SECS", "POST_PROCESS_MESSAGE_RETRY_DELAY_SECS"):
            assert hasattr(dramatiq.worker, name), name
            setattr(dramatiq.worker, name, 0.1)

    def lock(self, path: str) -> None:
        """Take the write lock, as a program that is no broker would."""
        self.other = sqlite3.connect(path, isolation_level=None)
        self.other.execute("BEGIN EXCLUSIVE")

    def unlock(self) -> None:
        self.other.execute("ROLLBACK")

    def die_at(self, moment: int) -> None:
        """Be killed at this moment of those that come, counted from one; with 0, never."""
        Countdown.start(moment)

    def stop_in_a_transaction(self) -> None:
        """Be stopped as soon as the write lock is held. Comes after `die_at`."""
        Countdown.stops_in_a_transaction = True

    def moments(self) -> int:
        """How many there were."""
        return Countdown.passed

    # ----- the broker

    def open(self, path: str, *, queues: tuple[str, ...] = ("default",), clocks: str = "", **settings: Any) -> None:
        if clocks:
            settings = {**Clocks(Path(clocks)).settings(), **settings}
        self.broker = SQLiteBroker(path, **{"durability": "normal", "middleware": [], **settings})
        for queue in queues:
            self.broker.declare_queue(queue)

    def setup(self) -> None:
        self.broker.setup()

    def close(self) -> None:
        self.broker.close()

    def inspect(self, question: str, *arguments: Any) -> Any:
        return getattr(self.broker.inspect, question)(*arguments)

    def call(self, method: str, *arguments: Any, **options: Any) -> Any:
        """Any other of the broker's methods."""
        return getattr(self.broker, method)(*arguments, **options)

    def enqueue(self, number: object, *, delay: int | None = None, **options: Any) -> None:
        self.broker.enqueue(message_of(number, **options), delay=delay)

    def enqueue_many(self, entries: list[tuple[object, dict[str, Any]]], *, delay: int | None = None) -> None:
        self.broker.enqueue_many([message_of(number, **options) for number, options in entries], delay=delay)

    # ----- a consumer, step by step

    def consume(self, queue: str = "default", *, prefetch: int = 4, timeout: int = 0) -> None:
        self.consumer = self.broker.consume(queue, prefetch=prefetch, timeout=timeout)

    def next(self) -> tuple[int, Any, dict[str, Any]] | None:
        """A handle, the message's first argument and its options; or None."""
        delivery = next(self.consumer)
        if delivery is None:
            return None
        self.handles += 1
        self.held[self.handles] = delivery
        return self.handles, delivery.args[0], dict(delivery.options)

    def ack(self, handle: int) -> None:
        delivery = self.held.pop(handle)
        self.consumer.ack(delivery)
        self.broker.emit_after("ack", delivery)

    def nack(self, handle: int) -> None:
        delivery = self.held.pop(handle)
        self.consumer.nack(delivery)
        self.broker.emit_after("nack", delivery)

    def requeue(self, handles: list[int]) -> None:
        self.consumer.requeue([self.held.pop(handle) for handle in handles])

    def extend(self, handle: int, seconds: float) -> bool:
        return self.broker.extend(self.held[handle].message_id, seconds)

    def begin(self, handle: int) -> bool:
        """What Dramatiq's worker thread says before it runs an actor; False where the broker skips the message."""
        delivery = self.held[handle]
        try:
            self.broker.emit_before("process_message", delivery)
        except SkipMessage:
            self.broker.emit_after("skip_message", delivery)
            return False
        return True

    def send_on(self, handle: int, number: object, *, delay: int | None = None, **options: Any) -> None:
        """Enqueue a message as the actor of this one."""
        self.enqueue(number, delay=delay, **options)

    def retry(self, handle: int, *, delay: int | None = None) -> None:
        """What Dramatiq's Retries does with a message whose actor failed."""
        delivery = self.held[handle]
        delivery.options["retries"] = delivery.options.get("retries", 0) + 1
        self.broker.enqueue(delivery, delay=delay)

    def end(self, handle: int, *, failed: bool = False) -> None:
        """What Dramatiq's worker thread says once an actor ended, and its answer."""
        delivery = self.held[handle]
        self.broker.emit_after("process_message", delivery, result=None)
        (self.nack if failed else self.ack)(handle)

    def close_consumer(self) -> None:
        self.consumer.close()

    # ----- a whole Dramatiq worker

    def start_worker(
        self, path: str, journal: str, *, threads: int = 2, worker_timeout: int = 100, **settings: Any
    ) -> None:
        """A worker with the actors below; each notes in the journal what happens to it."""
        middleware = [kind() for kind in default_middleware] + [CurrentMessage()]
        self.open(path, middleware=middleware, **settings)
        declare_actors(self.broker, Journal(Path(journal)))
        self.worker = Worker(self.broker, worker_timeout=worker_timeout, worker_threads=threads)
        self.worker.start()

    def stop_worker(self) -> None:
        self.worker.stop()
        self.broker.close()


def declare_actors(broker: SQLiteBroker, journal: Journal) -> None:
    """The actors of the fault tests. Each notes its message at its start and at its end."""

    @dramatiq.actor(broker=broker)
    def work(number: object, milliseconds: float = 0.0, padding: str = "") -> None:
        journal.note("begin", number)
        time.sleep(milliseconds / 1000)
        journal.note("end", number)

    @dramatiq.actor(broker=broker, min_backoff=10, max_backoff=50)
    def fails_once(number: object, milliseconds: float = 0.0) -> None:
        journal.note("begin", number)
        time.sleep(milliseconds / 1000)
        if not retries():
            journal.note("fail", number)
            raise RuntimeError("the first time always fails")
        journal.note("end", number)

    @dramatiq.actor(broker=broker)
    def sends_on(number: object, milliseconds: float = 0.0, gate: str = "") -> None:
        """Sends a follow-up, waiting before for the file `gate`, or one with this process's id behind that name."""
        journal.note("begin", number)
        time.sleep(milliseconds / 1000)
        while gate and not (os.path.exists(gate) or os.path.exists(f"{gate}.{os.getpid()}")):
            time.sleep(0.005)
        work.send(f"after-{number}")
        journal.note("end", number)


def retries() -> int:
    message = CurrentMessage.get_current_message()
    assert message is not None
    return int(message.options.get("retries", 0))
