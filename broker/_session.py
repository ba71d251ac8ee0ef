"""What belongs to one process and must not pass to its forked children: claims and the worker process's part."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from ._answers import Answers, News
from ._clock import Clocks
from ._connection import Connections
from ._errors import BrokerError, unavailable
from ._held import Held
from ._process import WorkerProcess

LOGGER = logging.getLogger(__name__)


class Session:
    """The claims of this process and, from its first consumer on, its lock, socket and housekeeper.

    Parameters:
      connections: The database.
      clocks: The clocks.
      tell: Called after a commit with whom to wake.
      start_process: Makes this process a worker process.

    Attributes:
      stopping: True while a worker shuts down; nothing is claimed then.
    """

    def __init__(
        self,
        connections: Connections,
        *,
        clocks: Clocks,
        tell: Callable[[News], None],
        start_process: Callable[[Answers], WorkerProcess],
    ) -> None:
        self.held = Held()
        self.answers = Answers(connections, self.held, clocks, tell)
        self.process: WorkerProcess | None = None
        self.stopping = False
        self._start_process = start_process
        self._path = connections.path
        self._starting = threading.Lock()

    def worker_process(self) -> WorkerProcess:
        """This process's part as a worker; it starts at the first call.

        Raises:
          DatabaseUnavailable: its lock and socket cannot be made beside the database, or that cannot be written.
        """
        with self._starting:
            if self.process is None:
                try:
                    self.process = self._start_process(self.answers)
                except OSError as error:
                    raise unavailable(self._path, error) from error
            return self.process

    def set_stopping(self, stopping: bool) -> None:
        """Begin or end a shutdown, during which nothing is claimed."""
        self.stopping = stopping
        if stopping and self.process is not None:
            self.process.bells.ring_all()

    def close(self) -> None:
        """End the worker's part: what it still holds is freed for others."""
        with self._starting:
            process, self.process = self.process, None
        if process is None:
            return
        try:
            self.answers.flush()
        except BrokerError:
            LOGGER.exception("The last answers could not be written, their messages will run again.")
        finally:
            process.close()

    def forget(self) -> None:
        """Let go of the parent's lock and socket in a forked child."""
        if self.process is not None:
            self.process.forget()
