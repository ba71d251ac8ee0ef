"""`sayathing models`: fetch the models that Kokoro's voices need, and look them over."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.errors import CommandFailed, Interrupted, NoService, WrongUse
from app.cli.options import AsJson
from app.cli.tables import print_json, print_table
from app.domain.model_files import Precision

if TYPE_CHECKING:
    from app.models import Asset, Found, Inventory

MB = 1_000_000

models = typer.Typer(help="Fetch the models that Kokoro's voices need, and look them over.", no_args_is_help=True)


@models.command()
def pull(
    precision: Annotated[
        Precision | None, typer.Option(help="Of the model's weights; default: the one that is here, else fp32.")
    ] = None,
    languages: Annotated[
        str | None, typer.Option(help="Only voices of these languages, such as `en,fr`; default: all.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Fetch what is missing or damaged. What is here and whole is not fetched again; what was begun goes on."""
    from app.cli.environment import load_settings
    from app.cli.pull_progress import shown_pull
    from app.models import (
        ModelsError,
        SourceAway,
        UnknownLanguage,
        Wanted,
        precision_here,
        voices_of_languages,
    )
    from app.models import pull as pull_models

    model_dir = load_settings().model_dir
    precision = precision or precision_here(model_dir)
    try:
        wanted = Wanted(precision, voices_of_languages(languages)) if languages is not None else Wanted(precision)
        with shown_pull() as watcher:
            pulled = pull_models(model_dir, wanted, watcher)
    except KeyboardInterrupt:
        raise Interrupted("Stopped; the next `sayathing models pull` goes on from here.") from None
    except UnknownLanguage as error:
        raise WrongUse(str(error)) from error
    except SourceAway as error:
        raise NoService(str(error)) from error
    except ModelsError as error:
        raise CommandFailed(str(error)) from error
    if as_json:
        print_json({"model_dir": str(model_dir), "fetched": list(pulled.fetched), "kept": list(pulled.kept)})
    else:
        typer.echo(f"{model_dir}: {len(pulled.fetched)} fetched, {len(pulled.kept)} were here; all are verified")
    used = precision_here(model_dir)
    if used is not precision:
        print(f"Workers take the best precision that is here, which is {used}.", file=sys.stderr)


@models.command("list")
def list_models(as_json: AsJson = False) -> None:
    """List what is here, what is missing and what is damaged. Exit status 1 where something is damaged."""
    from app.cli.environment import load_settings
    from app.models import ModelsError, look_over

    try:
        inventory = look_over(load_settings().model_dir)
    except ModelsError as error:
        raise CommandFailed(str(error)) from error
    if as_json:
        print_json(_document(inventory))
    else:
        print_table(("what", "state", "MB", "where"), _rows(inventory))
        if inventory.in_use is None:
            typer.echo("Kokoro cannot speak yet; `sayathing models pull` fetches what it needs.", err=True)
    if inventory.damaged:
        raise CommandFailed(
            f"Not what it should be: {', '.join(inventory.damaged)}. `sayathing models pull` fetches it again."
        )


def _document(inventory: Inventory) -> dict[str, object]:
    kokoro, spacy = inventory.pins.kokoro, inventory.pins.spacy
    return {
        "model_dir": str(inventory.model_dir),
        "in_use": inventory.in_use,
        "sources": {"kokoro": {"repository": kokoro.repository, "revision": kokoro.revision}, "spacy": spacy.url},
        "models": [
            {
                "name": asset.name,
                "language": asset.language,
                "state": found.state,
                "bytes": found.bytes,
                "download": {"bytes": asset.pin.bytes, "sha256": asset.pin.sha256},
            }
            for asset, found in inventory.assets
        ],
    }


def _rows(inventory: Inventory) -> list[tuple[str, str, str, str]]:
    """One row for the voices of a language that are alike, and one for each other thing."""
    alike: dict[tuple[str, str], list[tuple[Asset, Found]]] = {}
    for asset, found in inventory.assets:
        alike.setdefault((_what(asset), found.state), []).append((asset, found))
    return [(*what, _megabytes(same), _where(same, inventory.in_use)) for what, same in sorted(alike.items())]


def _what(asset: Asset) -> str:
    from app.models import KokoroFile

    if not isinstance(asset, KokoroFile):
        return "spaCy en"
    if asset.precision is not None:
        return f"model {asset.precision}"
    return f"voices {asset.language}" if asset.voice is not None else "tokenizer"


def _where(same: list[tuple[Asset, Found]], in_use: str | None) -> str:
    from app.models import KokoroFile

    voices = [asset.voice for asset, _ in same if isinstance(asset, KokoroFile) and asset.voice is not None]
    name = same[0][0].name
    return " ".join(voices) if voices else name + (" (in use)" if name == in_use else "")


def _megabytes(same: list[tuple[Asset, Found]]) -> str:
    """What is there; where nothing is, what would be fetched."""
    total = sum((asset.pin.bytes if found.bytes is None else found.bytes) or 0 for asset, found in same)
    return f"{total / MB:.1f}" if total else ""
