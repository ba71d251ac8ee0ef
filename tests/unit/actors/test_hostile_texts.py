"""Texts that nobody should send, through the real pipeline: each ends in audio with every word, or in a clear error."""

import json
import re
import sys
import unicodedata

import pytest

from actors.speech import EspeakEngine
from app.domain.states import TaskState
from app.domain.tasks import AudioFormat, ItemRequest, Task
from tests.support.processes import until
from tests.unit.actors.conftest import Workshop

MARKS = (
    "\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff\u00ad\u034f\u061c"
)


@pytest.fixture
def engine() -> EspeakEngine:
    return EspeakEngine()


def spoken(workshop: Workshop, text: str, voice: str = "espeak-en-us", seconds: float = 120.0) -> Task:
    """The task, ended: its audio is there and has every word, or its error says which part of the text has no sound."""
    task_id = workshop.request(ItemRequest(text, voice, format=AudioFormat.OPUS))
    if workshop.worker is None:
        workshop.work()
    until(lambda: workshop.task(task_id).state in {TaskState.COMPLETED, TaskState.DISCARDED}, seconds=seconds)
    task = workshop.task(task_id)
    if task.state is TaskState.DISCARDED:
        assert task.error is not None
        assert task.error.type in {"nothing-to-say", "segment-silent"}, task.error
        if task.error.type == "segment-silent":
            assert task.error.segment is not None
            assert task.error.segment.text in text
            assert task.error.segment.text
        return task
    item = task.items[0]
    assert item.audio is not None
    assert workshop.bench.audio.finished_path(task_id, 0, item.format).stat().st_size == item.audio.bytes
    words = json.loads(workshop.bench.audio.captions_path(task_id, 0).read_bytes())["words"]
    kept = list(text)
    for word in words:
        kept[word["start_char"] : word["end_char"]] = " " * (word["end_char"] - word["start_char"])
    left = re.sub(r"\[pause:[^]]*\]", "", "".join(kept))
    assert not any(map(str.isalnum, left)), "every word is in the captions"
    for span in item.dropped:
        assert text[span.start : span.end] == span.text
        assert not any(map(str.isalnum, span.text)), "only what has no letters may have no sound"
    return task


@pytest.mark.parametrize(
    "text",
    [
        MARKS,
        MARKS * 60,
        "!?" * 10_000,
        "\n" * 999 + ".",
        "\u0301" * 5_000,
        "…" * 3_000,
        "\ue000\uf8ff\U000f0000" * 50,
    ],
    ids=["marks", "many marks", "punctuation", "lines", "combining marks alone", "ellipses", "private use"],
)
def test_a_text_without_letters_is_said_to_have_nothing_to_say_or_is_heard(workshop: Workshop, text: str) -> None:
    spoken(workshop, text)


@pytest.mark.parametrize(
    "text",
    [
        "".join(f"{letter}{MARKS}" for letter in "Nothing is lost here. " * 4),
        "\u202eThis is written backwards\u202c and this is not. " * 30,
        "שלום hello مرحبا 123 עולם. " * 8,
        "Z" + "\u0301\u0327\u20dd" * 2_000 + "algo text, and e" + "\u0489" * 3_000 + "nd.",
        "".join(f"{letter}\u0300\u0301\u0302\u0303\u0304" for letter in "combining marks everywhere " * 8),
        "a" * 5_000,
        "9" * 600,
        "\N{FAMILY}\u200d\N{HEAVY BLACK HEART}\ufe0f\N{EMOJI MODIFIER FITZPATRICK TYPE-6}" * 40 + " end.",
        "<speak><break time='9999s'/>&amp;&#0;</speak> [[h@l'oU]] {{x}} [pause:61s] [pause:-1s] \\p" * 4,
        "[" * 500 + "word" + "](/" * 250,
        "word\r\n\t\v\f" * 300,
        "ﬁ ǅ İ ẞ ŉ K ﷺ Ⅷ ½ ₂ ª º ʰ ー 々 〆 ゝ" * 6,
    ],
    ids=[
        "marks between letters",
        "right to left override",
        "two directions",
        "combining storm",
        "combining marks on each letter",
        "one letter",
        "one digit",
        "emoji",
        "markup of others",
        "brackets",
        "controls",
        "letters of odd case",
    ],
)
def test_a_hostile_text_is_heard_to_its_last_word(workshop: Workshop, text: str) -> None:
    task = spoken(workshop, text)
    assert task.state is TaskState.COMPLETED, task.error


def every_block(step: int) -> str:
    """The first character of every `step` code points that is assigned: no block is smaller than 16."""
    found = []
    for first in range(0, sys.maxunicode + 1, step):
        run = (chr(point) for point in range(first, first + step) if not 0xD800 <= point < 0xE000)
        assigned = (one for one in run if unicodedata.category(one) not in {"Cn", "Cc", "Co"})
        found.extend([next(assigned, "")])
    return "".join(found)


def words_of_every_block(step: int) -> str:
    characters = every_block(step)
    return " ".join(characters[place : place + 5] for place in range(0, len(characters), 5))


def spoken_without_the_silent(workshop: Workshop, text: str, voice: str = "espeak-en-us", *, most: int) -> None:
    """Each part that is named for its silence is taken out, until the rest is heard; at most so many are."""
    for _ in range(most + 1):
        task = spoken(workshop, text, voice, seconds=600)
        if task.state is TaskState.COMPLETED:
            return
        assert task.error is not None
        assert task.error.segment is not None
        text = text.replace(task.error.segment.text, " ")
    raise AssertionError(f"more than {most} parts of the text have no sound")


def test_a_text_of_all_unicode_is_heard_but_for_the_parts_that_are_named(workshop: Workshop) -> None:
    text = words_of_every_block(512)
    assert len(text) > 350
    spoken_without_the_silent(workshop, text, most=1)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("voice", "step"), [("espeak-en-us", 16), ("espeak-ar", 64), ("espeak-cmn", 64), ("espeak-hi", 64)]
)
def test_a_text_of_every_unicode_block_is_heard_but_for_the_parts_that_are_named(
    workshop: Workshop, voice: str, step: int
) -> None:
    spoken_without_the_silent(workshop, words_of_every_block(step), voice, most=12)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_million_characters_of_one_letter_become_a_file(workshop: Workshop) -> None:
    task = spoken(workshop, "a" * 1_000_000, seconds=1500)
    assert task.state is TaskState.COMPLETED
    assert task.items[0].audio is not None
    assert task.items[0].audio.duration_seconds > 1000
