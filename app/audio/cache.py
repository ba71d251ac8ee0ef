"""What the rendered segments take on the disk, and which of them go when that is too much.

When a segment was last used is its files' time of change. Two things keep what a task needs: the keys of
unfinished tasks, and that whatever was used in the last ten minutes stays. The second covers tasks that are being
planned, whose rows nobody sees yet: a plan marks each segment as used before it reads it. A file that is to go is
first moved away, then looked at once more, and moved back where it was used meanwhile. What is lost all the same, by
hand or to a clock that was put forward by hours, the assembly finds missing and has rendered again.
"""

import json
import os
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import uuid4

from app.ports import CacheSize, Clock

MARK_SECONDS = 60.0
"""A use is marked at most so often: most reads write nothing."""

KEEP_SECONDS = 600.0
"""What was used since then stays, whatever the limit is. A plan takes seconds."""

LEAVE = 0.9
"""A cleaning goes on to this part of the limit, so that the next one is not due a minute later."""

IDLE_FACTOR = 20.0
"""The next look waits so many times as long as the last one took: a million files are not walked every minute."""


@dataclass(slots=True)
class _Entry:
    """A segment's files: the newest sign of use, and their size."""

    used_at: float = 0.0
    bytes: int = 0


class SegmentCache:
    """The folder of segments, as housekeeping sees it. `report` is a file that keeps the last look's result."""

    def __init__(self, segments: Path, drafts: Path, report: Path, clock: Clock) -> None:
        self._segments = segments
        self._drafts = drafts
        self._report = report
        self._clock = clock

    def mark_used(self, wav: Path) -> None:
        """Say that a segment is needed, before reading it.

        Raises:
          FileNotFoundError: it is not there.
        """
        if self._clock() - wav.stat().st_mtime > MARK_SECONDS:
            for path in (wav.with_suffix(".json"), wav):
                os.utime(path)

    def size(self) -> CacheSize | None:
        """What the last look found; None before the first."""
        with suppress(OSError, ValueError, TypeError):
            return CacheSize(**json.loads(self._report.read_bytes()))
        return None

    def trim(self, max_bytes: int, needed: Callable[[], Collection[str]]) -> int:
        """Remove the segments that were not used for longest, until the others fit; how many went.

        Parameters:
          needed: gives the keys that no limit takes away; asked only where something must go.
        """
        last, now = self.size(), self._clock()
        if last is not None and 0 <= now - last.measured_at < IDLE_FACTOR * last.took_seconds:
            return 0
        begun = time.monotonic()
        count, size = self._count()
        gone = 0
        if size > max_bytes:
            kept = frozenset(needed())
            for key, entry in self._oldest(now - KEEP_SECONDS):
                if size <= LEAVE * max_bytes:
                    break
                if key not in kept and self._remove(key, now - KEEP_SECONDS):
                    gone += 1
                    size -= entry.bytes
        self._write_report(CacheSize(count - gone, size, now, round(time.monotonic() - begun, 3)))
        return gone

    def _count(self) -> tuple[int, int]:
        count = size = 0
        for key, file in self._files():
            with suppress(FileNotFoundError):
                size += file.stat().st_size
                count += file.name == f"{key}.wav"
        return count, size

    def _oldest(self, used_before: float) -> list[tuple[str, _Entry]]:
        entries: dict[str, _Entry] = {}
        for key, file in self._files():
            with suppress(FileNotFoundError):
                found = file.stat()
                entry = entries.setdefault(key, _Entry())
                entry.used_at = max(entry.used_at, found.st_mtime)
                entry.bytes += found.st_size
        old = [(key, entry) for key, entry in entries.items() if entry.used_at < used_before]
        return sorted(old, key=lambda one: one[1].used_at)

    def _files(self) -> Iterator[tuple[str, os.DirEntry[str]]]:
        """Every segment's files; what others have put into the folder is none of them."""
        with suppress(FileNotFoundError), os.scandir(self._segments) as shards:
            for shard in shards:
                with suppress(FileNotFoundError, NotADirectoryError), os.scandir(shard) as files:
                    for file in files:
                        key, _, suffix = file.name.partition(".")
                        if suffix in {"wav", "json"} and key.startswith(shard.name) and len(key) > len(shard.name):
                            yield key, file

    def _remove(self, key: str, used_before: float) -> bool:
        wav = self._segments / key[:2] / f"{key}.wav"
        # The sound first: without it the words are nothing, and a writer puts the words in place before the sound.
        return self._take_away(wav, used_before) and self._take_away(wav.with_suffix(".json"), used_before)

    def _take_away(self, path: Path, used_before: float) -> bool:
        """Whether the file is gone now; not where it was used or written anew meanwhile."""
        self._drafts.mkdir(parents=True, exist_ok=True)
        taken = self._drafts / uuid4().hex
        try:
            path.rename(taken)
        except FileNotFoundError:
            return True
        used = taken.stat().st_mtime >= used_before
        if used:
            with suppress(FileExistsError):  # then somebody has written it again
                os.link(taken, path)
        taken.unlink(missing_ok=True)
        return not used

    def _write_report(self, size: CacheSize) -> None:
        self._drafts.mkdir(parents=True, exist_ok=True)
        draft = self._drafts / uuid4().hex
        draft.write_text(json.dumps(asdict(size)))
        draft.replace(self._report)
