"""The table of contents of an EPUB: its navigation document, or the NCX of older ones."""

from collections.abc import Iterator
from dataclasses import dataclass

from app.books.archive import Archive, resolved
from app.books.book import UnreadableBook
from app.books.trees import Element, name_of, xhtml_tree

_MOST_DEPTH = 8
_TYPE = "{http://www.idpf.org/2007/ops}type"


@dataclass(frozen=True, slots=True)
class Entry:
    """A title, the member that it is in, and the place there. An entry without a place has `path` None."""

    title: str
    path: str | None
    fragment: str
    inner: tuple["Entry", ...]


def entries_of_navigation(archive: Archive, name: str) -> tuple[Entry, ...]:
    root = xhtml_tree(archive.text(name), name)
    for element in root.iter():
        if name_of(element) == "nav" and "toc" in (element.get(_TYPE) or element.get("epub:type") or "").split():
            lists = [child for child in element if name_of(child) == "ol"]
            return tuple(_listed(lists[0], name, _MOST_DEPTH)) if lists else ()
    return ()


def entries_of_ncx(archive: Archive, name: str) -> tuple[Entry, ...]:
    for element in archive.xml(name).iter():
        if name_of(element) == "navmap":
            return tuple(_points(element, name, _MOST_DEPTH))
    return ()


def _listed(entries: Element, base: str, depth: int) -> Iterator[Entry]:
    for item in entries:
        if name_of(item) != "li":
            continue
        inner: tuple[Entry, ...] = ()
        title, href = "", None
        for child in item:
            if name_of(child) in {"a", "span"} and not title:
                title, href = _words(child), child.get("href")
            elif name_of(child) == "ol" and depth > 1:
                inner = tuple(_listed(child, base, depth - 1))
        yield _entry(title, href, base, inner)


def _points(points: Element, base: str, depth: int) -> Iterator[Entry]:
    for point in points:
        if name_of(point) != "navpoint":
            continue
        title = next((_words(child) for child in point if name_of(child) == "navlabel"), "")
        href = next((child.get("src") for child in point if name_of(child) == "content"), None)
        yield _entry(title, href, base, tuple(_points(point, base, depth - 1)) if depth > 1 else ())


def _entry(title: str, href: str | None, base: str, inner: tuple[Entry, ...]) -> Entry:
    try:
        path, fragment = resolved(base, href) if href else (None, "")
    except UnreadableBook:
        path, fragment = None, ""  # a link to the web; what is read is the spine's alone
    return Entry(title, path, fragment, inner)


def _words(element: Element) -> str:
    return " ".join("".join(element.itertext()).split())
