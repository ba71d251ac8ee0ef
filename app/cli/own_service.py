"""A service that is started for one command, on the same data, and stopped in order after it."""

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from app.cli.children import SHIM
from app.cli.errors import NoService
from app.cli.processes import end_within_seconds
from app.settings import Settings

START_SECONDS = 120.0
LOG_LINES = 20


@contextmanager
def own_service(settings: Settings, *, workers: int | None) -> Iterator[str]:
    """The URL of a service that runs on a free port while the block does.

    Its logs are hidden unless it does not start. A second Ctrl-C while it ends, ends it at once.

    Parameters:
      workers: Worker processes; None: as many as `sayathing serve` would start.

    Raises:
      NoService: it does not start; its last log lines are in the message.
    """
    count = ["--workers", str(workers)] if workers is not None else []
    command = [sys.executable, "-P", "-m", "app.cli", "serve", "--host", "127.0.0.1", "--port", "0", "--json", *count]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(SHIM), str(os.getpid()), *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            env={**os.environ, "SAYATHING_ALLOWED_HOSTS": "127.0.0.1"},
            start_new_session=True,
        )
        assert process.stdout is not None
        try:
            yield _announced_url(process.stdout, log)
        finally:
            _end(process, end_within_seconds(settings))
            process.stdout.close()


def _announced_url(stdout: IO[bytes], log: IO[bytes]) -> str:
    ready, _, _ = select.select([stdout], [], [], START_SECONDS)
    line = stdout.readline() if ready else b""
    if line:
        return str(json.loads(line)["url"])
    log.seek(0)
    lines = log.read().decode(errors="replace").splitlines()[-LOG_LINES:]
    raise NoService("\n".join(["The service did not start:", *lines]))


def _end(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Stop the supervisor, which sees to all others; a moment longer than it takes for its own last resort."""
    for patience in (seconds + 5, 5.0):
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(patience)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            continue
        return
    process.kill()
    process.wait()
