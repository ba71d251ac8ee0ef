"""Markdown as a book: CommonMark with tables, footnotes and front matter, read as the HTML that it means."""

from collections import Counter
from typing import cast
from urllib.parse import unquote

import yaml
from markdown_it import MarkdownIt
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.front_matter import front_matter_plugin

from app.books.blocks import blocks_of
from app.books.book import Book
from app.books.decoding import decoded
from app.books.html import chapters_by_headings, language_of
from app.books.trees import html_tree


def markdown_book(content: bytes) -> Book:
    """`[word](/phonemes/)` and `[pause:1s]` stay what they are.

    Raises:
      UnreadableBook: it is not UTF-8, or there is nothing in it.
    """
    reader = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    reader.use(footnote_plugin).use(front_matter_plugin)
    reader.normalizeLink = _readable  # type: ignore[method-assign]  # phonemes in a link are to stay readable
    text = decoded(content)
    tokens = reader.parse(text)
    about = next((_front_matter(token.content) for token in tokens if token.type == "front_matter"), {})
    page = reader.renderer.render([token for token in tokens if token.type != "front_matter"], reader.options, {})
    left_out: Counter[str] = Counter()
    blocks = blocks_of(html_tree(f"<html><body>{page}</body></html>", "the file"), left_out)
    headings = [block.text for block in blocks if block.heading == 1]
    title = about.get("title") or (headings[0] if len(headings) == 1 else None)
    return Book(
        chapters_by_headings(blocks, title or ""),
        title=title,
        author=about.get("author"),
        language=language_of(about.get("lang") or about.get("language")),
        left_out=left_out,
    )


def _readable(url: str) -> str:
    return unquote(url)


def _front_matter(content: str) -> dict[str, str]:
    """Its entries that are plain texts, or lists of them."""
    try:
        found = yaml.safe_load(content)
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {
        str(name).lower(): ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        for name, value in cast(dict[object, object], found).items()
        if isinstance(value, str | int) or (isinstance(value, list) and all(isinstance(one, str) for one in value))
    }
