"""A store that is full: tasks of a day, written row by row without a worker."""

from collections.abc import Sequence
from pathlib import Path

from app.domain.events import TextToSpeechRequested
from app.domain.ids import TaskId, new_task_id
from app.domain.tasks import Priority
from app.publishing import SPEECH_QUEUE, message_for
from app.results import Database, migrate
from broker import SQLiteBroker

NOW = 1_790_000_000_000
AT_ONCE = 20_000
DAY_MS = 24 * 3600 * 1000
LEAD_MS = 2_500
"""How long a task waits, and how long it is worked on, at most."""

STATES = ("completed",) * 16 + ("cancelled", "discarded", "discarded", "pending")
"""The states of tasks that lie side by side, over and over."""

TEXT = "Nothing is lost, and the {number}th whale is heard."
ERROR = '{"type": "segment-timeout", "title": "A segment took too long", "detail": "The engine took longer than 30.0 s.", "attempt": 5, "at": 0}'

TASKS = (
    "INSERT INTO tasks (id, state, owner, priority, run, attempts, version, created_at, updated_at, started_at, finished_at, error)"
    " VALUES (?, ?, ?, 10, 1, 1, 3, ?, ?, ?, ?, ?)"
)
ITEMS = (
    "INSERT INTO items (task_id, idx, state, characters, voice, speed, volume, format, metadata, segments_total,"
    " segments_done, characters_done, audio_seconds, takes, duration_seconds, bytes, sample_rate, sha256, dropped)"
    " VALUES (?, 0, ?, ?, 'espeak-en-us', 1.0, 1.0, 'wav', '{}', 1, ?, ?, ?, 0, ?, ?, ?, ?, '[]')"
)
TEXTS = "INSERT INTO texts (task_id, idx, text) VALUES (?, 0, ?)"
TRANSITIONS = "INSERT INTO transitions (task_id, to_state, at, attempt, detail) VALUES (?, ?, ?, 1, '{}')"


def fill(folder: Path, count: int, *, end: int = NOW, owners: Sequence[str] = ("",)) -> list[TaskId]:
    """A store in `folder` with so many tasks of the day before `end` (milliseconds), in all states that a task rests
    in, the owners in turn; each that waits has its message. The ids of some of them, the oldest first."""
    path = folder / "data" / "sayathing.db"
    database = Database(f"sqlite:///{path}", durability="normal")
    migrate(database)
    kept = []
    for first in range(0, count, AT_ONCE):
        numbers = range(first, min(first + AT_ONCE, count))
        created = [end - DAY_MS + number * (DAY_MS - 2 * LEAD_MS) // count for number in numbers]
        ids = [new_task_id(at / 1000) for at in created]
        kept += ids[:: max(1, len(ids) // 20)]
        states = [STATES[number % len(STATES)] for number in numbers]
        rows = list(zip(ids, numbers, states, created, strict=True))
        texts = {each: TEXT.format(number=number) for each, number, _, _ in rows}
        with database.write() as store:
            for sql, values in (
                (TASKS, [_task(*row, owners[row[1] % len(owners)]) for row in rows]),
                (ITEMS, [_item(each, state, len(texts[each])) for each, _, state, _ in rows]),
                (TEXTS, list(texts.items())),
                (TRANSITIONS, [(each, state, at + LEAD_MS) for each, _, state, at in rows]),
            ):
                store.connection.exec_driver_sql(sql, values)
        _send(path, [each for each, _, state, _ in rows if state == "pending"])
    database.close()
    return kept


def _task(task_id: TaskId, number: int, state: str, at: int, owner: str) -> tuple[object, ...]:
    begun = at + number * 7919 % LEAD_MS
    waits = state == "pending"
    return (task_id, state, owner, at, at if waits else at + 2 * LEAD_MS, None if waits else begun,
            None if waits else begun + number * 104729 % LEAD_MS, ERROR if state == "discarded" else None)  # fmt: skip


def _item(task_id: TaskId, state: str, characters: int) -> tuple[object, ...]:
    if state != "completed":
        return (task_id, state, characters, 0, 0, 0.0, None, None, None, None)
    return (task_id, state, characters, 1, characters, 3.0, 3.0, 132_344, 22050, "f" * 64)


def _send(path: Path, waiting: Sequence[TaskId]) -> None:
    broker = SQLiteBroker(path, durability="normal")
    broker.declare_queue(SPEECH_QUEUE)
    broker.enqueue_many(
        message_for(TextToSpeechRequested(task_id=task_id, run=1, priority=Priority.NORMAL)) for task_id in waiting
    )
    broker.close()
