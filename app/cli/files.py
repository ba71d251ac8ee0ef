"""Folders that must be writable, a database that must open, and where the audio of `sayathing say` goes and how it gets there whole."""

import os
import re
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

from app.cli.errors import CommandFailed, WrongUse
from app.domain.audio_formats import AudioFormat

NAME_CHARACTERS = 40

_MARKUP = re.compile(r"\[pause:[^\]]*\]|\]\(/[^)]*/\)")
_WORD = re.compile(r"\w+")


def format_of(out: Path) -> AudioFormat | None:
    """The audio format that a file's suffix names; None where it has none.

    Raises:
      WrongUse: it names something else.
    """
    suffix = out.suffix.removeprefix(".").lower()
    if not suffix:
        return None
    try:
        return AudioFormat(suffix)
    except ValueError:
        known = ", ".join(f".{known}" for known in AudioFormat)
        raise WrongUse(f"{out}: {out.suffix} names no audio format; take one of {known}, or give --format.") from None


def name_for(text: str, task_id: str, audio_format: str) -> str:
    """A file name from the text's first words and the task's id, such as `nothing-is-lost-01K….wav`."""
    return "-".join((_words(text), task_id)).lstrip("-") + f".{audio_format}"


def _words(text: str) -> str:
    """The first words, as part of a file's name."""
    words: list[str] = []
    for match in _WORD.finditer(_MARKUP.sub(" ", text)):
        words.append(match[0].lower())
        if len("-".join(words)) > NAME_CHARACTERS:
            break
    return "-".join(words)[:NAME_CHARACTERS].rstrip("-")


def numbered_name(number: int, count: int, title: str, audio_format: str) -> str:
    """A file name such as `03-the-lamp.mp3`, so that the names of `count` files sort as they are numbered."""
    return "-".join((str(number).zfill(len(str(count))), _words(title))).rstrip("-") + f".{audio_format}"


def check_folder(folder: Path) -> None:
    """
    Raises:
      WrongUse: no file can be made in the folder.
    """
    if not folder.is_dir():
        raise WrongUse(f"There is no folder {folder}.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise WrongUse(f"Files cannot be made in the folder {folder}.")


def make_writable(folder: Path) -> None:
    """Make the folder where it is missing.

    Raises:
      CommandFailed: it cannot be made or written to; the message names it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        file = next(part for part in (folder, *folder.parents) if part.exists())
        raise CommandFailed(
            f"Cannot make the folder {folder}: {file} is a file; move it, or name another folder"
        ) from error
    except OSError as error:
        raise CommandFailed(f"Cannot make the folder {folder}: {error.strerror}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise CommandFailed(f"Cannot write to the folder {folder}: give its owner's rights to this user")


def check_database_file(path: Path) -> None:
    """A look at its first pages; what lies deeper, `sayathing doctor` finds.

    Raises:
      CommandFailed: there is a file, and it is no database; the message names it.
    """
    if not path.is_file():
        return
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except sqlite3.OperationalError as error:  # locked, or out of reach
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_CANTOPEN:
            return
        raise CommandFailed(f"Cannot open the database {path}: give its owner's rights to this user.") from error
    except sqlite3.DatabaseError as error:
        raise CommandFailed(
            f"The database {path} is damaged ({error}): restore a backup (docs/operations.md), or move it and the files "
            "beside it away to begin with none."
        ) from error


def write_over(path: Path, write: Callable[[BinaryIO], None]) -> Path:
    """`path`, holding what `write` wrote: all of it, or what it held before."""
    return _write(path, write, take=lambda whole: os.replace(whole, path))


def write_new(path: Path, write: Callable[[BinaryIO], None]) -> Path:
    """A file that was not there before, holding all that `write` wrote: `path`, or with a number in its name."""
    taken = path
    number = 1

    def take(whole: str) -> None:
        nonlocal taken, number
        while True:
            try:
                os.close(os.open(taken, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                number += 1
                taken = path.with_stem(f"{path.stem}-{number}")
            else:
                os.replace(whole, taken)
                return

    _write(path, write, take=take)
    return taken


def _write(path: Path, write: Callable[[BinaryIO], None], *, take: Callable[[str], None]) -> Path:
    whole: str | None = None
    try:
        descriptor, whole = tempfile.mkstemp(dir=path.parent, prefix=".sayathing-")
        with open(descriptor, "wb") as file:
            write(file)
        os.chmod(whole, 0o666 & ~_umask())
        take(whole)
        whole = None
    except OSError as error:
        raise CommandFailed(f"Cannot write {path}: {error.strerror}") from error
    finally:
        if whole is not None:
            os.unlink(whole)
    return path


def _umask() -> int:
    """The process's mask, which can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
