"""Books and other documents as texts to be spoken: plain text, Markdown, HTML, EPUB. Only the command line reads them."""

from app.books.book import Book, Chapter, UnreadableBook
from app.books.reading import read_book

__all__ = ["Book", "Chapter", "UnreadableBook", "read_book"]
