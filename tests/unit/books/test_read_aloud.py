"""HTML as it is read aloud: what a person would say of it, and what not."""

from collections import Counter
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.books import UnreadableBook
from app.books.blocks import blocks_of, text_of
from app.books.html import html_book
from app.books.markdown import markdown_book
from app.books.trees import html_tree


def read(body: str) -> str:
    return text_of(blocks_of(html_tree(f"<html><body>{body}</body></html>", "the page"), Counter()))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("<p>One  <b>bold</b>\n line.</p><p>Two.</p>", "One bold line.\n\nTwo."),
        ("<h1>Chapter I<br>The Sea</h1><p>It was.</p>", "Chapter I. The Sea\n\nIt was."),
        ("<p><span>I</span>t was night.</p>", "It was night."),
        ("<p>Roses are red,<br/>violets blue.</p>", "Roses are red,\nviolets blue."),
        ("<p>One.</p><hr/><p>Two.</p>", "One.\n\n* * *\n\nTwo."),
        ("<div>Loose <div>inner</div> tail</div>", "Loose\n\ninner\n\ntail"),
        ("<p>a<!-- not this -->b<?nor this?>c</p>", "abc"),
        ("<p>so\u00adft hy\u00adphens&nbsp;go</p>", "soft hyphens go"),
        ("<p>He said <q>no</q>.</p>", "He said “no”."),
        # lists
        ("<ul><li>Apples</li><li>Two pears.</li></ul><p>End.</p>", "Apples.\nTwo pears.\n\nEnd."),
        ("<ol><li>Wash</li><li>Peel</li></ol>", "1. Wash.\n2. Peel."),
        (
            '<ol start="3"><li>Third</li><li value="7">Seventh</li><li>Next</li></ol>',
            "3. Third.\n7. Seventh.\n8. Next.",
        ),
        ("<ol><li><p>One</p><ul><li>inner</li></ul></li><li>Two</li></ol>", "1. One.\ninner.\n2. Two."),
        ("<ul><li>苹果</li></ul>", "苹果。"),
        ("<dl><dt>Tea</dt><dd>A drink.</dd></dl>", "Tea\n\nA drink."),
        # notes
        ('<p>Word<sup><a href="#fn1">1</a></sup>.</p>', "Word."),
        ('<p>Word<a href="n.html#f1"><sup>12</sup></a> here.</p>', "Word here."),
        ('<p>Word<a epub:type="noteref" href="#n">*</a>.</p>', "Word."),
        ('<p>Word<a href="#cite">[3]</a>.</p>', "Word."),
        ("<p>The word.<sup>4</sup> Next.</p>", "The word. Next."),
        ('<p>Text.</p><aside epub:type="footnote"><p>1. A note.</p></aside>', "Text."),
        ('<p>Text.</p><section role="doc-endnotes"><p>A note.</p></section>', "Text."),
        ('<p>See <a href="#ch2">chapter 2</a> and <a href="#p">7</a>.</p>', "See chapter 2 and 7."),
        # raised and lowered
        ("<p>5 m<sup>2</sup>, 10<sup>-6</sup> and the 1<sup>st</sup></p>", "5 m², 10⁻⁶ and the 1st"),
        ("<p>H<sub>2</sub>O</p>", "H2O"),
        # links
        ('<p>On <a href="https://x.org/a?b=c">the site</a>.</p>', "On the site."),
        ('<p>On <a href="https://www.x.org/a?b=c">https://www.x.org/a?b=c</a>.</p>', "On x.org."),
        # images
        ('<p><img alt="A red fox" src="a.png"/> ran.</p>', "A red fox ran."),
        ('<p>No <img alt="" src="a.png"/><img alt="fig1.png"/><img/>words.</p>', "No words."),
        ('<figure><img alt="A fox"/><figcaption>Fig. 1: the fox</figcaption></figure>', "A fox\n\nFig. 1: the fox"),
        # code and formulas
        ("<p>Call <code>run()</code>:</p><pre><code>x = 1\ny = 2</code></pre><p>Done.</p>", "Call run():\n\nDone."),
        ("<pre>Tyger Tyger,\n  burning bright</pre>", "Tyger Tyger,\nburning bright"),
        ('<p>So <math alttext="x squared"><mi>x</mi></math>.</p>', "So x squared."),
        # tables
        (
            "<table><caption>Ages</caption><tr><th>Name<th>Age<tr><td>Ann<td>7<tr><td>Bob<td></table>",
            "Ages.\nName: Ann; Age: 7.\nName: Bob.",
        ),
        ("<table><tr><td>Ann</td><td>7</td></tr><tr><td>Bob</td><td>9</td></tr></table>", "Ann, 7.\nBob, 9."),
        ("<table><tr><td><p>Only</p><p>layout</p></td></tr></table>", "Only\n\nlayout"),
        (
            '<table><tr><th>A</th><th colspan="2">B</th><th>C</th></tr><tr><td>1</td><td>2</td><td>3</td><td>4</td></tr></table>',
            "A: 1; B: 2; 3; C: 4.",
        ),
        # what nobody reads
        ("<script>bad()</script><style>p{}</style><nav>Menu</nav><p>Text<template>t</template></p>", "Text"),
        ('<p hidden>a</p><p aria-hidden="true">b</p><p style="display: none">c</p><p>d</p>', "d"),
        ('<p>one<span epub:type="pagebreak">17</span> word</p>', "one word"),
        ("<p><ruby>漢<rp>(</rp><rt>かん</rt><rp>)</rp></ruby>字</p>", "漢字"),
        ("<svg><text>chart</text></svg><p>After.</p>", "After."),
    ],
)
def test_a_page_is_read_as_a_person_would(body: str, said: str) -> None:
    assert read(body) == said


def test_what_is_left_out_is_counted() -> None:
    left_out: Counter[str] = Counter()
    page = "<pre><code>x</code></pre><aside role='doc-footnote'>n</aside><img src='a'/><img alt=''/><math/><p>t</p>"
    blocks_of(html_tree(page, "the page"), left_out)
    assert left_out == {"code blocks": 1, "notes": 1, "images": 1, "formulas": 1}


@pytest.mark.parametrize("tag", ["div", "table", "b", "ul", "sup", "table><tr><td", "ol><li"])
def test_no_depth_is_too_deep(tag: str) -> None:
    names = tag.split("><")
    opened = "".join(f"<{name}>" for name in names)
    closed = "".join(f"</{name}>" for name in reversed(names))
    assert "in" in read("before" + opened * 100 + "in" + closed * 100)
    with suppress(UnreadableBook):
        assert "in" in read(opened * 5000 + "in" + closed * 5000)


@given(
    st.lists(
        st.sampled_from(
            [
                "<p>",
                "</p>",
                "<sup>",
                "</sup>",
                "<ol>",
                "<li>",
                "</ol>",
                "<q>",
                "</q>",
                "<pre>",
                "</pre>",
                "<h1>",
                "</h1>",
                "<td>",
                "a",
                "é",
                "\n",
                "&amp;",
                "&x;",
                "<table>",
                "<tr>",
                "<a",
                "href='#n'>",
                "</a>",
                "<b/>",
                "<![CDATA[",
                "]]>",
                "<!--",
            ]
        ),
        max_size=40,
    ).map("".join)
)
def test_any_tag_soup_is_read(soup: str) -> None:
    text = read("<p>" + soup)
    assert "\x00" not in text
    assert "\x01" not in text


def test_html_chapters_are_what_headings_begin() -> None:
    page = (
        '<html lang="de"><head><title>Buch</title><meta name="author" content="A. B."></head><body><nav>x</nav>'
        "<main><h1>Buch</h1><h2>Eins</h2><p>a</p><h3>inner</h3><p>b</p><h2>Zwei</h2><p>c</p></main></body></html>"
    )
    book = html_book(page.encode())
    assert (book.title, book.author, book.language) == ("Buch", "A. B.", "de")
    assert [(one.title, one.text) for one in book.chapters] == [
        ("Eins", "Buch\n\nEins\n\na\n\ninner\n\nb"),
        ("Zwei", "Zwei\n\nc"),
    ]


def test_what_is_before_the_first_heading_is_a_chapter_of_its_own() -> None:
    book = html_book(b"<title>T</title><p>Hello.</p><h1>One</h1><p>a</p><h1>Two</h1><p>b</p>")
    assert [one.title for one in book.chapters] == ["T", "One", "Two"]
    assert book.chapters[0].text == "Hello."


def test_markdown_is_read_as_what_it_means() -> None:
    content = """---
title: "Lamps: a tale"
author: [Ann, Bob]
lang: en
---
# Lamps

A *lamp*[^1] with `code` and [a link](https://x.org/a_b) or <https://www.x.org/y>.

```python
print()
```

| Name | Age |
|------|-----|
| Ann  | 7   |

## First

Say [tomato](/təmˈɑːtəʊ/) [pause:1s] now, [about](/about/) it.

1. one
2. two

## Second

![A fox](fox.png)

***

> Quoted.

[^1]: The note.
"""
    book = markdown_book(content.encode())
    assert (book.title, book.author, book.language) == ("Lamps: a tale", "Ann, Bob", "en")
    assert [(one.title, one.text) for one in book.chapters] == [
        ("Lamps", "Lamps\n\nA lamp with code and a link or x.org.\n\nName: Ann; Age: 7."),
        ("First", "First\n\nSay [tomato](/təmˈɑːtəʊ/) [pause:1s] now, about it.\n\n1. one.\n2. two."),
        ("Second", "Second\n\nA fox\n\n* * *\n\nQuoted."),
    ]
    assert book.left_out == {"code blocks": 1, "notes": 1}
