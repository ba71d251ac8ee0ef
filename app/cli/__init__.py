"""The `sayathing` command. Nothing heavy is imported before a command is chosen."""

import sys
from collections.abc import Sequence

if sys.version_info < (3, 11):  # noqa: UP036  # an older one that is asked to run us nevertheless fails anywhere
    sys.exit(
        f"sayathing: This needs Python 3.11 or newer, and {sys.executable} is older. Make the environment again with another: "
        "`make clean install PYTHON=/path/to/python3.12`."
    )

__all__ = ["main", "run"]


def main() -> None:
    """Run the command line of this process and exit with its status."""
    import sys

    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command; its exit status, as app.cli.errors lists them. What failed is told on standard error."""
    from app.cli.commands import run as run_command

    return run_command(arguments)
