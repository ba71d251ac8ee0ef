"""From a file to a book: which kind it is, told by its name and its first bytes."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

from app.books.book import Book, UnreadableBook, bound
from app.books.decoding import decoded
from app.books.plain import plain_book

MAX_BYTES = 256 * 1024 * 1024
"""The largest file that is read."""

_MARKDOWN = frozenset({".md", ".markdown", ".mdown", ".mkd"})
_HTML = frozenset({".html", ".htm", ".xhtml", ".xht"})

_OTHERS = {
    b"%PDF": ("a PDF", "pdftotext (poppler-utils) or an EPUB of it"),
    b"{\\rtf": ("an RTF file", "pandoc"),
    b"\xd0\xcf\x11\xe0": ("an old Word file", "LibreOffice"),
}
_ZIP = b"PK\x03\x04"
_ZIPS = {"word/document.xml": "a Word file", "content.xml": "an OpenDocument file"}
_MOBI_AT, _MOBI = 60, (b"BOOKMOBI", b"TEXtREAd")


def read_book(path: Path) -> Book:
    """The book that a file holds. It takes memory of a few times the file's size.

    Raises:
      UnreadableBook: it is empty, broken, protected, too large, or of a kind that cannot be read.
      OSError: the file cannot be opened.
    """
    if path.is_file() and path.stat().st_size > MAX_BYTES:
        raise UnreadableBook(f"It is larger than {MAX_BYTES >> 20} MiB.")
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise UnreadableBook(f"It is larger than {MAX_BYTES >> 20} MiB.")
    return bound(_reader(path.suffix.lower(), content)(content))


def _reader(suffix: str, content: bytes) -> Callable[[bytes], Book]:
    if not content:
        raise UnreadableBook("The file is empty.")
    for start, (kind, how) in _OTHERS.items():
        if content.startswith(start):
            raise UnreadableBook(f"It is {kind}, which is not read here. Make text, HTML or EPUB of it with {how}.")
    if content[_MOBI_AT : _MOBI_AT + 8] in _MOBI:
        raise UnreadableBook(
            "It is a Mobipocket or Kindle book. Make an EPUB of it with Calibre, if it is not protected."
        )
    if content.startswith(_ZIP) and (other := _other_zip(content)) is not None:
        raise UnreadableBook(f"It is {other}, which is not read here. Make text of it: pandoc FILE -t plain -o NEW.txt")
    if suffix == ".epub" or content.startswith(_ZIP):
        from app.books.epub import epub_book

        return epub_book
    if suffix in _MARKDOWN:
        from app.books.markdown import markdown_book

        return markdown_book
    if suffix in _HTML:
        from app.books.html import html_book

        return html_book
    return lambda text: plain_book(decoded(text))


def _other_zip(content: bytes) -> str | None:
    """What a zip file is that is no EPUB, as far as its members tell."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = set(archive.namelist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError):  # its reader says what is wrong with it
        return None
    if "META-INF/container.xml" in members:
        return None
    return next((kind for member, kind in _ZIPS.items() if member in members), None)
