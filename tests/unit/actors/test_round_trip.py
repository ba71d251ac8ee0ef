"""From a text to a file and back: what a decoder hears is what the segments were, and every word is in the captions."""

import itertools
import json
import re
from collections.abc import Iterator

import av
import numpy as np
import pytest

from actors.speech import EspeakEngine
from app.domain.audio_formats import AudioFormat
from app.domain.ids import TaskId
from app.domain.speech import Utterance
from app.domain.states import TaskState
from app.domain.stopping import StopToken
from app.domain.tasks import Item, ItemRequest, Segment, SegmentKind
from app.ports import Speech
from app.sound import level_of
from tests.unit.actors.conftest import Workshop

TEXTS = {
    "en-us": "Dr. Smith paid $12.50 at 5 p.m., didn't he?[pause:700ms] “Nothing is lost”, she said — well-known words.",
    "de": "Der schöne Überfluß kostet 1.234,50 € am 3. März. [pause:0.3s]Äpfel, Öl und Übermut: z. B. hier!",
    "fr-fr": "L’été, c’est l’heure où l’on s’aime… « Où êtes-vous ? » demanda-t-elle ; rien ne se perd.",
    "ru": "Мама мыла раму в 1999 году. Ничего не потеряно, «всё» на месте — так и есть.",
    "cmn": "你好，世界。今天是2026年11月23日，天气很好！什么都没有丢失。",
    "ar": "مرحبا بالعالم. لا شيء يضيع، كل كلمة في مكانها؟ نعم، 42 كلمة.",
}
DELAY_SECONDS = {AudioFormat.AAC: 1024 / 48_000}
"""ADTS has no place to say where the sound begins; docs/speech.md."""


@pytest.fixture
def engine() -> EspeakEngine:
    return EspeakEngine()


def decoded(workshop: Workshop, task_id: TaskId, item: Item) -> tuple[np.ndarray, int]:
    """The samples as a player gives them out, -1 to 1, and how many a second."""
    assert item.audio is not None
    path = workshop.bench.audio.finished_path(task_id, item.index, item.format)
    raw = item.format is AudioFormat.PCM
    options = {"sample_rate": str(item.audio.sample_rate)} if raw else {}
    with av.open(str(path), format="s16le" if raw else None, options=options) as container:
        samples = np.concatenate([frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)])
    return (samples / 32767 if samples.dtype == np.int16 else samples).astype(np.float32), item.audio.sample_rate


def segments_of(workshop: Workshop, task_id: TaskId, item: int = 0) -> list[Segment]:
    with workshop.bench.database.read() as store:
        return store.segments(task_id, item)


def stretches(segments: list[Segment], rate: int) -> Iterator[tuple[bool, int, int]]:
    """What is speech and what is silence, in order: whether it is speech, and from which sample to which."""
    place = 0
    for segment in segments:
        spoken = round(segment.audio_seconds * rate) if segment.kind is SegmentKind.SPEECH else 0
        silent = round(segment.pause_seconds * rate)
        for is_speech, count in ((True, spoken), (False, silent)):
            if count:
                yield is_speech, place, place + count
                place += count


def left_over(text: str, words: list[dict[str, object]]) -> str:
    """What of the text is in no word, without the pauses."""
    kept = list(re.sub(r"\[pause:[^]]*\]", lambda tag: " " * len(tag[0]), text))
    for word in words:
        assert text[word["start_char"] : word["end_char"]] == word["text"]  # type: ignore[misc]
        kept[word["start_char"] : word["end_char"]] = " " * len(word["text"])  # type: ignore[misc,arg-type]
    return "".join(kept)


def test_in_six_languages_and_every_format_the_file_is_its_segments_and_has_every_word(workshop: Workshop) -> None:
    task_id = workshop.request(
        *(
            ItemRequest(text, f"espeak-{language}", format=format)
            for language, text in TEXTS.items()
            for format in AudioFormat
        )
    )
    workshop.work()
    task = workshop.finished(task_id)
    assert task.state is TaskState.COMPLETED
    assert len(task.items) == 42
    for item in task.items:
        samples, rate = decoded(workshop, task_id, item)
        ends = [end for _, _, end in stretches(segments_of(workshop, task_id, item.index), 22_050)]
        wanted = ends[-1] / 22_050
        seconds = len(samples) / rate - DELAY_SECONDS.get(item.format, 0.0)
        assert seconds == pytest.approx(wanted, abs=0.025), (item.voice, item.format)
        assert item.audio is not None
        assert item.audio.duration_seconds == pytest.approx(wanted, abs=0.001)
        words = json.loads(workshop.bench.audio.captions_path(task_id, item.index).read_bytes())["words"]
        assert words[-1]["end"] <= item.audio.duration_seconds + 0.0005
        assert all(one["end"] <= other["start"] + 0.0005 for one, other in itertools.pairwise(words))
        assert not any(map(str.isalnum, left_over(item.text, words))), item.voice
        assert item.dropped == ()
        assert level_of(samples, rate).lufs == pytest.approx(-19.0, abs=1.0), (item.voice, item.format)


def test_joins_are_smoother_than_the_speech_and_pauses_are_silent(workshop: Workshop) -> None:
    text = "".join(f"The quick brown fox number {n} jumps, over {n} lazy dogs![pause:{n * 100}ms]" for n in range(8))
    task_id = workshop.say(text)
    workshop.work()
    task = workshop.finished(task_id)
    samples, rate = decoded(workshop, task_id, task.items[0])
    steps = np.abs(np.diff(samples))
    end, joins, spoken = 0, [], []
    for is_speech, place, end in stretches(segments_of(workshop, task_id), rate):
        if is_speech:
            spoken.append(steps[place + rate // 50 : end - rate // 50].max())
        else:
            assert not samples[place:end].any(), "a pause is silence, from its first sample to its last"
        joins.append(steps[max(0, place - rate // 1000) : place + rate // 1000].max())
    assert end == len(samples)
    assert len(joins) >= 15
    assert max(joins) < 0.02
    assert max(joins) < min(spoken) / 5, "a step at a join is a fifth of those within the speech, at most"


def test_every_volume_has_its_own_loudness(workshop: Workshop) -> None:
    text = "Anna saw red apples on the old table, and Paul ate seven of them."
    task_id = workshop.request(*(ItemRequest(text, "espeak-en-us", volume=volume) for volume in (0.1, 0.5, 1.0, 2.0)))
    workshop.work()
    task = workshop.finished(task_id)
    found = [level_of(*decoded(workshop, task_id, item)).lufs for item in task.items]
    assert found[:3] == [pytest.approx(lufs, abs=0.7) for lufs in (-39.0, -25.0, -19.0)]
    assert -16.5 < found[3] < -13.0, "6 dB more, less what the limiter takes of the highest peaks"


class Uneven(EspeakEngine):
    """Says whatever has "quiet" in it at half the level, as a model does that fades."""

    def synthesize(self, utterance: Utterance, stop: StopToken) -> Speech:
        speech = super().synthesize(utterance, stop)
        if "quiet" not in utterance.text:
            return speech
        return Speech(speech.samples * np.float32(0.5), speech.sample_rate, speech.words)


@pytest.mark.parametrize("engine", [Uneven()])
def test_a_quiet_segment_does_not_stand_out(workshop: Workshop) -> None:
    text = "Here is a sentence.[pause:1s]This one is quiet, though.[pause:1s]And the next is as the first."
    task_id = workshop.say(text)
    workshop.work()
    task = workshop.finished(task_id)
    samples, rate = decoded(workshop, task_id, task.items[0])
    levels = [
        level_of(samples[place:end], rate).lufs
        for is_speech, place, end in stretches(segments_of(workshop, task_id), rate)
        if is_speech
    ]
    assert levels == [pytest.approx(-19.0, abs=1.0)] * 3


def test_the_peaks_of_an_item_are_those_of_its_file(workshop: Workshop) -> None:
    task_id = workshop.say("Here is a sentence.[pause:1s]And another one.")
    workshop.work()
    task = workshop.finished(task_id)
    samples, rate = decoded(workshop, task_id, task.items[0])
    peaks = json.loads(workshop.bench.audio.peaks_path(task_id, 0).read_bytes())  # type: ignore[attr-defined]
    span = peaks["samples_per_pixel"]
    assert (peaks["sample_rate"], peaks["length"]) == (rate, -(-len(samples) // span))
    highest = [samples[place : place + span].max() * 128 for place in range(0, len(samples), span)]
    assert np.abs(np.array(peaks["data"][1::2]) - highest).max() <= 1.1
