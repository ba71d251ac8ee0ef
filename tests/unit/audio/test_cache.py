"""The limit of the segments' folder: the least recently used go, and nothing that is needed."""

import itertools
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from app.audio import FolderAudioStore, cache
from app.domain.errors import AudioMissing
from app.domain.ids import TaskId
from app.domain.tasks import AudioFormat
from app.sound import wav_bytes
from tests.support.processes import PROJECT

NOW = float(round(time.time()))
WAV = wav_bytes(np.sin(np.arange(2_400, dtype=np.float32) / 20) * np.float32(0.5), 24_000)
TASK, OTHER = TaskId("01K8ZZZZZZZZZZZZZZZZZZZZZZ"), TaskId("01K8ZZZZZZZZZZZZZZZZZZZZZ0")


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> FolderAudioStore:
    return FolderAudioStore(tmp_path / "audio", clock)


def key(number: int) -> str:
    return f"{number % 7:02x}{number:062x}"


def path(store: FolderAudioStore, number: int) -> Path:
    return store._wav(key(number))


def write(store: FolderAudioStore, *ages: float) -> None:
    """Segments 0, 1, ..., last used so many seconds ago."""
    for number, age in enumerate(ages):
        store.write_segment(key(number), WAV, [], lufs=-20.0)
        for suffix in (".wav", ".json"):
            os.utime(path(store, number).with_suffix(suffix), (NOW - age,) * 2)


def there(store: FolderAudioStore, count: int) -> list[int]:
    return [number for number in range(count) if path(store, number).exists()]


def one(store: FolderAudioStore) -> int:
    """Bytes of one segment."""
    wav = path(store, 0)
    return wav.stat().st_size + wav.with_suffix(".json").stat().st_size


def test_below_the_limit_nothing_goes_and_the_size_is_told(store: FolderAudioStore) -> None:
    assert store.cache_size() is None
    write(store, 9000, 8000, 7000)
    assert store.trim_segments(3 * one(store), lambda: pytest.fail("nobody need be asked")) == 0
    size = store.cache_size()
    assert size is not None
    assert (size.segments, size.bytes, size.measured_at) == (3, 3 * one(store), NOW)


def test_the_least_recently_used_go_first_with_their_words(store: FolderAudioStore) -> None:
    write(store, *(9000 - 100 * number for number in range(20)))
    each = one(store)
    assert store.trim_segments(10 * each, set) == 11
    assert there(store, 20) == list(range(11, 20))
    assert not list((path(store, 0).parents[1]).glob(f"*/{key(0)}.*"))
    size = store.cache_size()
    assert size is not None
    assert (size.segments, size.bytes) == (9, 9 * each)


def test_a_segment_that_is_read_becomes_the_youngest(store: FolderAudioStore, clock: Clock) -> None:
    write(store, 9000, 8000, 7000, 6000)
    os.utime(path(store, 0), (NOW - 9000,) * 2)
    assert store.segment_seconds(key(0)) is not None
    assert store.trim_segments(int(1.2 * one(store)), set) == 3
    assert there(store, 4) == [0]


def test_a_read_within_a_minute_of_another_writes_nothing(store: FolderAudioStore) -> None:
    write(store, 59)
    store.read_segment(key(0))
    assert path(store, 0).stat().st_mtime == NOW - 59


def test_what_unfinished_tasks_need_stays_whatever_the_limit(store: FolderAudioStore) -> None:
    write(store, *[9000] * 6)
    assert store.trim_segments(0, lambda: {key(1), key(4)}) == 4
    assert there(store, 6) == [1, 4]


def test_what_was_used_lately_stays_whatever_the_limit(store: FolderAudioStore) -> None:
    write(store, 9000, 500, 601, 0)
    assert store.trim_segments(0, set) == 2
    assert there(store, 4) == [1, 3]


def test_words_without_sound_go_too_and_strangers_stay(store: FolderAudioStore) -> None:
    write(store, 9000, 9000)
    path(store, 0).unlink()
    strangers = [
        path(store, 0).parent / "notes.txt",
        path(store, 0).parents[1] / "README",
        path(store, 0).parent / "x.wav",
    ]
    for stranger in strangers:
        stranger.write_bytes(b"mine")
        os.utime(stranger, (NOW - 9000,) * 2)
    store.trim_segments(0, set)
    assert not path(store, 0).with_suffix(".json").exists()
    assert not path(store, 1).exists()
    assert all(stranger.exists() for stranger in strangers)


def test_a_long_look_is_not_repeated_every_minute(
    store: FolderAudioStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = itertools.count(0, 30)
    monkeypatch.setattr(cache.time, "monotonic", lambda: next(ticks))
    write(store, 9000)
    store.trim_segments(10**9, set)
    write(store, 9000, 9000)
    clock.now += 500
    store.trim_segments(10**9, set)
    assert store.cache_size().segments == 1  # type: ignore[union-attr]
    clock.now += 101
    store.trim_segments(10**9, set)
    assert store.cache_size().segments == 2  # type: ignore[union-attr]


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"garbage", b'{"segments": 1}'])
def test_a_damaged_report_is_no_report(store: FolderAudioStore, content: bytes) -> None:
    write(store, 9000)
    store._cache._report.write_bytes(content)
    assert store.cache_size() is None
    store.trim_segments(10**9, set)
    assert store.cache_size().segments == 1  # type: ignore[union-attr]


def test_a_use_at_any_moment_of_a_cleaning_keeps_the_segment_or_misses_it(store: FolderAudioStore) -> None:
    """A plan reads each known segment. Whatever the cleaning does between two of its steps, the plan that found the
    segment still has it afterwards; it may only find none."""
    steps = ("stat", "rename", "link", "unlink")
    for step, when in itertools.product(steps, ("before", "after")):
        write(store, 9000)
        found: list[float | None] = []
        with pytest.MonkeyPatch.context() as patch:
            act_around(patch, step, when, lambda: found.append(store.segment_seconds(key(0))))  # noqa: B023
            store.trim_segments(0, set)
        if found and found[0] is not None:
            assert store.segment_seconds(key(0)) is not None, f"lost {when} {step}"
        path(store, 0).unlink(missing_ok=True)


def test_a_segment_written_at_any_moment_of_a_cleaning_stays(store: FolderAudioStore) -> None:
    steps = ("stat", "rename", "link", "unlink")
    for step, when in itertools.product(steps, ("before", "after")):
        write(store, 9000)
        written: list[None] = []
        with pytest.MonkeyPatch.context() as patch:
            act_around(patch, step, when, lambda: written.append(store.write_segment(key(0), WAV, [], lufs=-20.0)))  # noqa: B023
            store.trim_segments(0, set)
        if written:
            assert store.segment_seconds(key(0)) is not None, f"lost {when} {step}"


def test_two_cleanings_at_once_take_nothing_that_is_used_meanwhile(
    store: FolderAudioStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(store, 9000)
    other = FolderAudioStore(tmp_path / "audio", Clock())
    other._cache._report = tmp_path / "other report"
    act_around(monkeypatch, "rename", "before", lambda: store.read_segment(key(0)))
    act_around(monkeypatch, "rename", "after", lambda: other.trim_segments(0, set))
    store.trim_segments(0, set)
    assert store.segment_seconds(key(0)) is not None


def act_around(patch: pytest.MonkeyPatch, step: str, when: str, act: object) -> None:
    """Have `act` happen once, just before or after the first such step of a cleaning."""
    home = os if step == "link" else Path
    real = getattr(home, step)
    done = threading.Event()

    def stepped(*args: object, **kwargs: object) -> object:
        first = not done.is_set()
        done.set()
        if first and when == "before":
            act()  # type: ignore[operator]
        answer = real(*args, **kwargs)
        if first and when == "after":
            act()  # type: ignore[operator]
        return answer

    patch.setattr(home, step, stepped)


@pytest.mark.integration
def test_readers_writers_and_cleaners_in_many_processes_lose_nothing_that_was_found(tmp_path: Path) -> None:
    """Cleaners at a limit of zero, with everything old at first; a reader that found a segment finds it again."""
    code = """
import itertools, os, random, sys, time
from pathlib import Path
from app.audio import FolderAudioStore, folder
root, wav, role = Path(sys.argv[1]), Path(sys.argv[2]).read_bytes(), sys.argv[3]
store = FolderAudioStore(root)
store._cache._report = root / f"report-{os.getpid()}"  # each looks every time
numbers = itertools.count()
move = folder._move
def move_as_if_long_ago(draft, target):
    os.utime(draft, (time.time() - 5000,) * 2)
    move(draft, target)
folder._move = move_as_if_long_ago
end = time.monotonic() + 4
print("ready", flush=True)
sys.stdin.readline()
while time.monotonic() < end:
    if role == "clean":
        store.trim_segments(0, set)
        store._cache._report.unlink(missing_ok=True)
        time.sleep(random.random() / 20)
        continue
    if role == "write":
        store.write_segment(f"{next(numbers):064x}", wav, [], lufs=-20.0)
        continue
    known = list(root.glob("segments/*/*.wav"))
    key = random.choice(known).stem if known else "0" * 64
    if store.segment_seconds(key) is not None:
        found = None
        for _ in range(3):  # a cleaner may hold it for a moment
            found = found or store.segment_seconds(key)
            time.sleep(0.002)
        assert found is not None, key
        print("held", flush=True)
"""
    sound = tmp_path / "sound.wav"
    sound.write_bytes(WAV)
    roles = ["clean", "clean", "read", "read", "write"]
    children = [
        subprocess.Popen(
            [sys.executable, "-c", code, tmp_path / "audio", sound, role],
            cwd=PROJECT,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for role in roles
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()
    ended = [child.communicate() for child in children]
    for child, (_, errors) in zip(children, ended, strict=True):
        assert child.returncode == 0, errors
    assert all("held" in ended[index][0] for index in (2, 3)), "the readers had something to find"


def test_files_of_tasks_that_are_gone_are_swept_once_a_day(store: FolderAudioStore, clock: Clock) -> None:
    for task in (TASK, OTHER):
        with store.writing_finished(task, 0, AudioFormat.WAV) as draft:
            draft.write_bytes(b"x")
        os.utime(store.finished_path(task, 0, AudioFormat.WAV).parent, (NOW - 100_000,) * 2)
    stranger = store._files / "samples"
    stranger.mkdir()
    os.utime(stranger, (NOW - 100_000,) * 2)
    os.utime(store._files)
    assert store.sweep_finished(NOW - 200_000, lambda ids: []) == 0, "too young"
    os.utime(store._swept, (NOW - 90_000,) * 2)
    assert store.sweep_finished(NOW - 50_000, lambda ids: [TASK]) == 1
    os.utime(store._swept, (NOW,) * 2)
    assert store.finished_path(TASK, 0, AudioFormat.WAV).exists()
    assert not store.finished_path(OTHER, 0, AudioFormat.WAV).parent.exists()
    assert stranger.exists()
    clock.now += 60
    assert store.sweep_finished(NOW, lambda ids: pytest.fail("looked already")) == 0


def test_a_segment_deleted_by_hand_is_missing(store: FolderAudioStore) -> None:
    write(store, 0)
    path(store, 0).unlink()
    with pytest.raises(AudioMissing):
        store.read_segment(key(0))
