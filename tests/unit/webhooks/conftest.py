import base64
from collections.abc import Iterator

import pytest

from actors.speech import FakeEngine
from app.settings import Settings
from tests.unit.actors.conftest import Workshop, logs_as_they_were
from tests.unit.webhooks.receiver import Receiver, a_receiver

__all__ = ["logs_as_they_were"]

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with a_receiver() as found:
        yield found


@pytest.fixture
def signing(settings: Settings) -> Settings:
    """Settings with a secret, over receivers on this machine."""
    return Settings.load(
        _env_file=None,
        data_dir=settings.data_dir,
        model_dir=settings.model_dir,
        webhook_secret=SECRET,
        webhook_allow_private=True,
        retry_min_seconds=0.01,
        retry_max_seconds=0.05,
        max_attempts=2,
        log_level="error",
    )


@pytest.fixture
def workshop(signing: Settings, logs_as_they_were: None) -> Iterator[Workshop]:
    workshop = Workshop(signing, FakeEngine())
    yield workshop
    workshop.stop()
    workshop.broker.close()
    workshop.bench.database.close()
