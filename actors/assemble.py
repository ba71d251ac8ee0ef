"""Put an item's segments together into the file that was asked for."""

import time
from collections.abc import Iterator, Sequence

import structlog

from actors.plan import missing_binding, missing_work
from actors.speech import WordList
from actors.workbench import Extend, Workbench, worker_name
from app.domain.errors import AudioMissing, NothingToSay, UnexpectedError
from app.domain.events import AssemblyRequested
from app.domain.metrics import ASSEMBLY_SECONDS
from app.domain.states import FINISHED, TaskState
from app.domain.stopping import StopToken
from app.domain.tasks import Dropped, Item, Segment, SegmentKind, SegmentState
from app.ports import AudioStore, StoredSegment
from app.sound import Evenness, Level, Peaks, Silence, Sound, assemble

log = structlog.get_logger(__name__)

MOST_TAKES = 10
"""So often may stored segments turn out to be lost, before it counts as a failed attempt."""

NO_SOUND = "the voice has no sound for it"


def assemble_speech(event: AssemblyRequested, bench: Workbench, extend: Extend) -> None:
    """Bring an item from rendered to completed. A segment whose audio is gone is asked for again.

    Raises:
      NothingToSay: no segment of the item has a sound.
      WorkerStopping, Cancelled: the work was stopped on the way.
    """
    with bench.database.read() as store:
        task = store.task(event.task_id)
        segments = store.segments(event.task_id, event.item)
    if task is None or task.run != event.run or task.state in FINISHED or task.items[event.item].state in FINISHED:
        return
    if task.state is TaskState.RETRYABLE:
        with bench.database.write() as store:
            store.resume(event.task_id, event.run, worker=worker_name(), now=bench.now())
    item = task.items[event.item]
    if any(segment.state is not SegmentState.RENDERED for segment in segments):
        return  # the segment that is still out asks for the assembly when it is done
    if not _covers(segments, item):
        raise UnexpectedError("The segments do not cover the whole text. This is a bug; please report the task's id.")
    if not any(segment.kind is SegmentKind.SPEECH for segment in segments):
        raise NothingToSay("The voice has no sound for anything in this text. Try another voice, or another text.")
    try:
        begun = time.perf_counter()
        with bench.long_work.interruptible(event.task_id, event.run) as stop:
            _write(event, item, segments, bench, stop, extend)
        bench.tally.observe(ASSEMBLY_SECONDS, time.perf_counter() - begun)
    except AudioMissing as error:
        if item.takes >= MOST_TAKES:
            raise AudioMissing(
                f"Stored segments were lost or damaged {item.takes + 1} times. Check the disk that the audio is on."
            ) from error
        if not _render_again(event, segments, bench):
            raise


def _write(
    event: AssemblyRequested, item: Item, segments: Sequence[Segment], bench: Workbench, stop: StopToken, extend: Extend
) -> None:
    def progress() -> None:
        stop.raise_if_stopped()
        extend()

    first = next(segment for segment in segments if segment.kind is SegmentKind.SPEECH)
    rate = _stored(first, bench.audio).sample_rate
    peaks = Peaks(rate)
    with (
        bench.audio.writing_finished(event.task_id, event.item, item.format) as draft,
        bench.audio.writing_captions(event.task_id, event.item) as captions_draft,
        bench.audio.writing_peaks(event.task_id, event.item) as peaks_draft,
        captions_draft.open("wb") as captions,
    ):
        words = WordList(captions)
        sounds = _sounds(segments, bench.audio, rate, words)
        audio = assemble(
            sounds, draft, format=item.format, sample_rate=rate, volume=item.volume, progress=progress, peaks=peaks
        )
        peaks.write(peaks_draft)
        captions_sha256 = words.end()
    dropped = [
        Dropped(segment.start, segment.end, segment.content, NO_SOUND)
        for segment in segments
        if segment.kind is SegmentKind.DROP
    ]
    with bench.database.write() as store:
        kept = store.item_assembled(
            event.task_id,
            event.run,
            event.item,
            audio,
            dropped,
            captions_sha256=captions_sha256,
            worker=worker_name(),
            now=bench.now(),
        )
        task = store.task(event.task_id)
        if kept and task is not None:
            bench.publisher.publish(missing_binding(store, task), store)
    if not kept and task is not None and task.items[event.item].state is TaskState.COMPLETED:
        return  # another worker was first, and the same file is promised
    if not kept:  # cancelled during the last moments
        bench.audio.drop_finished(event.task_id, event.item, item.format)
        return
    log.info("item_assembled", item=event.item, audio_seconds=round(audio.duration_seconds, 3), bytes=audio.bytes)


def _covers(segments: Sequence[Segment], item: Item) -> bool:
    """Whether the segments cover every character of the text, in order and without a gap."""
    place = 0
    for segment in segments:
        if segment.start != place:
            return False
        place = segment.end
    return place == item.text_characters


def _sounds(
    segments: Sequence[Segment], audio: AudioStore, sample_rate: int, words: WordList
) -> Iterator[Sound | Silence]:
    """What sounds, one after the other; each one's words go to `words` with their place in the whole."""
    evenness = Evenness()
    place = 0  # in samples: seconds would drift over a book
    for segment in segments:
        if segment.kind is SegmentKind.PAUSE:
            silence = Silence(segment.pause_seconds)
            place += silence.samples(sample_rate)
            yield silence
        else:
            stored = _stored(segment, audio) if segment.kind is SegmentKind.SPEECH else None
            start, place = place, place + (round(stored.seconds * sample_rate) if stored else 0)
            words.add(
                segment.content,
                segment.start,
                stored.words if stored else (),
                start_seconds=start / sample_rate,
                end_seconds=place / sample_rate,
            )
            if stored:
                yield Sound(stored.wav, evenness.gain(Level(stored.lufs, stored.seconds)))


def _stored(segment: Segment, audio: AudioStore) -> StoredSegment:
    return audio.read_segment(segment.key or "")


def _render_again(event: AssemblyRequested, segments: Sequence[Segment], bench: Workbench) -> int:
    """Ask for every segment whose audio is gone or damaged; how many there are."""
    lost = [
        segment
        for segment in segments
        if segment.kind is SegmentKind.SPEECH and bench.audio.segment_seconds(segment.key or "") is None
    ]
    if not lost:
        return 0
    log.warning("segment_audio_missing", item=event.item, segments=len(lost))
    for segment in lost:
        bench.audio.drop_segment(segment.key or "")
    with bench.database.write() as store:
        store.segments_lost(event.task_id, event.run, event.item, [one.index for one in lost], now=bench.now())
        task = store.task(event.task_id)
        if task is not None:
            bench.publisher.publish(missing_work(store, task, event.item), store)
    return len(lost)
