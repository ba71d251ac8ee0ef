"""Every minute: end what the queue gave up, put back what it lost, clear away what nobody needs any more."""

from collections.abc import Collection, Sequence

import structlog

from actors.plan import missing_binding, missing_work
from actors.workbench import Workbench, worker_name
from app.domain.errors import WorkerLost
from app.domain.events import Event, TextToSpeechRequested, UnknownEvent
from app.domain.ids import TaskId
from app.domain.states import FINISHED
from app.publishing import event_of
from app.results import ResultsStore, drop_unused_entries, unused_entries
from app.results.control import delete_tasks
from app.results.deliveries import overdue_deliveries
from broker import DeadLetter

log = structlog.get_logger(__name__)

STALE_SECONDS = 120
DRAFT_SECONDS = 24 * 3600
AT_ONCE = 100
EXPIRY_SECONDS = 30.0


def keep_house(bench: Workbench) -> None:
    """One round. Harmless to repeat: everything it does is keyed by the work that it is for."""
    _end_dead_letters(bench)
    _put_back_lost_work(bench)
    _put_back_lost_deliveries(bench)
    _forget_expired(bench)
    _clear_away(bench)


def _forget_expired(bench: Workbench) -> None:
    """In small transactions, and for a while only: the next round goes on where very many expire at once."""
    begun = bench.clock()
    forgotten = 0
    while bench.clock() - begun < EXPIRY_SECONDS:
        with bench.database.read() as store:
            expired = store.expired(bench.now(), limit=AT_ONCE)
        if not expired:
            break
        with bench.database.write() as store:
            gone = delete_tasks(store.connection, expired)
        for task_id in gone:
            bench.audio.drop_task(task_id)
        forgotten += len(gone)
    if forgotten:
        log.info("tasks_expired", tasks=forgotten)


def _clear_away(bench: Workbench) -> None:
    """What dead writers left, the files of tasks that are gone, and the segments that the cache has no room for."""

    def keys_in_use() -> Collection[str]:
        with bench.database.read() as store:
            return store.segment_keys_in_use()

    def known(task_ids: Sequence[TaskId]) -> Collection[TaskId]:
        with bench.database.read() as store:
            return store.known_among(task_ids)

    left_since = bench.clock() - DRAFT_SECONDS
    if swept := bench.audio.sweep_drafts(older_than=left_since):
        log.info("drafts_swept", files=swept)
    if swept := bench.audio.sweep_finished(left_since, known):
        log.info("finished_files_swept", tasks=swept)
    if evicted := bench.audio.trim_segments(bench.cache_max_bytes, keys_in_use):
        log.info("segments_evicted", segments=evicted)
    with bench.database.read() as store:
        unused = unused_entries(store, limit=AT_ONCE)
    if unused:
        with bench.database.write() as store:
            log.info("lexicon_entries_dropped", lexicons=drop_unused_entries(store, unused))


def _end_dead_letters(bench: Workbench) -> None:
    """A message that killed its workers ends the work that it was for: nobody else is left to say so."""
    after = 0
    while letters := bench.broker.inspect.dead_letters(after_id=after, limit=AT_ONCE):
        for letter in letters:
            event = _event(letter)
            if event is not None:
                _give_up(event, letter.reason, bench)
        after = letters[-1].id


def _event(letter: DeadLetter) -> Event | None:
    try:
        return event_of(letter.message) if letter.message is not None else None
    except UnknownEvent:
        return None


def _give_up(event: Event, reason: str, bench: Workbench) -> None:
    with bench.database.read() as store:
        if not store.is_live(event.task_id, event.run):
            return
    item, segment = event.part
    with bench.database.write() as store:
        given_up = store.attempt_failed(
            event.task_id,
            event.run,
            WorkerLost(f"The queue gave the work up: {reason}"),
            item=item,
            segment=segment,
            final=True,
            worker=worker_name(),
            now=bench.now(),
        )
    if given_up:
        log.error("work_given_up", task_id=event.task_id, item=item, segment=segment)


def _put_back_lost_work(bench: Workbench) -> None:
    with bench.database.read() as store:
        stale = store.unfinished_since(bench.now() - STALE_SECONDS * 1000, limit=AT_ONCE)
    for task_id in stale:
        with bench.database.write() as store:
            bench.publisher.publish(_wanted(store, task_id), store)
            store.touch(task_id, now=bench.now())


def _put_back_lost_deliveries(bench: Workbench) -> None:
    """What the queue still holds, or works on, is dropped there by its key."""
    with bench.database.read() as store:
        overdue = overdue_deliveries(store, due_before=bench.now() - STALE_SECONDS * 1000, limit=AT_ONCE)
    if overdue:
        with bench.database.write() as store:
            bench.publisher.publish(overdue, store)


def _wanted(store: ResultsStore, task_id: TaskId) -> list[Event]:
    """Everything that an unfinished task waits for. What the queue still holds is dropped there by its key."""
    task = store.task(task_id)
    if task is None or task.state in FINISHED:
        return []
    open_items = [item for item in task.items if item.state not in FINISHED]
    if any(item.segments_total == 0 for item in open_items):
        return [TextToSpeechRequested(task_id=task.id, run=task.run, priority=task.priority)]
    if not open_items:
        return missing_binding(store, task)
    return [event for item in open_items for event in missing_work(store, task, item.index)]
