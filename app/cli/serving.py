"""`sayathing serve` and `sayathing worker`: the service's processes under one supervisor."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from app.settings import Settings

Threads = Annotated[
    int | None,
    typer.Option(min=1, max=256, help="Threads in each worker process; default: its engine calls at once, plus one."),
]
CORES_HELP = "Worker processes; default: one for each core."


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; default: SAYATHING_HOST.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port to listen on, 0 for a free one; default: SAYATHING_PORT.")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, max=256, help=CORES_HELP)] = None,
    threads: Threads = None,
    no_workers: Annotated[bool, typer.Option("--no-workers", help="Run the API and the dashboard only.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Announce the address as one line of JSON.")] = False,
) -> None:
    """Run the API, the dashboard and the workers. One Ctrl-C ends all in order, a second one at once."""
    from app.cli.environment import load_settings
    from app.cli.exposure import refuse_exposure
    from app.cli.listening import announce_once_answered, listen, url_of
    from app.cli.processes import api_spec, cores, end_within_seconds, worker_specs
    from app.cli.supervisor import Supervisor

    given = {"host": host, "port": port}
    settings = load_settings(**{name: value for name, value in given.items() if value is not None})
    _prepare(settings)
    refuse_exposure(settings)
    listener = listen(settings.host, settings.port)
    url = url_of(listener)
    count = 0 if no_workers else workers or cores()

    def announce() -> None:
        if as_json:
            print(json.dumps({"url": url, "dashboard": f"{url}/dashboard", "pid": os.getpid()}), flush=True)
        else:
            print(f"SayAThing listens on {url}  (dashboard: {url}/dashboard)", flush=True)

    supervisor = Supervisor(
        [api_spec(settings, listener), *worker_specs(settings, count=count, threads=threads)],
        end_within_seconds=end_within_seconds(settings),
        on_start=lambda: announce_once_answered(listener, announce),
        on_stop=listener.close,
    )
    raise typer.Exit(supervisor.run())


def worker(
    processes: Annotated[int | None, typer.Option(min=1, max=256, help=CORES_HELP)] = None,
    threads: Threads = None,
) -> None:
    """Run workers only. One Ctrl-C lets them finish what they hold, a second one ends them at once."""
    from app.cli.environment import load_settings
    from app.cli.processes import cores, end_within_seconds, worker_specs
    from app.cli.supervisor import Supervisor

    settings = load_settings()
    _prepare(settings)
    supervisor = Supervisor(
        worker_specs(settings, count=processes or cores(), threads=threads),
        end_within_seconds=end_within_seconds(settings),
    )
    raise typer.Exit(supervisor.run())


def _prepare(settings: Settings) -> None:
    """Send the logs out, make the data folder and look at the database in it.

    Raises:
      CommandFailed: nothing can be written there, or the database is damaged.
    """
    from app.cli.files import check_database_file, make_writable
    from app.observability import configure_logging

    configure_logging(settings.log_format, settings.log_level)
    for folder in (settings.data_dir, settings.audio_dir):
        make_writable(folder)
    check_database_file(settings.broker_path)
