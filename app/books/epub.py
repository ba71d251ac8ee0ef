"""EPUB 2 and 3: the spine says what is read, the table of contents where chapters begin."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from app.books.archive import Archive, resolved
from app.books.blocks import Block, blocks_of, text_of
from app.books.book import Book, Chapter, UnreadableBook
from app.books.contents import Entry, entries_of_navigation, entries_of_ncx
from app.books.html import language_of
from app.books.trees import Element, name_of, xhtml_tree

_CONTAINER = "META-INF/container.xml"
_PAGES = frozenset({"application/xhtml+xml", "text/html", "application/x-dtbook+xml", "text/x-oeb1-document"})

_LONG_CHAPTER = 60_000
"""Characters, about an hour: an entry with more is taken apart into the entries below it."""


def epub_book(content: bytes) -> Book:
    """
    Raises:
      UnreadableBook: it is protected, broken, or no EPUB.
    """
    archive = Archive(content)
    if _CONTAINER not in archive:
        raise UnreadableBook("It is a zip file, but no EPUB: META-INF/container.xml is not in it.")
    package = _Package(archive, _package_name(archive))
    entries = package.contents()
    left_out: Counter[str] = Counter()
    pages = package.pages(_anchors(entries), left_out)
    title = package.told("title")
    return Book(
        tuple(_chapters(pages, entries, title or "")),
        title=title,
        author=package.authors(),
        language=language_of(package.told("language")),
        left_out=left_out,
    )


def _package_name(archive: Archive) -> str:
    for element in archive.xml(_CONTAINER).iter():
        if name_of(element) == "rootfile" and element.get("full-path"):
            return resolved("", element.get("full-path") or "")[0]
    raise UnreadableBook(f"{_CONTAINER} names no book. The file is broken; get it again.")


@dataclass(frozen=True, slots=True)
class _Page:
    path: str
    blocks: list[Block]


class _Package:
    def __init__(self, archive: Archive, name: str) -> None:
        self._archive = archive
        self._name = name
        self._root = archive.xml(name)
        self._items: dict[str, Element] = {
            element.get("id") or "": element for element in self._elements("item") if element.get("href")
        }

    def _elements(self, name: str) -> Iterator[Element]:
        return (element for element in self._root.iter() if name_of(element) == name)

    def told(self, name: str) -> str | None:
        """The first of the book's own facts of that name."""
        return next((words for element in self._elements(name) if (words := _words(element))), None)

    def authors(self) -> str | None:
        """All creators that are authors, or of whom nothing is said."""
        roles = {
            (element.get("refines") or "").removeprefix("#"): _words(element)
            for element in self._elements("meta")
            if element.get("property") == "role"
        }
        opf = "{http://www.idpf.org/2007/opf}role"
        names = [
            _words(element)
            for element in self._elements("creator")
            if (element.get(opf) or roles.get(element.get("id") or "") or "aut") == "aut"
        ]
        return ", ".join(name for name in names if name) or None

    def contents(self) -> tuple[Entry, ...]:
        for item in self._items.values():
            is_navigation = "nav" in (item.get("properties") or "").split()
            if is_navigation and (entries := entries_of_navigation(self._archive, self._path(item))):
                return entries
        for item in self._items.values():
            if item.get("media-type") == "application/x-dtbncx+xml" and self._path(item) in self._archive:
                return entries_of_ncx(self._archive, self._path(item))
        return ()

    def pages(self, anchors: Mapping[str, set[str]], left_out: Counter[str]) -> list[_Page]:
        """The pages of the spine in their order, each once."""
        pages: dict[str, _Page] = {}
        for reference in self._elements("itemref"):
            item = self._items.get(reference.get("idref") or "")
            if item is None:
                raise UnreadableBook(
                    f"{self._name} puts a page into its order that it does not have. The file is broken."
                )
            path = self._path(item)
            beside = reference.get("linear") == "no" or "nav" in (item.get("properties") or "").split()
            if beside or path in pages or item.get("media-type") not in _PAGES:
                continue
            tree = xhtml_tree(self._archive.text(path), path)
            pages[path] = _Page(path, blocks_of(tree, left_out, anchors.get(path, ())))
        if not pages:
            raise UnreadableBook(f"{self._name} has no pages in its order. The file is broken, or made of pictures.")
        return list(pages.values())

    def _path(self, item: Element) -> str:
        return resolved(self._name, item.get("href") or "")[0]


def _words(element: Element) -> str:
    return " ".join("".join(element.itertext()).split())


def _anchors(entries: Iterable[Entry]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    waiting = list(entries)
    while waiting:
        entry = waiting.pop()
        if entry.path is not None and entry.fragment:
            found[entry.path].add(entry.fragment)
        waiting += entry.inner
    return found


def _chapters(pages: Sequence[_Page], entries: Sequence[Entry], title: str) -> Iterator[Chapter]:
    blocks = [block for page in pages for block in page.blocks]
    places = _places(pages)
    sizes = list(accumulate((len(block.text) for block in blocks), initial=0))
    marks = _marks(entries, len(blocks), places, sizes)
    if not marks:
        marks = list(_marks_of_headings(pages))
    if marks[0][0] > 0:
        first = next((block.text for block in blocks[: marks[0][0]] if block.heading), title)
        marks.insert(0, (0, first))
    ends = [place for place, _ in marks[1:]] + [len(blocks)]
    for (start, name), end in zip(marks, ends, strict=True):
        yield Chapter(name or title, text_of(blocks[start:end]))


def _places(pages: Sequence[_Page]) -> dict[tuple[str, str], int]:
    """The number of the block at which each page, and each place of interest in it, begins."""
    places: dict[tuple[str, str], int] = {}
    number = 0
    for page in pages:
        places[page.path, ""] = number
        for block in page.blocks:
            for anchor in block.anchors:
                places.setdefault((page.path, anchor), number)
            number += 1
    return places


def _marks(
    entries: Sequence[Entry], end: int, places: Mapping[tuple[str, str], int], sizes: Sequence[int]
) -> list[tuple[int, str]]:
    """Where chapters begin and what they are called, rising: the entries, and those below a long one."""
    found = sorted(
        ((place, entry) for entry in entries if (place := _place_of(entry, places)) is not None),
        key=lambda mark: mark[0],
    )
    marks: dict[int, str] = {}
    ends = [*(place for place, _ in found[1:]), end] if found else []
    for (place, entry), until in zip(found, ends, strict=True):
        marks.setdefault(place, entry.title)
        if entry.inner and sizes[until] - sizes[place] > _LONG_CHAPTER:
            for inner, title in _marks(entry.inner, until, places, sizes):
                marks.setdefault(inner, title)
    return sorted(marks.items())


def _place_of(entry: Entry, places: Mapping[tuple[str, str], int]) -> int | None:
    """Where an entry begins; one that leads nowhere begins with the first below it."""
    if entry.path is not None and (entry.path, "") in places:
        return places.get((entry.path, entry.fragment), places[entry.path, ""])
    inner = [place for child in entry.inner if (place := _place_of(child, places)) is not None]
    return min(inner, default=None)


def _marks_of_headings(pages: Sequence[_Page]) -> Iterator[tuple[int, str]]:
    """Without a table of contents: each page with a heading begins a chapter, and so does the first."""
    number = 0
    for page in pages:
        heading = next((block.text for block in page.blocks if block.heading), None)
        if heading is not None or number == 0:
            yield number, heading or ""
        number += len(page.blocks)
