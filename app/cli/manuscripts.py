"""What is to be said, from a file: the request that a book becomes, and what a person should know about it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.errors import WrongUse

if TYPE_CHECKING:
    from app.books import Book
    from app.cli.documents import VoiceDocument


def read(file: Path) -> Book:
    """
    Raises:
      WrongUse: the file cannot be read; the message says why.
    """
    from app.books import UnreadableBook, read_book

    try:
        return read_book(file)
    except OSError as error:
        raise WrongUse(f"Cannot read {file}: {error.strerror}") from error
    except UnreadableBook as error:
        raise WrongUse(f"Cannot read {file}: {error}") from error


def as_one_text(book: Book) -> dict[str, object]:
    return {"text": book.text}


def as_items(book: Book) -> dict[str, object]:
    return {"items": [{"text": chapter.text} for chapter in book.chapters]}


def as_book(book: Book, file: Path) -> dict[str, object]:
    """The chapters as items of one M4B file. A book without a title is named after its file."""
    about: dict[str, object] = {"title": book.title or file.stem, "chapters": [one.title for one in book.chapters]}
    if book.author is not None:
        about["author"] = book.author
    if book.language is not None and len(book.language) <= 64:
        about["language"] = book.language
    return {**as_items(book), "format": "m4b", "book": about}


def tell_what_is_left_out(book: Book) -> None:
    if book.left_out:
        told = ", ".join(f"{name} ({count})" for name, count in sorted(book.left_out.items()))
        print(f"sayathing: not read aloud: {told}", file=sys.stderr)


def voice_for(language: str | None, voices: Callable[[], Sequence[VoiceDocument]]) -> str | None:
    """The voice for a book in another language than English, which the default voice speaks; None: the default.

    Tells on standard error which one it is.
    """
    if language is None or _family(language) == "en":
        return None
    able = [voice for voice in voices() if voice["available"] and _family(voice["language"]) == _family(language)]
    if not able:
        print(
            f"sayathing: the book is in {language!r}, and no voice here speaks it; the default voice reads it.",
            file=sys.stderr,
        )
        return None
    best = min(able, key=lambda voice: _rank(voice, language))
    print(f"sayathing: the book is in {language!r}: {best['id']} reads it; --voice takes another.", file=sys.stderr)
    return best["id"]


def _rank(voice: VoiceDocument, language: str) -> tuple[bool, str, bool]:
    """Natural voices by their grade first, then those of the very language."""
    spoken = voice["language"].lower()
    return voice["engine"] == "espeak", voice["grade"] or "Z", spoken != language and spoken != _family(language)


def _family(language: str) -> str:
    family = language.lower().split("-", 1)[0]
    return {"zh": "cmn", "no": "nb"}.get(family, family)
