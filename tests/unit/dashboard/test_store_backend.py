"""The backend of the running service: the pages' values out of a real store, and their verbs into it."""

from collections.abc import AsyncIterator
from functools import partial
from itertools import pairwise

import httpx
import pytest

from app.api import dashboard_tasks as glue
from app.api.dashboard import StoreBackend
from app.container import WebContainer
from app.domain.errors import EngineFailed, NothingToSay
from app.domain.ids import TaskId
from app.domain.states import TaskState
from app.domain.tasks import AudioFormat, Dropped, FinishedAudio, ItemRequest, SegmentKind, SpeechRequest
from app.main import create_app
from app.results import Database, PlannedSegment
from app.results.history import state_minutes
from app.results.reading import LISTED_ITEMS
from app.services import control_many, read_tasks
from app.settings import Settings
from dashboard import Count, FormRefused, MoveRefused, SpeakForm, TaskQuery

AUDIO = FinishedAudio(AudioFormat.WAV, 1.5, 72_044, 24_000, "ab" * 32)
FORM = SpeakForm("  Nothing is lost.\n", "espeak-en-us", "mp3")


@pytest.fixture
async def container(settings: Settings) -> AsyncIterator[WebContainer]:
    container = WebContainer()
    app = create_app(settings, container)
    async with app.router.lifespan_context(app):
        yield container


@pytest.fixture
def backend(container: WebContainer) -> StoreBackend:
    return StoreBackend(container)


@pytest.fixture
def database(settings: Settings, container: WebContainer):
    database = Database(settings.results_url)
    yield database
    database.close()


def add(database: Database, number: int, **fields: object) -> TaskId:
    task_id = TaskId(f"01{number:024d}")
    with database.write() as store:
        item = ItemRequest(**{"text": f"Text {number}", "voice": "espeak-en-us", **fields})
        store.add_task(task_id, SpeechRequest((item,)), now=1000 + number)
    return task_id


def begin(database: Database, task_id: TaskId, *, segments: int = 1) -> None:
    with database.write() as store:
        assert store.begin(task_id, 1, worker="w", now=2000)
        task = store.task(task_id)
        assert task is not None
        length = task.items[0].text_characters
        cuts = [length * n // segments for n in range(segments + 1)]
        planned = [PlannedSegment(a, b, SegmentKind.SPEECH, "x") for a, b in pairwise(cuts)]
        store.save_plan(task_id, 0, planned, place=0)


async def test_a_form_becomes_a_task_that_the_list_and_its_page_show(backend):
    task_id = await backend.speak(FORM)
    [line] = (page := await backend.tasks(TaskQuery())).lines
    assert (line.id, line.state, line.text, line.characters) == (task_id, "pending", "Nothing is lost.", 16)
    assert page.counts["pending"] == Count(1)
    assert page.last_change == 1
    view = await backend.task(task_id.lower())
    assert (view.items[0].voice, view.items[0].format) == ("espeak-en-us", "mp3")
    assert [(moment.from_state, moment.to_state) for moment in view.moments] == [(None, "pending")]
    assert (view.may_cancel, view.may_retry, view.events_url) == (True, False, f"/tasks/{task_id}/events")
    assert view.eta_seconds > 0


@pytest.mark.parametrize(
    ("form", "field"),
    [
        (SpeakForm("", "espeak-en-us", "wav"), "text"),
        (SpeakForm(" \n", "espeak-en-us", "wav"), "text"),
        (SpeakForm("a\x00b", "espeak-en-us", "wav"), "text"),
        (SpeakForm("[x](/y/)", "espeak-en-us", "wav"), "text"),
        (SpeakForm("x" * 1_000_001, "espeak-en-us", "wav"), "text"),
        (SpeakForm("x", "nobody", "wav"), "voice"),
        (SpeakForm("x", "af_heart", "wav"), "voice"),
        (SpeakForm("x", "espeak-en-us", "midi"), "format"),
    ],
)
async def test_what_the_api_would_refuse_is_refused_beside_its_field(backend, form, field):
    with pytest.raises(FormRefused) as refusal:
        await backend.speak(form)
    assert list(refusal.value.problems) == [field]
    assert refusal.value.problems[field].endswith(".")
    assert (await backend.tasks(TaskQuery())).lines == ()


async def test_a_form_without_a_voice_takes_the_default(backend):
    task_id = await backend.speak(SpeakForm("x"))
    assert (await backend.task(task_id)).items[0].voice == (await backend.choices()).default_voice


async def test_only_voices_that_can_speak_here_are_offered(backend):
    choices = await backend.choices()
    assert choices.default_voice in {voice.id for voice in choices.voices}
    assert all(voice.id.startswith("espeak-") for voice in choices.voices)
    assert choices.formats == ("wav", "mp3", "flac", "opus", "aac", "pcm", "m4b")


async def test_pages_follow_each_other_newest_first(backend, database):
    ids = [add(database, number) for number in range(5)]
    first = await backend.tasks(TaskQuery(limit=3))
    rest = await backend.tasks(TaskQuery(limit=3, cursor=first.next_cursor))
    assert [line.id for line in (*first.lines, *rest.lines)] == ids[::-1]
    assert rest.next_cursor is None


async def test_a_line_counts_all_items_of_a_task(backend, database):
    task_id = TaskId(f"01{0:024d}")
    many = LISTED_ITEMS + 5
    with database.write() as store:
        store.add_task(task_id, SpeechRequest((ItemRequest("Text", "espeak-en-us"),) * many), now=1000)
        store.begin(task_id, 1, worker="w", now=2000)
        store.save_plan(task_id, many - 1, [PlannedSegment(0, 4, SegmentKind.SPEECH, "x")], place=0)
        store.segment_rendered(task_id, 1, many - 1, 0, key="k", audio_seconds=1.5, now=3000)
    [line] = (await backend.tasks(TaskQuery())).lines
    assert (line.items, line.characters) == (many, 4 * many)
    assert (line.segments_done, line.segments_total, line.audio_seconds) == (1, 1, 1.5)


async def test_filters_find_and_their_numbers_are_not_those_of_all(backend, database):
    add(database, 1, text="A whale")
    add(database, 2, text="A ship")
    page = await backend.tasks(TaskQuery(text="WHALE", state="pending"))
    assert [line.text for line in page.lines] == ["A whale"]
    assert page.counts is None
    assert (await backend.tasks(TaskQuery(state="completed"))).lines == ()


async def test_counting_stops_where_nobody_reads_on(backend, database, monkeypatch):
    monkeypatch.setattr(glue, "MOST_COUNTED", 3)
    for number in range(3):
        add(database, number)
    assert (await backend.tasks(TaskQuery())).counts["pending"] == Count(3)
    add(database, 3)
    assert (await backend.tasks(TaskQuery())).counts["pending"] == Count(3, more=True)


async def test_a_finished_task_shows_its_file_and_what_it_dropped(backend, database):
    task_id = add(database, 1)
    begin(database, task_id)
    with database.write() as store:
        store.segment_rendered(task_id, 1, 0, 0, key="k", audio_seconds=1.5, now=3000)
        dropped = [Dropped(0, 1, "T", "no sound")]
        store.item_assembled(task_id, 1, 0, AUDIO, dropped, worker="w", now=4000)
    view = await backend.task(task_id)
    assert (view.state, view.finished_at, view.may_cancel, view.may_retry) == ("completed", 4000, False, False)
    assert view.items[0].audio.url == f"/tasks/{task_id}/items/0/audio"
    assert view.items[0].dropped[0].reason == "no sound"
    assert view.eta_seconds is None


async def test_a_failed_attempt_is_told_with_the_segment_it_was_about(backend, database):
    task_id = add(database, 1)
    begin(database, task_id, segments=2)
    with database.write() as store:
        store.segment_rendered(task_id, 1, 0, 0, key="k", audio_seconds=1.5, now=3000)
        store.attempt_failed(
            task_id, 1, EngineFailed("It broke."), item=0, segment=1, final=False, worker="w", now=4000
        )
    view = await backend.task(task_id)
    assert (view.state, view.fault.detail, view.fault.segment) == ("retryable", "It broke.", "x")
    assert view.moments[-1].fault == view.fault
    assert (view.items[0].segments_done, view.items[0].segments_total) == (1, 2)


async def test_a_task_is_cancelled_and_run_again_by_the_rules(backend, container, database):
    task_id = await backend.speak(FORM)
    assert await backend.act("cancel", task_id)
    assert (await backend.task(task_id)).may_retry
    assert await backend.act("retry", task_id)
    assert (await backend.task(task_id)).state == "pending"
    with database.write() as store:
        store.begin(task_id, 2, worker="w", now=2000)
        error = NothingToSay("Nothing.")
        store.attempt_failed(task_id, 2, error, item=None, segment=None, final=True, worker="w", now=3)
    with pytest.raises(MoveRefused, match="discarded"):
        await backend.act("cancel", task_id)
    for act in (partial(backend.act, action) for action in ("cancel", "retry", "delete")):
        assert not await act("01ARZ3NDEKTSV4RRFFQ69G5FAV")
        assert not await act("not an id")
    assert await backend.task("not an id") is None


async def test_the_service_answers_with_the_dashboard(settings, database, container):
    task_id = add(database, 1)
    app = create_app(settings, container)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://testserver") as client:
        listed = await client.get("/dashboard/tasks")
        one = await client.get(f"/dashboard/tasks/{task_id}")
    assert (listed.status_code, one.status_code) == (200, 200)
    assert task_id in listed.text
    assert f'data-events="/tasks/{task_id}/events"' in one.text


async def test_depths_and_pace_are_counted_as_tasks_move_and_go(backend, database):
    for number in range(3):
        add(database, number)
    begin(database, TaskId(f"01{0:024d}"))
    with database.write() as store:
        store.cancel(TaskId(f"01{1:024d}"), now=2500)
    assert await backend.act("delete", f"01{2:024d}")
    with database.read() as store:
        depths = {state: state_minutes(store, state, first=0)[1][-1].depth for state in ("pending", "processing")}
        cancelled = state_minutes(store, TaskState.CANCELLED, first=0)[1]
    assert depths == {"pending": 0, "processing": 1}
    assert [(minute.entered, minute.depth) for minute in cancelled] == [(1, 1)]


async def test_the_overview_tells_what_waits_and_what_is_broken(backend, database):
    add(database, 1)
    overview = await backend.overview("1h")
    assert overview.counts["pending"] == Count(1)
    assert overview.history.oldest_wait_seconds > 0
    assert len(overview.history.points) == 60
    assert overview.history.points[-1].depth["pending"] == 1
    assert {check.name for check in overview.checks if not check.ok} == {"Workers"}


async def test_a_search_reads_so_many_tasks_and_goes_on_from_there(backend, database, monkeypatch):
    monkeypatch.setattr(read_tasks, "SEARCHED_AT_ONCE", 3)
    add(database, 1, text="A whale")
    for number in range(2, 9):
        add(database, number)
    found, cursor, pages = [], None, 0
    while cursor is not None or not pages:
        page = await backend.tasks(TaskQuery(text="whale", cursor=cursor))
        found += [line.id for line in page.lines]
        cursor, pages = page.next_cursor, pages + 1
    assert found == [f"01{1:024d}"]
    assert pages == 3


async def test_selected_and_matching_tasks_are_changed_and_the_rest_is_not(backend, database):
    ids = [add(database, number, text=f"Whale {number}") for number in range(5)]
    ship = add(database, 9, text="A ship")
    assert await backend.act_on("cancel", [ids[0], "nonsense"]) == 1
    assert await backend.count_matching("cancel", TaskQuery(text="whale")) == (Count(5), Count(4))
    assert await backend.act_on_matching("cancel", TaskQuery(text="whale")) == 4
    assert (await backend.task(ship)).state == "pending"


async def test_a_count_before_an_action_stops_and_the_action_does_not(backend, database, monkeypatch):
    monkeypatch.setattr(control_many, "MOST_COUNTED", 3)
    monkeypatch.setattr(control_many, "SEARCHED_AT_ONCE", 3)
    for number in range(4):
        add(database, number, text="A whale" if number == 0 else "A ship")
    assert await backend.count_matching("cancel", TaskQuery()) == (Count(3, more=True), Count(3, more=True))
    assert await backend.count_matching("retry", TaskQuery(state="pending")) == (
        Count(3, more=True),
        Count(0, more=True),
    )
    assert await backend.count_matching("cancel", TaskQuery(text="whale")) == (Count(0, more=True), Count(0, more=True))
    assert await backend.act_on_matching("cancel", TaskQuery(text="whale")) == 1
    assert await backend.act_on_matching("cancel", TaskQuery()) == 3


async def test_where_texts_are_hidden_no_task_is_found_or_cancelled_by_one(settings, database, container):
    task_id = add(database, 1, text="Nobody may read this")
    container.settings.override(settings.model_copy(update={"hide_text": True}))
    backend = StoreBackend(container)
    for wanted in (TaskQuery(text="nobody"), TaskQuery(id=task_id[:4], text="nobody")):
        assert (await backend.tasks(wanted)).lines == ()
        assert await backend.act_on_matching("cancel", wanted) == 0
    assert (await backend.tasks(TaskQuery(text=task_id.lower()))).lines[0].id == task_id


async def test_where_texts_are_hidden_none_is_given_out(settings, database, container):
    task_id = add(database, 1, text="Nobody may read this")
    container.settings.override(settings.model_copy(update={"hide_text": True}))
    backend = StoreBackend(container)
    assert (await backend.task(task_id)).items[0].text == "20 hidden characters"
    assert (await backend.tasks(TaskQuery())).lines[0].text == "20 hidden characters"


async def test_a_read_only_dashboard_gives_no_rights(settings, container):
    container.settings.override(settings.model_copy(update={"dashboard_read_only": True}))
    assert not StoreBackend(container).rights().act


async def test_queues_workers_and_settings_are_told(backend):
    await backend.speak(FORM)
    [queue] = await backend.queues()
    assert (queue.ready, queue.paused) == (Count(1), False)
    await backend.pause_queue(queue.name)
    assert (await backend.queues())[0].paused
    assert list(await backend.workers()) == []
    assert (await backend.dead_letters(0)).total == Count(0)
    settings = {line.name: line for line in (await backend.about()).settings}
    assert settings["SAYATHING_API_KEY"].value in {"", "••••••"}
