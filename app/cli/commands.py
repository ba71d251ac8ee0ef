"""The commands by name, and what becomes of their errors."""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from app.cli.doctor import doctor
from app.cli.errors import CommandFailed
from app.cli.fetching import audio
from app.cli.keys import keys
from app.cli.lexicons import lexicons
from app.cli.models import models
from app.cli.saying import say
from app.cli.serving import serve, worker
from app.cli.tasks import tasks
from app.cli.voices import voices

# Plain help and errors: one line that a script can read, and no rich before a command needs it.
cli = typer.Typer(
    name="sayathing",
    help="Durable text to speech: a service, its workers, and what asks them.",
    rich_markup_mode=None,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
cli.command()(serve)
cli.command()(worker)
cli.command()(say)
tasks.command()(audio)
cli.add_typer(tasks, name="tasks")
cli.command()(voices)
cli.add_typer(keys, name="keys")
cli.add_typer(lexicons, name="lexicons")
cli.add_typer(models, name="models")
cli.command()(doctor)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"sayathing {version('sayathing')}")
        raise typer.Exit


@cli.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None: ...


def run(arguments: Sequence[str]) -> int:
    """Run one command; its exit status. No error leaves this function but those that are mistakes of ours."""
    try:
        return _status(arguments)
    except CommandFailed as error:
        print(f"sayathing: {error}", file=sys.stderr)
        return error.status


def _status(arguments: Sequence[str]) -> int:
    try:
        cli(args=list(arguments), prog_name="sayathing")
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else 1
    return 0
