"""`sayathing lexicons`: how words are said, kept in the service under names."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.errors import WrongUse
from app.cli.options import AsJson, Url
from app.cli.tables import print_json, print_table
from app.domain.lexicons import is_lexicon_name

if TYPE_CHECKING:
    from collections.abc import Mapping

lexicons = typer.Typer(help="List, show, store and delete lexicons: how words are said.", no_args_is_help=True)


def _checked(name: str) -> str:
    if not is_lexicon_name(name):
        raise WrongUse(f"{name!r} is no name of a lexicon: it has 1 to 64 letters, digits, - and _.")
    return name


Name = Annotated[str, typer.Argument(help="The lexicon's name: letters, digits, - and _.", callback=_checked)]


@lexicons.command("list")
def list_lexicons(url: Url = None, as_json: AsJson = False) -> None:
    """List the stored lexicons."""
    from app.cli.finding import needed_service

    with needed_service(url) as service:
        found = service.lexicons()
    if as_json:
        print_json({"lexicons": found})
        return
    rows = [
        (each["name"], str(each["entry_count"]), str(each["revision"]), each["updated_at"], each["version"][:12])
        for each in found
    ]
    print_table(("lexicon", "words", "revision", "changed", "version"), rows)


@lexicons.command()
def show(name: Name, url: Url = None, as_json: AsJson = False) -> None:
    """Show one lexicon with its words."""
    from app.cli.finding import needed_service

    with needed_service(url) as service:
        found = service.lexicon(name).lexicon
    if as_json:
        print_json(found)
    else:
        print_table(("word", "said"), list(found["entries"].items()))


@lexicons.command()
def put(
    name: Name,
    file: Annotated[str, typer.Argument(help="A JSON file of words and what is said for them; `-`: standard input.")],
    revision: Annotated[
        int | None,
        typer.Option(min=0, help="Only where this is the revision that is stored now; 0: where there is none."),
    ] = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Store a lexicon, in place of the one of that name."""
    from app.cli.finding import needed_service

    entries = read_entries(file)
    with needed_service(url) as service:
        stored = service.put_lexicon(name, entries, revision)
    if as_json:
        print_json(stored)
    else:
        print(f"{stored['name']}: {stored['entry_count']} words, revision {stored['revision']}")


@lexicons.command()
def delete(name: Name, url: Url = None, as_json: AsJson = False) -> None:
    """Delete a lexicon. Tasks that were accepted with it keep what they need."""
    from app.cli.finding import needed_service

    with needed_service(url) as service:
        service.delete_lexicon(name)
    if as_json:
        print_json({"deleted": name})
    else:
        print(f"{name}: deleted")


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
    return _checked(value)
