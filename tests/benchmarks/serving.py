"""An API process to be measured, and how long its answers take."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import httpx

from tests.support.processes import PROJECT, free_port


class Served:
    """One uvicorn over an application, its data in the folder."""

    def __init__(self, application: str, folder: Path, *, factory: bool, **settings: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "uvicorn", application, *(["--factory"] if factory else []),
             "--port", str(self.port), "--no-access-log", "--log-level", "warning", "--loop", "asyncio"],
            cwd=folder,
            env={
                "PATH": "/usr/bin:/bin", "PYTHONPATH": f"{PROJECT}:{folder}",
                "SAYATHING_DATA_DIR": str(folder / "data"), "SAYATHING_LOG_LEVEL": "warning",
                "SAYATHING_ENGINE": "espeak", "SAYATHING_MAX_QUEUED_TASKS": "100000000", **settings,
            },
        )  # fmt: skip
        give_up_at = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                if time.monotonic() > give_up_at:
                    raise
                time.sleep(0.1)
            else:
                return

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(30)


def timed(client: httpx.Client, paths: Iterable[str]) -> list[float]:
    """Milliseconds of each GET, one after the other."""
    figures = []
    for path in paths:
        begun = time.perf_counter()
        client.get(path).raise_for_status()
        figures.append((time.perf_counter() - begun) * 1000)
    return figures
