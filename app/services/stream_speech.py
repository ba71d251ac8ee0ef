"""An item's sound while it is made: each segment's bytes as soon as it and all before it are rendered."""

import os
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import anyio
import anyio.to_thread

from app.domain.audio_formats import AudioFormat
from app.domain.errors import AudioMissing
from app.domain.ids import TaskId
from app.domain.states import FINISHED, TaskState
from app.domain.tasks import FinishedAudio, Segment, SegmentKind, TaskError
from app.ports import AudioStore
from app.results import AsyncDatabase
from app.results.live import LiveItem, live_item
from app.services.watch_tasks import TaskWatch

if TYPE_CHECKING:
    from app.sound import SoundStream

R = TypeVar("R")

SEGMENTS_AT_ONCE = 8
"""How many segments one look at the store gives."""

PART_BYTES = 256 * 1024


class StreamEnded(Exception):
    """The item ended before its sound did. `state` is what it ended as, None where it is gone; `error` says why."""

    def __init__(self, state: TaskState | None, error: TaskError | None) -> None:
        super().__init__(f"The item is {state or 'gone'}: {error.type if error else 'no error'}.")
        self.state = state
        self.error = error


class SpeechStreams:
    """Streams of this process. Encoding runs in threads, as many at once as there are cores: a stream waits for
    another one, and never the event loop for a stream."""

    def __init__(self, database: AsyncDatabase, audio: AudioStore, watch: TaskWatch) -> None:
        self.database = database
        self.audio = audio
        self.watch = watch
        self._cores = len(os.sched_getaffinity(0))
        self._threads: anyio.CapacityLimiter | None = None

    async def run(self, work: Callable[[], R]) -> R:
        """What `work` gives, from a thread; it is waited for even where the waiter is cancelled."""
        if self._threads is None:
            self._threads = anyio.CapacityLimiter(self._cores)
        return await anyio.to_thread.run_sync(work, limiter=self._threads)

    async def preload(self) -> None:
        """Load the encoder, so that the first stream need not."""
        await self.run(partial(_new_sound, AudioFormat.WAV, volume=1.0))

    def speech(
        self, task_id: TaskId, item: int, format: AudioFormat, *, volume: float, output_rate: int | None = None
    ) -> "ItemSpeech":
        """The item's sound in a format, from its beginning; `output_rate` in samples a second, where it is not to be
        the engine's."""
        return ItemSpeech(self, task_id, item, format, partial(_new_sound, format, volume=volume, rate=output_rate))

    async def convert(self, path: Path, audio: FinishedAudio, format: AudioFormat) -> AsyncGenerator[bytes]:
        """A finished file in that format, a part at a time.

        Raises:
          AudioMissing: the file is gone or damaged.
        """
        if format is audio.format:
            parts = _read(path)
        elif format.streams:
            parts = _converted(path, audio, format)
        else:
            parts = _converted_aside(path, audio, format, self.audio)
        try:
            while (part := await self.run(partial(next, parts, None))) is not None:
                if part:
                    yield part
        finally:
            with anyio.CancelScope(shield=True):
                await self.run(parts.close)


class ItemSpeech:
    """One item's sound on its way to one listener."""

    def __init__(
        self,
        streams: SpeechStreams,
        task_id: TaskId,
        item: int,
        format: AudioFormat,
        make: Callable[[], "SoundStream"],
    ) -> None:
        self._streams = streams
        self._task_id = task_id
        self._item = item
        self._format = format
        self._make = make
        self._sound: SoundStream | None = None
        self._finished: FinishedAudio | None = None

    @property
    def seconds(self) -> float:
        """How long the sound so far lasts."""
        if self._finished is not None:
            return self._finished.duration_seconds
        return self._sound.seconds if self._sound is not None else 0.0

    @property
    def sample_rate(self) -> int:
        """That of the bytes; 0 before the first sound."""
        if self._finished is not None:
            return self._format.encoding.sample_rate or self._finished.sample_rate
        return self._sound.sample_rate if self._sound is not None else 0

    async def chunks(self) -> AsyncGenerator[bytes]:
        """The bytes, as they come: of a format that cannot be played before its end, all once it is finished.

        The generator ends where the whole item was given out. Close it, so that it lets go of the encoder.

        Raises:
          StreamEnded: the item was cancelled, given up or deleted, or its audio is gone and nobody renders it again.
        """
        async with aclosing(self._as_rendered() if self._format.streams else self._once_finished()) as chunks:
            async for chunk in chunks:
                yield chunk

    async def _as_rendered(self) -> AsyncGenerator[bytes]:
        sound = self._sound = await self._streams.run(self._make)
        place, spoken = 0, False
        try:
            async with self._streams.watch.watching(self._task_id) as watch:
                while True:
                    live = await self._look(place)
                    stuck = not live.ready
                    for segment in live.ready:
                        pieces = self._pieces(sound, segment)
                        try:
                            while (piece := await self._streams.run(partial(next, pieces, None))) is not None:
                                if piece:
                                    yield piece
                        except AudioMissing as error:
                            if live.state in FINISHED:
                                raise StreamEnded(live.state, live.error) from error
                            stuck = True  # the assembly has it rendered again
                            break
                        place += 1
                        spoken = spoken or segment.kind is SegmentKind.SPEECH
                    if spoken and place == live.segments_total:
                        if last := await self._streams.run(sound.end):
                            yield last
                        return
                    if stuck:
                        await watch.changed()
        finally:
            with anyio.CancelScope(shield=True):
                await self._streams.run(sound.close)

    async def _once_finished(self) -> AsyncGenerator[bytes]:
        async with self._streams.watch.watching(self._task_id) as watch:
            while (finished := (await self._look(0)).audio) is None:
                await watch.changed()
        self._finished = finished
        path = self._streams.audio.finished_path(self._task_id, self._item, finished.format)
        try:
            async with aclosing(self._streams.convert(path, finished, self._format)) as chunks:
                async for chunk in chunks:
                    yield chunk
        except AudioMissing as error:
            raise StreamEnded(TaskState.COMPLETED, None) from error

    async def _look(self, place: int) -> LiveItem:
        """What can be heard from the segment at `place` on."""
        with anyio.CancelScope(shield=True):  # a read that is cut off costs its connection
            live = await self._streams.database.read(
                live_item, self._task_id, self._item, first=place, most=SEGMENTS_AT_ONCE
            )
        if live is None:
            raise StreamEnded(None, None)
        if live.state in FINISHED - {TaskState.COMPLETED}:
            raise StreamEnded(live.state, live.error)
        return live

    def _pieces(self, sound: "SoundStream", segment: Segment) -> Iterator[bytes]:
        if segment.kind is SegmentKind.SPEECH:
            from app.sound import Level

            stored = self._streams.audio.read_segment(segment.key or "")
            yield from sound.sound(stored.wav, Level(stored.lufs, stored.seconds), stored.sample_rate)
        elif segment.kind is SegmentKind.PAUSE:
            yield from sound.pause(segment.pause_seconds)


def _new_sound(format: AudioFormat, *, volume: float, rate: int | None = None) -> "SoundStream":
    from app.sound import SoundStream

    return SoundStream(format, volume=volume, output_rate=rate)


def _read(path: Path) -> Generator[bytes]:
    try:
        with path.open("rb") as file:
            while part := file.read(PART_BYTES):
                yield part
    except OSError as error:
        raise AudioMissing(f"The finished file {path.name} cannot be read: {error.strerror}.") from error


def _converted(path: Path, audio: FinishedAudio, format: AudioFormat) -> Generator[bytes]:
    from app.sound import Written, converted

    written = Written()
    for _ in converted(path, audio, format, written):
        yield written.taken()
    yield written.taken()


def _converted_aside(path: Path, audio: FinishedAudio, format: AudioFormat, store: AudioStore) -> Generator[bytes]:
    """By way of a file, for a format that is whole only at its end."""
    from app.sound import converted

    with store.scratch() as draft:
        for _ in converted(path, audio, format, draft):
            yield b""  # a place to stop at
        yield from _read(draft)
