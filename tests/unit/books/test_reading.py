"""Files of all kinds: what they are taken for, and what is said of those that cannot be read."""

import codecs
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.books import Book, UnreadableBook, read_book
from app.books.book import MOST_CHAPTERS, MOST_CHARACTERS, bound
from app.books.plain import plain_book
from tests.unit.books.epubs import epub, navigation, page, zipped

BODY = "It was a dark and stormy night, and nobody was on the road. " * 6


def written(folder: Path, name: str, content: bytes | str) -> Book:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_book(path)


def refused(folder: Path, name: str, content: bytes | str) -> str:
    with pytest.raises(UnreadableBook) as caught:
        written(folder, name, content)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.png", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "no text"),
        ("a", bytes(n * 7 % 255 + 1 for n in range(1000)), "no text"),
        ("a.md", b"\x7fELF\x02\x01\x01\x00", "no text"),
        ("a.docx", zipped({"word/document.xml": "<w:document/>"}), "a Word file"),
        ("a.odt", zipped({"content.xml": "<office/>"}), "an OpenDocument file"),
        ("a.txt", b"", "The file is empty."),
    ],
    ids=["png", "noise", "program", "docx", "odt", "empty"],
)
def test_what_is_no_text_is_told_as_what_it_is(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    found = refused(tmp_path, name, content)
    assert told in found
    assert "iconv" not in found
    assert ("pandoc" in found) == name.endswith((".docx", ".odt"))


def test_a_text_with_a_stray_control_character_is_still_one(tmp_path: Path) -> None:
    assert written(tmp_path, "a.txt", "A bell\x07 rings.\f").text == "A bell\x07 rings."


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_plain_text_is_kept_as_it_is(tmp_path: Path, encoding: str) -> None:
    book = written(tmp_path, "a.txt", "Grüße,\n  世界!\n".encode(encoding))
    assert [(one.title, one.text) for one in book.chapters] == [("1", "Grüße,\n  世界!")]


def test_a_wrong_encoding_is_named_with_a_way_out(tmp_path: Path) -> None:
    told = refused(tmp_path, "a.txt", "Grüße".encode("latin-1"))
    assert "not UTF-8 (byte 2)" in told
    assert "iconv" in told
    assert "not UTF-8" in refused(tmp_path, "a.html", "<p>Grüße</p>".encode("latin-1"))


def test_a_page_is_read_in_the_encoding_that_it_names(tmp_path: Path) -> None:
    html = '<meta charset="iso-8859-1"><p>“Grüße” €</p>'.encode("windows-1252")
    assert written(tmp_path, "a.html", html).text == "“Grüße” €"
    xhtml = '<?xml version="1.0" encoding="utf-16"?><html><body><p>Grüße</p></body></html>'
    assert written(tmp_path, "a.xhtml", codecs.BOM_UTF16_LE + xhtml.encode("utf-16-le")).text == "Grüße"
    assert "nobody knows" in refused(tmp_path, "a.html", b'<meta charset="klingon"><p>a</p>')


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.txt", b" \n\n ", "no text"),
        ("a.html", b"", "empty"),
        ("a.html", b"<p> </p>", "no text"),
        ("a.md", b"![](a.png)", "no text"),
        ("a.txt", b"%PDF-1.7 ...", "PDF"),
        ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Word"),
        ("a.mobi", b"x" * 60 + b"BOOKMOBI", "Kindle"),
        ("a.epub", b"not a zip", "no EPUB"),
        ("a.zip", zipped({"a.txt": "x"}), "no EPUB"),
    ],
)
def test_what_cannot_be_read_is_told(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    assert told in refused(tmp_path, name, content)


def test_chapters_of_plain_text_are_found_by_their_lines() -> None:
    text = (
        f"A TALE\n\nby Ann\n\nContents\n\nChapter 1\nChapter 2\n\n\nCHAPTER I. THE NIGHT\n\n{BODY}\n\n"
        f"Chapter 2\n\n{BODY}\n\nPart of it was lost.\n\n{BODY}\n\nEPILOGUE\n\n{BODY}"
    )
    book = plain_book(text)
    assert [one.title for one in book.chapters] == ["CHAPTER I. THE NIGHT", "Chapter 2", "EPILOGUE"]
    assert "".join(book.text.split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("first", "second"),
    [("Kapitel 1", "Kapitel 2: Das Ende"), ("Глава 1", "Глава 2"), ("第一章 夜", "第二章"), ("Chapitre I", "Épilogue")],
)
def test_chapters_are_found_in_other_languages(first: str, second: str) -> None:
    assert [one.title for one in plain_book(f"{first}\n\n{BODY}\n\n{second}\n\n{BODY}").chapters] == [first, second]


@given(
    st.lists(st.sampled_from(["\n", "\n\n", "Chapter 1", "CHAPTER II", "x" * 250, "Epilogue", " ", "a b"]), max_size=30)
)
def test_no_letter_of_a_plain_text_is_lost(pieces: list[str]) -> None:
    text = "".join(pieces)
    assert "".join(plain_book(text).text.split()) == "".join(text.split())


def test_long_chapters_and_too_many_are_brought_within_what_a_task_takes(tmp_path: Path) -> None:
    long = written(tmp_path, "a.txt", f"{'word ' * 99}\n\n" * (3 * MOST_CHARACTERS // 500))
    assert [one.title for one in long.chapters] == ["1", "2", "3"]
    assert all(len(one.text) <= MOST_CHARACTERS for one in long.chapters)
    pages = {f"{n}.xhtml": page(f"<h1>C{n}</h1><p>text</p>") for n in range(MOST_CHAPTERS + 1)}
    many = written(
        tmp_path, "a.epub", epub(pages, nav=navigation(*((f"C{n}", f"{n}.xhtml") for n in range(len(pages)))))
    )
    assert len(many.chapters) == (MOST_CHAPTERS + 2) // 2
    assert many.text.count("text") == MOST_CHAPTERS + 1


def test_titles_are_one_short_line() -> None:
    from app.books import Chapter

    (chapter,) = bound(Book((Chapter("a\n b\x00\u2028" + "c" * 900, "text"),), title=" \n")).chapters
    assert chapter.title.startswith("a b")
    assert len(chapter.title) <= 300
