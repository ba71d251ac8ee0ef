"""A recogniser hears what was spoken: the words are in the sound, not only in the rows.

PocketSphinx with its own acoustic model of American English, and a language model of 45 sentences. 20 of them are
spoken; the other 25 are there to be misheard. The 20 are those that it hears well in espeak-ng's voice, which is no
human one: of all 45 it finds 70 % of the longer words.
"""

import itertools
import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from functools import cache
from pathlib import Path

import av
import numpy as np
import pytest
from pocketsphinx import Decoder
from pocketsphinx.lm import ArpaBoLM

from actors.speech import EspeakEngine
from app.domain.audio_formats import AudioFormat
from app.domain.states import TaskState
from app.domain.tasks import ItemRequest, SegmentKind
from app.sound import Silence, Sound, assemble
from tests.unit.actors.conftest import Workshop

SPOKEN = (
    "We visited the castle on top of the mountain.",
    "Two hundred people waited outside the theater.",
    "The soldiers returned home after the war had ended.",
    "The library has eleven thousand books about animals.",
    "The lawyer signed seventeen letters before lunch.",
    "The hungry tiger followed the rabbit into the jungle.",
    "Snow covered the houses and gardens during the night.",
    "Silver and gold are heavy metals.",
    "Seven brothers bought a wooden boat last winter.",
    "Please close the window before you leave the room.",
    "Her grandmother told wonderful stories about the mountains.",
    "An old wooden bridge crosses the narrow river.",
    "The train to London leaves at half past nine.",
    "The doctor told him to drink more water every day.",
    "The captain shouted orders through the heavy rain.",
    "My father works in a large hospital near the river.",
    "Grandfather repaired the broken radio with a hammer.",
    "Fresh bread and butter taste wonderful for breakfast.",
    "They are building a new bridge across the valley.",
    "The pilot landed the airplane on a frozen lake.",
)
UNSPOKEN = (
    "A yellow bird was singing in the garden this morning.",
    "She bought seven red apples and a bottle of milk.",
    "He has been learning the piano for eleven years.",
    "A tall policeman stopped the red bus near the church.",
    "The company sold twenty thousand computers last summer.",
    "The teacher asked the students to open their books.",
    "Ships carry oil and timber across the Atlantic ocean.",
    "I would like a cup of coffee with sugar, please.",
    "The weather report says that it will rain tomorrow morning.",
    "Scientists discovered a new planet beyond the stars.",
    "Nobody knows where the money has gone.",
    "It is dangerous to swim in the ocean during a storm.",
    "Her brother sells furniture and carpets in the village.",
    "Angry customers demanded their money back on Monday.",
    "Thirteen students failed the final examination in history.",
    "My sister plays the violin every Thursday evening.",
    "The farmer planted potatoes and onions in April.",
    "My neighbor bought an expensive camera in Germany.",
    "We walked through the forest until it became dark.",
    "The museum opens at ten and closes at seven.",
    "The little dog barked at the yellow moon.",
    "The newspaper published a picture of the famous actor.",
    "Children were playing football behind the old school.",
    "The president gave a long speech about the economy.",
    "The kitchen smells of onions, garlic and pepper.",
)

LEAST_OF_ALL = 0.75
"""So many of all words of four letters or more must be heard, in their order."""

LEAST_OF_EACH = 0.4
"""So many of each sentence's."""

HEARING_RATE = 16_000


@pytest.fixture
def engine() -> EspeakEngine:
    return EspeakEngine()


def words_of(sentence: str) -> list[str]:
    return re.findall(r"[a-z]+", sentence.lower())


def content_words(sentence: str) -> list[str]:
    return [word for word in words_of(sentence) if len(word) > 3]


@pytest.fixture(scope="module")
def recogniser(tmp_path_factory: pytest.TempPathFactory) -> Decoder:
    model = ArpaBoLM()
    model.read_corpus([f"<s> {' '.join(words_of(sentence))} </s>\n" for sentence in SPOKEN + UNSPOKEN])
    model.compute()
    path = tmp_path_factory.mktemp("model") / "sentences.arpa"
    model.write_file(str(path))
    decoder = Decoder(samprate=HEARING_RATE, lm=str(path), loglevel="FATAL")
    assert all(decoder.lookup_word(word) for sentence in SPOKEN + UNSPOKEN for word in words_of(sentence))
    return decoder


@cache
def heard_in(recogniser: Decoder, sound: bytes) -> tuple[str, ...]:
    recogniser.start_utt()
    recogniser.process_raw(sound, full_utt=True)
    recogniser.end_utt()
    found = recogniser.hyp()
    return tuple(found.hypstr.split()) if found else ()


def utterances(path: Path) -> list[bytes]:
    """What is between the pauses of a file, at 16 kHz, with a quarter of a second of silence around."""
    resampler = av.AudioResampler("s16", "mono", HEARING_RATE)
    with av.open(str(path)) as container:
        frames = [new for frame in container.decode(audio=0) for new in resampler.resample(frame)]
        frames += resampler.resample(None)
    samples = np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames])
    loud = np.flatnonzero(np.abs(samples) > 30)
    ends = np.flatnonzero(np.diff(loud) > 0.4 * HEARING_RATE)
    around = np.zeros(HEARING_RATE // 4, np.int16)
    bounds = itertools.pairwise([0, *(ends + 1), loud.size])
    return [
        np.concatenate([around, samples[loud[first] : loud[after - 1]], around]).tobytes() for first, after in bounds
    ]


def shares_heard(recogniser: Decoder, path: Path, sentences: Sequence[str]) -> list[float]:
    """What part of each sentence's content words was heard, where the order of all words is that of the sentences."""
    heard = [word for sound in utterances(path) for word in heard_in(recogniser, sound) if len(word) > 3]
    wanted = [(word, number) for number, sentence in enumerate(sentences) for word in content_words(sentence)]
    found = [0] * len(sentences)
    matcher = SequenceMatcher(None, [word for word, _ in wanted], heard, autojunk=False)
    for first, _, count in matcher.get_matching_blocks():
        for _, number in wanted[first : first + count]:
            found[number] += 1
    return [found[number] / len(content_words(sentence)) for number, sentence in enumerate(sentences)]


def is_complete(shares: Sequence[float], sentences: Sequence[str]) -> bool:
    counts = [len(content_words(sentence)) for sentence in sentences]
    of_all = sum(share * count for share, count in zip(shares, counts, strict=True)) / sum(counts)
    return of_all >= LEAST_OF_ALL and min(shares) >= LEAST_OF_EACH


def test_every_sentence_is_heard_and_one_that_was_left_out_is_missed(
    workshop: Workshop, recogniser: Decoder, tmp_path: Path
) -> None:
    task_id = workshop.request(
        ItemRequest("[pause:600ms]".join(SPOKEN), "espeak-en-us", speed=0.9, format=AudioFormat.FLAC)
    )
    workshop.work()
    task = workshop.finished(task_id)
    assert task.state is TaskState.COMPLETED
    whole = workshop.bench.audio.finished_path(task_id, 0, AudioFormat.FLAC)
    shares = shares_heard(recogniser, whole, SPOKEN)
    assert is_complete(shares, SPOKEN), shares

    with workshop.bench.database.read() as store:
        segments = store.segments(task_id, 0)
    spoken = [segment for segment in segments if segment.kind is SegmentKind.SPEECH]
    assert len(spoken) == len(SPOKEN)
    for left_out in (0, 9, 19):
        sounds = [
            Silence(segment.pause_seconds)
            if segment.kind is SegmentKind.PAUSE
            else Sound(workshop.bench.audio.read_segment(segment.key or "").wav)
            for segment in segments
            if segment is not spoken[left_out]
        ]
        short = tmp_path / f"without-{left_out}.flac"
        assemble(sounds, short, format=AudioFormat.FLAC, sample_rate=22_050, volume=1.0)
        found = shares_heard(recogniser, short, SPOKEN)
        assert not is_complete(found, SPOKEN)
        assert found.index(min(found)) == left_out
