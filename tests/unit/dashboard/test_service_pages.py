"""The pages about the service, the filter bar, actions on many tasks, and who may do what."""

from dataclasses import replace

import pytest

from dashboard import Count, DeadLetterView, Rights
from dashboard._filters import Filter, NoSuchState

PAGES = ("", "/tasks", "/speak", "/voices", "/queues", "/workers", "/dead", "/about")
VIEWER = Rights(act=False, administer=False, why_not="This key may only look.")


def dead(number: int) -> DeadLetterView:
    return DeadLetterView(number, "speech", "render_segment", "EngineFailed", 1_790_000_000_000, 5, None)


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_is_named_in_the_navigation_that_each_page_has(client, read, path):
    page = read(await client.get(f"/dashboard{path}"))
    assert [link["href"] for link in page.all("a", aria_current="page") if link["data-go"]] == [f"/dashboard{path}"]
    assert len([link for link in page.all("a") if link["data-go"]]) == len(PAGES)


@pytest.mark.parametrize("path", ["/queues", "/workers", "/dead", "/about"])
async def test_pages_about_the_machine_are_for_administrators(client, backend, path):
    backend.allowed = VIEWER
    assert (await client.get(f"/dashboard{path}")).status_code == 403


async def test_a_viewer_sees_no_button_and_changes_nothing(client, backend, item, read):
    task = backend.add(item())
    backend.allowed = VIEWER
    for path in ("/tasks", f"/tasks/{task.id}", "/speak", "/voices", ""):
        page = read(await client.get(f"/dashboard{path}"))
        assert not page.all("form", method="post")
        assert "This key may only look." in page.words
    for path in ("/speak", "/tasks/act", f"/tasks/{task.id}/cancel", "/queues/pause", "/dead/drop"):
        answer = await client.post(f"/dashboard{path}", data={"text": "x", "action": "all-delete", "letter": "all"})
        assert answer.status_code == 403
    assert list(backend.known.values()) == [task]


@pytest.mark.parametrize(
    ("bar", "state", "voice", "id_", "text", "error"),
    [
        ("whale", None, None, None, "whale", None),
        ("state:discarded voice:af_heart", "discarded", "af_heart", None, None, None),
        ('error:"took longer" white whale', None, None, None, "white whale", "took longer"),
        ("id:01k text:ship", None, None, "01K", "ship", None),
        ("https://example.org", None, None, None, "https://example.org", None),
    ],
)
def test_the_bar_is_read_as_a_person_means_it(bar, state, voice, id_, text, error):
    query = Filter(bar=bar).query()
    assert (query.state, query.voice, query.id, query.text, query.error) == (state, voice, id_, text, error)


def test_a_state_that_there_is_not_is_refused():
    with pytest.raises(NoSuchState):
        Filter(bar="state:lost").query()


async def test_all_that_match_are_asked_about_by_number_and_then_changed(client, backend, item, read):
    kept = backend.add(item("A ship"))
    for number in range(40):
        backend.add(item(f"Whale {number}"))
    page = read(await client.post("/dashboard/tasks/confirm", data={"q": "whale", "action": "all-cancel"}))
    assert "Cancel 40 tasks?" in page.words
    assert {task.state for task in backend.known.values()} == {"pending"}
    fields = {field["name"]: field["value"] for field in page.all("input", type="hidden")}
    button = page.one("button", name="action")
    answer = await client.post("/dashboard/tasks/act", data={**fields, "action": button["value"]})
    assert answer.status_code == 303
    assert "40 tasks cancelled." in read(await client.get(answer.headers["location"])).words
    assert [task.id for task in backend.known.values() if task.state == "pending"] == [kept.id]


@pytest.mark.parametrize(
    ("number", "asked", "button"),
    [(10_000, "Cancel 10,000+ tasks?", "Cancel 10,000+"), (0, "Cancel all that match?", "Cancel all")],
)
async def test_a_count_that_stopped_is_no_reason_not_to_ask(client, backend, read, monkeypatch, number, asked, button):
    async def count(*_):
        return Count(number, more=True), Count(number, more=True)

    monkeypatch.setattr(backend, "count_matching", count)
    page = read(await client.post("/dashboard/tasks/confirm", data={"q": "whale", "action": "all-cancel"}))
    assert asked in page.words
    assert "Counting stopped there." in page.words
    assert page.one("button", name="action").text == button
    assert "disabled" not in page.one("button", name="action").attributes


async def test_selected_tasks_are_deleted_and_no_other(client, backend, item, read):
    tasks = [backend.add(item(f"Text {number}")) for number in range(4)]
    chosen = [tasks[0].id, tasks[2].id]
    page = read(await client.post("/dashboard/tasks/confirm", data={"id": chosen, "action": "delete"}))
    assert "Delete 2 tasks?" in page.words
    assert "cannot be brought back" in page.words
    await client.post("/dashboard/tasks/act", data={"id": chosen, "action": "delete"})
    assert list(backend.known) == [tasks[1].id, tasks[3].id]


@pytest.mark.parametrize(
    "data", [{"state": "pending"}, {"action": "cancel"}, {"action": "explode", "id": "x"}, {"action": "all-"}]
)
async def test_what_names_nothing_does_nothing(client, backend, item, data):
    backend.add(item())
    for step in ("confirm", "act"):
        assert (await client.post(f"/dashboard/tasks/{step}", data=data)).status_code == 400
    assert [task.state for task in backend.known.values()] == ["pending"]


async def test_a_queue_is_paused_and_resumed_by_its_button(client, backend, read):
    assert (await client.post("/dashboard/queues/pause", data={"queue": "speech"})).status_code == 303
    assert backend.queue_list[0].paused
    assert "Resume" in read(await client.get("/dashboard/queues")).words
    await client.post("/dashboard/queues/resume", data={"queue": "speech"})
    assert not backend.queue_list[0].paused
    assert (await client.post("/dashboard/queues/pause", data={"queue": "nothing"})).status_code == 404


async def test_dead_letters_go_one_by_one_or_all(client, backend, read):
    backend.dead = [dead(number) for number in range(1, 61)]
    page = read(await client.get("/dashboard/dead"))
    assert page.one("a", rel="next")["href"] == "/dashboard/dead?after=50"
    await client.post("/dashboard/dead/requeue", data={"letter": "7"})
    assert len(backend.dead) == 59
    assert (await client.post("/dashboard/dead/drop", data={"letter": ""})).status_code == 400
    await client.post("/dashboard/dead/drop", data={"letter": "all"})
    assert backend.dead == []


async def test_hidden_texts_are_on_no_page(client, backend, item, read):
    backend.allowed = Rights(hides_text=True)
    task = backend.add(replace(item("28 hidden characters"), text_hidden=True))
    page = read(await client.get(f"/dashboard/tasks/{task.id}"))
    assert "Texts are hidden here." in page.words
    assert "curl" not in page.words


async def test_what_was_done_can_be_copied_in_three_languages(client, backend, item, read):
    task = backend.add(item("It's 'so' \"quoted\"", speed=1.2))
    commands = [pre.text for pre in read(await client.get(f"/dashboard/tasks/{task.id}")).all("pre")]
    assert [command.split()[0] for command in commands] == ["curl", "import", "const"]
    assert all('"speed": 1.2' in command or "'speed': 1.2" in command for command in commands)


async def test_a_mix_is_the_voices_with_their_weights(client, backend):
    form = {"text": "Hi", "voice": "af_heart", "weight1": "2", "voice2": "am_adam", "weight2": "", "format": "wav"}
    await client.post("/dashboard/speak", data=form)
    [task] = backend.known.values()
    assert task.items[0].voice == "af_heart:2+am_adam"
