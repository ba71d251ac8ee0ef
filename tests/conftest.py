"""What every test stands on: settings of its own folder, and nothing from this machine's environment."""

import os
import signal
from pathlib import Path

import pytest

for name in [name for name in os.environ if name.startswith(("SAYATHING_", "TTS_", "VOICE_"))]:
    if not name.startswith("SAYATHING_TEST_"):
        del os.environ[name]

# A shell that starts the suite in the background lets it ignore Ctrl-C, nohup a hang-up, and programs under test would
# inherit that.
for ignored in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(ignored) is signal.SIG_IGN:
        signal.signal(ignored, signal.default_int_handler if ignored is signal.SIGINT else signal.SIG_DFL)

from app.settings import Settings  # noqa: E402  # the environment is cleared first


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.load(_env_file=None, data_dir=tmp_path / "data", model_dir=tmp_path / "models")


@pytest.fixture(autouse=True)
def away_from_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path in code under test lands in the test's folder, never in the project's."""
    monkeypatch.chdir(tmp_path)
