"""Footnotes: the marks in the text, which nobody reads aloud, and the notes themselves, which are left out."""

import re

from app.books.trees import Element, name_of

_NOTE_KINDS = frozenset(
    {
        "footnote",
        "footnotes",
        "endnote",
        "endnotes",
        "rearnote",
        "rearnotes",
        "doc-footnote",
        "doc-endnote",
        "doc-endnotes",
    }
)
_MARK_KINDS = frozenset({"noteref", "doc-noteref"})
_MARK = re.compile(r"[\[({]?\s*(?:\d{1,4}|[ivxlc]{1,6}|[a-z]|[*†‡§¶#]{1,4}|note \d{1,4})\s*[\])}]?", re.IGNORECASE)
_NUMBER = re.compile(r"\d{1,4}")
_WORD_BEFORE = re.compile(r"(?:[^\W\d_]{3,}|[.,;:!?…”’»)\"'])\Z")
_RAISED = str.maketrans("0123456789+-n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ")


def is_note(element: Element, kinds: str) -> bool:
    """Whether it is a footnote, or a list of them. `kinds` are its EPUB types and its role."""
    if not _NOTE_KINDS.isdisjoint(kinds.lower().split()):
        return True
    classes = (element.get("class") or "").lower().split()
    return name_of(element) in {"section", "aside", "div", "ol"} and not {"footnotes", "endnotes"}.isdisjoint(classes)


def is_note_mark(element: Element, kinds: str, before: str) -> bool:
    """Whether a link or superscript only leads to a note. `before` is the text right before it."""
    if not _MARK_KINDS.isdisjoint(kinds.lower().split()):
        return True
    text = "".join(element.itertext()).strip() if len(element) < 4 else ""
    if not text or not _MARK.fullmatch(text):
        return False
    if name_of(element) == "a":
        inside = element.getparent()
        raised = any(name_of(child) == "sup" for child in element) or (inside is not None and name_of(inside) == "sup")
        bracketed = text[0] in "[({" or not text[0].isalnum()
        return "#" in (element.get("href") or "") and (raised or bracketed)
    leads = any(name_of(child) == "a" for child in element)
    return leads or (_NUMBER.fullmatch(text) is not None and _WORD_BEFORE.search(before.rstrip()) is not None)


def spoken_superscript(text: str) -> str:
    """`2` as `²`, so that `m²` is not read as `m2`; words as they are (`1st`)."""
    return text.translate(_RAISED) if text and all(character in "0123456789+-n" for character in text) else text
