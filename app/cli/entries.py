"""Lexicons as a command names or brings them."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from app.cli.errors import WrongUse
from app.domain.lexicons import is_lexicon_name


def checked_name(name: str) -> str:
    """
    Raises:
      WrongUse: no lexicon can have that name.
    """
    if not is_lexicon_name(name):
        raise WrongUse(f"{name!r} is no name of a lexicon: it has 1 to 64 letters, digits, - and _.")
    return name


def read_entries(file: str) -> Mapping[str, object]:
    """The words of a JSON file; `-` reads standard input.

    Raises:
      WrongUse: it cannot be read, or is no JSON object.
    """
    try:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        found = json.loads(content.decode("utf-8-sig"))
    except OSError as error:
        raise WrongUse(f"Cannot read {file}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise WrongUse(f"{file} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise WrongUse(f'{file} is no JSON object of words, such as {{"Nguyen": "win"}}.')
    return found


def named_or_read(value: str) -> str | Mapping[str, object]:
    """What `say --lexicon` names: a stored lexicon, or, where it has a dot or a slash, a file."""
    if "." in value or "/" in value:
        return read_entries(value)
    return checked_name(value)
