"""Look at tasks: one, a page of them, and how long they will take."""

import math
from dataclasses import dataclass

from app.domain.ids import TaskId
from app.domain.states import FINISHED
from app.domain.tasks import Item, Task
from app.results import ResultsStore, TaskFilter

CHARACTERS_PER_SECOND = {"espeak": 1500.0, "kokoro": 25.0}
"""Rough speed of each engine on two cores, characters a second: what a new task's estimate rests on."""

SPOKEN_CHARACTERS_PER_SECOND = 15.0
"""Characters in a second of sound, about."""

ENCODED_PER_SECOND = {"lossy": 100.0, "lossless": 2000.0}
"""Rough speed at which a file is put together on one core, seconds of sound a second."""

MAX_RETRY_AFTER_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Page:
    tasks: list[Task]
    next_cursor: TaskId | None


def list_tasks(store: ResultsStore, wanted: TaskFilter, *, limit: int, cursor: TaskId | None = None) -> Page:
    """The page of at most `limit` tasks after `cursor`, newest first."""
    tasks = store.tasks(wanted, limit=limit + 1, before=cursor)
    more = len(tasks) > limit
    return Page(tasks[:limit], tasks[limit - 1].id if more else None)


SEARCHED_AT_ONCE = 5_000
"""Tasks that one page of a search reads: some 20 ms, however many there are."""


@dataclass(frozen=True, slots=True)
class SearchPage:
    """`next_cursor` may lead on also where the page is not full; `searched` is then how many tasks were read for it."""

    tasks: list[Task]
    next_cursor: TaskId | None
    searched: int | None


def search_tasks(store: ResultsStore, wanted: TaskFilter, *, limit: int, cursor: TaskId | None = None) -> SearchPage:
    """As `list_tasks`, but of what no index answers only the next `SEARCHED_AT_ONCE` tasks are read."""
    last = store.nth_older(wanted, SEARCHED_AT_ONCE, before=cursor) if wanted.reads_each_task else None
    if last is None:
        page = list_tasks(store, wanted, limit=limit, cursor=cursor)
        return SearchPage(page.tasks, page.next_cursor, None)
    tasks = store.tasks(wanted, limit=limit + 1, before=cursor, not_before=last)
    if len(tasks) > limit:
        return SearchPage(tasks[:limit], tasks[limit - 1].id, None)
    return SearchPage(tasks, last, SEARCHED_AT_ONCE)


def eta_seconds(task: Task, now: float) -> float | None:
    """How long an unfinished task will take from `now` (seconds since the Unix epoch); None where it is finished.

    From the task's own pace once it has one, else from its engine's usual pace; and what its files take on top.
    """
    if task.state in FINISHED:
        return None
    return _speaking_seconds(task, now) + sum(map(_encoding_seconds, task.items))


def _encoding_seconds(item: Item) -> float:
    if item.state in FINISHED:
        return 0.0
    characters_left = item.text_characters - item.characters_done
    sound = item.audio_seconds + characters_left / SPOKEN_CHARACTERS_PER_SECOND
    return sound / ENCODED_PER_SECOND["lossless" if item.format.encoding.bits_a_second is None else "lossy"]


def _speaking_seconds(task: Task, now: float) -> float:
    progress = task.progress
    if task.started_at is not None and progress.characters_done > 0:
        elapsed = max(0.0, now - task.started_at / 1000)
        return elapsed / progress.characters_done * progress.characters_left
    espeak = progress.espeak_characters_left
    kokoro = progress.characters_left - espeak
    return espeak / CHARACTERS_PER_SECOND["espeak"] + kokoro / CHARACTERS_PER_SECOND["kokoro"]


def retry_after_seconds(task: Task, now: float) -> int:
    """When it is worth asking for the task again: whole seconds, at least 1."""
    return max(1, min(MAX_RETRY_AFTER_SECONDS, math.ceil(eta_seconds(task, now) or 0)))
