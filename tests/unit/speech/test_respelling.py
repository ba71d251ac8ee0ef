from actors.speech.respelling import Respelled


def test_each_character_of_a_respelled_text_knows_its_place_in_the_original() -> None:
    original = "Ask sql now, sql!"
    respelled = Respelled.of(original, (("sql", "see quell"),))
    assert respelled.text == "Ask see quell now, see quell!"
    for word in ("Ask", "now", "!"):
        assert respelled.origin(respelled.text.index(word)) == original.index(word)
    first, last = respelled.text.index("see"), respelled.text.rindex("see")
    assert {respelled.origin(first + place) for place in range(9)} == {4}
    assert respelled.origin(last) == 13
    assert respelled.origin(len(respelled.text)) == len(original)


def test_words_that_are_given_phonemes_stay_as_they_are() -> None:
    assert Respelled.of("sql", (("sql", "/sˈikwəl/"),)) == Respelled("sql")
