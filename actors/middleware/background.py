"""A thread that lives as long as the worker."""

import threading
from abc import ABC, abstractmethod
from typing import Any

import structlog
from dramatiq import Broker, Middleware

log = structlog.get_logger(__name__)


class Background(Middleware, ABC):
    """Calls `turn` over and over, in a thread of the worker process, until the worker has shut down.

    A turn that raises is logged and tried again after `pause_seconds`: what it watches over outlives one error.
    """

    pause_seconds = 1.0

    def __init__(self) -> None:
        self._ended = threading.Event()

    @abstractmethod
    def turn(self, broker: Broker) -> None:
        """What the thread does over and over; it may wait, but not beyond the worker's end."""

    def after_worker_boot(self, broker: Broker, worker: Any) -> None:
        self._ended.clear()
        threading.Thread(target=self._run, args=(broker,), name=type(self).__name__, daemon=True).start()

    def after_worker_shutdown(self, broker: Broker, worker: Any) -> None:
        self._ended.set()

    def _run(self, broker: Broker) -> None:
        while not self._ended.is_set():
            try:
                self.turn(broker)
            except Exception:  # what it watches over outlives one error
                log.exception("background_turn_failed", thread=type(self).__name__)
                self._ended.wait(self.pause_seconds)
