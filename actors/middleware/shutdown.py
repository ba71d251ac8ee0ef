"""Makes a worker's end quick and clean."""

from typing import Any

from dramatiq import Broker, Middleware

from actors.workbench import Workbench


class Shutdown(Middleware):
    """Begins no engine call once the worker is told to end: what has not begun goes back to the queue, what
    runs may end within its time limit."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench

    def before_worker_shutdown(self, broker: Broker, worker: Any) -> None:
        self._bench.long_work.close()

    def after_worker_shutdown(self, broker: Broker, worker: Any) -> None:
        self._bench.engines.close()
        self._bench.database.close()
