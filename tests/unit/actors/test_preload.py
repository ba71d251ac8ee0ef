"""The default voice is loaded while a worker waits, and VOICE_PRELOAD_TIMEOUT is how long that may take in silence."""

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from actors.middleware import Preload
from actors.speech import Engines, FakeEngine
from app.domain.errors import VoiceUnavailable
from app.domain.voices import VoiceMix
from app.services.list_voices import VoiceDirectory
from app.settings import Settings
from tests.support.processes import until


class SlowEngine(FakeEngine):
    """Loads until it is told to end."""

    def __init__(self, *, missing: Sequence[str] = ()) -> None:
        super().__init__(missing=missing)
        self.go = threading.Event()
        self.loaded: list[str] = []

    def preload(self, voices: Sequence[VoiceMix]) -> None:
        self.go.wait()
        super().preload(voices)
        self.loaded += map(str, voices)


def preloading(engine: FakeEngine, folder: Path, timeout_seconds: float) -> Preload:
    return Preload(Engines({"espeak": lambda: engine}), VoiceDirectory(folder, "auto"), timeout_seconds)


def test_loading_that_takes_longer_than_the_limit_is_told_once_and_goes_on(tmp_path: Path) -> None:
    engine = SlowEngine()
    with capture_logs() as logs:
        preloading(engine, tmp_path, 0.05).after_worker_boot(None, None)  # type: ignore[arg-type]
        until(lambda: [line for line in logs if line["event"] == "voice_preload_slow"], every=0.01)
        engine.go.set()
        until(lambda: [line for line in logs if line["event"] == "voice_preloaded"], every=0.01)
    assert [line["event"] for line in logs] == ["voice_preload_slow", "voice_preloaded"]
    assert logs[0]["limit_seconds"] == 0.05
    assert engine.loaded == ["espeak-en-us"]


def test_loading_within_the_limit_is_told_as_done(tmp_path: Path) -> None:
    engine = SlowEngine()
    engine.go.set()
    with capture_logs() as logs:
        preloading(engine, tmp_path, 60.0).after_worker_boot(None, None)  # type: ignore[arg-type]
        until(lambda: logs, every=0.01)
    assert [line["event"] for line in logs] == ["voice_preloaded"]


def test_a_voice_that_cannot_be_loaded_leaves_the_worker_at_work(tmp_path: Path) -> None:
    engine = SlowEngine(missing=["espeak-en-us"])
    engine.go.set()
    with capture_logs() as logs:
        preloading(engine, tmp_path, 60.0).after_worker_boot(None, None)  # type: ignore[arg-type]
        until(lambda: logs, every=0.01)
    assert logs[0]["event"] == "voice_not_preloaded"
    with pytest.raises(VoiceUnavailable):
        engine.preload([VoiceMix.parse("espeak-en-us")])


def test_the_setting_is_the_workers_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICE_PRELOAD_TIMEOUT", "7.5")
    assert Settings.load(_env_file=None).voice_preload_timeout == 7.5
