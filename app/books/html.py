"""An HTML page as a book: chapters are what its headings begin."""

from collections import Counter

from app.books.blocks import Block, blocks_of, text_of
from app.books.book import Book, Chapter
from app.books.decoding import decoded_markup
from app.books.trees import Element, html_tree, name_of


def html_book(content: bytes) -> Book:
    """
    Raises:
      UnreadableBook: its encoding is another than it says, or there is nothing in it.
    """
    root = html_tree(decoded_markup(content), "the page")
    left_out: Counter[str] = Counter()
    blocks = blocks_of(_what_matters(root), left_out)
    title = " ".join("".join(found.itertext()).split()) if (found := _first(root, "title")) is not None else None
    return Book(
        chapters_by_headings(blocks, title or ""),
        title=title or None,
        author=_meta(root, "author"),
        language=language_of(root.get("lang") or root.get("{http://www.w3.org/XML/1998/namespace}lang")),
        left_out=left_out,
    )


def chapters_by_headings(blocks: list[Block], title: str) -> tuple[Chapter, ...]:
    """Chapters at the highest level of heading that there are several of; what is before the first goes with it,
    unless it is more than headings."""
    levels = Counter(block.heading for block in blocks if block.heading)
    level = next((level for level in (1, 2, 3) if levels[level] > 1), None)
    starts = [n for n, block in enumerate(blocks) if block.heading and block.heading == level]
    if not starts:
        first = next((block.text for block in blocks if block.heading), title)
        return (Chapter(title or first, text_of(blocks)),)
    chapters = []
    if any(not block.heading for block in blocks[: starts[0]]):
        first = next((block.text for block in blocks if block.heading), title)
        own = first if blocks[starts[0]].text != first else title
        chapters.append(Chapter(own or title, text_of(blocks[: starts[0]])))
        begin = starts[0]
    else:
        begin = 0
    ends = [*starts[1:], len(blocks)]
    for start, end in zip(starts, ends, strict=True):
        chapters.append(Chapter(blocks[start].text, text_of(blocks[begin if start == starts[0] else start : end])))
    return tuple(chapters)


def language_of(tag: str | None) -> str | None:
    """A BCP 47 tag in lower case; None for what is none."""
    said = (tag or "").strip().replace("_", "-").lower()
    return said if said and said.replace("-", "").isalnum() and said.isascii() and said != "und" else None


def _what_matters(root: Element) -> Element:
    """The one `main` or `article`, where there is one: the rest is the site's."""
    for name in ("main", "article"):
        found = [element for element in root.iter() if name_of(element) == name]
        if len(found) == 1:
            return found[0]
    return root


def _first(root: Element, name: str) -> Element | None:
    return next((element for element in root.iter() if name_of(element) == name), None)


def _meta(root: Element, name: str) -> str | None:
    for element in root.iter():
        if name_of(element) == "meta" and (element.get("name") or "").lower() == name:
            return (element.get("content") or "").strip() or None
    return None
