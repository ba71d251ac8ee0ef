"""Look at the queues, their workers and their dead letters, and act on them. All calls block."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from broker import Claim, DeadLetter, Inspector, QueueDepth, QueueRate, WorkerInfo

RATE_MINUTES = 5
DEAD_AT_ONCE = 500

MOST_COUNTED = 10_000
"""Messages of one state in one queue that are counted while a person waits for the page."""


@dataclass(frozen=True, slots=True)
class QueueNow:
    depth: QueueDepth
    rate: QueueRate


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker holds. `task_id` is None where the message is about no task."""

    actor: str
    task_id: str | None
    since: datetime


@dataclass(frozen=True, slots=True)
class WorkerNow:
    worker: WorkerInfo
    jobs: tuple[Job, ...]


def queues_now(inspect: Inspector) -> list[QueueNow]:
    rates = {rate.queue: rate for rate in inspect.rates(RATE_MINUTES)}
    return [
        QueueNow(depth, rates.get(depth.queue, QueueRate(depth.queue, 0.0, 0.0, 0.0)))
        for depth in inspect.queues(most=MOST_COUNTED + 1)
    ]


def workers_now(inspect: Inspector) -> list[WorkerNow]:
    held: dict[str, list[Job]] = {}
    for claim in inspect.claimed():
        held.setdefault(claim.owner, []).append(Job(claim.actor, task_of(claim), claim.claimed_at))
    return [WorkerNow(worker, tuple(held.get(worker.owner, ()))) for worker in inspect.workers()]


def requeue_all(inspect: Inspector) -> int:
    """How many dead letters were sent again."""
    return _each(inspect, requeue=True)


def drop_all(inspect: Inspector) -> int:
    """How many dead letters were dropped."""
    return _each(inspect, requeue=False)


def task_of(message: Claim | DeadLetter) -> str | None:
    """The task that the message is about."""
    if message.message is None:
        return None
    for value in (message.message.kwargs, *message.message.args):
        task_id = value.get("task_id") if isinstance(value, Mapping) else None
        if isinstance(task_id, str):
            return task_id
    return None


def _each(inspect: Inspector, *, requeue: bool) -> int:
    done, after = 0, 0
    act = inspect.requeue_dead if requeue else inspect.drop_dead
    while letters := inspect.dead_letters(after_id=after, limit=DEAD_AT_ONCE):
        after = letters[-1].id
        done += sum(act(letter.id) for letter in letters)
    return done
