"""What the doctor says of a machine that is not well."""

import shutil
import sqlite3
from pathlib import Path

import pytest

from app.audio import FolderAudioStore
from app.cli.checks import check_cache, check_disk, check_espeak, check_models, check_service, check_sqlite
from app.cli.findings import Finding
from app.cli.store_checks import check_database, check_queue
from app.results import Database, migrate
from app.settings import Settings
from broker import SQLiteBroker
from tests.unit.cli.fake_service import Answer, FakeService


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
    assert check_database(settings).verdict == check_queue(settings.broker_path).verdict == "ok"
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


def test_a_newer_schema_fails_and_an_empty_one_is_for_the_next_start(settings: Settings, database_path: Path) -> None:
    connection = sqlite3.connect(database_path)
    with connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    found = check_database(settings)
    assert (found.verdict, "9999" in found.detail) == ("fail", True)


def test_a_queue_without_workers_is_warned_about(settings: Settings) -> None:
    broker = SQLiteBroker(settings.broker_path, middleware=[])
    broker.setup()
    broker.close()
    found = check_queue(settings.broker_path)
    assert (found.verdict, "0 workers" in found.detail) == ("warn", True)


def test_a_full_disk_is_warned_about(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_disk(tmp_path).verdict == "ok"
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9 - 1, 1))
    assert check_disk(tmp_path).verdict == "warn"


def test_an_engine_that_dies_fails_with_its_last_words(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 'OSError: no libespeak' >&2\nexit 1\n")
    python.chmod(0o755)
    found = check_espeak(str(python))
    assert (found.verdict, "no libespeak" in found.detail) == ("fail", True)


def test_a_missing_model_is_warned_about(tmp_path: Path) -> None:
    found = check_models(tmp_path)
    assert found.verdict == "warn"
    assert "sayathing models pull" in found.advice


@pytest.mark.parametrize(("status", "verdict"), [("ok", "ok"), ("degraded", "warn"), ("failing", "fail")])
def test_the_service_is_as_well_as_it_says(service: FakeService, status: str, verdict: str) -> None:
    service.prepare("GET /healthz", Answer(200, {"status": status, "reasons": ["No worker is running."]}))
    found = check_service(service.url)
    assert found.verdict == verdict
    assert ("No worker is running." in found.detail) == (verdict != "ok")


def test_no_service_is_a_warning() -> None:
    assert check_service("http://127.0.0.1:1").verdict == "warn"


def test_a_finding_is_plain_json() -> None:
    assert Finding("a", "ok", "b").to_json() == {"name": "a", "verdict": "ok", "detail": "b", "advice": ""}


def test_the_cache_is_told_and_warned_about_where_it_is_far_beyond_its_limit(tmp_path: Path) -> None:
    assert "no worker has looked" in check_cache(tmp_path, 10**9).detail
    store = FolderAudioStore(tmp_path)
    store.write_segment("ab" * 32, b"x" * 2 * 1024**2, [])
    store.trim_segments(10**12, set)
    found = check_cache(tmp_path, 10 * 1024**2)
    assert (found.verdict, found.detail) == ("ok", "1 segments take 2 MiB of 10")
    (tmp_path / "cache.json").write_text(
        '{"segments": 9, "bytes": 5000000000, "measured_at": 1.0, "took_seconds": 0.1}'
    )
    assert check_cache(tmp_path, 10**9).verdict == "warn"
    assert check_cache(tmp_path, 10**10).verdict == "ok"
