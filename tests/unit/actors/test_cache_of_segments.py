"""Segments that go while tasks need them: by the cache's limit, by hand, damaged. No word is lost by it."""

import itertools
import json
import os
import time
from pathlib import Path

import numpy as np
import pytest

from actors.housekeeping import keep_house
from app.domain.ids import TaskId
from app.domain.states import TaskState
from app.domain.tasks import AudioFormat, SegmentKind, SegmentState
from app.ports import StoredSegment
from app.services.control_tasks import cancel_task, retry_task
from app.sound import level_of, read_wav
from tests.support.processes import until
from tests.unit.actors.conftest import Workshop

BOOK = " ".join(f"This is sentence number {n} of a rather long book, and it goes on a while." for n in range(40))


def stored(workshop: Workshop) -> list[Path]:
    return sorted(workshop.container.settings().audio_dir.glob("segments/*/*.wav"))


def grow_old(workshop: Workshop) -> None:
    for path in workshop.container.settings().audio_dir.glob("segments/*/*"):
        os.utime(path, (time.time() - 5000,) * 2)


def limited(workshop: Workshop, limit: int) -> None:
    object.__setattr__(workshop.bench, "cache_max_bytes", limit)
    workshop.bench.audio._cache._report.unlink(missing_ok=True)  # type: ignore[attr-defined]  # so that it looks now


def check_file(workshop: Workshop, task_id: TaskId) -> None:
    """The file is as long as the fake engine, with 20 characters a second, and the pauses take."""
    with workshop.bench.database.read() as store:
        segments = store.segments(task_id, 0)
    spoken = sum(len(segment.content) * 0.05 for segment in segments if segment.kind is SegmentKind.SPEECH)
    silent = sum(segment.pause_seconds for segment in segments)
    path = workshop.bench.audio.finished_path(task_id, 0, AudioFormat.WAV)
    assert (path.stat().st_size - 80) / 48_000 == pytest.approx(spoken + silent, abs=0.1)
    assert spoken == pytest.approx(len(BOOK) * 0.05, rel=0.02)


def test_a_finished_task_leaves_its_segments_to_the_limit(workshop: Workshop) -> None:
    workshop.work()
    workshop.finished(workshop.say(BOOK))
    keep_house(workshop.bench)
    assert workshop.bench.audio.cache_size().segments == len(stored(workshop)) > 3  # type: ignore[union-attr]
    grow_old(workshop)
    limited(workshop, 0)
    keep_house(workshop.bench)
    assert stored(workshop) == []
    again = workshop.finished(workshop.say(BOOK))
    assert again.state is TaskState.COMPLETED
    check_file(workshop, again.id)


def test_an_unfinished_task_keeps_its_segments_however_old_and_however_small_the_limit(workshop: Workshop) -> None:
    workshop.engine.delay_seconds = 0.05
    task_id = workshop.say(BOOK)
    workshop.work()
    until(lambda: workshop.task(task_id).items[0].segments_done > 3, every=0.01)
    workshop.stop()
    before = stored(workshop)
    grow_old(workshop)
    limited(workshop, 0)
    keep_house(workshop.bench)
    assert stored(workshop) == before
    workshop.engine.calls.clear()
    workshop.bench.long_work._closing = False
    workshop.work()
    task = workshop.finished(task_id)
    assert task.state is TaskState.COMPLETED
    assert len(workshop.engine.calls) == task.progress.segments_total - len(before)


def test_a_task_that_is_planned_while_a_cleaning_runs_keeps_what_it_found(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    workshop.work()
    workshop.finished(workshop.say(BOOK))
    workshop.stop()
    workshop.bench.long_work._closing = False
    grow_old(workshop)
    limited(workshop, 0)
    keys = workshop.bench.database.read
    planned = []

    def plan_meanwhile() -> object:
        """The cleaning has asked which keys are in use, and the answer is out of date at once."""
        answer = keys()
        if not planned:
            planned.append(workshop.say(BOOK))
            workshop.work()
            until(lambda: workshop.task(planned[0]).items[0].segments_total)
        return answer

    calls = len(workshop.engine.calls)
    trim = workshop.bench.audio.trim_segments

    def trim_with_a_stale_answer(limit: int, needed: object) -> int:
        def stale() -> set[str]:
            plan_meanwhile()
            return set()

        return trim(limit, stale)

    monkeypatch.setattr(workshop.bench.audio, "trim_segments", trim_with_a_stale_answer)
    keep_house(workshop.bench)
    task = workshop.finished(planned[0])
    assert task.state is TaskState.COMPLETED
    assert len(workshop.engine.calls) == calls, "everything was known, and stayed"


def test_a_cancelled_task_that_is_set_going_after_the_cleaning_is_rendered_again(workshop: Workshop) -> None:
    workshop.engine.delay_seconds = 0.02
    task_id = workshop.say(BOOK)
    workshop.work()
    until(lambda: workshop.task(task_id).items[0].segments_done >= 12, every=0.01)
    with workshop.bench.database.write() as store:
        cancel_task(store, task_id, clock=workshop.bench.clock)
    until(lambda: workshop.live_messages() == 0)
    grow_old(workshop)
    limited(workshop, 0)
    keep_house(workshop.bench)
    assert len(stored(workshop)) == 0
    with workshop.bench.database.write() as store:
        retry_task(store, task_id, publisher=workshop.bench.publisher, clock=workshop.bench.clock)
    task = workshop.finished(task_id)
    assert task.state is TaskState.COMPLETED
    assert task.items[0].takes == 1, "one round, however many were lost"
    check_file(workshop, task_id)
    assert "retryable" not in workshop.moves(task_id)


@pytest.mark.parametrize("harm", ["deleted", "cut short", "emptied", "scrambled", "words deleted"])
def test_segments_that_were_harmed_before_the_assembly_are_rendered_again(workshop: Workshop, harm: str) -> None:
    task_id = workshop.say(BOOK)
    real = workshop.bench.audio.read_segment
    reads = itertools.count()

    def harm_some(key: str) -> StoredSegment:
        if next(reads) == 40:
            with workshop.bench.database.read() as store:
                rendered = [s for s in store.segments(task_id, 0) if s.state is SegmentState.RENDERED and s.key]
            for segment in rendered[::2]:
                damage(workshop.bench.audio._wav(segment.key), harm)  # type: ignore[attr-defined]
        return real(key)

    workshop.bench.audio.read_segment = harm_some  # type: ignore[method-assign]
    workshop.work()
    task = workshop.finished(task_id)
    assert next(reads) > 40
    assert (task.state, task.items[0].takes) == (TaskState.COMPLETED, 1)
    check_file(workshop, task_id)
    assert workshop.bench.audio.captions_path(task_id, 0).read_bytes().count(b'"text"') == len(BOOK.split())


def damage(path: Path, harm: str) -> None:
    content = path.read_bytes()
    if harm == "deleted":
        path.unlink()
    elif harm == "words deleted":
        path.with_suffix(".json").unlink()
    else:
        path.write_bytes(
            {"cut short": content[:-500], "emptied": b"", "scrambled": content[:60] + content[:59:-1]}[harm]
        )


def test_a_segment_that_goes_once_its_file_is_begun_costs_no_attempt(workshop: Workshop) -> None:
    """The first one is looked at twice: for its sample rate, and to write it."""
    task_id = workshop.say("One.[pause:1s]Two.")
    real = workshop.bench.audio.writing_finished
    times = itertools.count()

    def lose_all(*about: object) -> object:
        if next(times) == 0:
            for path in stored(workshop):
                path.unlink()
        return real(*about)  # type: ignore[arg-type]

    workshop.bench.audio.writing_finished = lose_all  # type: ignore[method-assign,assignment]
    workshop.work()
    assert workshop.finished(task_id).state is TaskState.COMPLETED
    assert workshop.moves(task_id) == ["pending", "processing", "completed"]


def test_a_segment_is_measured_once_and_as_loud_in_each_file_as_was_stored(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = []
    monkeypatch.setattr("actors.synthesize.level_of", lambda *sound: measured.append(sound) or level_of(*sound))
    workshop.work()
    text = "One, and one.[pause:1s]Two, and two."
    first = heard(workshop, workshop.say(text))
    assert np.array_equal(heard(workshop, workshop.say(text)), first)
    assert len(measured) == 2

    for path in stored(workshop):
        companion = path.with_suffix(".json")
        about = json.loads(companion.read_bytes())
        companion.write_text(json.dumps({**about, "lufs": about["lufs"] - 6.0}))
    louder = heard(workshop, workshop.say(text))
    assert louder.max() == pytest.approx(first.max() * 10 ** (6 / 20), rel=0.01)
    assert len(measured) == 2


def heard(workshop: Workshop, task_id: TaskId) -> np.ndarray:
    assert workshop.finished(task_id).state is TaskState.COMPLETED
    return read_wav(workshop.bench.audio.finished_path(task_id, 0, AudioFormat.WAV))[0]


def test_files_of_a_task_that_is_gone_are_swept(workshop: Workshop) -> None:
    workshop.work()
    task_id = workshop.finished(workshop.say("One.")).id
    kept = workshop.bench.audio.finished_path(task_id, 0, AudioFormat.WAV)
    gone = kept.parent.with_name("01K8ZZZZZZZZZZZZZZZZZZZZZZ")
    gone.mkdir()
    (gone / "0.wav").write_bytes(b"left by a writer that was killed")
    for folder in (gone, kept.parent):
        os.utime(folder, (time.time() - 2 * 24 * 3600,) * 2)
    workshop.bench.audio._swept.unlink(missing_ok=True)  # type: ignore[attr-defined]
    keep_house(workshop.bench)
    assert kept.exists()
    assert not gone.exists()
