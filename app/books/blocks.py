"""A page as blocks of text: what a person reads aloud of it, in the order of reading."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from app.books.decoding import without_controls
from app.books.elements import BLOCKS, HEADINGS, SILENT
from app.books.notes import is_note, is_note_mark, spoken_superscript
from app.books.tables import is_table_of_data, rows_of
from app.books.trees import Element, name_of

_PAGE_BREAKS = ("pagebreak", "doc-pagebreak")
_URL = re.compile(r"(?:https?://|mailto:)(?:www\.)?([^\s/?#]+)\S*\Z", re.IGNORECASE)
_PHONEMES = re.compile(r"/[^/\n]*[^\x00-\x7f][^/\n]*/")
_FILE_NAME = re.compile(r"\S+\.(?:jpe?g|png|gif|svg|webp|bmp|tiff?)", re.IGNORECASE)
_NO_ALTERNATIVE = frozenset({"image", "cover", "cover image", "picture", "photo", "img", "logo"})
_LINE = "\x00"
_ENDS = frozenset(".!?…:;,。！？：；，、।॥؟۔።。-–—")
_CLOSERS = "\"'”’»)]』」"
_STOPS = (("\u0900", "\u097f", "।"), ("\u3040", "\u30ff", "。"), ("\u3400", "\u9fff", "。"))

SCENE_BREAK = "* * *"


@dataclass(frozen=True, slots=True)
class Block:
    """`heading` is 1 to 6, or 0; `anchors` are the names by which links lead to it."""

    text: str
    heading: int = 0
    entry: bool = False
    anchors: tuple[str, ...] = ()


def text_of(blocks: Iterable[Block]) -> str:
    """The blocks as one text: a blank line between two, a line break between two entries of a list."""
    before: Block | None = None
    pieces: list[str] = []
    for block in blocks:
        if not block.text:
            continue
        if before is not None:
            pieces.append("\n" if before.entry and block.entry else "\n\n")
        pieces.append(block.text)
        before = block
    return "".join(pieces)


def blocks_of(root: Element, left_out: Counter[str], anchors: Collection[str] = ()) -> list[Block]:
    """What is read of the tree. `anchors` are the ids that are of interest; what is passed over is counted."""
    return _Page(left_out, anchors).read(root)


class _Page:
    def __init__(self, left_out: Counter[str], anchors: Collection[str], *, in_cell: bool = False) -> None:
        self._left_out = left_out
        self._wanted = anchors
        self._in_cell = in_cell
        self._blocks: list[Block] = []
        self._words: list[str] = []
        self._anchors: list[str] = []
        self._numbers: list[int | None] = []
        self._mark = ""
        self._entries = 0
        self._verbatim = 0
        self._heading = 0

    def read(self, root: Element) -> list[Block]:
        waiting: list[tuple[Element, bool]] = [(root, False)]
        while waiting:
            element, entered = waiting.pop()
            if entered:
                self._leave(element)
            elif self._enter(element):
                waiting.append((element, True))
                self._say(element.text)
                waiting += [(child, False) for child in reversed(element)]
                continue
            if element is not root:
                self._say(element.tail)
        self._end_block()
        if self._anchors:
            self._blocks.append(Block("", anchors=tuple(self._anchors)))
        return self._blocks

    def _say(self, text: str | None) -> None:
        if text:
            self._words.append(text.replace("\n", _LINE) if self._verbatim else text.replace(_LINE, ""))

    def _enter(self, element: Element) -> bool:
        """Whether what is inside is read, too."""
        name = name_of(element)
        if not name:
            return False
        if name in BLOCKS:
            self._end_block()
        self._notice_anchor(element)
        if name in SILENT or self._passed_over(element, name):
            return False
        if name == "table" and not self._in_cell and is_table_of_data(element):
            self._read_table(element)
            return False
        if name == "a":
            return self._enter_link(element)
        self._begin(element, name)
        return True

    def _passed_over(self, element: Element, name: str) -> bool:
        """Whether this is nothing to read; what stands for it is said."""
        kinds = f"{element.get('{http://www.idpf.org/2007/ops}type', '')} {element.get('epub:type', '')} {element.get('role', '')}"
        if any(kind in _PAGE_BREAKS for kind in kinds.lower().split()):
            return True
        style = (element.get("style") or "").replace(" ", "").lower()
        if element.get("hidden") is not None or element.get("aria-hidden") == "true" or "display:none" in style:
            return True
        if is_note(element, kinds):
            self._left_out["notes"] += 1
            return True
        if name in {"a", "sup"} and is_note_mark(element, kinds, "".join(self._words[-2:])):
            return True
        if name == "pre" and _is_code(element):
            self._left_out["code blocks"] += 1
            return True
        if name == "math":
            self._words.append(element.get("alttext") or "")
            self._left_out["formulas"] += not element.get("alttext")
            return True
        if name == "img":
            self._read_image(element)
        elif name == "br":
            self._words.append(_LINE)
        elif name == "hr" and "footnotes-sep" not in (element.get("class") or ""):
            self._end_block()
            self._words.append(SCENE_BREAK)
            self._end_block()
        return name in {"img", "br", "hr"}

    def _begin(self, element: Element, name: str) -> None:
        if name in HEADINGS:
            self._heading = HEADINGS[name]
        elif name == "pre":
            self._verbatim += 1
        elif name in {"ol", "ul", "menu", "dir"}:
            self._numbers.append(_whole(element.get("start"), 1) if name == "ol" else None)
        elif name == "li":
            self._entries += 1
            self._mark = self._number(element)
        elif name == "sup":
            self._words.append(_SUPERSCRIPT)
        elif name == "q":
            self._words.append("“")

    def _leave(self, element: Element) -> None:
        name = name_of(element)
        if name in BLOCKS:
            self._end_block()
        if name in HEADINGS:
            self._heading = 0
        elif name == "pre":
            self._verbatim -= 1
        elif name in {"ol", "ul", "menu", "dir"}:
            self._numbers.pop()
        elif name == "li":
            self._entries -= 1
            self._mark = ""
        elif name == "sup":
            self._raise_words()
        elif name == "q":
            self._words.append("”")

    def _raise_words(self) -> None:
        """What was said since the last mark, as superscript where it is a number."""
        if _SUPERSCRIPT not in self._words:
            return  # a block has ended since
        place = len(self._words) - 1 - self._words[::-1].index(_SUPERSCRIPT)
        self._words[place:] = [spoken_superscript("".join(self._words[place + 1 :]))]

    def _number(self, element: Element) -> str:
        number = self._numbers[-1] if self._numbers else None
        if number is None:
            return ""
        number = _whole(element.get("value"), number)
        self._numbers[-1] = number + 1
        return f"{number}. "

    def _enter_link(self, element: Element) -> bool:
        """A link is its text; one that shows its address is the name of the site."""
        text = (element.text or "").strip()
        address = _URL.match(text)
        if address is not None and not len(element):
            self._words.append(address[1])
            return False
        href = element.get("href") or ""
        if text and not len(element) and _PHONEMES.fullmatch(href):
            self._words.append(f"[{text}]({href})")
            return False
        return True

    def _read_image(self, element: Element) -> None:
        said = " ".join((element.get("alt") or "").split())
        if not said or _FILE_NAME.fullmatch(said) or said.lower() in _NO_ALTERNATIVE:
            self._left_out["images"] += element.get("alt") != ""
            return
        self._words.append(f" {said} ")

    def _read_table(self, table: Element) -> None:
        def cell_text(cell: Element) -> str:
            page = _Page(self._left_out, self._wanted, in_cell=True)
            blocks = page.read(cell)
            self._anchors += [anchor for block in blocks for anchor in block.anchors]
            return " ".join(text_of(blocks).split())

        for row in rows_of(table, cell_text):
            self._words.append(ended(row))
            self._end_block(entry=True)

    def _notice_anchor(self, element: Element) -> None:
        for anchor in (element.get("id"), element.get("name")):
            if anchor and anchor in self._wanted:
                self._anchors.append(anchor)

    def _end_block(self, *, entry: bool = False) -> None:
        text = _tidied("".join(self._words))
        self._words.clear()
        if not text:
            return
        if self._heading:
            text = " ".join(line if line[-1] in _ENDS else f"{line}." for line in text.split("\n")).removesuffix(
                "" if text[-1] in _ENDS else "."
            )
        elif self._entries:
            text, self._mark, entry = ended(self._mark + text), "", True
        self._blocks.append(Block(text, self._heading, entry, tuple(self._anchors)))
        self._anchors.clear()


_SUPERSCRIPT = "\x01"


def _tidied(text: str) -> str:
    lines = [" ".join(without_controls(line).split()) for line in text.split(_LINE)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines).strip())


def ended(text: str) -> str:
    """`text` with a full stop of its script where it ends without a mark, so that the next is not run into it."""
    last = text.rstrip(_CLOSERS)[-1:]
    if not last or last in _ENDS:
        return text
    return text + next((stop for first, past, stop in _STOPS if first <= last <= past), ".")


def _is_code(pre: Element) -> bool:
    about = f"{pre.get('class') or ''} {' '.join(parent.get('class') or '' for parent in _parents(pre))}".lower()
    return any(name_of(child) == "code" for child in pre) or any(
        mark in about for mark in ("highlight", "sourcecode", "programlisting", "language-")
    )


def _parents(element: Element) -> Iterator[Element]:
    parent = element.getparent()
    if parent is not None:
        yield parent


def _whole(value: str | None, default: int) -> int:
    return int(value) if value is not None and re.fullmatch(r"[0-9]{1,6}", value.strip()) else default
