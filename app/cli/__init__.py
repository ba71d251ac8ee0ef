"""The `sayathing` command. Nothing heavy is imported before a command is chosen."""

from collections.abc import Sequence

__all__ = ["main", "run"]


def main() -> None:
    """Run the command line of this process and exit with its status."""
    import sys

    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command; its exit status, as app.cli.errors lists them. What failed is told on standard error."""
    from app.cli.commands import run as run_command

    return run_command(arguments)
