"""The silences of a text: between paragraphs, after headings, where a scene ends; and what is too small to stand alone."""

from itertools import pairwise

import pytest

from actors.speech import Span, split
from actors.speech.cutting import LIMIT_TOKENS
from actors.speech.segmenting import HEADING_SECONDS, PARAGRAPH_SECONDS, SCENE_SECONDS
from actors.speech.token_costs import running_costs
from app.domain.tasks import SegmentKind

FIRST = "The night was dark, and nobody was on the road."
SECOND = "In the morning it had snowed, and the road was gone."


def pauses(text: str, *, language: str = "en-us", speed: float = 1.0) -> list[tuple[str, float]]:
    """What each silence follows, and how long it is."""
    spans = split(text, language=language, speed=speed)
    assert "".join(span.content for span in spans) == text
    return [
        (before.content.strip(), span.pause_seconds)
        for before, span in pairwise(spans)
        if span.kind is SegmentKind.PAUSE
    ]


def said(text: str, language: str = "en-us") -> list[str]:
    return [span.content for span in split(text, language=language) if span.kind is SegmentKind.SPEECH]


def test_a_silence_is_between_paragraphs_and_a_longer_one_after_a_heading() -> None:
    assert PARAGRAPH_SECONDS < HEADING_SECONDS < SCENE_SECONDS
    assert pauses(f"Chapter One\n\n{FIRST}\n\n{SECOND}\n\n{FIRST}") == [
        ("Chapter One", HEADING_SECONDS),
        (FIRST, PARAGRAPH_SECONDS),
        (SECOND, PARAGRAPH_SECONDS),
    ]


@pytest.mark.parametrize("gap", ["\n\n", "\r\n\r\n", "\n \t\n\n", "\u2029", "\x0c", " \r\r"])
def test_the_silence_is_the_white_space_itself(gap: str) -> None:
    spans = split(FIRST + gap + SECOND, language="en-us")
    start = len(FIRST)
    assert spans[1] == Span(start, start + len(gap), SegmentKind.PAUSE, gap, PARAGRAPH_SECONDS)


@pytest.mark.parametrize("marks", ["* * *", "***", "---", "⁂", "~", "#", "– – –", "❦", "• • •"])
def test_a_line_of_marks_is_a_silence_and_nobody_reads_the_marks(marks: str) -> None:
    assert pauses(f"{FIRST}\n\n{marks}\n\n{SECOND}") == [(FIRST, SCENE_SECONDS)]
    assert said(f"{marks}\n\n{FIRST}\n\n{marks}") == [FIRST]


@pytest.mark.parametrize("text", ["* * *", "***\n\n---", "?!"])
def test_a_text_of_marks_alone_is_left_to_the_voice(text: str) -> None:
    assert said(text) == text.split("\n\n")


@pytest.mark.parametrize("text", ["Well... what now?", FIRST, f"{FIRST} -- {SECOND}", f"{FIRST}\n{SECOND}"])
def test_no_silence_is_put_within_a_paragraph(text: str) -> None:
    assert pauses(text) == []


def test_silences_are_shorter_for_a_voice_that_is_faster_and_those_of_tags_are_not() -> None:
    text = f"{FIRST}\n\n{SECOND} [pause:2s] {FIRST}"
    assert [seconds for _, seconds in pauses(text, speed=2.0)] == [PARAGRAPH_SECONDS / 2, 2.0]


def test_a_tag_stands_for_the_silence_where_it_is() -> None:
    assert [seconds for _, seconds in pauses(f"{FIRST}\n\n[pause:3s]\n\n{SECOND}")] == [3.0]


@pytest.mark.parametrize("lone", ["“No.”", "IV", "3", "Oh!", "..."])
def test_a_paragraph_too_short_to_be_spoken_alone_goes_with_its_neighbour(lone: str) -> None:
    assert said(f"{FIRST}\n\n{lone}\n\n{SECOND}") == [FIRST, f"{lone}\n\n{SECOND}"]
    assert said(f"{FIRST}\n\n{lone}") == [f"{FIRST}\n\n{lone}"]
    assert said(lone) == [lone]


def test_a_short_reply_is_a_paragraph_of_its_own() -> None:
    assert said(f"{FIRST}\n\n“Never,” she said.\n\n{SECOND}") == [FIRST, "“Never,” she said.", SECOND]


def test_after_a_heading_the_first_sentences_are_still_a_small_segment() -> None:
    text = "Chapter One\n\n" + "This is a sentence of some length. " * 20
    first, second, third = said(text)[:3]
    assert first == "Chapter One"
    assert len(second) < 80 < 120 < len(third)


LONG = {
    "one sentence of 10,000 letters and spaces": ("word " * 2000, "en-us"),
    "a flood of one letter": ("a" * 10_000, "en-us"),
    "Thai": ("ภาษาไทยเป็นภาษาที่มีระดับเสียงของคำแน่นอนและเขียนต่อกันโดยไม่เว้นวรรคระหว่างคำ" * 120, "th"),
    "Lao": ("ພາສາລາວເປັນພາສາທາງການຂອງປະເທດແລະໃຊ້ໂດຍຄົນຈຳນວນຫຼາຍ" * 150, "lo"),
    "Khmer with zero width spaces": ("ភាសាខ្មែរ\u200bជា\u200bភាសា\u200bផ្លូវការ\u200b" * 250, "km"),
    "Khmer without": ("ភាសាខ្មែរជាភាសាផ្លូវការ" * 400, "km"),
    "Burmese": ("မြန်မာဘာသာစကားသည်တိုင်းရင်းသားဘာသာ" * 280, "my"),
    "Tibetan": ("བོད་ཡིག་ནི་བོད་ཀྱི་སྐད་ཡིག་ཡིན་" * 300, "bo"),
    "Han": ("我们今天去公园散步天气非常好" * 700, "cmn"),
    "Japanese": ("今日は公園へ散歩に行きましたとても楽しかった" * 450, "ja"),
    "emoji": ("👩\u200d👩\u200d👧" * 2000, "en-us"),
}


@pytest.mark.parametrize("case", LONG)
def test_ten_thousand_characters_without_an_end_are_cut_within_the_limit(case: str) -> None:
    text, language = LONG[case]
    spans = split(text, language=language)
    assert "".join(span.content for span in spans) == text
    assert len(spans) > 10
    for span in spans:
        assert running_costs(span.content)[-1] <= LIMIT_TOKENS + 60  # what is one letter is never torn


def test_text_without_spaces_is_cut_where_a_word_may_begin() -> None:
    thai, language = LONG["Thai"]
    assert all(span[0] in "เแโใไ" for span in said(thai, language)[1:])
    khmer, language = LONG["Khmer with zero width spaces"]
    assert all(span.endswith("\u200b") for span in said(khmer, language))
    tibetan, language = LONG["Tibetan"]
    assert all(span.endswith("་") for span in said(tibetan, language))
