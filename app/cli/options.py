"""Options that several commands have."""

from typing import Annotated

import typer

Url = Annotated[str | None, typer.Option(help="The service; default: where the settings say it listens.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
