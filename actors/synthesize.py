"""Render one segment: the engine speaks it, the audio store keeps it, the results store counts it."""

import time

import structlog

from actors.speech import render, segment_key
from actors.workbench import Workbench, worker_name
from app.domain.errors import VoiceUnavailable
from app.domain.events import AssemblyRequested, SegmentRequested
from app.domain.ids import TaskId
from app.domain.metrics import CACHE_LOOKUPS, SEGMENT_FACTOR, SEGMENT_SECONDS, SPOKEN_SECONDS
from app.domain.speech import Utterance
from app.domain.states import TaskState
from app.domain.tasks import SegmentState
from app.domain.voices import UnknownVoice, VoiceMix
from app.results import SegmentWork
from app.sound import level_of, wav_bytes

log = structlog.get_logger(__name__)


def synthesize_segment(event: SegmentRequested, bench: Workbench) -> None:
    """Bring one segment from asked for to stored; the last one of its item asks for the assembly.

    The audio is on disk before the row says so: a crash in between costs a look at the audio store.

    Raises:
      SpeechError: as the engine's port says.
    """
    with bench.head_starts.given(event):
        _synthesize(event, bench)


def _synthesize(event: SegmentRequested, bench: Workbench) -> None:
    with bench.database.read() as store:
        work = store.segment_work(event.task_id, event.run, event.item, event.segment)
    if work is None or work.segment.state is not SegmentState.PENDING:
        return
    if work.task_state is TaskState.RETRYABLE and work.segment.attempts > 0:
        with bench.database.step() as store:
            store.resume(event.task_id, event.run, worker=worker_name(), now=bench.now())
    key, audio_seconds = _sound(work, event.run, bench)
    with bench.database.step() as store:
        take = store.segment_rendered(
            event.task_id,
            event.run,
            event.item,
            event.segment,
            key=key,
            audio_seconds=audio_seconds,
            now=bench.now(),
        )
        if take is not None:
            assembly = AssemblyRequested(
                task_id=event.task_id, run=event.run, priority=event.priority, item=event.item, take=take
            )
            bench.publisher.publish([assembly], store)


def _sound(work: SegmentWork, run: int, bench: Workbench) -> tuple[str, float]:
    """The key of the segment's stored audio and its length in seconds; 0 where the text gives no sound."""
    try:
        voice = VoiceMix.parse(work.voice)
    except UnknownVoice as error:
        raise VoiceUnavailable(str(error)) from error
    utterance = Utterance(work.segment.content, voice, work.speed, pronunciations=work.segment.pronunciations)
    with structlog.contextvars.bound_contextvars(item=work.segment.item, segment=work.segment.index):
        return spoken(utterance, bench, work.task_id, run)


def spoken(utterance: Utterance, bench: Workbench, task_id: TaskId | None = None, run: int = 0) -> tuple[str, float]:
    """The key and the seconds of the utterance's stored audio, rendered where it is not there yet; 0 seconds where
    it gives no sound.

    Raises:
      SpeechError: as the engine's port says.
    """
    key = segment_key(bench.engines.engine_for(utterance.voice).fingerprint(utterance.voice), utterance)
    if (stored := bench.audio.segment_seconds(key)) is not None:
        bench.tally.count(CACHE_LOOKUPS, "hit")
        return key, stored
    bench.tally.count(CACHE_LOOKUPS, "miss")
    with bench.long_work.engine_call(task_id, run) as stop:
        begun = time.perf_counter()
        speech = render(bench.engines, utterance, stop)
        took = time.perf_counter() - begun
    bench.tally.observe(SEGMENT_SECONDS, took, utterance.voice.engine)
    if len(speech.samples) == 0:
        return key, 0.0
    wav = wav_bytes(speech.samples, speech.sample_rate)
    bench.audio.write_segment(key, wav, speech.words, lufs=level_of(speech.samples, speech.sample_rate).lufs)
    seconds = len(speech.samples) / speech.sample_rate
    bench.tally.count(SPOKEN_SECONDS, utterance.voice.engine, amount=seconds)
    bench.tally.observe(SEGMENT_FACTOR, took / seconds, utterance.voice.engine)
    log.info("segment_rendered", audio_seconds=round(seconds, 3))
    return key, seconds
