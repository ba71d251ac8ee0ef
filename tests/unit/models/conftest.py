from collections.abc import Iterator
from pathlib import Path

import pytest

import app.models.inventory
import app.models.pulling
from app.models.sources import Sources
from tests.unit.models.fake_hub import FakeHub, fake_hub


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """A hub of small files, and a list that pins them instead of the real ones."""
    monkeypatch.setenv("NO_PROXY", "*")
    with fake_hub() as hub:
        for module in (app.models.inventory, app.models.pulling):
            monkeypatch.setattr(module, "shipped_pins", hub.pins)
        yield hub


@pytest.fixture
def naps() -> list[float]:
    """The waits between requests, in seconds; nobody waits."""
    return []


@pytest.fixture
def sources(hub: FakeHub, naps: list[float]) -> Sources:
    return Sources(endpoint=hub.url, sleep=naps.append)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "models"
