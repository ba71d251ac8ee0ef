"""Real processes of the service, for tests and benchmarks: started, killed with -9, started again."""

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import httpx

PROJECT = Path(__file__).parents[2]
PATIENCE_SECONDS = 120.0

T = TypeVar("T")


def until(ask: Callable[[], T], *, seconds: float = PATIENCE_SECONDS, every: float = 0.05) -> T:
    """The first true answer of `ask`; fails the test where none comes in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := ask():
            return answer
        time.sleep(every)
    raise AssertionError(f"still waiting for {ask} after {seconds} s")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _end_with_parent() -> None:
    """Have the kernel end the process with the test that started it, however that ends."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Child:
    """A process in a group of its own, so that all it started can be ended with it."""

    def __init__(self, arguments: list[str], environment: Mapping[str, str], log: Path) -> None:
        self.arguments = arguments
        self.environment = {**os.environ, **environment}
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._log_start = log.tell()
            self.process = subprocess.Popen(
                self.arguments,
                cwd=PROJECT,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_end_with_parent,
            )

    def has_logged(self, event: str) -> bool:
        """Whether this life of the process has logged the event."""
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            return f'"event": "{event}"'.encode() in log.read()

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """`kill -9` for the process and everything it started."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        assert self.process is not None
        self.process.wait()

    def stop(self, seconds: float = 60.0) -> int:
        """SIGTERM, and wait for the end; its exit status."""
        assert self.process is not None
        if self.alive:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def logged(self, event: str) -> list[dict[str, Any]]:
        """The JSON log lines of an event, of all lives of this process."""
        found = []
        for line in self.log.read_text(errors="replace").splitlines():
            with suppress(ValueError):
                entry = json.loads(line)
                if isinstance(entry, dict) and entry.get("event") == event:
                    found.append(entry)
        return found


class Service:
    """An API process and workers over one data folder."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            "SAYATHING_DATA_DIR": str(folder / "data"),
            "SAYATHING_MODEL_DIR": str(folder / "models"),
            "SAYATHING_LOG_FORMAT": "json",
            "SAYATHING_RETRY_MIN_SECONDS": "0.1",
            **settings,
        }
        api = ["-m", "uvicorn", "--factory", "app.main:app_from_environment", "--port", str(self.port)]
        self.api = Child([sys.executable, *api, "--log-level", "warning"], self.environment, folder / "api.log")
        self.workers: list[Child] = []

    @property
    def database_path(self) -> Path:
        return self.folder / "data" / "sayathing.db"

    def add_worker(self, threads: int = 2) -> Child:
        command = [sys.executable, "-m", "dramatiq", "actors", "--processes", "1", "--threads", str(threads)]
        worker = Child(command, self.environment, self.folder / f"worker-{len(self.workers)}.log")
        worker.start()
        self.workers.append(worker)
        return worker

    def start_api(self) -> None:
        self.api.start()
        self.wait_for_api()

    def wait_for_api(self) -> None:
        until(self.answers)

    def answers(self) -> bool:
        with suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/livez", timeout=5).status_code == 200
        return False

    def post(self, **body: object) -> dict[str, Any]:
        answer = httpx.post(f"{self.url}/api/tts", json=body, timeout=60)
        assert answer.status_code == 202, answer.text
        return dict(answer.json())

    def task(self, task_id: str) -> dict[str, Any]:
        answer = httpx.get(f"{self.url}/tasks/{task_id}", timeout=60)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def finished(self, task_id: str, *, seconds: float = PATIENCE_SECONDS) -> dict[str, Any]:
        """The task once it has ended."""

        def ended() -> dict[str, Any] | None:
            task = self.task(task_id)
            return task if task["state"] in {"completed", "cancelled", "discarded"} else None

        task = until(ended, seconds=seconds)
        assert task is not None
        return task

    def logged(self, event: str) -> list[dict[str, Any]]:
        return [entry for worker in self.workers for entry in worker.logged(event)]

    def kill(self) -> None:
        for child in (self.api, *self.workers):
            if child.process is not None:
                child.kill()


@contextmanager
def running_service(folder: Path, *, workers: int = 1, threads: int = 2, **settings: str) -> Iterator[Service]:
    """A service with its API and workers; killed when the block ends, whatever happened in it."""
    service = Service(folder, **settings)
    try:
        service.start_api()
        for _ in range(workers):
            service.add_worker(threads)
        yield service
    finally:
        service.kill()
