"""Words as subtitles."""

import re
from itertools import pairwise

import pytest

from app.domain.captions import CaptionWord
from app.domain.cues import LINE_CHARACTERS, Cue, cues_of, srt, vtt

BOOK = (
    "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness. "
    "Really? Yes! He said: “We had everything before us, we had nothing before us,” and then he stopped. "
) * 20


def words_of(text: str, seconds: float = 0.3, pattern: str = r"\w+") -> list[CaptionWord]:
    found = list(re.finditer(pattern, text))
    return [CaptionWord(n * seconds, (n + 1) * seconds, *m.span(), m[0]) for n, m in enumerate(found)]


def shown(cues: list[Cue]) -> str:
    return " ".join(" ".join(cue.lines) for cue in cues)


@pytest.mark.parametrize("seconds", [0.05, 0.3, 1.5, 9.0])
def test_cues_are_readable_in_order_and_never_overlap(seconds: float) -> None:
    words = words_of(BOOK, seconds)
    cues = cues_of(BOOK, words)
    assert re.sub(r"\s", "", shown(cues)) == re.sub(r"\s", "", BOOK)
    for cue, following in zip(cues, [*cues[1:], None], strict=True):
        assert 1 <= len(cue.lines) <= 2
        assert max(map(len, cue.lines)) <= LINE_CHARACTERS
        assert 0 < cue.end - cue.start <= 7.0
        assert following is None or cue.end <= following.start
    assert {cue.start for cue in cues} <= {word.start for word in words} or seconds > 7, "none is late"
    lengths = [cue.end - cue.start for cue in cues]
    if 0.1 < seconds < 7:
        assert min(lengths) >= 1.0


def test_cues_end_with_sentences_and_where_that_is_too_far_with_commas() -> None:
    ends = [cue.lines[-1][-1] for cue in cues_of(BOOK, words_of(BOOK))]
    assert sum(end in ".,!?”" for end in ends) / len(ends) > 0.9


def test_a_silence_ends_a_cue_and_is_not_covered_by_it() -> None:
    words = [CaptionWord(0, 1.2, 0, 3, "One"), CaptionWord(6.2, 7.4, 16, 19, "two")]
    assert cues_of("One [pause:5s] ‘two’.", words) == [
        Cue(0, 1.2, ("One",)),
        Cue(6.2, 7.4, ("‘two’.",)),
    ]


def test_markup_is_left_out_and_punctuation_stays() -> None:
    text = "A [tomato](/təˈmɑːtoʊ/), (not [pause:99s] long)."
    words = words_of(text, pattern=r"\bA\b|(?<=\[)tomato|not|pause:99s|long")
    assert shown(cues_of(text, words)) == "A tomato, (not [pause:99s] long)."


def test_scripts_without_spaces_and_words_longer_than_a_line_are_cut() -> None:
    text = "今天天气很好，我们去公园散步。" * 5
    cues = cues_of(text, words_of(text, 0.25, r"[^，。]"))
    assert "".join("".join(cue.lines) for cue in cues) == text
    assert all(2 * len(line) <= LINE_CHARACTERS for cue in cues for line in cue.lines)
    long = "x" * 1000
    cues = cues_of(long, [CaptionWord(0.0, 60.0, 0, 1000, long)])
    assert "".join("".join(cue.lines) for cue in cues) == long
    assert all(len(line) <= LINE_CHARACTERS for cue in cues for line in cue.lines)


def test_words_without_any_time_still_have_cues_one_after_the_other() -> None:
    text = "word " * 100
    cues = cues_of(text, [CaptionWord(1.0, 1.0, n * 5, n * 5 + 4, "word") for n in range(100)])
    assert shown(cues) == text.strip()
    assert all(a.end <= b.start for a, b in pairwise(cues))


def test_srt_and_vtt_are_written_as_their_readers_expect() -> None:
    cues = [Cue(0.0, 1.5, ("a <b>x</b> & {\\an8}", "1 --> 2")), Cue(3661.001, 3662.0, ("end",))]
    assert vtt(cues) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\na &lt;b&gt;x&lt;/b&gt; &amp; {\\an8}\n1 --&gt; 2\n\n"
        "01:01:01.001 --> 01:01:02.000\nend\n"
    )
    plain = srt(cues)
    assert plain.replace("\u200b", "") == (
        "1\n00:00:00,000 --> 00:00:01,500\na <b>x</b> & {\\an8}\n1 --> 2\n\n2\n01:01:01,001 --> 01:01:02,000\nend\n"
    )
    assert plain.count("-->") == 2
    assert re.search(r"<[a-z/]|\{\\", plain) is None


def test_no_words_are_no_cues() -> None:
    assert (srt([]), vtt([])) == ("", "WEBVTT\n")
    assert cues_of("...", []) == []
