import pytest

from dashboard import _words as words
from dashboard._words import excerpt


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, "0.00 s"),
        (0.424, "0.42 s"),
        (9.994, "9.99 s"),
        (9.995, "10.0 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (185, "3 min 05 s"),
        (3599.4, "59 min 59 s"),
        (3599.6, "1 h 00 min"),
        (7620, "2 h 07 min"),
    ],
)
def test_a_duration_has_the_digits_that_matter(seconds, told):
    assert words.duration(seconds) == told


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "1 s"), (13.2, "14 s"), (59.5, "1 min"), (61, "2 min"), (3541, "1 h 00 min"), (7620, "2 h 07 min")],
)
def test_an_estimate_is_rounded_up(seconds, told):
    assert words.roughly(seconds) == told


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(-5, "0 s ago"), (0.9, "0 s ago"), (59, "59 s ago"), (60, "1 min ago"), (7199, "1 h ago"), (200_000, "2 d ago")],
)
def test_an_age_is_rough_and_never_in_the_future(seconds, told):
    assert words.age(1_000_000_000_000, 1_000_000_000 + seconds) == told


@pytest.mark.parametrize(("size", "told"), [(812, "812 bytes"), (44_100, "44.1 kB"), (3_210_000, "3.2 MB")])
def test_a_size_is_in_the_unit_that_fits(size, told):
    assert words.size(size) == told


def test_times_are_utc():
    assert words.iso(1_790_000_000_123) == "2026-09-21T14:13:20.123Z"
    assert words.clock(1_790_000_000_123) == "2026-09-21 14:13:20"


def test_an_excerpt_is_one_line():
    assert excerpt("a\n\n  b\t c") == "a b c"
    assert excerpt("word " * 100, 9) == "word word…"
    assert excerpt("It was a bright cold day in April.", 18) == "It was a bright…"
    assert excerpt("It was a bright cold day in April.", 20) == "It was a bright cold…"
    assert excerpt("w" * 300, 20) == "w" * 20 + "…"
    assert excerpt(" " * 500 + "x") == "…"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Start one with `sayathing worker`.", "Start one with <code>sayathing worker</code>."),
        ("`<b>` and <b>", "<code>&lt;b&gt;</code> and &lt;b&gt;"),
        ("an odd ` stays", "an odd ` stays"),
    ],
)
def test_what_stands_between_backticks_is_code_and_nothing_is_html(text, told):
    assert str(words.with_code(text)) == told
