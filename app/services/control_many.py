"""Cancel, retry or delete every task that matches: chunk by chunk, so that nobody waits long for the writer's lock."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

import anyio.to_thread

from app.domain.events import TextToSpeechRequested
from app.domain.ids import TaskId
from app.domain.states import TaskState
from app.ports import AudioStore, Clock, EventPublisher
from app.results import AsyncDatabase, ResultsStore, TaskFilter
from app.results.control import (
    CANCELLABLE,
    DELETABLE,
    RUNNABLE_AGAIN,
    delete_tasks,
    run_tasks_again,
)
from app.services.read_tasks import SEARCHED_AT_ONCE

CHUNK = 250
"""Tasks changed in one transaction: some 20 ms of the writer's lock."""

MOST_COUNTED = 10_000
"""How many tasks of a state are counted before a person is asked."""

LOOKED_AT = 2000
"""Tasks looked at in one read."""


class Action(StrEnum):
    CANCEL = "cancel"
    RETRY = "retry"
    DELETE = "delete"


ALLOWED = {Action.CANCEL: CANCELLABLE, Action.RETRY: RUNNABLE_AGAIN, Action.DELETE: DELETABLE}
"""In which states each action finds something to do."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """`matched` tasks fitted the filter, `changed` of them were changed, or would be; of the others the state forbids
    it, or forbade it when their turn came."""

    matched: int
    changed: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """What an action will find: at least so many, and where there is `more`, counting stopped there."""

    matched: int
    changed: int
    more: bool


@dataclass(frozen=True, slots=True)
class TaskControl:
    """Acts on many tasks. Each chunk is a whole: what a crash or a full disk cuts off has done the chunks before."""

    database: AsyncDatabase
    audio: AudioStore
    publisher: EventPublisher
    clock: Clock

    async def count(self, action: Action, wanted: TaskFilter) -> Outcome:
        """What `apply` would find now, to the last one: seconds with a million tasks."""
        matched = changed = 0
        async for found in self._matching(wanted):
            matched += len(found)
            changed += sum(state in ALLOWED[action] for _, state in found)
        return Outcome(matched, changed)

    async def foresee(self, action: Action, wanted: TaskFilter) -> Forecast:
        """What `apply` would find now, counted no longer than a person waits for a page."""
        return await self.database.read(_foresee, action, wanted)

    async def apply(self, action: Action, wanted: TaskFilter) -> Outcome:
        """Act on all tasks that match and were accepted before now, the newest first."""
        matched = changed = 0
        async for found in self._matching(wanted):
            matched += len(found)
            allowed = [task_id for task_id, state in found if state in ALLOWED[action]]
            for first in range(0, len(allowed), CHUNK):
                begun = time.monotonic()
                changed += await self._change(action, allowed[first : first + CHUNK])
                await asyncio.sleep(time.monotonic() - begun)  # as long for the other writers as for this one
        return Outcome(matched, changed)

    async def _matching(self, wanted: TaskFilter) -> AsyncIterator[Sequence[tuple[TaskId, TaskState]]]:
        cursor: TaskId | None = None
        while True:
            found = await self.database.read(ResultsStore.matching, wanted, limit=LOOKED_AT, before=cursor)
            yield found
            if len(found) < LOOKED_AT:
                return
            cursor = found[-1][0]

    async def _change(self, action: Action, task_ids: Collection[TaskId]) -> int:
        acts: dict[Action, Callable[[ResultsStore, Collection[TaskId]], Sequence[TaskId]]] = {
            Action.CANCEL: self._cancel,
            Action.RETRY: self._retry,
            Action.DELETE: self._delete,
        }
        changed = await self.database.write(acts[action], task_ids)
        if action is Action.DELETE:
            await anyio.to_thread.run_sync(self._drop_files, changed)
        return len(changed)

    def _cancel(self, store: ResultsStore, task_ids: Collection[TaskId]) -> Sequence[TaskId]:
        return store.cancel_all(task_ids, now=self._now())

    def _retry(self, store: ResultsStore, task_ids: Collection[TaskId]) -> Sequence[TaskId]:
        pending = run_tasks_again(store.connection, task_ids, now=self._now())
        self.publisher.publish(
            [TextToSpeechRequested(task_id=task_id, run=run, priority=priority) for task_id, run, priority in pending],
            store,
        )
        return [task_id for task_id, _, _ in pending]

    def _delete(self, store: ResultsStore, task_ids: Collection[TaskId]) -> Sequence[TaskId]:
        return delete_tasks(store.connection, task_ids)

    def _drop_files(self, task_ids: Collection[TaskId]) -> None:
        for task_id in task_ids:
            self.audio.drop_task(task_id)

    def _now(self) -> int:
        return int(self.clock() * 1000)


def _foresee(store: ResultsStore, action: Action, wanted: TaskFilter) -> Forecast:
    last = store.nth_older(wanted, SEARCHED_AT_ONCE) if wanted.reads_each_task else None
    counts = store.count_by_state(most=MOST_COUNTED + 1, wanted=wanted, not_before=last)
    return Forecast(
        matched=sum(min(number, MOST_COUNTED) for number in counts.values()),
        changed=sum(min(number, MOST_COUNTED) for state, number in counts.items() if state in ALLOWED[action]),
        more=last is not None or any(number > MOST_COUNTED for number in counts.values()),
    )
