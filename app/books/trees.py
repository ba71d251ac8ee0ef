"""HTML and XML as trees, with nothing of them expanded, fetched or nested without end."""

import re
from html.entities import html5

from lxml import etree

from app.books.book import UnreadableBook

Element = etree._Element  # noqa: SLF001  # the only name that lxml has for it

_DOCTYPE = re.compile(r"<!DOCTYPE[^\[>]*(?P<subset>\[.*?\]\s*)?>", re.IGNORECASE | re.DOTALL)
_PROLOG_CHARACTERS = 65536
_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_ENTITY = re.compile(r"&([A-Za-z][A-Za-z0-9]{1,31});")
_OF_XML = frozenset({"amp", "lt", "gt", "quot", "apos"})


def xml_tree(text: str, what: str) -> Element:
    """The root of an XML document; named entities of HTML are known in it.

    Raises:
      UnreadableBook: it declares entities of its own, or is not XML; the message says so of `what`.
    """
    doctype = _DOCTYPE.search(text, 0, _PROLOG_CHARACTERS)
    if doctype is not None:
        if doctype["subset"] and "<!ENTITY" in doctype["subset"].upper():
            raise UnreadableBook(
                f"{what} declares entities of its own, which no book needs and which is not safe to read."
            )
        text = text[: doctype.start()] + text[doctype.end() :]
    text = _ENTITY.sub(_character, _DECLARATION.sub("", text, count=1))
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False
    )
    try:
        return etree.fromstring(text, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise UnreadableBook(f"{what} is broken: {error}.") from None


def html_tree(text: str, what: str) -> Element:
    """The root of an HTML document, mended as browsers mend it.

    Raises:
      UnreadableBook: there is nothing in it.
    """
    parser = etree.HTMLParser(no_network=True, huge_tree=True, encoding="utf-8")
    try:
        root = etree.fromstring(_DECLARATION.sub("", text, count=1).encode("utf-8", "replace"), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise UnreadableBook(f"{what} is broken: {error}.") from None
    if root is None:
        raise UnreadableBook(f"There is nothing in {what}.")
    if any("depth" in error.message for error in parser.error_log):
        raise UnreadableBook(f"{what} nests its elements thousands of levels deep, and its text would be cut there.")
    return root


def xhtml_tree(text: str, what: str) -> Element:
    """A page of an EPUB: XML as it should be, or HTML as it often is."""
    if "<!ENTITY" in text[:_PROLOG_CHARACTERS].upper():
        return xml_tree(text, what)
    try:
        return xml_tree(text, what)
    except UnreadableBook:
        return html_tree(text, what)


def name_of(element: Element) -> str:
    """The tag without its namespace, in lower case; empty for comments and the like."""
    tag = element.tag
    return tag.rpartition("}")[2].lower() if isinstance(tag, str) else ""


def _character(match: re.Match[str]) -> str:
    name = match[1]
    return match[0] if name in _OF_XML else html5.get(f"{name};", match[0])
