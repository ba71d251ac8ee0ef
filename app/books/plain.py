"""Plain text: one chapter, or those that lines such as `CHAPTER II` begin."""

import re
from itertools import pairwise

from app.books.book import Book, Chapter

_NUMBER = (
    r"(?:\d{1,3}|[IVXLC]{1,8}|[ivxlc]{1,8}|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|"
    r"fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|twenty(?:[- ]\w+)?|the \w+)"
)
_CHAPTER = re.compile(
    rf"""(?:\A|(?<=\n))[ \t]*(?P<title>
      (?:chapter|part|book|volume|act|kapitel|teil|buch|chapitre|partie|livre|cap[ií]tulo|parte|libro|livro|capitolo|
         глава|часть|rozdzia[łl]|hoofdstuk|deel)[ ]{{1,3}}{_NUMBER}(?!\w)(?:[ ]?[.:–—-].{{0,70}})?
    | {_NUMBER}[.][ ](?:kapitel|teil)
    | prologue|epilogue|foreword|preface|introduction|afterword|prolog|epilog|vorwort|nachwort|prólogo|epílogo|épilogue
    | 第[〇零一二三四五六七八九十百千0-9０-９]{{1,6}}[章回節节部卷].{{0,40}}
    )[ \t]*(?=\r?\n[ \t]*\r?\n)""",
    re.IGNORECASE | re.VERBOSE,
)
_BLANK_BEFORE = re.compile(r"(?:\A|\n[ \t]*\r?\n[ \t]*)\Z")
_LEAST_CHARACTERS = 200
"""A chapter with less has only its title: a table of contents, or the title of a part."""


def plain_book(text: str) -> Book:
    """The book that a text is. Every character of it is in a chapter, but for the white space between two."""
    starts = [
        match
        for match in _CHAPTER.finditer(text)
        if _BLANK_BEFORE.search(text[max(0, match.start() - 200) : match.start()])
    ]
    places = [match.start() for match in starts]
    titles = [" ".join(match["title"].split()) for match in starts]
    if len(places) < 2:
        return Book((Chapter("", text),))
    if text[: places[0]].strip():
        places.insert(0, 0)
        titles.insert(0, _first_line(text))
    chapters: list[Chapter] = []
    waiting = ""
    for title, (start, end) in zip(titles, pairwise([*places, len(text)]), strict=True):
        piece = waiting + text[start:end]
        if len(piece.strip()) < _LEAST_CHARACTERS and end < len(text):
            waiting = piece
        else:
            chapters.append(Chapter(title, piece.strip()))
            waiting = ""
    return Book(tuple(chapters))


def _first_line(text: str) -> str:
    return text.lstrip().split("\n", 1)[0].strip()
