"""Audio in a local folder.

    segments/ab/abcdef….wav    a rendered segment, by the hash of everything that decides its sound
    segments/ab/abcdef….json   its word times, its loudness and the checksum of the sound
    files/<task>/<item>.<format>
    files/<task>/<item>.captions.json    the words of that file and their times
    files/<task>/<item>.peaks.json       its waveform
    samples/abcdef….mp3        a voice's sample, by the hash of what decides its sound
    files/<task>/book.m4b                all items of a book in one
    cache.json                 what the segments took when housekeeping last looked
    swept                      when it last looked for files without a task

Everything is written under a temporary name and renamed, so that a `kill -9` leaves it whole or absent. A finished
file is synced first, and its folder after it, for a row is about to promise it. A segment is not: its checksum tells
what a power cut left of it, and a segment that is damaged is rendered again.
"""

import io
import json
import os
import shutil
import time
import wave
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from app.audio.cache import SegmentCache
from app.domain.audio_formats import SAMPLE_FORMAT, AudioFormat
from app.domain.errors import AudioMissing
from app.domain.ids import TaskId, parse_task_id
from app.domain.speech import WordTime
from app.ports import CacheSize, Clock, StoredSegment

MOST_SAMPLES = 500
"""Samples of voices that are kept: more than twice the voices that there are, some 20 MB."""

_SWEEP_SECONDS = 24 * 3600.0
_ASKED_AT_ONCE = 500
"""Tasks that are looked up in one question."""


class FolderAudioStore:
    """The `AudioStore` of one machine. Makes its folders where they are missing."""

    def __init__(self, root: Path, clock: Clock = time.time) -> None:
        self._segments = root / "segments"
        self._files = root / "files"
        self._samples = root / "samples"
        self._drafts = root / "drafts"
        self._swept = root / "swept"
        self._clock = clock
        self._cache = SegmentCache(self._segments, self._drafts, root / "cache.json", clock)

    def write_segment(self, key: str, wav: bytes, words: Sequence[WordTime], *, lufs: float | None) -> None:
        target = self._wav(key)
        for path, content in ((target.with_suffix(".json"), _companion(wav, words, lufs)), (target, wav)):
            with self._draft() as draft:
                draft.write_bytes(content)
                _move(draft, path)

    def read_segment(self, key: str) -> StoredSegment:
        path = self._wav(key)
        try:
            self._cache.mark_used(path)
            wav = path.read_bytes()
            words, lufs = _told(path.with_suffix(".json").read_bytes(), wav)
            with wave.open(io.BytesIO(wav)) as sound:
                rate = sound.getframerate()
                seconds = sound.getnframes() / rate
        except (FileNotFoundError, EOFError, wave.Error, ValueError, TypeError, KeyError) as error:
            raise AudioMissing(f"The stored audio of segment {key[:12]} is missing or damaged.") from error
        return StoredSegment(path, seconds, rate, words, lufs)

    def segment_seconds(self, key: str) -> float | None:
        """How long a stored segment lasts; None where it is not there, or damaged. It counts as used now."""
        try:
            return self.read_segment(key).seconds
        except AudioMissing:
            return None

    def drop_segment(self, key: str) -> None:
        self._wav(key).unlink(missing_ok=True)

    def trim_segments(self, max_bytes: int, needed: Callable[[], Collection[str]]) -> int:
        return self._cache.trim(max_bytes, needed)

    def cache_size(self) -> CacheSize | None:
        return self._cache.size()

    @contextmanager
    def writing_finished(self, task_id: TaskId, item: int, format: AudioFormat) -> Iterator[Path]:
        with self._kept(self.finished_path(task_id, item, format)) as draft:
            yield draft

    @contextmanager
    def writing_captions(self, task_id: TaskId, item: int) -> Iterator[Path]:
        with self._kept(self.captions_path(task_id, item)) as draft:
            yield draft

    @contextmanager
    def writing_peaks(self, task_id: TaskId, item: int) -> Iterator[Path]:
        with self._kept(self.peaks_path(task_id, item)) as draft:
            yield draft

    @contextmanager
    def writing_book(self, task_id: TaskId) -> Iterator[Path]:
        with self._kept(self.book_path(task_id)) as draft:
            yield draft

    @contextmanager
    def _kept(self, target: Path) -> Iterator[Path]:
        with self._draft() as draft:
            yield draft
            _sync(draft)
            _move(draft, target)
            for folder in (target.parent, target.parent.parent):
                _sync(folder)

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        with self._draft() as draft:
            yield draft

    @contextmanager
    def writing_sample(self, key: str) -> Iterator[Path]:
        with self._kept(self._sample(key)) as draft:
            yield draft
        self._drop_oldest_samples()

    def read_sample(self, key: str) -> bytes | None:
        try:
            return self._sample(key).read_bytes()
        except FileNotFoundError:
            return None

    def _sample(self, key: str) -> Path:
        return self._samples / f"{key}.{SAMPLE_FORMAT}"

    def _drop_oldest_samples(self) -> None:
        """There are as many mixes of voices as anybody likes to ask for."""
        written: list[tuple[float, Path]] = []
        for path in self._samples.iterdir():
            with suppress(FileNotFoundError):
                written.append((path.stat().st_mtime, path))
        for _, path in sorted(written)[:-MOST_SAMPLES]:
            path.unlink(missing_ok=True)

    def finished_path(self, task_id: TaskId, item: int, format: AudioFormat) -> Path:
        return self._files / task_id / f"{item}.{format}"

    def captions_path(self, task_id: TaskId, item: int) -> Path:
        return self._files / task_id / f"{item}.captions.json"

    def peaks_path(self, task_id: TaskId, item: int) -> Path:
        return self._files / task_id / f"{item}.peaks.json"

    def book_path(self, task_id: TaskId) -> Path:
        return self._files / task_id / f"book.{AudioFormat.M4B}"

    def drop_book(self, task_id: TaskId) -> None:
        self.book_path(task_id).unlink(missing_ok=True)

    def drop_finished(self, task_id: TaskId, item: int, format: AudioFormat) -> None:
        self.finished_path(task_id, item, format).unlink(missing_ok=True)
        self.captions_path(task_id, item).unlink(missing_ok=True)
        self.peaks_path(task_id, item).unlink(missing_ok=True)

    def drop_task(self, task_id: TaskId) -> None:
        with suppress(FileNotFoundError):
            shutil.rmtree(self._files / task_id)

    def sweep_drafts(self, older_than: float) -> int:
        """Remove what writers that died left behind: drafts last written to before `older_than`, in seconds
        since the Unix epoch. Returns how many."""
        swept = 0
        for path in self._drafts.glob("*"):
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < older_than:
                    path.unlink()
                    swept += 1
        return swept

    def sweep_finished(self, older_than: float, known: Callable[[Sequence[TaskId]], Collection[TaskId]]) -> int:
        """Remove the files of tasks that `known` does not give back, where nothing was written to their folder since
        `older_than`, in seconds since the Unix epoch. Looks once a day. Returns of how many tasks."""
        with suppress(FileNotFoundError):
            if 0 <= self._clock() - self._swept.stat().st_mtime < _SWEEP_SECONDS:
                return 0
        if not self._files.is_dir():
            return 0
        self._swept.touch()
        old = []
        for folder in self._files.iterdir():
            with suppress(FileNotFoundError):
                if parse_task_id(folder.name) == folder.name and folder.stat().st_mtime < older_than:
                    old.append(TaskId(folder.name))
        swept = 0
        for first in range(0, len(old), _ASKED_AT_ONCE):
            asked = old[first : first + _ASKED_AT_ONCE]
            for task_id in set(asked) - set(known(asked)):
                self.drop_task(task_id)
                swept += 1
        return swept

    def _wav(self, key: str) -> Path:
        return self._segments / key[:2] / f"{key}.wav"

    @contextmanager
    def _draft(self) -> Iterator[Path]:
        self._drafts.mkdir(parents=True, exist_ok=True)
        draft = self._drafts / uuid4().hex
        try:
            yield draft
        finally:
            draft.unlink(missing_ok=True)


def _move(draft: Path, target: Path) -> None:
    try:
        draft.replace(target)
    except FileNotFoundError:  # the folder is made for its first file
        target.parent.mkdir(parents=True, exist_ok=True)
        draft.replace(target)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _companion(wav: bytes, words: Sequence[WordTime], lufs: float | None) -> bytes:
    times = [(word.start, word.end, word.start_seconds, word.end_seconds) for word in words]
    return json.dumps({"version": 2, "crc32": zlib.crc32(wav), "lufs": lufs, "words": times}).encode()


def _told(companion: bytes, wav: bytes) -> tuple[tuple[WordTime, ...], float | None]:
    about = json.loads(companion)
    if about["version"] != 2 or about["crc32"] != zlib.crc32(wav):
        raise ValueError("not what was written")
    return tuple(WordTime(*word) for word in about["words"]), about["lufs"]
