import time
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from actors.speech import Span, split
from app.domain.tasks import SegmentKind

SENTENCE_OF_SIXTY_TOKENS = "This sentence is long enough to fill the first segment, and so it stands by itself. "


def contents(text: str, language: str = "en-us") -> list[str]:
    return [span.content for span in split(text, language=language)]


def cuts_after_the_first(text: str, language: str = "en-us") -> list[str]:
    """How a text is cut where every sentence is too long to be joined to another."""
    filler = " and so on and on" * 9
    return contents(text.replace("~", filler), language)


def assert_tiles(text: str, spans: list[Span]) -> None:
    place = 0
    for span in spans:
        assert span.start == place < span.end
        assert span.content == text[span.start : span.end]
        place = span.end
    assert place == len(text)


@given(st.text(alphabet="aAé.!?,:;\"'()[]{}/ \n\t\r1你。、क्😀\u200d\u0301🇩\u1100pause:s", max_size=400))
@example("[pause:1s]\u0301a")
@example("\r\n" * 50)
def test_spans_tile_any_text(text: str) -> None:
    assert_tiles(text, split(text, language="en-us"))


@given(
    st.lists(
        st.sampled_from(
            [
                "Hello world. ",
                "[pause:1.5s]",
                "[pause:x]",
                "[read](/ɹˈɛd/)",
                "\n\n",
                " ",
                "a" * 300,
                "Dr. ",
                "😀",
                "e\u0301",
            ]
        ),
        max_size=60,
    ).map("".join)
)
def test_spans_tile_texts_with_tags(text: str) -> None:
    spans = split(text, language="de")
    assert_tiles(text, spans)
    for span in spans:
        if "[pause:1.5s]" in span.content:
            assert span.kind is SegmentKind.PAUSE
        elif span.kind is SegmentKind.PAUSE:
            assert not span.content.strip()


@given(st.text(min_size=1, max_size=300))
def test_white_space_ends_a_span_of_speech_and_never_begins_a_later_one(text: str) -> None:
    for span in split(text * 3, language="en-us")[1:]:
        assert span.kind is SegmentKind.PAUSE or not span.content[0].isspace()


@given(st.text(max_size=300), st.sampled_from(["", "\n\n", ". ", " "]), st.sampled_from(["th", "el", "my", "cmn"]))
def test_spans_of_speech_hold_every_letter_of_any_text(text: str, between: str, language: str) -> None:
    whole = between.join([text] * 3)
    spans = split(whole, language=language)
    assert_tiles(whole, spans)
    silent = "".join(span.content for span in spans if span.kind is SegmentKind.PAUSE)
    assert not any(map(str.isalnum, silent.replace("pause", "").replace("[", "")))


@pytest.mark.parametrize(
    "sentence",
    [
        "Dr. Smith met Mr. Jones~.",
        "It weighs 3.14 kg~.",
        "Some things, e.g. this and i.e. that~.",
        "The U.S. Army came~.",
        "J. R. R. Tolkien wrote~.",
        "He lives on St. James Square, No. 5~.",
        "Well... perhaps it does~.",
        "“Really?” he asked~.",
        "Visit example.com or v1.2.3~.",
        "1. The first thing~.",
        "At 5 p.m. we left~.",
        "Fig. 3 shows it~.",
    ],
)
def test_a_stop_inside_a_sentence_does_not_cut_it(sentence: str) -> None:
    text = f"{sentence} {sentence}"
    assert cuts_after_the_first(text) == [cuts_after_the_first(f"{sentence} ")[0], cuts_after_the_first(sentence)[0]]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("It rained~. ", "We left~."),
        ("Did it~? ", "Yes it did~."),
        ("He said “stop~.” ", "They ran~."),
        ("She left (quickly~.) ", "He stayed~."),
        ("Then silence~... ", "A bang~."),
        ("He works for Acme Inc. ~ in the U.S. ", "The others do not~."),
        ("I said ~ no. ", "They said yes~."),
        ("¡Hola~! ", "¿Qué tal~?"),
        ("Wow~!!! ", "Great~."),
        ("यह ठीक है~। ", "वह भी~।"),
    ],
)
def test_a_sentence_end_is_where_a_text_is_cut(first: str, second: str) -> None:
    filler = " and so on and on" * 9
    expected = [first.replace("~", filler), second.replace("~", filler)]
    assert contents("".join(expected)) == expected


def test_german_ordinals_and_abbreviations_do_not_cut() -> None:
    text = "Am 3. Mai kam z.B. Herr Dr. Müller" + " und so weiter" * 8 + "."
    assert contents(f"{text} {text}", "de") == [f"{text} ", text]


def test_chinese_is_cut_without_spaces_and_into_shorter_spans() -> None:
    spans = contents("我们今天去公园散步，天气非常好。" * 10, "cmn")
    assert len(spans) > 3
    assert all(span.endswith("。") and len(span) <= 60 for span in spans)


def test_a_heading_without_a_stop_is_not_run_into_the_text() -> None:
    body = SENTENCE_OF_SIXTY_TOKENS.strip()
    spans = contents(f"A heading of some length\n{body}\nAnother heading here\n{body}")
    assert spans[0] == "A heading of some length\n"


def test_wrapped_lines_are_one_sentence() -> None:
    text = "This line was wrapped by an editor at a column that is near to eighty\nand goes on here.\n"
    assert contents(text) == [text]


def test_short_sentences_are_joined_and_the_first_segment_is_the_smaller() -> None:
    spans = contents("This is short. " * 60)
    assert len(spans[0]) < 80 < 150 < len(spans[1])
    assert all(span.endswith("short. ") for span in spans)


def test_the_first_segment_is_at_least_one_sentence() -> None:
    first = "A first sentence that is far longer than the target for early sound" + " and goes on" * 7 + ". "
    assert contents(first + "Second one.")[0].startswith(first)


@pytest.mark.parametrize("tiny", ["Yes. ", "* * * ", "— ", "7) "])
def test_what_is_too_small_to_speak_is_joined_to_a_neighbour(tiny: str) -> None:
    long = "A sentence that fills a segment nearly by itself" + " and goes on" * 8 + ". "
    assert len(contents(long + tiny + long)) == 2


def test_a_long_sentence_is_cut_at_a_clause_then_at_space_then_anywhere() -> None:
    clause = "word " * 38 + "word, "
    assert contents(clause * 3) == [clause, clause, clause]
    assert all(span.endswith(" ") for span in contents("word " * 200)[:-1])
    assert max(map(len, contents("x" * 1000))) <= 250


def test_a_combining_sequence_is_never_cut() -> None:
    for letter in (
        "e\u0301\u0323",
        "क्षि",
        "👩\u200d👩\u200d👧",
        "🇩🇪",
        "👍🏽",
        "\u1112\u1161\u11ab",
        "\r\n",
        "\ud83d\ude00",
    ):
        for shift in range(3):
            for span in split("x" * shift + letter * 400, language="en-us")[1:]:
                assert not unicodedata.combining(span.content[0])
                assert span.content.startswith(letter[0])
                assert len(span.content) % len(letter) == 0


@pytest.mark.parametrize(
    ("tag", "seconds"), [("[pause:1.5s]", 1.5), ("[pause:0s]", 0.0), ("[pause:60s]", 60.0), ("[PAUSE:500ms]", 0.5)]
)
def test_a_pause_is_a_span_of_its_own(tag: str, seconds: float) -> None:
    spans = split(f"Before. {tag} After.", language="en-us")
    assert [span.kind for span in spans] == [SegmentKind.SPEECH, SegmentKind.PAUSE, SegmentKind.SPEECH]
    assert (spans[1].content, spans[1].pause_seconds) == (f"{tag} ", seconds)


@pytest.mark.parametrize(
    "tag", ["[pause:61s]", "[pause:-1s]", "[pause:s]", "[pause:1]", "[pause: 1s]", "[pause:1s", "[pause:60001ms]"]
)
def test_a_malformed_pause_stays_text(tag: str) -> None:
    assert [(span.kind, span.content) for span in split(f"A {tag} b.", language="en-us")] == [
        (SegmentKind.SPEECH, f"A {tag} b.")
    ]


def test_markup_is_never_cut() -> None:
    text = "[word](/wˈɜɹd. And, mˈɔɹ/)" * 100
    for span in split(text, language="en-us"):
        assert span.content.startswith("[word]")
        assert span.content.endswith("/)")


@pytest.mark.parametrize(
    "piece",
    ["a", "\n", "[pause:1s]", ".", "a. ", "a\u0301", "\u0301", "你好。", "[a](/", "a\n", " ", "🇩", '."', "Dr. A, b; "],
)
def test_a_hundred_thousand_characters_take_a_fraction_of_a_second(piece: str) -> None:
    text = (piece * 100_000)[:100_000]
    begin = time.process_time()
    assert_tiles(text, split(text, language="en-us"))
    assert time.process_time() - begin < 2  # a quadratic scan takes minutes
