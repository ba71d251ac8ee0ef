"""What the results store promises, on every database that it supports."""

import asyncio
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app.domain.errors import EngineFailed, IllegalMove, NothingToSay
from app.domain.ids import TaskId, new_task_id
from app.domain.lexicons import ChosenLexicon, Lexicon
from app.domain.states import TaskState
from app.domain.tasks import (
    AudioFormat,
    Book,
    BookRequest,
    Dropped,
    FinishedAudio,
    ItemRequest,
    Priority,
    SegmentKind,
    SegmentState,
    SpeechRequest,
    TaskProgress,
)
from app.results import (
    AsyncDatabase,
    Database,
    NewerSchema,
    PlannedSegment,
    StaleTask,
    TaskFilter,
    add_lexicon,
    count_lexicons,
    drop_unused_entries,
    entries_of_version,
    find_lexicon,
    list_lexicons,
    migrate,
    remove_lexicon,
    replace_lexicon,
    unused_entries,
)
from app.results.reading import LISTED_ITEMS

NOW = 1_790_000_000_000
AUDIO = FinishedAudio(AudioFormat.WAV, 2.5, 120_044, 24_000, "f" * 64)


def add(database: Database, *texts: str, at: int = NOW, voice: str = "espeak-en-us") -> TaskId:
    task_id = new_task_id(at / 1000)
    request = SpeechRequest(tuple(ItemRequest(words, voice) for words in texts or ("Hello world",)))
    with database.write() as store:
        store.add_task(task_id, request, now=at)
    return task_id


def plan(database: Database, task_id: TaskId, item: int = 0, *, run: int = 1) -> None:
    """Hello |world"""
    with database.write() as store:
        assert store.begin(task_id, run, worker="w", now=NOW)
        spans = [
            PlannedSegment(0, 6, SegmentKind.SPEECH, "Hello "),
            PlannedSegment(6, 11, SegmentKind.SPEECH, "world"),
        ]
        store.save_plan(task_id, item, spans, place=0)


def render(
    database: Database, task_id: TaskId, segment: int, *, item: int = 0, run: int = 1, seconds: float = 1.0
) -> int | None:
    with database.write() as store:
        return store.segment_rendered(task_id, run, item, segment, key="a" * 64, audio_seconds=seconds, now=NOW)


def assemble(
    database: Database, task_id: TaskId, item: int = 0, *, run: int = 1, dropped: list[Dropped] | None = None
) -> bool:
    with database.write() as store:
        return store.item_assembled(task_id, run, item, AUDIO, dropped or [], worker="w", now=NOW)


def fail(database: Database, task_id: TaskId, *, final: bool, item: int | None = 0, segment: int | None = 1) -> None:
    with database.write() as store:
        store.attempt_failed(
            task_id, 1, EngineFailed("boom"), item=item, segment=segment, final=final, worker="w", now=NOW
        )


def states(database: Database, task_id: TaskId) -> list[TaskState]:
    with database.read() as store:
        return [transition.to_state for transition in store.transitions(task_id)]


def test_a_task_goes_from_accepted_to_completed_and_each_move_is_kept(database: Database) -> None:
    task_id = add(database)
    plan(database, task_id)
    assert render(database, task_id, 0) is None
    assert render(database, task_id, 1) is not None
    assert assemble(database, task_id, dropped=[Dropped(5, 6, " ", "no sound")])
    with database.read() as store:
        task = store.task(task_id)
    assert task is not None
    assert (task.state, task.attempts, task.error) == (TaskState.COMPLETED, 1, None)
    item = task.items[0]
    assert (item.text, item.audio, item.dropped) == ("Hello world", AUDIO, (Dropped(5, 6, " ", "no sound"),))
    assert (item.segments_done, item.segments_total, item.characters_done, item.audio_seconds) == (2, 2, 11, 2.0)
    assert states(database, task_id) == ["pending", "processing", "completed"]


def test_an_added_task_is_given_out_as_its_rows_will_be(database: Database) -> None:
    task_id = new_task_id(NOW / 1000)
    request = SpeechRequest(
        (ItemRequest("One", "espeak-de", 1.5, 0.5, AudioFormat.MP3, {"n": [1]}), ItemRequest("Two", "af_sky")),
        Priority.INTERACTIVE,
    )
    with database.write() as store:
        added = store.add_task(task_id, request, now=NOW)
    with database.read() as store:
        assert store.task(task_id) == added


def test_a_segment_that_comes_twice_counts_once(database: Database) -> None:
    task_id = add(database)
    plan(database, task_id)
    assert render(database, task_id, 0) is None
    assert render(database, task_id, 0) is None
    with database.read() as store:
        task = store.task(task_id)
    assert task is not None
    assert task.items[0].segments_done == 1


def test_a_plan_that_comes_twice_is_kept_once(database: Database) -> None:
    task_id = add(database)
    plan(database, task_id)
    plan(database, task_id)
    with database.read() as store:
        assert len(store.segments(task_id, 0)) == 2


def test_two_last_segments_at_once_ask_for_one_assembly(database: Database) -> None:
    task_id = add(database)
    plan(database, task_id)
    answers: list[int | None] = []
    barrier = threading.Barrier(2)

    def finish(segment: int) -> None:
        barrier.wait()
        answers.append(render(database, task_id, segment))

    threads = [threading.Thread(target=finish, args=(segment,)) for segment in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers, key=str) == [0, None]


def test_a_failed_attempt_makes_the_task_retryable_and_keeps_its_error(database: Database) -> None:
    task_id = add(database)
    plan(database, task_id)
    fail(database, task_id, final=False)
    with database.read() as store:
        task = store.task(task_id)
        moves = store.transitions(task_id)
    assert task is not None
    assert task.error is not None
    assert task.error.segment is not None
    assert (task.state, task.error.type, task.error.detail) == (TaskState.RETRYABLE, "engine-failed", "boom")
    assert (task.error.segment.index, task.error.segment.text) == (1, "world")
    assert moves[-1].detail["error"]["detail"] == "boom"
    with database.write() as store:
        store.resume(task_id, 1, worker="w", now=NOW)
    render(database, task_id, 0)
    render(database, task_id, 1)
    assemble(database, task_id)
    assert states(database, task_id) == ["pending", "processing", "retryable", "processing", "completed"]


def test_only_the_last_attempt_discards_the_task(database: Database) -> None:
    task_id = add(database)
    plan(database, task_id)
    fail(database, task_id, final=True)
    with database.read() as store:
        task = store.task(task_id)
        segments = store.segments(task_id, 0)
    assert task is not None
    assert task.state is TaskState.DISCARDED
    assert task.error is not None
    assert task.finished_at == NOW
    assert [segment.state for segment in segments] == [SegmentState.PENDING, SegmentState.DISCARDED]


def test_one_bad_item_lets_the_others_be_completed_and_is_named(database: Database) -> None:
    task_id = add(database, "Hello world", "Hello world")
    plan(database, task_id, 0)
    plan(database, task_id, 1)
    with database.write() as store:
        store.attempt_failed(task_id, 1, NothingToSay("hm"), item=0, segment=None, final=True, worker="w", now=NOW)
    with database.read() as store:
        assert (task := store.task(task_id)) is not None
        assert task.state is TaskState.PROCESSING
    render(database, task_id, 0, item=1)
    render(database, task_id, 1, item=1)
    assemble(database, task_id, 1)
    with database.read() as store:
        assert (task := store.task(task_id)) is not None
    assert [item.state for item in task.items] == [TaskState.DISCARDED, TaskState.COMPLETED]
    assert task.state is TaskState.DISCARDED
    assert task.error is not None
    assert task.error.type == "nothing-to-say"


def test_a_cancelled_task_takes_no_late_work(database: Database) -> None:
    task_id = add(database)
    plan(database, task_id)
    with database.write() as store:
        assert store.cancel(task_id, now=NOW) is not None
    assert render(database, task_id, 0) is None
    assert assemble(database, task_id) is False
    with database.write() as store:
        assert not store.begin(task_id, 1, worker="w", now=NOW)
        assert store.segment_work(task_id, 1, 0, 0) is None
    fail(database, task_id, final=True)
    assert states(database, task_id) == ["pending", "processing", "cancelled"]


def test_a_finished_task_cannot_be_cancelled(database: Database) -> None:
    task_id = add(database)
    plan(database, task_id)
    render(database, task_id, 0)
    render(database, task_id, 1)
    assemble(database, task_id)
    with pytest.raises(IllegalMove), database.write() as store:
        store.cancel(task_id, now=NOW)


def test_set_going_again_a_task_keeps_what_it_has_rendered(database: Database) -> None:
    task_id = add(database)
    plan(database, task_id)
    render(database, task_id, 0)
    fail(database, task_id, final=True)
    with database.write() as store:
        task = store.run_again(task_id, now=NOW)
    assert task is not None
    assert (task.state, task.run, task.error) == (TaskState.PENDING, 2, None)
    with database.write() as store:
        store.begin(task_id, 2, worker="w", now=NOW)
        segments = store.segments(task_id, 0)
    assert [segment.state for segment in segments] == [SegmentState.RENDERED, SegmentState.PENDING]
    assert render(database, task_id, 1, run=1) is None, "the first run is over"
    assert render(database, task_id, 1, run=2) is not None


def test_a_completed_item_must_be_covered_to_its_last_character(database: Database) -> None:
    task_id = add(database)
    plan(database, task_id)
    render(database, task_id, 0)
    with pytest.raises(IntegrityError):
        assemble(database, task_id)


def test_lost_audio_takes_a_segment_back(database: Database) -> None:
    task_id = add(database)
    plan(database, task_id)
    render(database, task_id, 0)
    render(database, task_id, 1)
    with database.write() as store:
        assert store.segments_lost(task_id, 1, 0, [0, 1], now=NOW) == 2
        assert store.segments_lost(task_id, 1, 0, [0, 1], now=NOW) == 0, "they are out already"
        assert {segment.state for segment in store.segments(task_id, 0)} == {SegmentState.PENDING}
    assert render(database, task_id, 0) is None
    assert render(database, task_id, 1) == 1, "the second take of the assembly, however many were lost"


def test_the_keys_of_unfinished_tasks_are_in_use(database: Database) -> None:
    task_id = add(database)
    plan(database, task_id)
    render(database, task_id, 0, seconds=0.5)
    with database.read() as store:
        mine = {segment.key for segment in store.segments(task_id, 0)} - {None}
        assert mine
        assert store.segment_keys_in_use() == mine
        assert store.known_among([task_id, TaskId("0" * 26)]) == {task_id}
    with database.write() as store:
        store.cancel(task_id, now=NOW)
        assert store.segment_keys_in_use() == set()


def test_a_rendered_segment_without_sound_is_a_drop(database: Database) -> None:
    task_id = add(database)
    plan(database, task_id)
    render(database, task_id, 0, seconds=0.0)
    with database.read() as store:
        assert [segment.kind for segment in store.segments(task_id, 0)] == [SegmentKind.DROP, SegmentKind.SPEECH]


def test_two_writers_of_one_row_cannot_both_win(database: Database) -> None:
    task_id = add(database)
    with pytest.raises(StaleTask), database.write() as store:
        head = store._head(task_id)
        assert head is not None
        store.connection.execute(text("UPDATE tasks SET version = version + 1"))
        store._save(head, now=NOW)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE tasks SET state = 'sleeping'",
        "UPDATE tasks SET state = 'completed'",
        "UPDATE tasks SET priority = 3",
        "UPDATE items SET state = 'completed'",
        "UPDATE items SET speed = 9",
        "UPDATE items SET format = 'tape'",
        "UPDATE items SET segments_done = 5",
        "INSERT INTO texts (task_id, idx, text) VALUES ('nobody', 0, 'x')",
    ],
)
def test_the_schema_itself_refuses_what_cannot_be(database: Database, statement: str) -> None:
    add(database)
    with pytest.raises(IntegrityError), database.write() as store:
        store.connection.execute(text(statement))


def test_a_rolled_back_request_leaves_nothing(database: Database) -> None:
    task_id = new_task_id(NOW / 1000)
    ran: list[str] = []
    with pytest.raises(ZeroDivisionError), database.write() as store:
        store.add_task(task_id, SpeechRequest((ItemRequest("Hello", "espeak-de"),)), now=NOW)
        store.after_commit(lambda: ran.append("woken"))
        _ = 1 / 0
    with database.read() as store:
        assert store.task(task_id) is None
        assert store.transitions(task_id) == []
    assert ran == []


def test_lists_are_newest_first_and_each_page_follows_the_last(database: Database) -> None:
    added = [add(database, f"text {n}", at=NOW + n) for n in range(5)]
    with database.read() as store:
        first = store.tasks(TaskFilter(), limit=2)
        second = store.tasks(TaskFilter(), limit=3, before=first[-1].id)
    assert [task.id for task in (*first, *second)] == added[::-1]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (TaskFilter(state=TaskState.CANCELLED), ["b"]),
        (TaskFilter(voice="espeak-de"), ["c"]),
        (TaskFilter(text="SECOND 100%"), ["b"]),
        (TaskFilter(text="100_"), []),
        (TaskFilter(since=NOW + 2), ["c"]),
        (TaskFilter(state=TaskState.PENDING, voice="espeak-en-us"), ["a"]),
    ],
)
def test_a_filter_finds_what_matches_and_nothing_else(database: Database, wanted: TaskFilter, found: list[str]) -> None:
    names = {
        add(database, "the first", at=NOW): "a",
        add(database, "the second 100%", at=NOW + 1): "b",
        add(database, "the third", at=NOW + 2, voice="espeak-de"): "c",
    }
    with database.write() as store:
        store.cancel(next(task_id for task_id, name in names.items() if name == "b"), now=NOW)
    with database.read() as store:
        assert [names[task.id] for task in store.tasks(wanted, limit=10)] == found


def test_a_list_shortens_long_texts_and_says_their_length(database: Database) -> None:
    add(database, "x" * 10_000)
    with database.read() as store:
        item = store.tasks(TaskFilter(), limit=1)[0].items[0]
    assert (len(item.text), item.text_characters) == (500, 10_000)


def test_a_list_gives_the_first_items_of_a_task_and_the_sums_of_all(database: Database) -> None:
    last = LISTED_ITEMS + 5
    texts = [f"Hello world{n:02d}" for n in range(last)]
    task_id = add(database, *texts, at=NOW)
    other = add(database, "Kokoro speaks", at=NOW + 1, voice="af_heart")
    plan(database, task_id, last - 1)
    render(database, task_id, 0, item=last - 1, seconds=1.5)
    with database.read() as store:
        kokoro, listed = store.tasks(TaskFilter(), limit=2)
        whole = store.task(task_id)
    assert whole is not None
    assert [item.text for item in listed.items] == texts[:LISTED_ITEMS]
    assert (listed.item_count, whole.item_count, len(whole.items)) == (last, last, last)
    assert listed.progress == whole.progress == TaskProgress(1, 2, 1.5, 13 * last, 6, 13 * last - 6)
    assert (kokoro.id, kokoro.item_count, kokoro.progress) == (other, 1, TaskProgress(0, 0, 0.0, 13, 0, 0))


def test_a_list_leaves_long_metadata_and_dropped_spans_out(database: Database) -> None:
    task_id = new_task_id(NOW / 1000)
    small, long = {"é": "x" * 1000}, {"é": "x" * 1100}
    request = SpeechRequest(tuple(ItemRequest("Hello world", "espeak-de", metadata=data) for data in (small, long)))
    with database.write() as store:
        store.add_task(task_id, request, now=NOW)
    spans = {0: [Dropped(0, 1, "H", "no sound")], 1: [Dropped(n, n + 1, "x", "no sound") for n in range(50)]}
    for item, dropped in spans.items():
        plan(database, task_id, item)
        render(database, task_id, 0, item=item)
        render(database, task_id, 1, item=item)
        assemble(database, task_id, item, dropped=dropped)
    with database.read() as store:
        [listed] = store.tasks(TaskFilter(), limit=1)
        whole = store.task(task_id)
    assert whole is not None
    assert [item.metadata for item in listed.items] == [small, {}]
    assert [item.dropped for item in listed.items] == [tuple(spans[0]), ()]
    assert [item.metadata for item in whole.items] == [small, long]
    assert [item.dropped for item in whole.items] == [tuple(spans[0]), tuple(spans[1])]


def test_the_change_log_resumes_from_any_place(database: Database) -> None:
    first, second = add(database), add(database)
    plan(database, first)
    with database.read() as store:
        changes = store.transitions_after(0, limit=10)
        assert [change.id for change in changes] == sorted(change.id for change in changes)
        assert store.transitions_after(changes[0].id, limit=10) == changes[1:]
        assert {change.task_id for change in store.transitions_after(0, limit=10, task_id=second)} == {second}
        assert store.last_transition_id() == changes[-1].id


def test_counts_name_every_state(database: Database) -> None:
    add(database)
    with database.read() as store:
        counts = store.count_by_state(most=10)
    assert counts == {state: int(state is TaskState.PENDING) for state in TaskState}


def test_counting_stops_where_it_is_told_to(database: Database) -> None:
    for _ in range(3):
        add(database)
    with database.read() as store:
        assert store.count_by_state(most=2)[TaskState.PENDING] == 2


def test_a_late_failure_of_a_rendered_segment_changes_nothing(database: Database) -> None:
    task_id = add(database)
    plan(database, task_id)
    render(database, task_id, 1)
    fail(database, task_id, final=True, segment=1)
    with database.read() as store:
        assert (task := store.task(task_id)) is not None
    assert (task.state, task.error, task.items[0].segments_done) == (TaskState.PROCESSING, None, 1)


def test_a_plan_that_fails_gives_up_only_what_has_no_plan(database: Database) -> None:
    task_id = add(database, "Hello world", "Hello world")
    plan(database, task_id, 0)
    fail(database, task_id, final=True, item=None, segment=None)
    with database.read() as store:
        assert (task := store.task(task_id)) is not None
    assert [item.state for item in task.items] == [TaskState.PROCESSING, TaskState.DISCARDED]


def test_unfinished_tasks_that_nothing_happens_to_are_found(database: Database) -> None:
    stale, fresh = add(database, at=NOW), add(database, at=NOW + 60_000)
    with database.read() as store:
        assert store.unfinished_since(NOW + 1000, limit=10) == [stale]
    with database.write() as store:
        store.touch(stale, now=NOW + 60_000)
    with database.read() as store:
        assert store.unfinished_since(NOW + 1000, limit=10) == []
        assert store.task(fresh) is not None


def test_cancelled_and_deleted_tasks_are_told_from_those_at_work(database: Database) -> None:
    running, cancelled = add(database), add(database)
    with database.write() as store:
        store.cancel(cancelled, now=NOW)
    gone = new_task_id(NOW / 1000)
    with database.read() as store:
        assert store.cancelled_among({running, cancelled, gone}) == {cancelled, gone}


async def test_both_sides_see_the_same_rows(database: Database, results_url: str) -> None:
    task_id = await asyncio.to_thread(add, database)
    other = AsyncDatabase(results_url)
    try:
        task = await other.read(lambda store: store.task(task_id))
        assert task is not None
        assert task.items[0].text == "Hello world"
        committed: list[bool] = []

        def cancel(store: object) -> None:
            store.cancel(task_id, now=NOW)  # type: ignore[attr-defined]
            store.after_commit(lambda: committed.append(True))  # type: ignore[attr-defined]

        await other.write(cancel)
        assert committed == [True]
    finally:
        await other.close()
    assert states(database, task_id) == ["pending", "cancelled"]


async def test_many_requests_at_once_all_arrive(database: Database, results_url: str) -> None:
    other = AsyncDatabase(results_url)
    request = SpeechRequest((ItemRequest("Hello", "espeak-en-us", metadata={"n": 1}),), Priority.BULK)

    async def post() -> TaskId:
        task_id = new_task_id(time.time())
        await other.write(lambda store: store.add_task(task_id, request, now=NOW))
        return task_id

    try:
        posted = await asyncio.gather(*(post() for _ in range(100)))
        listed = await other.read(lambda store: store.tasks(TaskFilter(), limit=200))
    finally:
        await other.close()
    assert {task.id for task in listed} == set(posted)


def test_a_lexicon_is_kept_and_counts_its_changes(database: Database) -> None:
    first, second = Lexicon.parse({"a": "ay", "é": "/e/"}), Lexicon.parse({"a": "ah"})
    with database.write() as store:
        added = add_lexicon(store, "letters", first, now=NOW)
        assert added is not None
        assert add_lexicon(store, "letters", second, now=NOW) is None, "the name is taken"
    with database.read() as store:
        assert find_lexicon(store, "letters") == added
        assert find_lexicon(store, "others") is None
    with database.write() as store:
        replaced = replace_lexicon(store, added.heading, second, now=NOW + 1)
    with database.read() as store:
        assert find_lexicon(store, "letters") == replaced
        assert list_lexicons(store) == [replaced.heading]
        assert count_lexicons(store) == 1
    assert (replaced.heading.revision, replaced.heading.created_at, replaced.heading.updated_at) == (2, NOW, NOW + 1)
    with database.write() as store:
        remove_lexicon(store, "letters")
        assert list_lexicons(store) == []


def test_the_entries_that_a_task_was_accepted_with_outlive_their_lexicon(database: Database) -> None:
    lexicon, other = Lexicon.parse({"a": "ay"}), Lexicon.parse({"a": "ah"})
    chosen = ChosenLexicon(lexicon, "letters", 1)
    task_id = new_task_id(NOW / 1000)
    with database.write() as store:
        added = add_lexicon(store, "letters", lexicon, now=NOW)
        assert added is not None
        task = store.add_task(task_id, SpeechRequest((ItemRequest("a", "espeak-de", lexicon=chosen),)), now=NOW)
        replace_lexicon(store, added.heading, other, now=NOW)
        remove_lexicon(store, "letters")
    with database.write() as store:
        unused = unused_entries(store, limit=10)
        assert unused == [other.version]
        assert drop_unused_entries(store, [lexicon.version, other.version]) == 1, "one of them is used"
        assert store.task(task_id) == task
        assert task.items[0].lexicon == chosen.ref
        assert entries_of_version(store, lexicon.version) == lexicon
        store.connection.execute(text("DELETE FROM tasks"))
        assert unused_entries(store, limit=10) == [lexicon.version]


def test_the_same_entries_are_kept_once_whoever_sends_them_at_once(database: Database) -> None:
    chosen = ChosenLexicon(Lexicon.parse({"a": "ay"}))
    barrier = threading.Barrier(4)
    failures: list[BaseException] = []

    def post() -> None:
        barrier.wait()
        try:
            with database.write() as store:
                item = ItemRequest("a", "espeak-de", lexicon=chosen)
                store.add_task(new_task_id(time.time()), SpeechRequest((item, item)), now=NOW)
        except BaseException as error:  # any failure is the test's
            failures.append(error)

    threads = [threading.Thread(target=post) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with database.read() as store:
        assert store.connection.execute(text("SELECT count(*) FROM lexicon_entries")).scalar_one() == 1


def test_a_segment_keeps_the_pronunciations_of_its_plan(database: Database) -> None:
    task_id = add(database)
    said = (("world", "werld"),)
    with database.write() as store:
        assert store.begin(task_id, 1, worker="w", now=NOW)
        spans = [
            PlannedSegment(0, 6, SegmentKind.SPEECH, "Hello "),
            PlannedSegment(6, 11, SegmentKind.SPEECH, "world", pronunciations=said),
        ]
        store.save_plan(task_id, 0, spans, place=0)
    with database.read() as store:
        assert [segment.pronunciations for segment in store.segments(task_id, 0)] == [(), said]
        work = store.segment_work(task_id, 1, 0, 1)
    assert work is not None
    assert work.segment.pronunciations == said


def test_migrating_again_changes_nothing(database: Database) -> None:
    task_id = add(database)
    migrate(database)
    with database.read() as store:
        assert store.task(task_id) is not None


def test_processes_that_start_at_once_migrate_once(results_url: str) -> None:
    databases = [Database(results_url) for _ in range(4)]
    failures: list[BaseException] = []

    def start(database: Database) -> None:
        try:
            migrate(database)
        except BaseException as error:  # any failure is the test's
            failures.append(error)

    threads = [threading.Thread(target=start, args=(database,)) for database in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for database in databases:
        database.close()
    assert failures == []


def test_a_store_of_a_later_version_is_left_alone(database: Database) -> None:
    with database.write() as store:
        store.connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(NewerSchema, match="9999"):
        migrate(database)


def test_a_store_of_the_first_version_keeps_all_it_has_and_takes_the_new_formats(results_url: str) -> None:
    database = Database(results_url)
    _migrate_to(database, "0001")
    task_id = add_as_the_first_version_did(database)
    migrate(database)

    with database.read() as store:
        task = store.task(task_id)
        assert [segment.content for segment in store.segments(task_id, 0)] == ["Hello"]
    assert task is not None
    assert (task.items[0].text, task.items[0].captions_sha256) == ("Hello", None)
    request = SpeechRequest(tuple(ItemRequest("One", "espeak-de", format=format) for format in AudioFormat))
    with database.write() as store:
        store.add_task(new_task_id(NOW / 1000), request, now=NOW)
    with pytest.raises(IntegrityError), database.write() as store:
        store.connection.execute(text("UPDATE items SET format = 'ogg'"))
    if database.url.startswith("sqlite"):
        with database.read() as store:
            assert store.connection.execute(text("PRAGMA integrity_check")).scalar_one() == "ok"
            assert store.connection.execute(text("PRAGMA foreign_key_check")).all() == []
    database.close()


def _migrate_to(database: Database, revision: str) -> None:
    from alembic import command
    from alembic.config import Config

    from app.results import schema

    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))
    with database.write() as store:
        config.attributes["connection"] = store.connection
        command.upgrade(config, revision)


def add_as_the_first_version_did(database: Database) -> TaskId:
    task_id = new_task_id(NOW / 1000)
    with database.write() as store:
        for statement in (
            """INSERT INTO tasks (id, state, priority, run, attempts, version, created_at, updated_at)
               VALUES (:id, 'pending', 10, 1, 0, 1, 1, 1)""",
            """INSERT INTO items (task_id, idx, state, characters, voice, speed, volume, format, metadata,
                                  segments_total, segments_done, characters_done, audio_seconds, takes, dropped)
               VALUES (:id, 0, 'pending', 5, 'espeak-en-us', 1, 1, 'mp3', '{}', 0, 0, 0, 0, 0, '[]')""",
            """INSERT INTO texts (task_id, idx, text) VALUES (:id, 0, 'Hello')""",
            """INSERT INTO segments (task_id, item, idx, place, start_at, end_at, kind, content, pause_seconds,
                                     state, attempts, audio_seconds)
               VALUES (:id, 0, 0, 0, 0, 5, 'speech', 'Hello', 0, 'pending', 0, 0)""",
        ):
            store.connection.execute(text(statement), {"id": task_id})
    return task_id


def test_the_migrations_make_the_tables_that_the_models_describe(database: Database) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    from app.results.models import Base

    with database.read() as store:
        context = MigrationContext.configure(store.connection)
        assert compare_metadata(context, Base.metadata) == []


def test_the_counters_of_an_item_never_pass_its_total(database: Database) -> None:
    task_id = add(database)
    plan(database, task_id)
    with pytest.raises(IntegrityError), database.write() as store:
        store.connection.execute(text("UPDATE items SET segments_done = 3"))


ABOUT = BookRequest("The Lamp", "Ann", "en", ("One", "Two"))
BOUND = FinishedAudio(AudioFormat.M4B, 5.0, 999, 48_000, "b" * 64)


def add_book(database: Database) -> TaskId:
    """A book of two items that have their files."""
    task_id = new_task_id(NOW / 1000)
    items = tuple(ItemRequest("Hello world", "espeak-en-us", format=AudioFormat.M4B) for _ in ABOUT.chapters)
    with database.write() as store:
        assert store.add_task(task_id, SpeechRequest(items, book=ABOUT), now=NOW).book == Book(ABOUT)
    for item in (0, 1):
        plan(database, task_id, item)
        render(database, task_id, 0, item=item)
        render(database, task_id, 1, item=item)
        with database.read() as store:
            assert store.binding_due(task_id) is None
        assert assemble(database, task_id, item)
    return task_id


def bind(database: Database, task_id: TaskId, *, run: int = 1) -> bool:
    with database.write() as store:
        return store.book_bound(task_id, run, BOUND, (0.0, 2.5), worker="w", now=NOW)


def book_of(database: Database, task_id: TaskId) -> tuple[TaskState, Book | None]:
    with database.read() as store:
        task = store.task(task_id)
        assert task is not None
        assert store.tasks(TaskFilter(), limit=1)[0].book == task.book
    return task.state, task.book


def test_a_book_is_completed_when_it_is_bound_and_not_before(database: Database) -> None:
    task_id = add_book(database)
    assert book_of(database, task_id) == (TaskState.PROCESSING, Book(ABOUT))
    with database.read() as store:
        assert store.binding_due(task_id) == 0
    assert bind(database, task_id)
    assert book_of(database, task_id) == (TaskState.COMPLETED, Book(ABOUT, BOUND, (0.0, 2.5)))
    assert not bind(database, task_id)
    assert states(database, task_id) == [TaskState.PENDING, TaskState.PROCESSING, TaskState.COMPLETED]


def test_a_book_of_an_earlier_run_or_a_cancelled_one_is_not_bound(database: Database) -> None:
    task_id = add_book(database)
    assert not bind(database, task_id, run=2)
    with database.write() as store:
        store.cancel(task_id, now=NOW)
    assert not bind(database, task_id)
    with database.write() as store:
        assert store.binding_due(task_id) is None
        store.run_again(task_id, now=NOW)
        assert store.binding_due(task_id) == 0
    assert not bind(database, task_id)
    assert bind(database, task_id, run=2)


@pytest.mark.parametrize("final", [True, False])
def test_a_binding_that_fails_is_kept_with_its_task_and_not_with_its_items(database: Database, final: bool) -> None:
    task_id = add_book(database)
    fail(database, task_id, final=final, item=None, segment=None)
    with database.read() as store:
        task = store.task(task_id)
    assert task is not None
    assert task.state is (TaskState.DISCARDED if final else TaskState.RETRYABLE)
    assert task.error is not None
    assert task.error.detail == "boom"
    assert [(item.state, item.error) for item in task.items] == [(TaskState.COMPLETED, None)] * 2


def test_an_item_that_was_lost_keeps_its_book_from_being_bound(database: Database) -> None:
    task_id = add_book(database)
    with database.write() as store:
        assert store.item_lost(task_id, 1, 1, now=NOW) == 1
        assert store.binding_due(task_id) is None
    assert not bind(database, task_id)
    assert assemble(database, task_id, 1)
    with database.read() as store:
        assert store.binding_due(task_id) == 1
    assert bind(database, task_id)


def test_a_book_goes_with_its_task(database: Database) -> None:
    task_id = add_book(database)
    with database.write() as store:
        store.connection.execute(text("DELETE FROM tasks WHERE id = :id"), {"id": task_id})
        assert store.connection.execute(text("SELECT count(*) FROM books")).scalar_one() == 0


def test_half_a_bound_book_is_refused_by_the_database(database: Database) -> None:
    add_book(database)
    with pytest.raises(IntegrityError), database.write() as store:
        store.connection.execute(text("UPDATE books SET bytes = 1"))
