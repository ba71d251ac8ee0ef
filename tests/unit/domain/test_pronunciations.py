import pytest

from app.domain.pronunciations import given_phonemes, occurrences, occurring


def found(text: str, **entries: str) -> list[tuple[str, str]]:
    pairs = tuple(entries.items())
    return [(text[each.start : each.end], each.said) for each in occurrences(text, pairs)]


def test_a_word_in_small_letters_is_found_in_any_case() -> None:
    assert found("SQL, Sql and sql", sql="sequel") == [("SQL", "sequel"), ("Sql", "sequel"), ("sql", "sequel")]


def test_a_word_with_a_capital_is_found_as_it_is_written_and_goes_first() -> None:
    assert found("Polish polish POLISH", Polish="POH-lish") == [("Polish", "POH-lish")]
    assert found("Polish polish", Polish="POH-lish", polish="PAH-lish") == [
        ("Polish", "POH-lish"),
        ("polish", "PAH-lish"),
    ]


@pytest.mark.parametrize("text", ["sqlite", "mysql", "sql2", "don't", "sql_mode", "x'sql't"])
def test_parts_of_words_are_not_found(text: str) -> None:
    assert found(text, sql="sequel", don="don", t="tee") == []


@pytest.mark.parametrize("text", ["(sql)", "sql's", "no-sql", "sql, sql’s. sql"])
def test_punctuation_and_possessives_end_a_word(text: str) -> None:
    assert {word for word, _ in found(text, sql="sequel")} == {"sql"}


def test_an_elision_before_a_word_leaves_it_whole() -> None:
    assert found("l'eau et l’eau", eau="o") == [("eau", "o"), ("eau", "o")]


def test_the_longest_word_wins_and_none_is_within_another() -> None:
    entries = (("new york", "one"), ("york", "two"), ("c++", "three"), ("c", "four"))
    text = "New York, York, C++ and C."
    assert [each.said for each in occurrences(text, entries)] == ["one", "two", "three", "four"]


def test_words_of_scripts_without_spaces_are_found_anywhere() -> None:
    entries = (("東京", "/toːkʲoː/"),)
    assert [(each.start, each.end) for each in occurrences("東京は東京だ", entries)] == [(0, 2), (3, 5)]


def test_composed_and_decomposed_letters_are_the_same_word() -> None:
    assert found("Zoë, Zoe\u0308", zoë="ZOH-ee") == [("Zoë", "ZOH-ee"), ("Zoe\u0308", "ZOH-ee")]
    assert found("zoe\u0308", zoe="zoh") == []


def test_phonemes_are_what_stands_between_slashes() -> None:
    assert given_phonemes("/sˈikwəl/") == "sˈikwəl"
    assert [given_phonemes(said) for said in ("sequel", "/", "//", "a/b", "/a")] == [None] * 5


def test_only_words_of_the_text_count() -> None:
    lexicon = (("sql", "sequel"), ("gif", "jif"))
    assert occurring("A GIF in a gif.", lexicon) == (("gif", "jif"),)
    assert occurring("Nothing.", lexicon) == occurring("sql", ()) == ()


def test_ten_thousand_words_are_looked_up_by_length_and_not_one_by_one() -> None:
    lexicon = tuple((f"word{number}", f"said{number}") for number in range(10_000))
    text = "word9999 " * 2_000
    assert {each.said for each in occurrences(text, lexicon)} == {"said9999"}


@pytest.mark.parametrize("text", ["ΣΑΣ", "σας", "Σας"])
def test_letters_whose_small_form_depends_on_their_place_are_found(text: str) -> None:
    assert found(text, σας="sas") == [(text, "sas")]


def test_words_that_begin_alike_are_told_apart_by_their_whole_letters() -> None:
    entries = (("word", "one"), ("words", "two"), ("wordsmith", "three"), ("wo", "four"))
    text = "Wordsmith words word wo wor wordsm"
    assert [each.said for each in occurrences(text, entries)] == ["three", "two", "one", "four"]
