"""Lists for people: aligned columns on standard output, the last one folded to the width of a terminal."""

import json
import sys
from collections.abc import Sequence

PIPE_CHARACTERS = 1000
"""Where nobody looks, each row stays whole and on one line."""


def print_json(document: object) -> None:
    """One JSON document on standard output."""
    print(json.dumps(document, ensure_ascii=False, indent=2))


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """The rows in aligned columns."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_edge=False)
    for heading in headings:
        table.add_column(heading, no_wrap=heading != headings[-1])
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console(width=None if sys.stdout.isatty() else PIPE_CHARACTERS).print(table)
