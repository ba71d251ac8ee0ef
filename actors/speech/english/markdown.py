"""Markdown and HTML marks: what they set off is read, they are not."""

import html
import re

from actors.speech.english.said import Reading, Said

_LINE_START = re.compile(
    r"[ \t]{0,12}(?:(?:>[ \t]?){1,8}[ \t]{0,4})?(?P<mark>\#{1,6}[ \t]+|[-*+•‣◦][ \t]+(?:\[[ xX]\][ \t]+)?|(?:[-*_=][ \t]?){3,200}(?=\n|$)|(?:```|~~~)[\w+-]{0,30}(?=\n|$))?"
)
_TABLE_RULE = re.compile(r"[ \t]{0,12}\|?[ \t]?:?-{3,200}:?[ \t]?(?:\|[ \t]?:?-{3,200}:?[ \t]?){0,40}\|?[ \t]*(?=\n|$)")
_LINK = re.compile(
    r"!?\[(?P<words>[^\[\]\n]{0,400})\]\((?P<target>[^()\s]{0,2000}(?:\([^()\s]{0,100}\)[^()\s]{0,200})?)(?:\s\"[^\"\n]{0,200}\")?\)"
)
_FOOTNOTE = re.compile(r"\[\^[\w-]{1,40}\]:?")
_TAG = re.compile(r"<(?:/?[A-Za-z][A-Za-z0-9-]{0,20}(?:\s[^<>\n]{0,500})?/?|!--[^<>\n]{0,500}--)>")
_AUTOLINK = re.compile(r"<(?=https?://|[\w.+-]{1,64}@)")
_ENTITY = re.compile(r"&(?:[A-Za-z]{2,8}|#\d{1,6}|#x[0-9A-Fa-f]{1,5});")
_EMPHASIS = re.compile(r"\*{1,3}|_{1,3}|~~|`{1,3}")


def line_start_at(text: str, at: int) -> int:
    """The end of the marks that begin the line: of headings, lists, quotes, rules and fences of code."""
    rule = _TABLE_RULE.match(text, at)
    if rule is not None and "-" in rule[0]:
        return rule.end()
    match = _LINE_START.match(text, at)
    return match.end() if match is not None and (match["mark"] or ">" in match[0]) else at


def is_set_off(line: str) -> bool:
    """Whether a line is by itself a heading, an item or a rule, so that a reader pauses after it."""
    return line_start_at(line, 0) > 0 or re.match(r"[ \t]*(?:\d{1,3}|[A-Za-z])[.)][ \t]", line) is not None


def markup_at(text: str, at: int) -> tuple[Reading, int | None] | None:
    """What marks at `at` are read as; and, of a link, where its words end and the rest of it begins to be silent."""
    character = text[at]
    if character in "[!":
        if footnote := _FOOTNOTE.match(text, at):
            return [Said(at, footnote.end(), "")], None
        if link := _LINK.match(text, at):
            return [Said(at, link.start("words"), "")], link.end()
    if character == "<" and (tag := _TAG.match(text, at) or _AUTOLINK.match(text, at)):
        return [Said(at, tag.end(), "")], None
    if character == "&" and (entity := _ENTITY.match(text, at)):
        plain = html.unescape(entity[0])
        said = {"&": " and ", "<": " less than ", ">": " greater than ", "\u00a0": " "}.get(plain)
        if plain != entity[0]:
            return [
                Said(
                    at, entity.end(), said if said is not None else plain if plain.isascii() or plain.isalpha() else " "
                )
            ], None
    if character in "*_~`" and (emphasis := _EMPHASIS.match(text, at)) and _sets_off(text, at, emphasis.end()):
        return [Said(at, emphasis.end(), "")], None
    return None


def _sets_off(text: str, at: int, end: int) -> bool:
    """Whether the marks stand at a word's edge, as those of emphasis do, and not between two numbers."""
    before, after = text[at - 1 : at], text[end : end + 1]
    if text[at] == "*" and end - at == 1 and before.isdigit() and after.isdigit():
        return False
    return not (before.isspace() or not before) or not (after.isspace() or not after)
