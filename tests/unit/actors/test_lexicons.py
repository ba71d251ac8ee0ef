"""What a lexicon does to a task: its words in the segments that have them, and to nothing else."""

from app.domain.errors import EngineFailed
from app.domain.lexicons import ChosenLexicon, Lexicon
from app.domain.states import TaskState
from app.domain.tasks import ItemRequest
from app.results import add_lexicon, find_lexicon, replace_lexicon
from app.services.control_tasks import retry_task
from tests.support.processes import until
from tests.unit.actors.conftest import Workshop, failing

SENTENCES = [
    f"The {word} was asked about the same old thing again and again, and had nothing at all to say to anybody."
    for word in ("banker", "doctor", "farmer", "lawyer", "potter", "singer")
]
TEXT = " ".join(SENTENCES)


def request(text: str, **entries: str) -> ItemRequest:
    return ItemRequest(text, "espeak-en-us", lexicon=ChosenLexicon(Lexicon.parse(entries)) if entries else None)


def said(workshop: Workshop) -> dict[str, tuple[tuple[str, str], ...]]:
    """What the engine was given for the segments that it spoke."""
    return {call.text: call.pronunciations for call in workshop.engine.calls}


def test_a_segment_is_given_the_pronunciations_of_its_own_words(workshop: Workshop) -> None:
    workshop.work()
    workshop.finished(workshop.request(request(TEXT, doctor="physician", unused="nowhere")))

    told = said(workshop)
    assert len(told) > 2
    assert all(bool(pairs) == ("doctor" in text) for text, pairs in told.items())
    assert {pairs for pairs in told.values() if pairs} == {(("doctor", "physician"),)}


def test_an_edited_entry_renders_only_the_segments_in_which_the_word_stands(workshop: Workshop) -> None:
    workshop.work()
    workshop.finished(workshop.request(request(TEXT, doctor="physician", farmer="grower")))
    segments = len(workshop.engine.calls)
    workshop.engine.calls.clear()

    workshop.finished(workshop.request(request(TEXT, doctor="medic", farmer="grower", another="word")))

    assert segments > 2
    assert [("doctor" in call.text, dict(call.pronunciations)["doctor"]) for call in workshop.engine.calls] == [
        (True, "medic")
    ]


def test_a_task_that_is_tried_again_sounds_as_it_was_accepted(workshop: Workshop) -> None:
    with workshop.bench.database.write() as store:
        before = add_lexicon(store, "jobs", Lexicon.parse({"doctor": "physician"}), now=1)
    assert before is not None
    chosen = ChosenLexicon(before.lexicon, "jobs", 1)
    failing(workshop, "doctor", *(EngineFailed("broken") for _ in range(3)))
    task_id = workshop.request(ItemRequest(TEXT, "espeak-en-us", lexicon=chosen))
    workshop.work()
    assert workshop.finished(task_id).state is TaskState.DISCARDED
    with workshop.bench.database.write() as store:
        replace_lexicon(store, before.heading, Lexicon.parse({"doctor": "medic"}), now=2)
    workshop.engine.calls.clear()

    with workshop.bench.database.write() as store:
        retry_task(store, task_id, publisher=workshop.bench.publisher, clock=workshop.bench.clock)

    task = workshop.finished(task_id)
    assert task.state is TaskState.COMPLETED
    assert {pairs for pairs in said(workshop).values() if pairs} == {(("doctor", "physician"),)}
    assert task.items[0].lexicon == chosen.ref


def test_a_task_that_no_worker_has_seen_keeps_the_entries_of_a_lexicon_that_is_replaced(workshop: Workshop) -> None:
    lexicon = Lexicon.parse({"doctor": "physician"})
    with workshop.bench.database.write() as store:
        before = add_lexicon(store, "jobs", lexicon, now=1)
    assert before is not None
    task_id = workshop.request(ItemRequest(TEXT, "espeak-en-us", lexicon=ChosenLexicon(lexicon, "jobs", 1)))
    with workshop.bench.database.write() as store:
        replace_lexicon(store, before.heading, Lexicon.parse({"doctor": "medic"}), now=2)

    workshop.work()  # its first round of housekeeping clears away what nobody needs
    workshop.finished(task_id)

    assert (("doctor", "physician"),) in said(workshop).values()


def test_housekeeping_forgets_entries_that_nobody_has(workshop: Workshop) -> None:
    with workshop.bench.database.write() as store:
        before = add_lexicon(store, "jobs", Lexicon.parse({"doctor": "physician"}), now=1)
        assert before is not None
        replace_lexicon(store, before.heading, Lexicon.parse({"doctor": "medic"}), now=2)

    workshop.work()

    def kept() -> int:
        with workshop.bench.database.read() as store:
            return int(store.connection.exec_driver_sql("SELECT count(*) FROM lexicon_entries").scalar_one())

    until(lambda: kept() == 1)
    with workshop.bench.database.read() as store:
        found = find_lexicon(store, "jobs")
    assert found is not None
    assert found.lexicon.entries == (("doctor", "medic"),)
