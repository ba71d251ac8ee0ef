"""The command line in this process, and a fake service for it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from app.cli import run
from tests.unit.actors.conftest import logs_as_they_were
from tests.unit.cli.fake_service import FakeService, fake_service

__all__ = ["logs_as_they_were"]


@pytest.fixture
def service() -> Iterator[FakeService]:
    """A service that has one completed task."""
    with fake_service() as fake:
        yield fake


@dataclass
class Ended:
    status: int
    out: str
    err: str


Sayathing = Callable[..., Ended]


@pytest.fixture
def sayathing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, logs_as_they_were: None
) -> Sayathing:
    """Runs one command in this process. Nobody listens where the settings say."""
    monkeypatch.setenv("SAYATHING_PORT", "1")

    def call(*arguments: str) -> Ended:
        capsys.readouterr()
        status = run(arguments)
        told = capsys.readouterr()
        return Ended(status, told.out, told.err)

    return call
