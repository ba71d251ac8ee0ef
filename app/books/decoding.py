"""Bytes as text: by the mark at their start, by what they say of themselves, else UTF-8, and never by guessing."""

import codecs
import re

from app.books.book import UnreadableBook

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_XML_SAYS = re.compile(rb"""^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_HTML_SAYS = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([A-Za-z0-9._:-]{1,40})""", re.IGNORECASE)
_LOOK_BYTES = 4096
_CONTROLS = bytes((*range(9), *range(14, 27), *range(28, 32), 127))
_FEW = 3
_BINARY_SHARE = 20
_NO_TEXT = dict.fromkeys((*range(9), *range(14, 32), *range(127, 133), *range(134, 160), 0xAD, 0xFEFF, 0xFFFE, 0xFFFF))


def decoded(content: bytes) -> str:
    """Plain text.

    Raises:
      UnreadableBook: it is neither UTF-8 nor marked as something else, or no text at all.
    """
    encoding = _marked(content) or "utf-8"
    if encoding.startswith("utf-8") and is_binary(content[:_LOOK_BYTES]):
        raise UnreadableBook("It is no text (nor UTF-16 that says so). Give plain text, Markdown, HTML or an EPUB.")
    return _as(content, encoding)


def is_binary(start: bytes) -> bool:
    """Whether a file that begins so has bytes that no text in UTF-8, or in an older encoding, has: NUL, or many of the
    other control characters."""
    controls = len(start) - len(start.translate(None, _CONTROLS))
    return b"\x00" in start or (controls > _FEW and controls * _BINARY_SHARE > len(start))


def decoded_markup(content: bytes) -> str:
    """HTML or XML, in the encoding that it names."""
    encoding = _marked(content)
    if encoding is None:
        said = _XML_SAYS.search(content[:_LOOK_BYTES]) or _HTML_SAYS.search(content[:_LOOK_BYTES])
        encoding = said[1].decode("ascii") if said is not None else "utf-8"
        if encoding.lower() in {"iso-8859-1", "latin-1", "latin1", "us-ascii", "ascii"}:
            encoding = "windows-1252"  # what such a label means on the web (WHATWG Encoding, 4.2)
    return _as(content, encoding)


def without_controls(text: str) -> str:
    """`text` without what cannot be spoken: control characters, soft hyphens, byte order marks."""
    return text.translate(_NO_TEXT)


def _marked(content: bytes) -> str | None:
    return next((encoding for mark, encoding in _BOMS if content.startswith(mark)), None)


def _as(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except LookupError:
        raise UnreadableBook(f"It says that its encoding is {encoding!r}, which nobody knows.") from None
    except UnicodeDecodeError as error:
        name = "UTF-8" if encoding.startswith("utf-8") else encoding
        raise UnreadableBook(
            f"It is not {name} (byte {error.start}). Convert it: iconv -f WINDOWS-1252 -t UTF-8 FILE > NEW"
        ) from None
