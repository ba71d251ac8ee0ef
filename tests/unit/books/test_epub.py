"""EPUBs: what is read in which order, where chapters begin, and what is refused."""

import io
import zipfile
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.books import Book, UnreadableBook
from app.books.epub import epub_book
from tests.unit.books.epubs import CONTAINER, epub, navigation, page, zipped

NCX = """<?xml version="1.0"?><!DOCTYPE ncx PUBLIC "-//NISO//DTD ncx 2005-1//EN" "http://www.daisy.org/z3986/2005/ncx-2005-1.dtd">
<ncx xmlns="http://www.daisy.org/z3986/2005/ncx/" version="2005-1"><navMap>{}</navMap></ncx>"""


def point(title: str, src: str, inner: str = "") -> str:
    return f'<navPoint><navLabel><text>{title}</text></navLabel><content src="{src}"/>{inner}</navPoint>'


def chapters(book: Book) -> list[tuple[str, str]]:
    return [(chapter.title, chapter.text) for chapter in book.chapters]


def refused(content: bytes) -> str:
    with pytest.raises(UnreadableBook) as caught:
        epub_book(content)
    return str(caught.value)


ONE = page("<h1>One</h1><p>The first&nbsp;page.</p>")
TWO = page("<h1>Two</h1><p>The second page.</p>")


def test_title_author_and_language_are_kept() -> None:
    book = epub_book(epub({"1.xhtml": ONE}, nav=navigation(("One", "1.xhtml"))))
    assert (book.title, book.author, book.language) == ("The Lamp & the Sea", "Ann Author", "en-gb")


def test_chapters_are_those_of_the_table_of_contents() -> None:
    pages = {"text/1.xhtml": ONE, "text/1b.xhtml": page("<p>More of it.</p>"), "text/2 b.xhtml": TWO}
    nav = navigation(("First", "text/1.xhtml"), ("Second", "text/2%20b.xhtml#nowhere"))
    assert chapters(epub_book(epub(pages, nav=nav))) == [
        ("First", "One\n\nThe first page.\n\nMore of it."),
        ("Second", "Two\n\nThe second page."),
    ]


def test_chapters_may_begin_anywhere_in_a_page() -> None:
    body = (
        '<p>Front.</p><h2 id="a">I</h2><p>one</p><p>two <a id="b"/>three</p><div id="c"><h2>III</h2></div><p>four</p>'
        '<p id="d"/>'
    )
    ncx = NCX.format(
        point("A", "1.xhtml#a") + point("C", "1.xhtml#c") + point("B", "1.xhtml#b") + point("D", "1.xhtml#d")
    )
    found = chapters(epub_book(epub({"1.xhtml": page(body)}, ncx=ncx)))
    assert found == [
        ("The Lamp & the Sea", "Front."),
        ("A", "I\n\none"),
        ("B", "two three"),
        ("C", "III\n\nfour"),
        ("D", ""),
    ]


def test_a_long_part_is_taken_apart_and_a_short_one_is_not() -> None:
    long = page("<h1>P</h1>" + "".join(f'<h2 id="c{n}">C{n}</h2><p>{"word " * 8000}</p>' for n in range(2)))
    inner = point("C0", "1.xhtml#c0") + point("C1", "1.xhtml#c1")
    ncx = NCX.format(point("Part", "1.xhtml", inner) + point("Short", "2.xhtml", point("Section", "2.xhtml#s")))
    short = page('<h1>S</h1><p>a</p><h2 id="s">s</h2><p>b</p>')
    book = epub_book(epub({"1.xhtml": long, "2.xhtml": short}, ncx=ncx))
    assert [one.title for one in book.chapters] == ["Part", "C0", "C1", "Short"]


def test_without_a_table_of_contents_headings_begin_chapters() -> None:
    pages = {"0.xhtml": page("<p>Cover.</p>"), "1.xhtml": ONE, "1b.xhtml": page("<p>More.</p>"), "2.xhtml": TWO}
    assert [text for _, text in chapters(epub_book(epub(pages)))] == [
        "Cover.",
        "One\n\nThe first page.\n\nMore.",
        "Two\n\nThe second page.",
    ]


def test_pages_that_are_no_xml_are_mended() -> None:
    book = epub_book(epub({"1.xhtml": "<html><body><p>One<br>two &nbsp; &copy; &unknown; <b>three</body>"}))
    assert book.text.startswith("One\ntwo © ")
    assert "three" in book.text


def test_an_old_page_says_its_encoding() -> None:
    old = '<?xml version="1.0" encoding="windows-1252"?><html><body><p>“Grüße”</p></body></html>'.encode("windows-1252")
    content = epub({"1.xhtml": ONE, "2.xhtml": ONE}, **{"OEBPS/2.xhtml": old})
    assert epub_book(content).text.endswith("“Grüße”")


@pytest.mark.parametrize("kind", ["META-INF/rights.xml", "META-INF/license.lcpl", "META-INF/sinf.xml"])
def test_a_protected_book_is_refused_and_named_so(kind: str) -> None:
    assert "DRM" in refused(epub({"1.xhtml": ONE}, **{kind: "<x/>"}))


def encryption(algorithm: str) -> str:
    return (
        '<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container" xmlns:enc="http://www.w3.org/2001/04/xmlenc#">'
        f'<enc:EncryptedData><enc:EncryptionMethod Algorithm="{algorithm}"/></enc:EncryptedData></encryption>'
    )


def test_encrypted_pages_are_refused_and_hidden_fonts_are_not() -> None:
    name = "META-INF/encryption.xml"
    assert "DRM" in refused(epub({"1.xhtml": ONE}, **{name: encryption("http://www.w3.org/2001/04/xmlenc#aes128-cbc")}))
    assert epub_book(epub({"1.xhtml": ONE}, **{name: encryption("http://www.idpf.org/2008/embedding")})).chapters


def test_a_zip_bomb_is_stopped_before_it_fills_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = zipped({"META-INF/container.xml": CONTAINER, "OEBPS/book.opf": " " * (65 * 1024 * 1024)})
    assert len(bomb) < 100_000
    assert "more than 64 MiB" in refused(bomb)
    monkeypatch.setattr("app.books.archive._MOST_BYTES", 5000)
    pages = {f"{n}.xhtml": page("<p>" + "word " * 500 + "</p>") for n in range(5)}
    assert "more than 0 MiB" in refused(epub(pages))


def test_a_size_that_lies_is_not_believed() -> None:
    content = bytearray(epub({"1.xhtml": ONE}))
    place = content.rindex(b"PK\x01\x02")
    assert b"1.xhtml" in content[place:]
    content[place + 24 : place + 28] = (10).to_bytes(4, "little")
    assert "broken" in refused(bytes(content))


@pytest.mark.parametrize(
    "declaration",
    [
        '<!DOCTYPE html [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;">]>',
        '<!DOCTYPE html [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
    ],
)
def test_entities_of_a_books_own_are_refused(declaration: str) -> None:
    assert "entities" in refused(
        epub({"1.xhtml": f"<?xml version='1.0'?>{declaration}<html><body><p>&b;&x;</p></body></html>"})
    )
    ncx = declaration.replace("html", "ncx") + NCX.format("")[NCX.index("<ncx") :]
    assert "entities" in refused(epub({"1.xhtml": ONE}, ncx=ncx))


@pytest.mark.parametrize("href", ["../../secret.xhtml", "/etc/passwd", "file:///etc/passwd", "http://x.org/a.xhtml"])
def test_no_path_leads_out_of_the_book(href: str) -> None:
    assert "leads out of the book" in refused(epub({href: ONE}))


def test_what_is_broken_is_named() -> None:
    whole = epub({"1.xhtml": ONE})
    assert "broken" in refused(whole[: len(whole) // 2])
    missing = epub({"1.xhtml": ONE})
    with zipfile.ZipFile(io.BytesIO(missing)) as archive:
        files = {name: archive.read(name) for name in archive.namelist() if name != "OEBPS/1.xhtml"}
    assert "OEBPS/1.xhtml" in refused(zipped(files))
    damaged = bytearray(whole)
    start = whole.index(b"OEBPS/1.xhtml") + 20
    damaged[start : start + 20] = b"\xff" * 20
    assert "OEBPS/1.xhtml" in refused(bytes(damaged))
    assert "names no book" in refused(zipped({"META-INF/container.xml": "<container/>"}))
    assert "no pages" in refused(epub({}))


@given(st.data())
def test_a_damaged_book_is_read_or_refused_and_nothing_else(data: st.DataObject) -> None:
    content = bytearray(epub({"1.xhtml": ONE, "2.xhtml": TWO}, nav=navigation(("One", "1.xhtml"))))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with suppress(UnreadableBook):
        assert epub_book(bytes(content)).chapters
