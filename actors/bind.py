"""Bind the items of a book into the one file that was asked for."""

import structlog

from actors.speech import PartMissing, bind
from actors.workbench import Extend, Workbench, worker_name
from app.domain.errors import AudioMissing
from app.domain.events import AssemblyRequested, BindingRequested
from app.domain.states import TaskState
from app.domain.tasks import Task

log = structlog.get_logger(__name__)

MOST_TAKES = 10
"""So often may the file of an item turn out to be lost, before it counts as a failed attempt."""


def bind_book(event: BindingRequested, bench: Workbench, extend: Extend) -> None:
    """Bring a book from assembled to completed. An item whose file is gone is assembled again. Harmless to repeat.

    Raises:
      WorkerStopping, Cancelled: the work was stopped on the way.
      AudioMissing: files of items were lost again and again.
    """
    with bench.database.read() as store:
        task = store.task(event.task_id)
        due = store.binding_due(event.task_id)
    if task is None or task.run != event.run or due is None:
        return
    if task.state is TaskState.RETRYABLE:
        with bench.database.write() as store:
            store.resume(event.task_id, event.run, worker=worker_name(), now=bench.now())
    try:
        _write(task, bench, extend)
    except PartMissing as error:
        if task.items[error.part].takes >= MOST_TAKES:
            raise AudioMissing(
                f"The file of item {error.part} was lost or damaged {MOST_TAKES + 1} times. Check the disk that the audio is on."
            ) from error
        _assemble_again(task, error.part, bench)


def _write(task: Task, bench: Workbench, extend: Extend) -> None:
    assert task.book is not None, "a binding is due"
    parts = [bench.audio.finished_path(task.id, item.index, item.format) for item in task.items]
    for item, part in zip(task.items, parts, strict=True):
        if item.audio is None or not part.is_file() or part.stat().st_size != item.audio.bytes:
            raise PartMissing(item.index)
    with bench.long_work.interruptible(task.id, task.run) as stop:

        def progress() -> None:
            stop.raise_if_stopped()
            extend()

        with bench.audio.writing_book(task.id) as draft:
            audio, starts = bind(parts, draft, task.book.about, progress=progress)
    with bench.database.write() as store:
        kept = store.book_bound(task.id, task.run, audio, starts, worker=worker_name(), now=bench.now())
        now = store.task(task.id)
    if kept:
        log.info("book_bound", items=len(parts), audio_seconds=round(audio.duration_seconds, 3), bytes=audio.bytes)
    elif now is None or now.book is None or now.book.audio is None:  # cancelled during the last moments
        bench.audio.drop_book(task.id)


def _assemble_again(task: Task, item: int, bench: Workbench) -> None:
    log.warning("item_audio_missing", item=item)
    with bench.database.write() as store:
        take = store.item_lost(task.id, task.run, item, now=bench.now())
        if take is not None:
            again = AssemblyRequested(task_id=task.id, run=task.run, priority=task.priority, item=item, take=take)
            bench.publisher.publish([again], store)
