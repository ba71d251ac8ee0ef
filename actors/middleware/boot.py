"""What a worker process does before it takes its first message."""

import os
import sys
from typing import Any

import structlog
from dramatiq import Broker, Middleware

from actors.freed_memory import keep_freed_memory
from actors.workbench import Workbench, worker_name
from app.observability import configure_logging, configure_tracing
from app.results import NewerSchema, migrate
from app.settings import Settings
from broker import SchemaTooNew

NICENESS = 10
"""Rendering takes all the cores there are; whoever answers a person on the same machine goes first."""

HOPELESS = 2
"""The status with which Dramatiq ends where its module cannot be imported: starting again will not help."""

log = structlog.get_logger(__name__)


class Boot(Middleware):
    """Sets up the logs and brings the tables up to date; a store that is too new ends the process in one line."""

    def __init__(self, bench: Workbench, settings: Settings) -> None:
        self._bench = bench
        self._settings = settings

    def after_process_boot(self, broker: Broker) -> None:
        os.nice(NICENESS)
        keep_freed_memory()

    def before_worker_boot(self, broker: Broker, worker: Any) -> None:
        configure_logging(self._settings.log_format, self._settings.log_level)
        configure_tracing("worker")
        try:
            migrate(self._bench.database)
            self._bench.broker.setup()
        except (NewerSchema, SchemaTooNew) as error:
            print(f"sayathing: {error}", file=sys.stderr)  # noqa: T201  # the last line of a process that ends
            sys.exit(HOPELESS)
        except Exception:  # Dramatiq would go on without the tables; a supervisor starts this process again
            log.exception("worker_cannot_start")
            sys.exit(1)
        log.info("worker_ready", worker=worker_name(), engine_calls=self._settings.engine_calls)
