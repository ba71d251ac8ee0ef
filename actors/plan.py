"""Plan a task: cut its texts into segments, take those that are known from the store, ask for the others."""

import structlog

from actors.speech import segment_key, split
from actors.workbench import Workbench, worker_name
from app.domain.errors import PermanentError, VoiceUnavailable
from app.domain.events import AssemblyRequested, BindingRequested, Event, SegmentRequested, TextToSpeechRequested
from app.domain.metrics import CACHE_LOOKUPS, TASK_WAIT
from app.domain.pronunciations import Pronunciations, occurring
from app.domain.speech import Utterance
from app.domain.states import FINISHED
from app.domain.tasks import Item, SegmentKind, SegmentState, Task
from app.domain.voices import UnknownVoice, VoiceMix
from app.results import PlannedSegment, ResultsStore, entries_of_version

log = structlog.get_logger(__name__)


def plan_speech(event: TextToSpeechRequested, bench: Workbench) -> None:
    """Bring a task from a request to segments that are asked for. Harmless to repeat."""
    with bench.database.read() as store:
        task = store.task(event.task_id)
    if task is None or task.run != event.run or task.state in FINISHED:
        return
    if task.attempts == 0:
        bench.tally.observe(TASK_WAIT, max(0.0, bench.clock() - task.created_at / 1000))
    place = 0
    for item in task.items:
        planned = item.segments_total
        if item.state not in FINISHED:
            try:
                planned = _plan_item(task, item, place, bench)
            except PermanentError as error:
                _give_up(task, item, error, bench)
        place += planned
    _ask_for_binding(task, bench)


def _plan_item(task: Task, item: Item, place: int, bench: Workbench) -> int:
    """How many segments the item has."""
    planned = [] if item.segments_total else _cut(item, bench)
    with bench.database.step() as store:
        if not store.begin(task.id, task.run, worker=worker_name(), now=bench.now()):
            return 0
        if planned:
            store.save_plan(task.id, item.index, planned, place=place)
        bench.publisher.publish(missing_work(store, task, item.index), store)
    log.info("item_planned", item=item.index, segments=len(planned) or item.segments_total)
    return len(planned) or item.segments_total


def _cut(item: Item, bench: Workbench) -> list[PlannedSegment]:
    try:
        voice = VoiceMix.parse(item.voice)
    except UnknownVoice as error:
        raise VoiceUnavailable(str(error)) from error
    fingerprint = bench.engines.engine_for(voice).fingerprint(voice)
    pronunciations = _pronunciations(item, bench)
    planned = []
    for span in split(item.text, language=voice.language, speed=item.speed):
        key: str | None = None
        seconds: float | None = span.pause_seconds
        said: Pronunciations = ()
        if span.kind is SegmentKind.SPEECH:
            said = occurring(span.content, pronunciations)
            key = segment_key(fingerprint, Utterance(span.content, voice, item.speed, pronunciations=said))
            seconds = bench.audio.segment_seconds(key)
            if seconds is not None:
                bench.tally.count(CACHE_LOOKUPS, "hit")
        planned.append(
            PlannedSegment(span.start, span.end, span.kind, span.content, span.pause_seconds, key, seconds, said)
        )
    return planned


def _pronunciations(item: Item, bench: Workbench) -> Pronunciations:
    """Of the lexicon that the item was accepted with, the words that stand in its text."""
    if item.lexicon is None:
        return ()
    with bench.database.read() as store:
        lexicon = entries_of_version(store, item.lexicon.version)
    return occurring(item.text, lexicon.entries)


def _give_up(task: Task, item: Item, error: PermanentError, bench: Workbench) -> None:
    with bench.database.write() as store:
        store.attempt_failed(
            task.id,
            task.run,
            error,
            item=item.index,
            segment=None,
            final=True,
            worker=worker_name(),
            now=bench.now(),
        )


def _ask_for_binding(task: Task, bench: Workbench) -> None:
    """Where a book set going again lacks nothing but its binding."""
    with bench.database.read() as store:
        due = store.binding_due(task.id)
    if due is not None:
        with bench.database.step() as store:
            if store.begin(task.id, task.run, worker=worker_name(), now=bench.now()):
                bench.publisher.publish(missing_binding(store, task), store)


def missing_binding(store: ResultsStore, task: Task) -> list[Event]:
    """The event that a book waits for once all of its items have their files."""
    take = store.binding_due(task.id)
    if take is None:
        return []
    return [BindingRequested(task_id=task.id, run=task.run, priority=task.priority, take=take)]


def missing_work(store: ResultsStore, task: Task, item: int) -> list[Event]:
    """The events that an item still waits for: its segments, or, where all are there, its assembly."""
    take = task.items[item].takes
    wanted: list[Event] = [
        SegmentRequested(
            task_id=task.id,
            run=task.run,
            priority=task.priority,
            item=item,
            segment=segment.index,
            place=segment.place,
            take=take,
        )
        for segment in store.segments(task.id, item)
        if segment.state is SegmentState.PENDING
    ]
    return wanted or [
        AssemblyRequested(task_id=task.id, run=task.run, priority=task.priority, item=item, take=take, place=item)
    ]
