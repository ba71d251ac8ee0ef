"""Which processes make up the service, and how each of them ends."""

import os
import socket
import sys

from app.cli.api_child import API_STOP_SECONDS
from app.cli.children import ChildSpec
from app.settings import Settings

GRACE_SECONDS = 10.0
"""Beyond the time limit of one segment: the API's last responses, and the pauses in Dramatiq's own way of ending."""

API_HOPELESS = frozenset({2, 3})  # a bad setting, a start that failed
WORKER_HOPELESS = frozenset({2})  # Dramatiq's RET_IMPORT: the actors cannot be imported

_PYTHON = (sys.executable, "-P", "-m")  # -P: a folder that happens to be called `actors` where we stand is not ours


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0))


def end_within_seconds(settings: Settings) -> float:
    """From the first Ctrl-C until the last process is killed: the segments in hand may be finished."""
    return settings.tts_generation_timeout + GRACE_SECONDS


def api_spec(settings: Settings, listener: socket.socket) -> ChildSpec:
    """The API on a bound socket. It is stopped first: nothing new comes while the workers finish."""
    return ChildSpec(
        name="api",
        argv=(*_PYTHON, "app.cli.api_child", str(listener.fileno())),
        stage=0,
        patience_seconds=API_STOP_SECONDS,
        hopeless=API_HOPELESS,
        environment=_environment(settings),
        descriptors=(listener.fileno(),),
    )


def worker_specs(settings: Settings, *, count: int, threads: int | None) -> list[ChildSpec]:
    """`count` worker processes, each under a Dramatiq of its own, so that one that dies takes no other with it.

    Parameters:
      threads: Threads a process; None: as many as it may make engine calls at once, and one for short work beside.
    """
    threads = threads if threads is not None else settings.engine_calls + 1
    shutdown = str(int(settings.tts_generation_timeout * 1000))
    dramatiq = (
        *(*_PYTHON, "dramatiq", "actors", "--processes", "1", "--threads", str(threads)),
        *("--worker-shutdown-timeout", shutdown, "--skip-logging"),
        "--path",  # none: Dramatiq would put the folder where we stand before all others
    )
    return [
        ChildSpec(
            name=f"worker-{number}",
            argv=dramatiq,
            stage=1,
            hopeless=WORKER_HOPELESS,
            environment=_environment(settings),
        )
        for number in range(1, count + 1)
    ]


def _environment(settings: Settings) -> dict[str, str]:
    """Workers log through pipes of Dramatiq's and see no terminal, so children are told whether we do."""
    on_terminal = settings.log_format == "console" or (settings.log_format == "auto" and sys.stderr.isatty())
    return {"SAYATHING_LOG_FORMAT": "console" if on_terminal else "json"}
