"""Tables row by row, each cell with the name of its column."""

import re
from collections.abc import Callable, Iterator

from app.books.trees import Element, name_of

_MOST_COLUMNS = 1000

CellText = Callable[[Element], str]


def is_table_of_data(table: Element) -> bool:
    """Whether it has rows and columns that mean something; else it only places things on a page."""
    if table.get("role") in {"presentation", "none"}:
        return False
    return any(sum(name_of(cell) in {"td", "th"} for cell in row) > 1 for row in _rows(table))


def rows_of(table: Element, text_of: CellText) -> Iterator[str]:
    """Its caption, then each row as it is read: `Name: Ann; Age: 7` below a head, else `Ann, 7`."""
    for child in table:
        if name_of(child) == "caption" and (caption := text_of(child)):
            yield caption
    head: dict[int, str] = {}
    for number, row in enumerate(_rows(table)):
        cells = list(_placed(row))
        if number == 0 and cells and all(name_of(cell) == "th" for _, cell in cells):
            head = {column: text_of(cell) for column, cell in cells}
            continue
        said = [(head.get(column, ""), text_of(cell)) for column, cell in cells]
        told = [f"{name}: {value}" if name else value for name, value in said if value]
        if told:
            yield ("; " if head else ", ").join(told)
    if head and not any(True for _ in _rows(table, skip=1)):
        yield ", ".join(name for name in head.values() if name)


def _rows(table: Element, skip: int = 0) -> Iterator[Element]:
    number = 0
    for child in table:
        for row in child if name_of(child) in {"thead", "tbody", "tfoot"} else (child,):
            if name_of(row) == "tr":
                if number >= skip:
                    yield row
                number += 1


def _placed(row: Element) -> Iterator[tuple[int, Element]]:
    """Each cell with its column."""
    column = 0
    for cell in row:
        if name_of(cell) in {"td", "th"} and column < _MOST_COLUMNS:
            yield column, cell
            span = cell.get("colspan") or "1"
            column += int(span) if re.fullmatch(r"[1-9][0-9]{0,2}", span) else 1
