"""Every word of a text has its time in the finished file."""

import hashlib
import io
import json

import pytest

from actors.speech import EspeakEngine, WordList, split
from actors.speech.words import words_of
from app.domain.markup import MARKUP
from app.domain.speech import Utterance, WordTime
from app.domain.stopping import StopToken
from app.domain.tasks import SegmentKind
from app.domain.voices import VoiceMix

TEXTS = {
    "en-us": "Dr. Smith paid $12.50 for 3 [tomatoes](/təˈmɑːtoʊz/). [pause:1.5s] Really — on 5/6/2024? 😀 Yes; e.g. “this”.",
    "de": "Am 3. Mai kostete es 1.234,56 € – zu viel!\n\nWas nun? [pause:300ms] Die [Straße](/ʃtʁaːsə/) ist z. B. lang.",
    "fr-fr": "L'homme qu'il a vu : « c'est lui » ; 21 h 30. [pause:1s] [Où](/u/) est-il ?",
    "es": "¿Dónde está? ¡Aquí! El 50 % de 1000. [pause:0.5s] La [niña](/niɲa/) corrió…",
    "it": "Perché no? L'[amico](/amiko/) di 33 anni. [pause:2s] È così, dice.",
    "cmn": "今天天气很好，我们去公园。[pause:1s] 你有 3 本书吗？",
}


def listed(*segments: tuple[str, int, list[WordTime], float, float]) -> list[dict[str, object]]:
    out = io.BytesIO()
    words = WordList(out)
    for content, start, times, begins, ends in segments:
        words.add(content, start, times, start_seconds=begins, end_seconds=ends)
    assert words.end() == hashlib.sha256(out.getvalue()).hexdigest()
    found: list[dict[str, object]] = json.loads(out.getvalue())["words"]
    return found


@pytest.mark.parametrize("language", TEXTS)
def test_no_word_of_the_text_is_missing(language: str) -> None:
    text, engine, voice = TEXTS[language], EspeakEngine(), VoiceMix.parse(f"espeak-{language}")
    segments, place = [], 0.0
    pauses = []
    for span in split(text, language=voice.language):
        if span.kind is SegmentKind.PAUSE:
            pauses.append((place, place + span.pause_seconds))
            place += span.pause_seconds
            continue
        speech = engine.synthesize(Utterance(span.content, voice), StopToken())
        seconds = len(speech.samples) / speech.sample_rate
        segments.append((span.content, span.start, list(speech.words), place, place + seconds))
        place += seconds
    words = listed(*segments)

    assert pauses
    plain = MARKUP.sub(lambda match: " " + match["word"] + " " * (len(match["phonemes"]) + 5), text)
    for tag in ("[pause:1.5s]", "[pause:300ms]", "[pause:1s]", "[pause:0.5s]", "[pause:2s]"):
        plain = plain.replace(tag, " " * len(tag))
    assert [(word["start_char"], word["end_char"]) for word in words] == words_of(plain)
    assert all(text[word["start_char"] : word["end_char"]] == word["text"] for word in words)
    moments = [moment for word in words for moment in (word["start"], word["end"])]
    assert moments == sorted(moments)
    assert 0 <= moments[0] <= moments[-1] <= round(place, 3)
    for begins, ends in pauses:
        assert not [word for word in words if begins + 0.002 < word["start"] < ends - 0.002]


def test_a_word_that_the_engine_is_silent_about_shares_its_neighbours_time() -> None:
    words = listed(("one two three", 5, [WordTime(0, 3, 0.0, 0.2), WordTime(8, 13, 0.8, 0.9)], 10.0, 11.0))
    assert [(word["start"], word["end"]) for word in words] == [(10.0, 10.2), (10.4, 10.8), (10.8, 10.9)]
    assert [(word["start_char"], word["end_char"], word["text"]) for word in words] == [
        (5, 8, "one"), (9, 12, "two"), (13, 18, "three"),
    ]  # fmt: skip


def test_words_that_the_engine_cuts_otherwise_are_put_together() -> None:
    words = listed(
        ("$12.50 now", 0, [WordTime(1, 3, 0.1, 0.4), WordTime(4, 6, 0.4, 0.7), WordTime(7, 10, 0.8, 1)], 0, 1)
    )
    assert [(word["start"], word["end"], word["text"]) for word in words] == [(0.1, 0.7, "$12.50"), (0.8, 1.0, "now")]


def test_a_span_without_sound_has_its_words_at_its_place() -> None:
    words = listed(("one", 0, [WordTime(0, 3, 0.0, 0.5)], 0.0, 0.5), ("語", 4, [], 0.5, 0.5))
    assert words[1] == {"start": 0.5, "end": 0.5, "start_char": 4, "end_char": 5, "text": "語"}


def test_no_words_are_a_document_too() -> None:
    assert listed() == []
    assert listed(("...", 0, [], 0.0, 1.0)) == []
