"""What a document becomes: a title, an author, and chapters of plain text."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

MOST_CHAPTERS = 1000
"""So many items may a task have."""

MOST_CHARACTERS = 500_000
"""A longer chapter becomes several: half of what an item may have by default."""

TITLE_CHARACTERS = 300


class UnreadableBook(Exception):
    """The document cannot be read aloud. `str(error)` says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Chapter:
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Book:
    """`language` is a BCP 47 tag in lower case. `left_out` counts what is not read aloud, by its plural name."""

    chapters: tuple[Chapter, ...]
    title: str | None = None
    author: str | None = None
    language: str | None = None
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def text(self) -> str:
        """All chapters in one."""
        return "\n\n".join(chapter.text for chapter in self.chapters)


def bound(book: Book) -> Book:
    """The book with no empty chapter, none too long, and no more of them than a task may have items.

    Raises:
      UnreadableBook: it has no text at all.
    """
    chapters = [part for chapter in book.chapters if chapter.text.strip() for part in _parts(chapter)]
    if not chapters:
        raise UnreadableBook("There is no text in it. Pages that are only pictures need to be recognised (OCR) first.")
    together = -(-len(chapters) // MOST_CHAPTERS)
    if together > 1:
        chapters = [_merged(chapters[first : first + together]) for first in range(0, len(chapters), together)]
    return replace(
        book,
        chapters=tuple(Chapter(_short(chapter.title) or str(n), chapter.text) for n, chapter in enumerate(chapters, 1)),
        title=_short(book.title or "") or None,
        author=_short(book.author or "") or None,
    )


def _short(title: str) -> str:
    return " ".join("".join(c for c in title if c.isprintable() or c.isspace()).split())[:TITLE_CHARACTERS].rstrip()


def _merged(chapters: list[Chapter]) -> Chapter:
    return Chapter(chapters[0].title, "\n\n".join(chapter.text for chapter in chapters))


def _parts(chapter: Chapter) -> Iterator[Chapter]:
    """The chapter, cut at ends of paragraphs where it is too long."""
    text, number = chapter.text.strip(), 1
    while len(text) > MOST_CHARACTERS:
        cut = text.rfind("\n\n", MOST_CHARACTERS // 2, MOST_CHARACTERS)
        cut = cut if cut > 0 else text.rfind(" ", MOST_CHARACTERS // 2, MOST_CHARACTERS)
        cut = cut if cut > 0 else MOST_CHARACTERS
        yield Chapter(_numbered(chapter.title, number), text[:cut].rstrip())
        text, number = text[cut:].lstrip(), number + 1
    if text:
        yield Chapter(_numbered(chapter.title, number) if number > 1 else chapter.title, text)


def _numbered(title: str, number: int) -> str:
    return f"{title} ({number})" if title else ""
