"""What Dramatiq's own tests import from the `common` beside them, which its source distribution leaves out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from dramatiq import Worker
from pika import PlainCredentials

RABBITMQ_CREDENTIALS = PlainCredentials("nobody", "nothing")  # never shown to a server

skip_in_ci = pytest.mark.filterwarnings("default")  # skips nothing
skip_on_pypy = skip_in_ci
skip_on_windows = skip_in_ci


@contextmanager
def worker(*args: Any, **settings: Any) -> Iterator[Worker]:
    worker = Worker(*args, **settings)
    try:
        worker.start()
        yield worker
    finally:
        worker.stop()
