"""One task: its timeline, why it failed, what became of each text, and what can be done."""

from dataclasses import replace

import pytest

from dashboard import AudioFile, DroppedSpan, Fault, Moment

FAULT = Fault(
    title="A segment took too long",
    detail="No end within 30.0 s. Raise TTS_GENERATION_TIMEOUT.",
    attempt=2,
    at=1_790_000_000_000,
    segment="It was the best of times",
)


async def test_the_timeline_tells_every_move_and_the_time_between(client, backend, item, read):
    task = backend.add(item())
    moments = (
        Moment(1, None, "pending", 1_789_999_990_000, 0),
        Moment(2, "pending", "processing", 1_789_999_990_420, 1, "web-1/7"),
        Moment(3, "processing", "retryable", 1_789_999_992_000, 1, "web-1/7", FAULT),
        Moment(4, "retryable", "processing", 1_789_999_995_000, 2, "web-1/8"),
    )
    backend.known[task.id] = replace(task, state="processing", moments=moments)
    page = read(await client.get(f"/dashboard/tasks/{task.id}"))
    told = [" ".join(step.text.split()) for step in page.all("li")][:4]
    assert told[0] == "pending 2026-09-21 14:13:10 UTC for 0.42 s"
    assert told[1] == "processing 2026-09-21 14:13:10 UTC attempt 1 on web-1/7 for 1.58 s"
    assert "A segment took too long" in told[2]
    assert told[2].endswith("3.00 s")
    assert told[3].endswith("attempt 2 on web-1/8 for 5.00 s so far")


async def test_an_error_stands_in_its_own_words_with_what_to_do(client, backend, item, read):
    task = backend.add(item())
    backend.move(task.id, "processing")
    backend.move(task.id, "discarded", fault=FAULT)
    words = read(await client.get(f"/dashboard/tasks/{task.id}")).words
    assert FAULT.title in words
    assert FAULT.detail in words
    assert "While saying It was the best of times" in words
    assert "run the task again" in words


async def test_a_finished_text_has_a_player_and_a_download(client, backend, item, read):
    file = AudioFile("/tasks/X/items/0/audio", "mp3", 3.41, 54_321, "ab" * 32)
    task = backend.add(item())
    backend.move(task.id, "completed", items=(item(state="completed", format="mp3", audio=file),))
    page = read(await client.get(f"/dashboard/tasks/{task.id}"))
    player = page.one("audio")
    assert (player["src"], player["preload"], "controls" in player.attributes) == (file.url, "metadata", True)
    download = page.one("a", href=file.url)
    assert download["download"] == f"sayathing-{task.id}-0.mp3"
    assert "3.41 s" in download.text
    assert "54.3 kB" in download.text


async def test_many_players_fetch_nothing_until_they_play(client, backend, item, read):
    file = AudioFile("/a", "wav", 1.0, 1, "ab")
    task = backend.add(*(item(index=number, state="completed", audio=file) for number in range(4)))
    page = read(await client.get(f"/dashboard/tasks/{task.id}"))
    assert {player["preload"] for player in page.all("audio")} == {"none"}


async def test_an_unfinished_text_shows_how_far_it_is(client, backend, item, read):
    task = backend.add(item(segments_total=12, segments_done=5, audio_seconds=41.2))
    backend.move(task.id, "processing", eta_seconds=13.2)
    page = read(await client.get(f"/dashboard/tasks/{task.id}"))
    bar = page.one("progress")
    assert (bar["value"], bar["max"]) == ("5", "12")
    assert "5/12 segments" in page.words
    assert "41.2 s of audio so far" in page.words
    assert "Ready in about14 s" in page.words.replace("about ", "about")


async def test_what_gave_no_sound_is_named(client, backend, item, read):
    dropped = tuple(DroppedSpan(n, n + 1, f"<{n}>", "no sound for it") for n in range(25))
    task = backend.add(item(dropped=dropped))
    words = read(await client.get(f"/dashboard/tasks/{task.id}")).words
    assert "25 spans of the text gave no sound" in words
    assert "<0> characters 0 to 1: no sound for it" in words
    assert "and 5 more" in words


@pytest.mark.parametrize(
    ("state", "buttons"),
    [
        ("pending", ["Cancel"]),
        ("processing", ["Cancel"]),
        ("retryable", ["Cancel"]),
        ("completed", ["Delete"]),
        ("cancelled", ["Run again", "Delete"]),
        ("discarded", ["Run again", "Delete"]),
    ],
)
async def test_only_what_the_state_allows_has_a_button(client, backend, item, read, state, buttons):
    task = backend.add(item())
    if state != "pending":
        backend.move(task.id, state)
    page = read(await client.get(f"/dashboard/tasks/{task.id}"))
    assert [
        button.text for button in page.all("button") if button["type"] != "button" and button.text != "Close"
    ] == buttons


async def test_cancel_and_run_again_are_forms_that_lead_back_to_the_task(client, backend, item):
    task = backend.add(item())
    for act, state in (("cancel", "cancelled"), ("retry", "pending")):
        answer = await client.post(f"/dashboard/tasks/{task.id}/{act}")
        assert (answer.status_code, answer.headers["location"]) == (303, f"/dashboard/tasks/{task.id}")
        assert (await backend.task(task.id)).state == state


@pytest.mark.parametrize("act", ["cancel", "retry"])
async def test_what_the_state_forbids_is_said_on_a_page(client, backend, item, read, act):
    task = backend.add(item())
    backend.move(task.id, "completed")
    answer = await client.post(f"/dashboard/tasks/{task.id}/{act}")
    assert answer.status_code == 409
    page = read(answer)
    assert "A task that is completed cannot be" in page.words
    assert page.one("a", href=f"/dashboard/tasks/{task.id}").text == "Back to the task"


@pytest.mark.parametrize("path", ["tasks/01NONE", "tasks/%00", "tasks/a%2Fb", "nowhere", "static/none.css"])
async def test_an_address_that_leads_nowhere_has_a_page(client, read, path):
    answer = await client.get(f"/dashboard/{path}")
    assert answer.status_code == 404
    assert [link.text for link in read(answer).all("a", href="/dashboard/tasks") if link["class"] == "button"] == [
        "All tasks"
    ]


@pytest.mark.parametrize("act", ["cancel", "retry"])
async def test_a_task_that_is_gone_cannot_be_moved(client, act):
    assert (await client.post(f"/dashboard/tasks/01NONE/{act}")).status_code == 404


@pytest.mark.parametrize("path", ["/dashboard/"])
async def test_addresses_that_people_guess_lead_to_the_first_page(client, path):
    answer = await client.get(path)
    assert (answer.status_code, answer.headers["location"]) == (303, "/dashboard")


async def test_a_long_text_is_cut_on_the_page_and_says_where_the_rest_is(client, backend, item, read):
    task = backend.add(item("x" * 100_000))
    answer = await client.get(f"/dashboard/tasks/{task.id}")
    assert len(answer.content) < 20_000
    assert "96,000 more characters" in read(answer).words


async def test_a_task_of_many_texts_shows_them_in_pages(client, backend, item, read):
    task = backend.add(*(item(f"Text {n}", index=n) for n in range(120)))
    page = read(await client.get(f"/dashboard/tasks/{task.id}?from=50"))
    titles = [title.text for title in page.all("h2")]
    assert (titles[0], titles[49]) == ("Text 51 of 120", "Text 100 of 120")
    assert page.one("a", href="?from=0")
    assert page.one("a", href="?from=100")
    for strange in ("-1", "x", "9" * 30, "٣"):
        assert (await client.get(f"/dashboard/tasks/{task.id}", params={"from": strange})).status_code == 200


async def test_a_live_task_page_leaves_the_texts_where_they_are(client, backend, item, read):
    task = backend.add(item())
    part = read(await client.get(f"/dashboard/tasks/{task.id}", headers={"X-Dashboard-Part": "live"}))
    assert [region["data-live"] for region in part.elements if region["data-live"]] == [
        "state",
        "item-0",
        "timeline",
        "attempts",
    ]
    assert not part.all("blockquote")
    assert part.one("title").text == "pending: Nothing is lost. · SayAThing"
