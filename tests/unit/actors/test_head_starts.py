"""Somebody who listens hears the first segment before the others take its core."""

import dataclasses
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from actors.head_starts import HeadStarts
from actors.plan import plan_speech
from actors.synthesize import synthesize_segment
from app.domain.events import SegmentRequested, TextToSpeechRequested
from app.domain.ids import TaskId
from app.domain.speech import Utterance
from app.domain.stopping import StopToken
from app.domain.tasks import ItemRequest, Priority, SegmentKind, SpeechRequest
from app.ports import Speech
from app.services.request_speech import request_speech
from tests.support.processes import until
from tests.unit.actors.conftest import Workshop

FIRST = SegmentRequested(
    task_id=TaskId("01K00000000000000000000000"),
    run=1,
    priority=Priority.INTERACTIVE,
    item=0,
    segment=0,
    place=0,
    take=0,
)
SECOND = dataclasses.replace(FIRST, segment=1, place=1)
LONG_SECONDS = 60.0


@contextmanager
def begun(starts: HeadStarts, event: SegmentRequested) -> Iterator[threading.Event]:
    """Another thread that asks to work on the segment; the event tells that it may."""
    went = threading.Event()

    def work() -> None:
        with starts.given(event):
            went.set()

    thread = threading.Thread(target=work)
    thread.start()
    yield went
    thread.join()


def test_the_others_wait_until_the_first_is_done() -> None:
    starts = HeadStarts(LONG_SECONDS)
    with ExitStack() as second:
        with starts.given(FIRST):
            went = second.enter_context(begun(starts, SECOND))
            assert not went.wait(0.05)
        until(went.is_set)


def test_the_others_wait_for_a_slow_first_one_only_for_its_start() -> None:
    starts = HeadStarts(0.01)
    with starts.given(FIRST), begun(starts, SECOND) as went:
        until(went.is_set)


@pytest.mark.parametrize(
    "other",
    [
        dataclasses.replace(SECOND, task_id=TaskId("01K00000000000000000000001")),
        dataclasses.replace(SECOND, run=2),
        dataclasses.replace(SECOND, priority=Priority.NORMAL),
    ],
)
def test_nobody_else_waits(other: SegmentRequested) -> None:
    starts = HeadStarts(LONG_SECONDS)
    with starts.given(FIRST), begun(starts, other) as went:
        until(went.is_set)


def test_a_first_segment_that_fails_is_waited_for_no_longer() -> None:
    starts = HeadStarts(LONG_SECONDS)
    with pytest.raises(RuntimeError), starts.given(FIRST):
        raise RuntimeError
    with starts.given(SECOND):
        pass
    assert starts._ahead == {}


def test_a_first_segment_that_is_delivered_twice_frees_the_others_once_both_are_done() -> None:
    starts = HeadStarts(LONG_SECONDS)
    with starts.given(FIRST), starts.given(FIRST):
        pass
    with starts.given(SECOND):
        pass
    assert starts._ahead == {}


def test_the_engine_is_asked_for_the_second_segment_once_the_first_is_counted(workshop: Workshop) -> None:
    bench = dataclasses.replace(workshop.bench, head_starts=HeadStarts(LONG_SECONDS))
    request = SpeechRequest((ItemRequest("The first.\n\nThe second.", "espeak-en-us"),), Priority.INTERACTIVE)
    with bench.database.write() as store:
        task = request_speech(store, request, publisher=bench.publisher, clock=bench.clock)
    plan_speech(TextToSpeechRequested(task_id=task.id, run=1, priority=Priority.INTERACTIVE), bench)
    with bench.database.read() as store:
        first, *_, last = (segment for segment in store.segments(task.id, 0) if segment.kind is SegmentKind.SPEECH)
    done_when_asked: list[int] = []
    asked, may_end = threading.Event(), threading.Event()
    speak = workshop.engine.synthesize

    def watched(utterance: Utterance, stop: StopToken) -> Speech:
        done_when_asked.append(workshop.task(task.id).items[0].segments_done)
        asked.set()
        may_end.wait(LONG_SECONDS)
        return speak(utterance, stop)

    workshop.engine.synthesize = watched  # type: ignore[method-assign]
    events = [
        dataclasses.replace(FIRST, task_id=task.id, segment=each.index, place=each.place) for each in (first, last)
    ]
    threads = [threading.Thread(target=synthesize_segment, args=(event, bench)) for event in events]
    threads[0].start()
    until(asked.is_set)
    threads[1].start()
    may_end.set()
    for thread in threads:
        thread.join()
    before, after = done_when_asked
    assert after == before + 1
