"""The items of a task as the chapters of one file, whatever happens on the way."""

import hashlib
from pathlib import Path

import av
import numpy as np
import pytest

import actors.assemble
import actors.bind
from actors.housekeeping import STALE_SECONDS, keep_house
from app.domain.audio_formats import AudioFormat
from app.domain.ids import TaskId
from app.domain.states import TaskState
from app.domain.tasks import BookRequest, ItemRequest, SpeechRequest, Task
from app.services.control_tasks import cancel_task, retry_task
from app.services.request_speech import request_speech
from tests.support.processes import until
from tests.unit.actors.conftest import Workshop

ABOUT = BookRequest("The Lamp", "Ann Author", "en", ("One", "Zwei – é", "三"))
TEXTS = ("The first chapter.", "The second one is somewhat longer than that.", "The end.")


def ask(workshop: Workshop, texts: tuple[str, ...] = TEXTS, about: BookRequest = ABOUT) -> TaskId:
    items = tuple(ItemRequest(text, "espeak-en-us", format=AudioFormat.M4B) for text in texts)
    with workshop.bench.database.write() as store:
        request = SpeechRequest(items, book=about)
        return request_speech(store, request, publisher=workshop.bench.publisher, clock=workshop.bench.clock).id


def bound(workshop: Workshop) -> Task:
    task_id = ask(workshop)
    workshop.work()
    task = workshop.finished(task_id)
    assert task.state is TaskState.COMPLETED
    return task


def book_file(workshop: Workshop, task: Task) -> Path:
    assert task.book is not None
    assert task.book.audio is not None
    path = workshop.bench.audio.book_path(task.id)
    content = path.read_bytes()
    assert (len(content), hashlib.sha256(content).hexdigest()) == (task.book.audio.bytes, task.book.audio.sha256)
    return path


def decoded(path: Path) -> tuple[np.ndarray, int]:
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray()[0] for frame in container.decode(audio=0)]
        return np.concatenate(frames), container.streams.audio[0].rate


def test_a_book_is_one_file_with_marks_and_tags(workshop: Workshop) -> None:
    task = bound(workshop)
    assert task.book is not None
    with av.open(str(book_file(workshop, task))) as book:
        marks = book.chapters()
        assert [mark["metadata"]["title"] for mark in marks] == list(ABOUT.chapters)
        assert {name: book.metadata[name] for name in ("title", "artist", "album", "genre", "media_type")} == {
            "title": "The Lamp",
            "artist": "Ann Author",
            "album": "The Lamp",
            "genre": "Audiobook",
            "media_type": "2",
        }
    starts = [float(mark["start"] * mark["time_base"]) for mark in marks]
    assert starts == pytest.approx(task.book.starts, abs=0.001)
    assert len(task.book.starts) == 3
    assert task.book.starts[0] == 0


def test_each_chapter_sounds_in_the_book_as_in_its_own_file_from_the_sample_that_its_mark_names(
    workshop: Workshop,
) -> None:
    task = bound(workshop)
    assert task.book is not None
    assert task.book.audio is not None
    whole, rate = decoded(book_file(workshop, task))
    assert 0 <= len(whole) / rate - task.book.audio.duration_seconds < 1024 / rate  # the last packet is decoded whole
    for item, start in zip(task.items, task.book.starts, strict=True):
        own, _ = decoded(workshop.bench.audio.finished_path(task.id, item.index, item.format))
        place = round(start * rate)
        assert place == pytest.approx(start * rate, abs=1e-6), "a mark stands between two samples"
        assert np.abs(own).max() > 0.05
        assert np.abs(whole[place : place + len(own)] - own).max() < 1e-3
    silences = [
        whole[round((start + item.audio.duration_seconds) * rate) : round(following * rate)]
        for item, start, following in zip(task.items, task.book.starts, task.book.starts[1:], strict=False)
        if item.audio is not None
    ]
    assert all(len(silence) / rate < 0.044 and np.abs(silence).max() < 0.01 for silence in silences)


def test_the_task_is_completed_once_and_only_with_its_book(workshop: Workshop) -> None:
    task = bound(workshop)
    assert workshop.moves(task.id) == ["pending", "processing", "completed"]
    until(lambda: workshop.live_messages() == 0)


def test_a_book_of_one_item_is_bound_too(workshop: Workshop) -> None:
    task_id = ask(workshop, TEXTS[:1], BookRequest("T", None, None, ("Only",)))
    workshop.work()
    task = workshop.finished(task_id)
    with av.open(str(book_file(workshop, task))) as book:
        assert [mark["metadata"]["title"] for mark in book.chapters()] == ["Only"]
        assert "artist" not in book.metadata


def test_binding_is_the_same_when_it_is_done_again(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker dies after the file is in place and before the row says so."""
    bind, files = actors.bind.bind, []

    def die_once(*args: object, **fields: object) -> object:
        found = bind(*args, **fields)  # type: ignore[arg-type]
        files.append(found)
        if len(files) == 1:
            raise RuntimeError("killed")
        return found

    monkeypatch.setattr(actors.bind, "bind", die_once)
    task = bound(workshop)
    assert files[0] == files[1]
    book_file(workshop, task)
    assert workshop.moves(task.id) == ["pending", "processing", "retryable", "processing", "completed"]


def test_a_binding_that_fails_for_good_names_its_error_and_may_be_tried_again(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    bind = actors.bind.bind

    def fail(*args: object, **fields: object) -> object:
        raise RuntimeError("no")

    monkeypatch.setattr(actors.bind, "bind", fail)
    task_id = ask(workshop)
    workshop.work()
    task = workshop.finished(task_id)
    assert task.state is TaskState.DISCARDED
    assert task.error is not None
    assert task.error.type == "unexpected-error"
    assert {item.state for item in task.items} == {TaskState.COMPLETED}
    monkeypatch.setattr(actors.bind, "bind", bind)
    calls = len(workshop.engine.calls)
    with workshop.bench.database.write() as store:
        retry_task(store, task_id, publisher=workshop.bench.publisher, clock=workshop.bench.clock)
    assert workshop.finished(task_id).state is TaskState.COMPLETED
    assert len(workshop.engine.calls) == calls
    book_file(workshop, workshop.task(task_id))


@pytest.mark.parametrize("damage", ["gone", "short", "noise"])
def test_an_item_whose_file_is_lost_before_the_binding_is_assembled_again(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    bind, seen = actors.bind.bind, []

    def lose(parts: list[Path], *args: object, **fields: object) -> object:
        if not seen:
            seen.append(parts[1])
            if damage == "gone":
                parts[1].unlink()
            elif damage == "short":
                parts[1].write_bytes(parts[1].read_bytes()[:-3000])
            else:
                parts[1].write_bytes(b"\xff" * parts[1].stat().st_size)
        return bind(parts, *args, **fields)  # type: ignore[arg-type]

    monkeypatch.setattr(actors.bind, "bind", lose)
    task = bound(workshop)
    assert task.items[1].takes == 1
    assert workshop.moves(task.id) == ["pending", "processing", "completed"]
    whole, rate = decoded(book_file(workshop, task))
    assert task.book is not None
    assert task.book.audio is not None
    assert 0 <= len(whole) / rate - task.book.audio.duration_seconds < 1024 / rate  # the last packet is decoded whole


def test_a_book_that_is_cancelled_while_it_is_bound_leaves_no_file(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    bind = actors.bind.bind

    def cancelled(*args: object, **fields: object) -> object:
        found = bind(*args, **fields)  # type: ignore[arg-type]
        with workshop.bench.database.write() as store:
            cancel_task(store, task_id, clock=workshop.bench.clock)
        return found

    monkeypatch.setattr(actors.bind, "bind", cancelled)
    task_id = ask(workshop)
    workshop.work()
    assert workshop.finished(task_id).state is TaskState.CANCELLED
    until(lambda: workshop.live_messages() == 0)
    assert not workshop.bench.audio.book_path(task_id).exists()


def test_a_failed_chapter_fails_the_book(workshop: Workshop) -> None:
    task_id = ask(workshop, ("Good.", "[[fail]] always"), BookRequest("T", None, None, ("a", "b")))
    workshop.engine._failures["always"] = [RuntimeError("no")] * 9  # type: ignore[list-item]
    workshop.work()
    task = workshop.finished(task_id)
    assert task.state is TaskState.DISCARDED
    assert task.book is not None
    assert task.book.audio is None


def test_housekeeping_puts_a_lost_binding_back(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    published = actors.assemble.missing_binding
    monkeypatch.setattr(actors.assemble, "missing_binding", lambda store, task: [])
    task_id = ask(workshop)
    workshop.work()
    until(lambda: all(item.state is TaskState.COMPLETED for item in workshop.task(task_id).items))
    assert workshop.task(task_id).state is TaskState.PROCESSING
    monkeypatch.setattr(actors.assemble, "missing_binding", published)
    with workshop.bench.database.write() as store:
        store.touch(task_id, now=workshop.bench.now() - 2 * STALE_SECONDS * 1000)
    keep_house(workshop.bench)
    assert workshop.finished(task_id).state is TaskState.COMPLETED
