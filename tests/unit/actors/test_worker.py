"""A request on its way through the actors, with a fake engine and everything else real."""

import errno
import hashlib
import itertools
import json
import logging
import sqlite3
import time
import wave
from contextlib import closing

import pytest

from actors.assemble import _write
from actors.calls import LongWork, WorkerStopping
from actors.housekeeping import keep_house
from actors.middleware import HousekeepingClock
from actors.plan import plan_speech
from actors.synthesize import spoken, synthesize_segment
from app.domain.errors import AudioMissing, Cancelled, EngineFailed, SegmentTimeout, VoiceUnavailable
from app.domain.events import AssemblyRequested, Event, SegmentRequested, TextToSpeechRequested
from app.domain.ids import TaskId
from app.domain.speech import Utterance
from app.domain.states import TaskState
from app.domain.stopping import StopToken
from app.domain.tasks import AudioFormat, ItemRequest, Priority
from app.domain.voices import VoiceMix
from app.publishing import message_for
from app.services.control_tasks import cancel_task, forget_task, retry_task
from tests.support.processes import until
from tests.unit.actors.conftest import Workshop, failing

BOOK = " ".join(f"This is sentence number {n} of a rather long book, and it goes on a while." for n in range(40))


def test_a_request_becomes_a_file_that_lasts_as_long_as_its_segments(workshop: Workshop) -> None:
    task_id = workshop.say(BOOK)
    workshop.work()
    task = workshop.finished(task_id)
    assert task.state is TaskState.COMPLETED
    item = task.items[0]
    assert item.audio is not None
    path = workshop.bench.audio.finished_path(task_id, 0, AudioFormat.WAV)
    with wave.open(str(path)) as sound:
        seconds = sound.getnframes() / sound.getframerate()
    assert seconds == pytest.approx(item.audio.duration_seconds, abs=0.001)
    assert seconds == pytest.approx(len(BOOK) * 0.05, rel=0.01), "the fake engine speaks 20 characters a second"
    assert workshop.moves(task_id) == ["pending", "processing", "completed"]
    until(lambda: workshop.live_messages() <= 1, seconds=10)


def test_every_item_gets_its_own_file_in_its_own_format(workshop: Workshop) -> None:
    task_id = workshop.request(
        ItemRequest("One.", "espeak-en-us"), ItemRequest("Two.", "espeak-de", format=AudioFormat.MP3)
    )
    workshop.work()
    task = workshop.finished(task_id)
    assert task.state is TaskState.COMPLETED
    for item in task.items:
        assert workshop.bench.audio.finished_path(task_id, item.index, item.format).is_file()


def test_every_format_lasts_as_long_as_its_segments_and_has_its_words(workshop: Workshop) -> None:
    text = "One two.[pause:1.5s]Three."
    task_id = workshop.request(*(ItemRequest(text, "espeak-en-us", format=format) for format in AudioFormat))
    workshop.work()
    task = workshop.finished(task_id)
    assert task.state is TaskState.COMPLETED
    for item in task.items:
        assert item.audio is not None
        assert item.audio.duration_seconds == pytest.approx(8 * 0.05 + 1.5 + 6 * 0.05)
        content = workshop.bench.audio.captions_path(task_id, item.index).read_bytes()
        assert item.captions_sha256 == hashlib.sha256(content).hexdigest()
        words = json.loads(content)["words"]
        assert [(word["text"], word["start_char"]) for word in words] == [("One", 0), ("two", 4), ("Three", 20)]
        assert [(word["start"], word["end"]) for word in words] == [(0.0, 0.2), (0.2, 0.4), (1.9, 2.2)]


def test_an_assembly_that_comes_again_after_another_worker_ended_it_keeps_the_file(workshop: Workshop) -> None:
    task_id = workshop.say("One.")
    workshop.work()
    item = workshop.finished(task_id).items[0]
    path = workshop.bench.audio.finished_path(task_id, 0, item.format)
    with workshop.bench.database.read() as store:
        segments = store.segments(task_id, 0)
    event = AssemblyRequested(task_id=task_id, run=1, priority=10, item=0, take=0)
    _write(event, item, segments, workshop.bench, StopToken(), lambda: None)
    assert item.audio is not None
    assert hashlib.sha256(path.read_bytes()).hexdigest() == item.audio.sha256


def test_a_pause_lasts_as_long_as_it_says(workshop: Workshop) -> None:
    task_id = workshop.say("One.[pause:1.5s]Two.")
    workshop.work()
    audio = workshop.finished(task_id).items[0].audio
    assert audio is not None
    assert audio.duration_seconds == pytest.approx(8 * 0.05 + 1.5, abs=0.01)


def test_the_same_text_again_is_not_rendered_again(workshop: Workshop) -> None:
    workshop.work()
    workshop.finished(workshop.say(BOOK))
    calls = len(workshop.engine.calls)
    assert workshop.finished(workshop.say(BOOK)).state is TaskState.COMPLETED
    assert len(workshop.engine.calls) == calls


def test_an_edited_paragraph_renders_only_itself(workshop: Workshop) -> None:
    workshop.work()
    workshop.finished(workshop.say(BOOK))
    calls = len(workshop.engine.calls)
    workshop.finished(workshop.say(BOOK.replace("number 20 of", "number twenty of")))
    assert 1 <= len(workshop.engine.calls) - calls <= 2


def test_a_failed_attempt_is_retried_and_leaves_its_trace(workshop: Workshop) -> None:
    failing(workshop, "Hello", EngineFailed("boom"))
    task_id = workshop.say("Hello.")
    workshop.work()
    task = workshop.finished(task_id)
    assert (task.state, task.error) == (TaskState.COMPLETED, None)
    assert workshop.moves(task_id) == ["pending", "processing", "retryable", "processing", "completed"]


def test_only_when_retries_are_used_up_the_task_is_discarded_with_its_error(workshop: Workshop) -> None:
    failing(workshop, "Hello", *(EngineFailed(f"boom {n}") for n in range(1, 9)))
    task_id = workshop.say("Hello.")
    workshop.work()
    task = workshop.finished(task_id)
    assert task.state is TaskState.DISCARDED
    assert task.error is not None
    assert (task.error.type, task.error.detail, task.error.attempt) == ("engine-failed", "boom 3", 3)
    assert task.error.segment is not None
    assert task.error.segment.text == "Hello."
    assert workshop.moves(task_id).count("retryable") == 2


def test_a_permanent_error_is_not_retried(workshop: Workshop) -> None:
    failing(workshop, "Hello", VoiceUnavailable("gone"))
    task_id = workshop.say("Hello.")
    workshop.work()
    task = workshop.finished(task_id)
    assert task.state is TaskState.DISCARDED
    assert workshop.moves(task_id) == ["pending", "processing", "discarded"]
    assert len(workshop.engine.calls) == 1


def test_a_voice_that_is_gone_ends_its_item_and_no_other(workshop: Workshop) -> None:
    workshop.engine._missing = frozenset({"espeak-de"})
    task_id = workshop.request(ItemRequest("Eins.", "espeak-de"), ItemRequest("Two.", "espeak-en-us"))
    workshop.work()
    task = workshop.finished(task_id)
    assert [item.state for item in task.items] == [TaskState.DISCARDED, TaskState.COMPLETED]
    assert task.error is not None
    assert task.error.type == "voice-unavailable"


def test_a_text_with_nothing_to_say_is_discarded_once(workshop: Workshop) -> None:
    task_id = workshop.say("... --- ...")
    workshop.work()
    task = workshop.finished(task_id)
    assert task.error is not None
    assert (task.state, task.error.type) == (TaskState.DISCARDED, "nothing-to-say")
    assert workshop.moves(task_id).count("retryable") == 0


def test_what_gives_no_sound_in_a_longer_text_is_named(workshop: Workshop) -> None:
    task_id = workshop.say("One.[pause:1s]* * *[pause:1s]Two.")
    workshop.work()
    task = workshop.finished(task_id)
    assert task.state is TaskState.COMPLETED
    assert [(span.start, span.end, span.text) for span in task.items[0].dropped] == [(14, 19, "* * *")]


def test_an_engine_call_that_takes_too_long_is_stopped_not_abandoned(workshop: Workshop) -> None:
    workshop.engine.delay_seconds = 60.0
    workshop.bench.long_work._timeout_seconds = 0.2
    task_id = workshop.say("Hello.")
    workshop.work()
    task = workshop.finished(task_id)
    assert task.error is not None
    assert (task.state, task.error.type) == (TaskState.DISCARDED, "segment-timeout")
    assert len(workshop.engine.calls) == 3
    assert workshop.bench.long_work.tasks() == set()


def test_cancelling_stops_the_engine_call_that_runs(workshop: Workshop) -> None:
    workshop.engine.delay_seconds = 60.0
    task_id = workshop.say("Hello.")
    workshop.work()
    until(lambda: workshop.bench.long_work.tasks() == {(task_id, 1)}, seconds=10)
    with workshop.bench.database.write() as store:
        cancel_task(store, task_id, clock=workshop.bench.clock)
    until(lambda: workshop.bench.long_work.tasks() == set(), seconds=10)
    until(lambda: workshop.live_messages() <= 1, seconds=10)
    assert workshop.moves(task_id) == ["pending", "processing", "cancelled"]


@pytest.mark.parametrize("phase", ["render", "write"])
def test_a_task_that_is_deleted_under_its_worker_leaves_nothing_behind(workshop: Workshop, phase: str) -> None:
    """Cancelled and deleted at the two moments when its worker is about to keep something."""
    task_id = workshop.say("Hello.")
    audio, forgotten = workshop.bench.audio, []
    name = {"render": "write_segment", "write": "writing_finished"}[phase]
    original = getattr(audio, name)

    def forget_first(*arguments: object, **more: object) -> object:
        with workshop.bench.database.write() as store:
            store.cancel(task_id, now=workshop.bench.now())
        with workshop.bench.database.write() as store:
            assert forget_task(store, task_id)
        audio.drop_task(task_id)
        forgotten.append(task_id)
        return original(*arguments, **more)

    setattr(audio, name, forget_first)
    workshop.work()
    until(lambda: bool(forgotten) and workshop.live_messages() == 0, every=0.01)
    workshop.stop()

    assert not list(audio.finished_path(task_id, 0, AudioFormat.WAV).parent.glob("*"))
    with workshop.bench.database.read() as store:
        assert store.task(task_id) is None


def test_a_cancelled_task_can_be_run_again(workshop: Workshop) -> None:
    task_id = workshop.say("Hello.")
    with workshop.bench.database.write() as store:
        cancel_task(store, task_id, clock=workshop.bench.clock)
        retry_task(store, task_id, publisher=workshop.bench.publisher, clock=workshop.bench.clock)
    workshop.work()
    assert workshop.finished(task_id).state is TaskState.COMPLETED
    assert workshop.moves(task_id) == ["pending", "cancelled", "pending", "processing", "completed"]


def test_a_short_task_does_not_wait_behind_a_book(workshop: Workshop) -> None:
    workshop.engine.delay_seconds = 0.02
    book = workshop.say(BOOK)
    workshop.work(threads=1)
    until(lambda: workshop.task(book).items[0].segments_done > 1, seconds=10, every=0.01)
    short = workshop.say("Hello.")
    workshop.finished(short)
    assert workshop.task(book).state is TaskState.PROCESSING
    assert workshop.finished(book).state is TaskState.COMPLETED


def test_a_short_task_does_not_wait_behind_a_batch_that_is_all_in_the_cache(workshop: Workshop) -> None:
    spoken(Utterance("Known.", VoiceMix.parse("espeak-en-us")), workshop.bench)
    batch = workshop.say(*["Known."] * 20)
    plan_speech(TextToSpeechRequested(task_id=batch, run=1, priority=Priority.NORMAL), workshop.bench)
    short = workshop.say("Hello.")
    workshop.work(threads=1)
    workshop.finished(batch)
    workshop.finished(short)
    with workshop.bench.database.read() as store:
        assert store.transitions(short)[-1].id < store.transitions(batch)[-1].id


def test_a_shutdown_gives_back_what_has_not_begun_and_counts_no_attempt(workshop: Workshop) -> None:
    workshop.engine.delay_seconds = 0.3
    task_id = workshop.say(BOOK)
    workshop.work(threads=8)
    until(lambda: workshop.bench.long_work.tasks() == {(task_id, 1)}, seconds=10, every=0.01)
    workshop.stop()
    speech = next(depth for depth in workshop.broker.inspect.queues() if depth.queue == "speech")
    assert speech.claimed == 0
    assert speech.ready > 0
    assert speech.scheduled == 0
    assert workshop.moves(task_id) == ["pending", "processing"]


def test_audio_that_vanished_before_the_assembly_is_rendered_again(workshop: Workshop) -> None:
    task_id = workshop.say(BOOK)
    real = workshop.bench.audio.read_segment
    lost = itertools.count()

    def lose_one(key: str) -> object:
        if next(lost) == 4:
            workshop.bench.audio.drop_segment(key)
        return real(key)

    workshop.bench.audio.read_segment = lose_one  # type: ignore[method-assign,assignment]
    workshop.work()
    assert workshop.finished(task_id).state is TaskState.COMPLETED
    assert workshop.moves(task_id) == ["pending", "processing", "completed"]


def test_a_message_that_comes_twice_changes_nothing(workshop: Workshop) -> None:
    task_id = workshop.say("Hello.")
    workshop.work()
    before = workshop.finished(task_id)
    workshop.stop()
    about = {"task_id": task_id, "run": 1, "priority": Priority.NORMAL}
    for event in (
        TextToSpeechRequested(**about),
        SegmentRequested(**about, item=0, segment=0, place=0, take=0),
        AssemblyRequested(**about, item=0, take=0),
    ):
        message = message_for(event)
        workshop.broker.get_actor(message.actor_name)(*message.args)
    assert workshop.task(task_id) == before
    assert workshop.moves(task_id) == ["pending", "processing", "completed"]


def test_a_message_for_a_task_that_is_gone_is_done(workshop: Workshop) -> None:
    event = SegmentRequested(
        task_id=TaskId("0" * 26), run=1, priority=Priority.NORMAL, item=0, segment=0, place=0, take=0
    )
    synthesize_segment(event, workshop.bench)


def test_housekeeping_puts_back_work_that_the_queue_lost(workshop: Workshop) -> None:
    task_id = workshop.say(BOOK)
    workshop.broker.flush_all()
    assert workshop.live_messages() == 0
    keep_house(workshop.bench)
    assert workshop.live_messages() == 0, "nothing is stale yet"
    with workshop.bench.database.write() as store:
        store.touch(task_id, now=workshop.bench.now() - 600_000)
    keep_house(workshop.bench)
    keep_house(workshop.bench)
    assert workshop.live_messages() == 1
    workshop.work()
    assert workshop.finished(task_id).state is TaskState.COMPLETED


def test_housekeeping_puts_back_the_segments_of_a_plan_that_were_lost(workshop: Workshop) -> None:
    workshop.engine.delay_seconds = 0.05
    task_id = workshop.say(BOOK)
    workshop.work()
    until(lambda: workshop.task(task_id).items[0].segments_done > 1, seconds=10, every=0.01)
    workshop.stop()
    workshop.broker.flush_all()
    workshop.bench.long_work._closing = False
    with workshop.bench.database.write() as store:
        store.touch(task_id, now=workshop.bench.now() - 600_000)
    keep_house(workshop.bench)
    workshop.work()
    until(lambda: workshop.task(task_id).state is TaskState.COMPLETED, seconds=30)


def test_work_that_kills_its_workers_is_given_up_with_its_reason(workshop: Workshop) -> None:
    task_id = workshop.say("Hello.")
    with closing(sqlite3.connect(workshop.bench.database.url.removeprefix("sqlite:///"), isolation_level=None)) as file:
        file.execute("UPDATE broker_messages SET state = 'dead', reason = 'delivered 5 times', died_at = 1")
    keep_house(workshop.bench)
    task = workshop.task(task_id)
    assert task.error is not None
    assert (task.state, task.error.type) == (TaskState.DISCARDED, "worker-lost")


def test_a_slot_frees_when_its_call_ends_and_none_begins_after_the_close() -> None:
    work = LongWork(engine_calls=1, timeout_seconds=60)
    task = TaskId("a")
    with work.engine_call(task, 1):
        assert work.tasks() == {(task, 1)}
    work.close()
    with pytest.raises(WorkerStopping), work.engine_call(task, 1):
        pass
    with pytest.raises(WorkerStopping), work.interruptible(task, 1):
        pass


def test_a_close_interrupts_what_yields_and_lets_a_running_call_end() -> None:
    work = LongWork(engine_calls=1, timeout_seconds=60)
    with work.engine_call(TaskId("a"), 1) as running, work.interruptible(TaskId("b"), 1) as yielding:
        work.close()
        assert not running.stopped
        with pytest.raises(WorkerStopping):
            yielding.raise_if_stopped()


def test_a_stopped_run_is_told_why_and_a_later_run_is_left_alone() -> None:
    work = LongWork(engine_calls=2, timeout_seconds=60)
    with work.engine_call(TaskId("a"), 1) as one, work.engine_call(TaskId("a"), 2) as other:
        work.stop_task(TaskId("a"), 1)
        with pytest.raises(Cancelled):
            one.raise_if_stopped()
        assert not other.stopped


def test_an_overdue_call_is_stopped_with_the_setting_that_helps() -> None:
    work = LongWork(engine_calls=1, timeout_seconds=0.01)
    with work.engine_call(TaskId("a"), 1) as token:
        token.begin()
        time.sleep(0.02)
        work.wait_for_overdue()
        with pytest.raises(SegmentTimeout, match="TTS_GENERATION_TIMEOUT"):
            token.raise_if_stopped()


def test_waiting_for_the_engine_is_not_counted_as_its_time() -> None:
    work = LongWork(engine_calls=2, timeout_seconds=0.01)
    with work.engine_call(TaskId("a"), 1) as waiting, work.engine_call(TaskId("b"), 1) as working:
        working.begin()
        time.sleep(0.02)
        work.wait_for_overdue()
        assert working.stopped
        assert not waiting.stopped


def test_a_dead_letter_of_a_rendered_segment_harms_nothing(workshop: Workshop) -> None:
    """The fifth worker died after the segment was stored and before its answer: the work is done all the same."""
    task_id = workshop.say(BOOK)
    workshop.engine.delay_seconds = 0.05
    workshop.work()
    until(lambda: workshop.task(task_id).items[0].segments_done > 1, every=0.01)
    workshop.stop()
    with workshop.bench.database.read() as store:
        rendered = next(segment for segment in store.segments(task_id, 0) if segment.state == "rendered")
    event = SegmentRequested(
        task_id=task_id, run=1, priority=Priority.NORMAL, item=0, segment=rendered.index, place=rendered.place, take=0
    )
    bury(workshop, event, TextToSpeechRequested(task_id=task_id, run=1, priority=Priority.NORMAL))
    keep_house(workshop.bench)
    task = workshop.task(task_id)
    assert (task.state, task.items[0].state, task.error) == (TaskState.PROCESSING, TaskState.PROCESSING, None)
    workshop.bench.long_work._closing = False
    workshop.work()
    assert workshop.finished(task_id).state is TaskState.COMPLETED


def bury(workshop: Workshop, *events: Event) -> None:
    """Dead letters of these events, as a worker that died too often leaves them."""
    for event in events:
        message = message_for(event)
        message.options.pop("key")
        workshop.broker.enqueue(message)
        with closing(
            sqlite3.connect(workshop.bench.database.url.removeprefix("sqlite:///"), isolation_level=None)
        ) as file:
            file.execute(
                "UPDATE broker_messages SET state = 'dead', reason = 'delivered 10 times', died_at = 1"
                " WHERE message_id = ?",
                (message.message_id,),
            )


def test_the_reason_of_a_discarded_task_is_that_of_the_item_that_was_given_up(workshop: Workshop) -> None:
    workshop.engine._missing = frozenset({"espeak-de"})
    failing(workshop, "Two", EngineFailed("for a moment"))
    task_id = workshop.request(ItemRequest("Eins.", "espeak-de"), ItemRequest("Two.", "espeak-en-us"))
    workshop.work()
    task = workshop.finished(task_id)
    assert [item.state for item in task.items] == [TaskState.DISCARDED, TaskState.COMPLETED]
    assert task.error is not None
    assert task.error.type == "voice-unavailable"


def test_a_full_disk_uses_up_no_attempt(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    real = workshop.bench.audio.write_segment
    trouble = itertools.count()

    def write(*args: object, lufs: float | None) -> None:
        if next(trouble) < 10:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(*args, lufs=lufs)  # type: ignore[arg-type]

    monkeypatch.setattr(workshop.bench.audio, "write_segment", write)
    task_id = workshop.say("Hello.")
    workshop.work()
    assert workshop.finished(task_id).state is TaskState.COMPLETED
    with workshop.bench.database.read() as store:
        errors = {move.detail["error"]["type"] for move in store.transitions(task_id) if "error" in move.detail}
    assert errors == {"storage-trouble"}


def test_segments_that_vanish_again_and_again_end_in_a_named_error(workshop: Workshop) -> None:
    def lose(key: str) -> object:
        raise AudioMissing("gone")

    workshop.bench.audio.read_segment = lose  # type: ignore[method-assign,assignment]
    task_id = workshop.say("Hello.")
    workshop.work()
    task = workshop.finished(task_id)
    assert task.error is not None
    assert (task.state, task.error.type) == (TaskState.DISCARDED, "audio-missing")


def test_rounds_of_housekeeping_wait_as_one_however_many_workers_ask(workshop: Workshop) -> None:
    clock = HousekeepingClock()
    clock._ended.set()
    for _ in range(3):
        clock.turn(workshop.broker)
    house = next(depth for depth in workshop.broker.inspect.queues() if depth.queue == "house")
    assert house.scheduled + house.ready == 1


def test_a_cancelled_task_is_not_logged_as_a_fault(workshop: Workshop, caplog: pytest.LogCaptureFixture) -> None:
    workshop.engine.delay_seconds = 60.0
    task_id = workshop.say("Hello.")
    workshop.work()
    root = logging.getLogger()
    root.addHandler(caplog.handler)
    until(lambda: workshop.bench.long_work.tasks() == {(task_id, 1)})
    with workshop.bench.database.write() as store:
        cancel_task(store, task_id, clock=workshop.bench.clock)
    until(lambda: workshop.bench.long_work.tasks() == set())
    workshop.stop()
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
