"""What the doctor says of a machine that is not well."""

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from app.audio import FolderAudioStore
from app.cli import store_checks
from app.cli.checks import (
    check_cache,
    check_data_folder,
    check_default_voice,
    check_disk,
    check_encoder,
    check_espeak,
    check_models,
    check_sqlite,
)
from app.cli.findings import Finding
from app.cli.store_checks import check_database, check_queue
from app.results import Database, migrate
from app.services.list_voices import VoiceDirectory
from app.settings import Settings
from tests.support.processes import PROJECT


@pytest.fixture
def database_path(settings: Settings) -> Path:
    """A database of today's schema."""
    database = Database(settings.results_url)
    migrate(database)
    database.close()
    return settings.broker_path


@pytest.mark.parametrize(
    ("version", "verdict"), [((3, 6, 23), "ok"), ((3, 7, 0), "warn"), ((3, 51, 2), "warn"), ((3, 51, 3), "ok")]
)
def test_versions_of_sqlite_with_the_wal_bug_are_told(version: tuple[int, int, int], verdict: str) -> None:
    assert check_sqlite(version).verdict == verdict


def test_a_database_that_is_not_there_yet_is_well_and_stays_away(settings: Settings) -> None:
    assert check_database(settings).verdict == "ok"
    assert not settings.broker_path.exists()


def test_a_whole_database_is_well(settings: Settings, database_path: Path) -> None:
    assert check_database(settings).verdict == "ok"


def test_a_damaged_database_fails(settings: Settings, database_path: Path) -> None:
    with database_path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 4096 * 3)
    assert check_database(settings).verdict == "fail"


def test_a_file_that_is_no_database_fails(settings: Settings) -> None:
    settings.data_dir.mkdir()
    settings.broker_path.write_text("This is no database. " * 1000)
    assert check_database(settings).verdict == "fail"


def test_damage_is_told_once_and_in_whole_sentences(settings: Settings) -> None:
    settings.data_dir.mkdir()
    settings.broker_path.write_text("garbage")
    database, queue = check_database(settings), check_queue(settings.broker_path)
    assert (database.verdict, queue.verdict) == ("fail", "fail")
    assert "not a database" in database.detail
    assert "not a database" not in queue.detail
    assert ".." not in f"{database.detail} {queue.detail}"


def test_a_newer_schema_fails_and_an_empty_one_is_for_the_next_start(settings: Settings, database_path: Path) -> None:
    connection = sqlite3.connect(database_path)
    with connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    found = check_database(settings)
    assert (found.verdict, "9999" in found.detail) == ("fail", True)


def test_a_database_that_somebody_else_keeps_locked_fails(
    settings: Settings, database_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_checks, "LOCK_SECONDS", 0.05)
    with closing(sqlite3.connect(database_path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        found = check_database(settings)
    assert (found.verdict, "locked" in found.detail, "fuser" in found.advice) == ("fail", True, True)


def test_a_database_that_can_be_nowhere_fails_with_its_setting(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = check_database(settings.model_copy(update={"database_url": f"sqlite:///{tmp_path}/file/here.db"}))
    assert (found.verdict, "SAYATHING_DATABASE_URL" in found.advice) == ("fail", True)


@pytest.mark.parametrize("setting", ["SAYATHING_DATA_DIR", "SAYATHING_AUDIO_URL"])
def test_a_folder_that_cannot_be_written_fails_with_its_setting(tmp_path: Path, setting: str) -> None:
    (tmp_path / "file").touch()
    found = check_data_folder(tmp_path / "file" / "data", setting)
    assert (found.verdict, setting in found.advice) == ("fail", True)


@pytest.mark.parametrize(("free", "verdict"), [(10**9, "ok"), (400 * 1024**2, "warn"), (63 * 1024**2, "fail")])
def test_a_disk_is_warned_about_before_it_is_full_and_fails_where_no_task_is_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, verdict: str
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**10, 10**10 - free, free))
    found = check_disk(tmp_path, 64 * 1024**2)
    assert (found.verdict, bool(found.advice)) == (verdict, verdict != "ok")


def a_python(folder: Path, *, says: str, fails: bool) -> str:
    """A program in the place of Python."""
    python = folder / "python"
    python.write_text(f"#!/bin/sh\necho '{says}' {'>&2; exit 1' if fails else ''}\n")
    python.chmod(0o755)
    return str(python)


@pytest.mark.parametrize(("check", "package"), [(check_espeak, "espeakng-loader"), (check_encoder, "av")])
def test_a_library_that_does_not_load_fails_with_its_last_words_and_its_package(
    tmp_path: Path, check: Callable[[str], Finding], package: str
) -> None:
    found = check(a_python(tmp_path, says="OSError: no such library.", fails=True))
    assert (found.verdict, "no such library" in found.detail) == ("fail", True)
    assert f"--force-reinstall {package}`" in found.advice


def test_a_check_whose_process_cannot_start_fails(tmp_path: Path) -> None:
    (tmp_path / "python").touch(mode=0o600)
    found = check_espeak(str(tmp_path / "python"))
    assert (found.verdict, "does not start" in found.detail) == ("fail", True)


def test_the_encoder_is_tried_in_every_format_that_streams() -> None:
    found = check_encoder(sys.executable)
    assert (found.verdict, found.detail) == ("ok", "wav, mp3, flac, opus, aac, pcm")


def test_an_engine_that_is_asked_for_and_cannot_speak_fails(settings: Settings) -> None:
    found = check_default_voice("no python", settings.model_copy(update={"engine": "kokoro-onnx"}))
    assert (found.verdict, "sayathing models pull" in found.detail) == ("fail", True)


def test_espeak_is_the_default_where_no_model_is_and_is_tried_by_its_own_check(settings: Settings) -> None:
    assert check_default_voice("no python", settings) == Finding("default voice", "ok", "espeak-en-us")


@pytest.mark.parametrize(("fails", "verdict"), [(False, "ok"), (True, "fail")])
def test_a_default_voice_of_kokoro_is_heard(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: bool, verdict: str
) -> None:
    monkeypatch.setattr(VoiceDirectory, "why_not", lambda *_: None)
    found = check_default_voice(a_python(tmp_path, says="0.41", fails=fails), settings)
    assert (found.verdict, "af_heart" in found.detail) == (verdict, True)


def test_an_older_python_is_named(tmp_path: Path) -> None:
    program = "import sys; sys.version_info = (3, 10, 1); import app.cli"
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "Python 3.11 or newer" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_a_missing_model_is_warned_about(tmp_path: Path) -> None:
    found = check_models(tmp_path)
    assert found.verdict == "warn"
    assert "sayathing models pull" in found.advice


def test_a_finding_is_plain_json() -> None:
    assert Finding("a", "ok", "b").to_json() == {"name": "a", "verdict": "ok", "detail": "b", "advice": ""}


def test_the_cache_is_told_and_warned_about_where_it_is_far_beyond_its_limit(tmp_path: Path) -> None:
    assert "no worker has looked" in check_cache(tmp_path, 10**9).detail
    store = FolderAudioStore(tmp_path)
    store.write_segment("ab" * 32, b"x" * 2 * 1024**2, [], lufs=-20.0)
    store.trim_segments(10**12, set)
    found = check_cache(tmp_path, 10 * 1024**2)
    assert (found.verdict, found.detail) == ("ok", "1 segments take 2 MiB of 10")
    (tmp_path / "cache.json").write_text(
        '{"segments": 9, "bytes": 5000000000, "measured_at": 1.0, "took_seconds": 0.1}'
    )
    assert check_cache(tmp_path, 10**9).verdict == "warn"
    assert check_cache(tmp_path, 10**10).verdict == "ok"
