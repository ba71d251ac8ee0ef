"""`sayathing lexicons`: how words are said, kept in the service under names."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.entries import checked_name, read_entries
from app.cli.options import AsJson, Url
from app.cli.tables import print_json, print_table

lexicons = typer.Typer(help="List, show, store and delete lexicons: how words are said.", no_args_is_help=True)


Name = Annotated[str, typer.Argument(help="The lexicon's name: letters, digits, - and _.", callback=checked_name)]


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
