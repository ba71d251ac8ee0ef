"""Play a file aloud with whatever player this machine has."""

import shutil
import subprocess
from pathlib import Path

from app.cli.errors import CommandFailed

PLAYERS = (
    ("ffplay", "-nodisp", "-autoexit", "-loglevel", "error"),
    ("paplay",),
    ("aplay", "-q"),
    ("afplay",),
)


def play(path: Path) -> None:
    """Play the file to its end with the first player found.

    Raises:
      CommandFailed: there is none, or it cannot play the file.
    """
    for command in PLAYERS:
        program = shutil.which(command[0])
        if program is not None:
            played = subprocess.run([program, *command[1:], str(path)], stdin=subprocess.DEVNULL, stdout=2, check=False)
            if played.returncode:
                raise CommandFailed(f"{command[0]} could not play {path}; the file is whole all the same.")
            return
    names = ", ".join(command[0] for command in PLAYERS)
    raise CommandFailed(f"No player was found to play {path}; install one of {names}.")
