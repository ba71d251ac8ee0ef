"""The audio folder: what is found under a name is whole."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from app.audio import FolderAudioStore
from app.domain.errors import AudioMissing
from app.domain.ids import TaskId
from app.domain.speech import WordTime
from app.domain.tasks import AudioFormat
from app.sound import wav_bytes
from tests.support.processes import PROJECT, until

KEY = "ab" + "0" * 62
WORDS = (WordTime(0, 5, 0.0, 0.4), WordTime(6, 11, 0.5, 0.9))
TASK = TaskId("01K8ZZZZZZZZZZZZZZZZZZZZZZ")


@pytest.fixture
def store(tmp_path: Path) -> FolderAudioStore:
    return FolderAudioStore(tmp_path / "audio")


@pytest.fixture
def wav() -> bytes:
    return wav_bytes(np.sin(np.arange(24_000, dtype=np.float32) / 20) * np.float32(0.5), 24_000)


def test_a_segment_comes_back_as_it_was_written(store: FolderAudioStore, wav: bytes) -> None:
    store.write_segment(KEY, wav, WORDS, lufs=-20.0)
    found = store.read_segment(KEY)
    assert (found.wav.read_bytes(), found.words, found.seconds) == (wav, WORDS, 1.0)
    assert (found.sample_rate, found.lufs) == (24_000, -20.0)
    assert store.segment_seconds(KEY) == 1.0


def test_writing_a_segment_again_is_harmless(store: FolderAudioStore, wav: bytes) -> None:
    store.write_segment(KEY, wav, WORDS, lufs=-20.0)
    store.write_segment(KEY, wav, WORDS, lufs=-20.0)
    assert store.read_segment(KEY).words == WORDS


def test_a_segment_that_is_not_there_is_missing(store: FolderAudioStore) -> None:
    assert store.segment_seconds(KEY) is None
    with pytest.raises(AudioMissing):
        store.read_segment(KEY)


@pytest.mark.parametrize("suffix", [".wav", ".json"])
@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[: len(content) // 2],
        lambda content: bytes(len(content)),
        lambda content: content[:-2] + b"\x00\x01",
        lambda content: b"\xff" * 100,
        lambda content: b"[]",
        lambda content: b'{"version": 1}',
    ],
    ids=["empty", "cut short", "zeroed", "changed at its end", "garbage", "another JSON", "incomplete"],
)
def test_a_damaged_segment_is_missing_never_silent(
    store: FolderAudioStore, wav: bytes, suffix: str, damage: object
) -> None:
    store.write_segment(KEY, wav, WORDS, lufs=-20.0)
    path = store.read_segment(KEY).wav.with_suffix(suffix)
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    assert store.segment_seconds(KEY) is None
    store.write_segment(KEY, wav, WORDS, lufs=-20.0)
    assert store.segment_seconds(KEY) == 1.0


def test_a_finished_file_is_there_only_when_its_writing_ended_well(store: FolderAudioStore) -> None:
    path = store.finished_path(TASK, 0, AudioFormat.WAV)
    with pytest.raises(ZeroDivisionError), store.writing_finished(TASK, 0, AudioFormat.WAV) as draft:
        draft.write_bytes(b"half")
        _ = 1 / 0
    assert not path.exists()
    assert not draft.exists()
    with store.writing_finished(TASK, 0, AudioFormat.WAV) as draft:
        draft.write_bytes(b"whole")
        assert not path.exists()
    assert path.read_bytes() == b"whole"
    assert not draft.exists()


def test_a_file_is_replaced_in_one_step(store: FolderAudioStore) -> None:
    for content in (b"first", b"second"):
        with store.writing_finished(TASK, 0, AudioFormat.MP3) as draft:
            draft.write_bytes(content)
    assert store.finished_path(TASK, 0, AudioFormat.MP3).read_bytes() == b"second"


def test_old_drafts_are_swept_and_young_ones_stay(store: FolderAudioStore, tmp_path: Path) -> None:
    drafts = tmp_path / "audio" / "drafts"
    drafts.mkdir(parents=True)
    for name, age in (("old", 7200), ("young", 0)):
        (drafts / name).write_bytes(b"x")
        os.utime(drafts / name, (time.time() - age,) * 2)
    assert store.sweep_drafts(older_than=time.time() - 3600) == 1
    assert [path.name for path in drafts.iterdir()] == ["young"]


def test_dropping_a_finished_file_leaves_others_alone(store: FolderAudioStore) -> None:
    for item in (0, 1):
        with store.writing_finished(TASK, item, AudioFormat.WAV) as draft:
            draft.write_bytes(b"x")
    with store.writing_captions(TASK, 0) as draft:
        draft.write_bytes(b"{}")
        assert not store.captions_path(TASK, 0).exists()
    assert store.captions_path(TASK, 0).read_bytes() == b"{}"
    store.drop_finished(TASK, 0, AudioFormat.WAV)
    store.drop_finished(TASK, 0, AudioFormat.WAV)
    assert not store.captions_path(TASK, 0).exists()
    assert not store.finished_path(TASK, 0, AudioFormat.WAV).exists()
    assert store.finished_path(TASK, 1, AudioFormat.WAV).exists()


def test_a_disk_that_cannot_be_read_is_not_taken_for_a_missing_segment(
    store: FolderAudioStore, wav: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write_segment(KEY, wav, WORDS, lufs=-20.0)

    def refuse(path: Path) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(OSError, match="Input/output"):
        store.read_segment(KEY)


@pytest.mark.integration
def test_a_writer_killed_at_any_moment_leaves_whole_segments_or_none(store: FolderAudioStore, tmp_path: Path) -> None:
    code = (
        "import sys, itertools\n"
        "from pathlib import Path\n"
        "from app.audio import FolderAudioStore\n"
        "store = FolderAudioStore(Path(sys.argv[1]))\n"
        "wav = Path(sys.argv[2]).read_bytes()\n"
        "for n in itertools.count():\n"
        "    store.write_segment(f'{n:064x}', wav, [], lufs=-20.0)\n"
    )
    sound = tmp_path / "sound.wav"
    sound.write_bytes(wav_bytes(np.ones(200_000, np.float32) * np.float32(0.1), 24_000))
    for _ in range(5):
        writer = subprocess.Popen([sys.executable, "-c", code, tmp_path / "audio", sound], cwd=PROJECT)
        until(lambda: len(list((tmp_path / "audio").glob("segments/*/*.wav"))) > 3)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        for path in (tmp_path / "audio").glob("segments/*/*.wav"):
            assert store.segment_seconds(path.stem) == pytest.approx(200_000 / 24_000)
            path.unlink()
