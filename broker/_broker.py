"""The broker itself: Dramatiq's contract on one SQLite file."""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dramatiq import Broker, Consumer, Message, Middleware
from dramatiq.common import q_name
from dramatiq.errors import QueueJoinTimeout, QueueNotFound
from dramatiq.middleware import TimeLimit

from ._answers import Answers, News
from ._claim import Claimant
from ._clock import Clocks
from ._connection import Connections, Durability
from ._consumer import QUICK_SHARE, SQLiteConsumer
from ._enqueue import EnqueueStatement, Entry, compose, plain
from ._held import Write, leave_all
from ._housekeeping import House
from ._inspect import Inspector
from ._middleware import ClaimKeeping
from ._options import ACTOR_OPTIONS, AnyActor, claim_milliseconds, claim_milliseconds_of
from ._process import WorkerProcess
from ._queues import Queues
from ._session import Session
from ._shared_file import SharedFile
from ._wakeup import Caller, Ears

JOIN_POLL_SECONDS = 0.01
DEFAULT_CLAIM_MS = 900_000


class SQLiteBroker(Broker):
    """A Dramatiq broker that keeps its messages in one SQLite file, shared by any number of processes of one machine.

    Constructing it opens nothing. See docs/broker.md for what it guarantees.

    Parameters:
      path: The database file; other tables may live in it.
      durability: "full": a committed message survives a power cut; "normal": a killed process only, but faster.
      claim_seconds: How long a worker may hold a message that has no `time_limit`; with None 900 seconds, or the
        limit of the `TimeLimit` middleware and a grace, where that is longer.
      max_deliveries: A message delivered this often without an answer becomes a dead letter.
      busy_timeout_seconds: How long a call waits for the database's write lock.
      dead_letter_seconds: Age at which a dead letter is deleted.
      clock: UNIX time in seconds, for delays.
      steady_clock: Seconds since some instant, the same for all processes, for how long a claim may last.
      middleware: As in Dramatiq: all of it, or None for the default.
      run_dir: Folder of lock files and sockets, the same for all processes; `<path>-run` by default.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        durability: Durability = "full",
        claim_seconds: float | None = None,
        max_deliveries: int = 5,
        busy_timeout_seconds: float = 30.0,
        dead_letter_seconds: float = 30 * 86_400.0,
        clock: Callable[[], float] = time.time,
        steady_clock: Callable[[], float] = time.monotonic,
        middleware: list[Middleware] | None = None,
        run_dir: str | Path | None = None,
    ) -> None:
        super().__init__(middleware)
        self.queues: dict[str, None] = {}
        self._path = Path(path).absolute()
        self._run_dir = Path(run_dir).absolute() if run_dir is not None else Path(f"{self._path}-run")
        self._claim_ms = None if claim_seconds is None else int(claim_seconds * 1000)
        self._max_deliveries = max_deliveries
        self._clocks = Clocks(clock, steady_clock)
        self._connections = Connections(
            self._path, run_dir=self._run_dir, durability=durability, busy_timeout_seconds=busy_timeout_seconds
        )
        self._house = House(
            self._connections,
            run_dir=self._run_dir,
            clocks=self._clocks,
            max_deliveries=max_deliveries,
            keep_dead_seconds=dead_letter_seconds,
            wake=self.wake,
        )
        self.inspect = Inspector(self._connections, run_dir=self._run_dir, clocks=self._clocks, wake=self.wake)
        self._queues = Queues(self._connections)
        self._caller = Caller(self._run_dir)
        self._ears = Ears(self._run_dir)
        self.shared_file = SharedFile(
            self._connections,
            ears=self._ears,
            now_ms=self._clocks.wall_ms,
            defer=self._defer,
            settle=self._settle_current,
        )
        self._session = self._new_session()
        self.actor_options |= ACTOR_OPTIONS
        self._keeping = ClaimKeeping(
            # A fork replaces the session.
            begin=lambda claim: self._session.answers.begin(claim),  # noqa: PLW0108  # bound late
            settle=lambda delivery: self._session.answers.settle(delivery),  # noqa: PLW0108  # bound late
            set_stopping=lambda stopping: self._session.set_stopping(stopping),  # noqa: PLW0108  # bound late
            thread_ends=self._connections.close_current,
        )
        _BROKERS.add(self)

    def emit_before(self, signal: str, *args: Any, **kwargs: Any) -> None:
        """Tell the middleware what is about to happen; the broker itself hears it before all of them.

        Raises:
          MiddlewareError: one of them, or the broker, will not have it.
        """
        self._keeping.hear(f"before_{signal}", *args)
        super().emit_before(signal, *args, **kwargs)

    def emit_after(self, signal: str, *args: Any, **kwargs: Any) -> None:
        """Tell the middleware what happened; the broker itself hears it after all of them. Raises nothing."""
        super().emit_after(signal, *args, **kwargs)
        self._keeping.hear(f"after_{signal}", *args)

    def setup(self) -> None:
        """Create the folder and the tables where they are missing; many processes may do so at once.

        Raises:
          DatabaseUnavailable: the file cannot be opened or written.
          SchemaTooNew: a newer broker made the tables.
        """
        with self._connections.using():
            pass

    def statement(self, message: Message[Any], *, delay: int | None = None) -> EnqueueStatement:
        """The INSERT that enqueues a message, for the caller's own transaction on the same file. Does no I/O.

        The tables must exist (`setup`), the middleware is not told, and after the commit the caller should `wake` the
        statement's queue; otherwise workers find the message within a second.

        Parameters:
          message: What to enqueue; its queue need not be declared here.
          delay: Milliseconds before it may run.

        Raises:
          InvalidOption: `priority`, `rank`, `key` or `delay` make no sense.
        """
        return self._compose(plain(message), delay).insert()

    def wake(self, queue_names: Iterable[str]) -> None:
        """Tell waiting workers of all processes that these queues changed. Never raises, never blocks."""
        names = set(queue_names)
        process = self._session.process
        if process is not None:
            process.bells.ring(names)
        self._caller.call(names, skip=process.owner if process is not None else None)

    def enqueue(self, message: Message[Any], *, delay: int | None = None) -> Message[Any]:
        """Store a message.

        What an actor sends while it processes a message commits together with that message's ack, nack or retry: all
        of it or nothing. `at_once` does without. Elsewhere the message is stored when this returns.

        A message that this process holds a claim on (a retry) goes back into its row. If it cannot be written down,
        its ack puts it back as it was instead of deleting it.

        Parameters:
          message: What to enqueue.
          delay: Milliseconds before it may run.

        Raises:
          QueueNotFound: the message's queue was never declared on this broker.
          InvalidOption: see `statement`.
          DatabaseUnavailable: nothing was stored.
        """
        claim = self._session.held.of(message.message_id)
        if claim is None or claim.answered or claim.retry is not None:
            return self.enqueue_many([message], delay=delay)[0]
        try:
            message = self._announced(message, delay)
            claim.retry = self._compose(message, delay)
        except BaseException:
            claim.failed_retry_delay = delay or 0
            raise
        self.emit_after("enqueue", message, delay)
        return message

    def enqueue_many(self, messages: Iterable[Message[Any]], *, delay: int | None = None) -> list[Message[Any]]:
        """Store messages in one transaction: all of them or none.

        Parameters:
          messages: What to enqueue.
          delay: Milliseconds before they may run.

        Raises:
          QueueNotFound, InvalidOption, DatabaseUnavailable: as `enqueue`; nothing was stored.
        """
        announced = [self._announced(message, delay) for message in messages]
        entries = [self._compose(message, delay) for message in announced]
        claim = self._session.held.processed
        inserts = [entry.insert() for entry in entries]
        writes = [Write(insert.sql, insert.parameters, queue=insert.queue_name) for insert in inserts]
        if claim is None or not self._session.held.add_writes(claim, writes):
            with self._connections.writing() as connection:
                for insert in inserts:
                    connection.execute(insert.sql, insert.parameters)
            self._house.relieve_the_log()
            self.wake(entry.queue for entry in entries)
        for message in announced:
            self.emit_after("enqueue", message, delay)
        return announced

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Within this block, what an actor sends is stored right away and not with its own message's ack."""
        held = self._session.held
        token = held.enter(None)
        try:
            yield
        finally:
            held.leave(token)

    def extend(self, message_id: str, seconds: float) -> bool:
        """Give a message that this process holds at least this long from now; False where it holds none."""
        claim = self._session.held.of(message_id)
        return claim is not None and self._session.answers.extend(claim, int(seconds * 1000))

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5000) -> Consumer:
        """A consumer that holds at most half of `prefetch` messages, which is Dramatiq's number of threads.

        While messages take next to no time it holds eight times as many. What is not begun soon goes back.
        With `dramatiq_queue_prefetch` set in the environment, `prefetch` is taken as it is.

        Parameters:
          queue_name: A declared queue.
          prefetch: What the worker asks for: two times its threads.
          timeout: Milliseconds the consumer waits for a message at most.

        Raises:
          QueueNotFound: the queue was never declared on this broker.
          DatabaseUnavailable: the file cannot be opened or written.
        """
        queue_name = self._declared(queue_name)
        session = self._session
        threads = max(1, prefetch // 2)
        chosen = int(os.getenv("dramatiq_queue_prefetch", "0"))  # noqa: SIM112  # Dramatiq spells it so
        process = session.worker_process()
        self._queues.note(queue_name)
        default_lasts_ms = self._default_claim_milliseconds()
        claimant = Claimant(
            queue=queue_name,
            owner=process.owner,
            default_lasts_ms=default_lasts_ms,
            lasts_ms=lambda message: claim_milliseconds(message, self._actor(message), default_lasts_ms),
            max_deliveries=self._max_deliveries,
        )
        return SQLiteConsumer(
            claimant,
            capacity=prefetch if chosen else threads,
            quick_capacity=prefetch if chosen else threads * QUICK_SHARE,
            timeout_ms=timeout,
            process=process,
            connections=self._connections,
            held=session.held,
            answers=session.answers,
            clocks=self._clocks,
            is_stopping=lambda: session.stopping,
        )

    def declare_queue(self, queue_name: str) -> None:
        """Make a queue known to this process; it opens nothing."""
        queue_name = q_name(queue_name)
        if queue_name not in self.queues:
            self.emit_before("declare_queue", queue_name)
            self.queues[queue_name] = None
            self.emit_after("declare_queue", queue_name)

    def flush(self, queue_name: str) -> None:
        """Delete the queue's waiting messages, ready or scheduled; claimed and dead ones stay.

        Raises:
          QueueNotFound: the queue was never declared on this broker.
        """
        self._queues.flush([self._declared(queue_name)])

    def flush_all(self) -> None:
        """Delete the waiting messages and the dead letters of every queue declared here."""
        self._queues.flush(self.queues)
        self._queues.flush_dead(self.queues)

    def join(self, queue_name: str, *, timeout: int | None = None) -> None:
        """Wait until the queue holds no message but dead letters. Meant for tests.

        Parameters:
          queue_name: A declared queue.
          timeout: Milliseconds to wait at most.

        Raises:
          QueueNotFound: the queue was never declared on this broker.
          QueueJoinTimeout: the time is over.
        """
        give_up_at = None if timeout is None else time.monotonic() + timeout / 1000
        queue_name = self._declared(queue_name)
        while self._queues.is_busy(queue_name):
            if give_up_at is not None and time.monotonic() > give_up_at:
                raise QueueJoinTimeout(f"{queue_name!r} is not empty")  # type: ignore[no-untyped-call]  # as above
            time.sleep(JOIN_POLL_SECONDS)

    def close(self) -> None:
        """End this process's part: what it still holds is freed for others. The next use begins anew."""
        try:
            self._session.close()
            self._ears.close()
            self._caller.close()
        finally:
            self._connections.close()

    def _new_session(self) -> Session:
        return Session(self._connections, clocks=self._clocks, tell=self._tell, start_process=self._start_process)

    def _start_process(self, answers: Answers) -> WorkerProcess:
        return WorkerProcess(
            self._connections, run_dir=self._run_dir, house=self._house, answers=answers, clocks=self._clocks
        )

    def _after_fork_in_child(self) -> None:
        # The parent goes on with its claims, lock, sockets and connections; the child must touch none of them.
        leave_all()
        self._session.forget()
        self._ears.forget()
        self._caller.forget()
        self._connections.after_fork_in_child()
        self._session = self._new_session()

    def _tell(self, news: News) -> None:
        self.wake(news.queues)
        self.shared_file.announce(news.topics)

    def _defer(self, sql: str, parameters: tuple[object, ...], topic: str) -> bool:
        claim = self._session.held.processed
        return claim is not None and self._session.held.add_writes(claim, [Write(sql, parameters, topic=topic)])

    def _settle_current(self) -> None:
        claim = self._session.held.processed
        if claim is not None and not claim.answered:
            self._session.answers.settle_writes(claim)

    def _announced(self, message: Message[Any], delay: int | None) -> Message[Any]:
        message = plain(message)
        self._declared(message.queue_name)
        self.emit_before("enqueue", message, delay)
        return message

    def _compose(self, message: Message[Any], delay: int | None) -> Entry:
        return compose(message, self._actor(message), delay=delay, now_ms=self._clocks.wall_ms())

    def _default_claim_milliseconds(self) -> int:
        """An actor without a limit of its own may run as long as the middleware lets it, unless somebody chose."""
        if self._claim_ms is not None:
            return self._claim_ms
        limits = (middleware.time_limit for middleware in self.middleware if isinstance(middleware, TimeLimit))
        return max([DEFAULT_CLAIM_MS, *(claim_milliseconds_of(limit, DEFAULT_CLAIM_MS) for limit in limits)])

    def _actor(self, message: Message[Any]) -> AnyActor | None:
        return self.actors.get(message.actor_name)

    def _declared(self, queue_name: str) -> str:
        if q_name(queue_name) not in self.queues:
            raise QueueNotFound(queue_name)  # type: ignore[no-untyped-call]  # Dramatiq's has none
        return q_name(queue_name)


_BROKERS: weakref.WeakSet[SQLiteBroker] = weakref.WeakSet()


def _each(act: Callable[[SQLiteBroker], None]) -> Callable[[], None]:
    def act_on_each() -> None:
        for broker in list(_BROKERS):
            act(broker)

    return act_on_each


os.register_at_fork(
    before=_each(lambda broker: broker._connections.before_fork()),  # noqa: SLF001  # the same module
    after_in_parent=_each(lambda broker: broker._connections.after_fork_in_parent()),  # noqa: SLF001
    after_in_child=_each(lambda broker: broker._after_fork_in_child()),  # noqa: SLF001
)
