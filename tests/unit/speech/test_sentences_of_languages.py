"""Sentences as they are cut in many languages: each list below is one text, joined without anything in between."""

from itertools import pairwise

import pytest

from actors.speech.sentences import Break, endings, without_wraps

SENTENCES: dict[str, list[str]] = {
    "en-us": [
        "Dr. Smith met Mrs. Jones at 5 p.m. in St. Paul. ",
        "“Really?” he asked. ",
        "‘No!’ she said (and left). ",
        "It cost $3.50, i.e. too much... ",
        "Visit example.com! ",
        "J. R. R. Tolkien wrote it.",
    ],
    "de": [
        "Am 3. Oktober kam z. B. Dr. Weiß um 8.30 Uhr. ",
        "„Halt!“ rief er. ",
        "»Wirklich?« fragte sie. ",
        "Er blieb usw. bis zum Ende. ",
        "Dann ging er.",
    ],
    "fr-fr": [
        "M. Dupont est arrivé à 8 heures. ",
        "« Vraiment ? » dit-il. ",
        "« Oui ! » ",
        "Elle partit (enfin) avec Mme. Durand… ",
        "C'est fini.",
    ],
    "es": ["¿Qué tal? ", "¡Muy bien! ", "El Sr. García vive en la Avda. Goya, núm. 5. ", "«Ya voy», dijo. ", "Fin."],
    "it": ["Il sig. Rossi arriva alle 8.30. ", "«Davvero?» ", "Sì, cfr. pag. 3. ", "Fine."],
    "pt-br": ["O Sr. Silva chegou. ", "“Já?” perguntou a Dra. Costa. ", "Sim!"],
    "ru": ["Это первый текст. ", "«Правда?» ", "Да! ", "Конец…"],
    "pl": ["To jest pierwsze zdanie. ", "„Naprawdę?” ", "Tak! ", "Koniec."],
    "el": ["Τι κάνεις; ", "Είμαι καλά, ευχαριστώ. ", "Ναι!"],
    "hi": ["यह पहला वाक्य है। ", "क्या यह दूसरा है? ", "हाँ॥"],
    "ar": ["هذه جملة. ", "هل هذا صحيح؟ ", "نعم!"],
    "ur": ["یہ پہلا جملہ ہے۔ ", "کیا یہ دوسرا ہے؟ ", "ہاں۔"],
    "hy": ["Սա առաջին նախադասությունն է։ ", "Այո։"],
    "am": ["ይህ የመጀመሪያው ነው። ", "አዎ።"],
    "cmn": ["我们走吧。", "“真的吗？”", "他说：“好！”", "太好了!", "再见。"],
    "ja": ["今日は晴れです。", "「本当？」", "はい！！", "終わり。"],
    "ko": ["안녕하세요. ", "정말요? ", "네!"],
    "my": ["ကျွန်တော် သွားမယ်။ ", "ဟုတ်ကဲ့။"],
    "km": ["ខ្ញុំទៅផ្ទះ។ ", "បាទ។"],
    "bo": ["བཀྲ་ཤིས་བདེ་ལེགས། ", "ཡིན།"],
}


@pytest.mark.parametrize("language", SENTENCES)
def test_sentences_end_where_a_reader_ends_them(language: str) -> None:
    sentences = SENTENCES[language]
    text = "".join(sentences)
    cuts = [0, *(ending.offset for ending in endings(text, 0, len(text), language=language)), len(text)]
    assert [text[start:end] for start, end in pairwise(cuts)] == sentences


def kinds(text: str, language: str = "en-us") -> list[tuple[str, Break]]:
    found, place = [], 0
    for ending in endings(text, 0, len(text), language=language):
        found.append((text[place : ending.offset].strip(), ending.kind))
        place = ending.offset
    return found


@pytest.mark.parametrize(
    ("heading", "kind"),
    [
        ("Chapter One", Break.HEADING),
        ("CHAPTER I. DOWN THE RABBIT-HOLE", Break.HEADING),
        ("1", Break.HEADING),
        ("第一章", Break.HEADING),
        ("Über den Wolken (1923)", Break.HEADING),
        ("## What is this?", Break.HEADING),
        ("Who are you?", Break.PARAGRAPH),
        ("It rained.", Break.PARAGRAPH),
        ("“It rained.”", Break.PARAGRAPH),
        ("he said so", Break.PARAGRAPH),
        ("- a list of one", Break.PARAGRAPH),
        ("Dear John,", Break.PARAGRAPH),
        ("终于到了。", Break.PARAGRAPH),
        (
            "A line that has far more to say than any heading would, and which goes on until it is too long",
            Break.PARAGRAPH,
        ),
    ],
)
def test_a_short_line_without_a_mark_is_a_heading(heading: str, kind: Break) -> None:
    assert (heading, kind) in [(line.strip(), found) for line, found in kinds(f"{heading}\n\nThe night was dark.")]


def test_a_heading_may_stand_right_above_a_paragraph_that_is_not_wrapped() -> None:
    paragraph = "It was a dark and stormy night, and nobody would have gone out without a very good reason to do so; nobody did."
    assert kinds(f"The Storm\n{paragraph}")[0] == ("The Storm", Break.HEADING)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r", "\u2028"])
def test_a_verse_ends_with_its_line_and_a_stanza_with_a_blank_one(newline: str) -> None:
    lines = [
        "Tyger Tyger, burning bright,",
        "In the forests of the night;",
        "What immortal hand or eye,",
        "",
        "When the stars",
    ]
    text = newline.join(lines)
    verse = kinds("Roses are red" + newline + "Violets are blue" + newline + newline + "Sugar is sweet")
    assert verse == [("Roses are red", Break.LINE), ("Violets are blue", Break.PARAGRAPH)]
    assert kinds(text)[-1][1] is Break.PARAGRAPH


def test_each_entry_of_a_list_ends_with_its_line() -> None:
    text = "Take with you:\n- a rather long entry that goes on and on, beyond the length of any short line\n- bread\n- milk"
    assert [kind for _, kind in kinds(text)] == [Break.LINE, Break.LINE, Break.LINE]
    numbered = "1. wash the apples until they are clean and nothing is left on any of them\n2. peel them\n3) eat"
    assert [kind for _, kind in kinds(numbered)] == [Break.LINE, Break.LINE]


@pytest.mark.parametrize(
    ("text", "unwrapped"),
    [
        ("apples\nPears", "apples\nPears"),
        ("these words were wrapped\nby an editor", "these words were wrapped by an editor"),
        ("wrapped\r\nwords", "wrapped  words"),
        ("A line, which goes\non.\n\nNext", "A line, which goes on.\n\nNext"),
        ("ends\n", "ends\n"),
        ("- one\n- two", "- one\n- two"),
    ],
)
def test_what_is_only_wrapped_becomes_one_line(text: str, unwrapped: str) -> None:
    assert without_wraps(text) == unwrapped
