"""What a lexicon may hold."""

import json

import pytest

from app.domain.kokoro_alphabet import ALPHABET, phonemes_in_alphabet
from app.domain.lexicons import (
    MAX_ENTRIES,
    MAX_LEXICON_BYTES,
    MAX_SAID_CHARACTERS,
    MAX_WORD_CHARACTERS,
    BadLexicon,
    Lexicon,
    is_lexicon_name,
)
from tests.support.kokoro_folder import kokoro_vocabulary


def test_the_alphabet_is_the_models_vocabulary_without_its_padding() -> None:
    assert kokoro_vocabulary().keys() - {"$"} == ALPHABET


def test_the_same_entries_have_the_same_version_in_any_order_and_others_another() -> None:
    one, other = Lexicon.parse({"b": "bee", "a": "ay"}), Lexicon.parse({"a": "ay", "b": "bee"})
    assert one == other
    assert one.entries == (("a", "ay"), ("b", "bee"))
    assert len(one.version) == 64
    assert Lexicon.parse({"a": "ay", "b": "be"}).version != one.version
    assert Lexicon.parse({"ab": "c"}).version != Lexicon.parse({"a": "bc"}).version


def test_words_and_phonemes_are_kept_in_the_letters_that_are_looked_for() -> None:
    lexicon = Lexicon.parse({"Zoe\u0308": "zo-e\u0308", "bon": "/bõ/", "ca": "/c\u0327a/"})
    assert lexicon.entries == (("Zoë", "zo-ë"), ("bon", "/bo\u0303/"), ("ca", "/ça/"))
    assert set(phonemes_in_alphabet("õẽçɑ̃")) <= ALPHABET


@pytest.mark.parametrize(
    ("word", "said", "told"),
    [
        ("", "x", "empty"),
        (" a", "x", "white space"),
        ("a\n", "x", "white space"),
        ("a\x00b", "x", "U+0000"),
        ("a\ud800", "x", "U+D800"),
        ("a\u2028b", "x", "U+2028"),
        ("a" * (MAX_WORD_CHARACTERS + 1), "x", "101 characters"),
        ("a", "x" * (MAX_SAID_CHARACTERS + 1), "201 characters"),
        ("a", "", "white space"),
        ("a", "x ", "white space"),
        ("a", "-", "letter or a digit"),
        ("a", "[b](/b/)", "markup"),
        ("a", "[pause:1s]", "markup"),
        ("a", 5, "string"),
        ("a", None, "string"),
        ("a", ["x"], "string"),
        ("a", "/", "two slashes"),
        ("a", "//", "two slashes"),
        ("a", "/sˈi", "two slashes"),
        ("a", "b/c/", "two slashes"),
        ("a", "/b/c/", "two slashes"),
        ("a", "/g5$/", "$ (U+0024), 5 (U+0035)"),
        ("a", "/ˈ,/", "sounds"),
        ("a", "/ /", "sounds"),
    ],
)
def test_an_entry_that_cannot_be_is_refused_and_named(word: str, said: object, told: str) -> None:
    with pytest.raises(BadLexicon) as caught:
        Lexicon.parse({"fine": "fine", word: said})
    assert [(error.word, told in error.detail) for error in caught.value.errors] == [(word, True)], caught.value.errors


@pytest.mark.parametrize(
    ("word", "said"),
    [("C++", "see plus plus"), ("&", "and"), ("New York", "noo york"), ("either/or", "either or"), ("ß", "sz"),
     ("東京", "/toːkʲoː/"), ("km/h", "km/h and 1/2"), ("x" * 100, "y" * 200)],
)  # fmt: skip
def test_what_people_write_is_taken(word: str, said: str) -> None:
    assert Lexicon.parse({word: said}).entries == ((word, said),)


def test_every_bad_entry_is_named_at_once() -> None:
    with pytest.raises(BadLexicon) as caught:
        Lexicon.parse({"a": "", "b": "bee", "c": 1})
    assert [error.word for error in caught.value.errors] == ["a", "c"]


def test_a_word_that_is_there_in_two_spellings_of_the_same_letters_is_refused() -> None:
    with pytest.raises(BadLexicon, match="twice"):
        Lexicon.parse({"Zoë": "one", "Zoe\u0308": "two"})


def test_a_lexicon_has_its_bounds() -> None:
    most = {f"word{number}": "said" for number in range(MAX_ENTRIES)}
    assert len(Lexicon.parse(most).entries) == MAX_ENTRIES
    with pytest.raises(BadLexicon, match="10001 entries"):
        Lexicon.parse({**most, "one more": "said"})
    long = {f"{number}{'w' * 90}": "s" * 200 for number in range(MAX_LEXICON_BYTES // 290)}
    with pytest.raises(BadLexicon, match="bytes"):
        Lexicon.parse(long)
    assert len(json.dumps(long)) < 2 * MAX_LEXICON_BYTES


def test_phonemes_are_found_only_where_their_word_stands_in_the_text() -> None:
    lexicon = Lexicon.parse({"york": "/jɔɹk/", "New York": "noo york"})
    assert lexicon.first_phonemes("In York.") == 3
    assert lexicon.first_phonemes("In New York.") is None
    assert lexicon.first_phonemes("Yorkshire") is None
    assert Lexicon.parse({"york": "yawk"}).first_phonemes("york") is None


def test_names_have_letters_digits_and_two_marks() -> None:
    assert all(map(is_lexicon_name, ["a", "Names-2_b", "x" * 64]))
    assert not any(map(is_lexicon_name, ["", "-a", "a.json", "a/b", "x" * 65, "é", "a\n", "a b"]))
