"""The list of tasks: tabs with counts, a filter, pages; all of it links and forms."""

import re

import pytest

from dashboard import STATES, Count, TaskPage


async def test_an_empty_service_shows_the_first_command_to_try(client, read):
    page = read(await client.get("/dashboard/tasks"))
    commands = [element.text for element in page.all("pre")]
    assert commands[0] == 'make say TEXT="Hello"'
    assert commands[1].startswith("curl http://testserver/api/tts -H 'Content-Type: application/json' -d '{\"text\"")


async def test_a_task_is_one_row_with_its_state_in_words(client, backend, item, read):
    task = backend.add(item("Call me Ishmael.", segments_total=4, segments_done=1, audio_seconds=12.34))
    backend.move(task.id, "processing")
    page = read(await client.get("/dashboard/tasks"))
    [_, row] = page.all("tr")
    assert row["data-state"] == "processing"
    told = " ".join(row.text.split())
    for word in ("processing", "Call me Ishmael.", task.id, "espeak-en-us", "16", "12.3 s", "1", "0 s ago"):
        assert word in told
    assert page.one("a", href=f"/dashboard/tasks/{task.id}").text == "Call me Ishmael."


async def test_every_heading_says_what_it_heads(client, backend, item, read):
    backend.add(item())
    page = read(await client.get("/dashboard/tasks"))
    assert {heading["scope"] for heading in page.all("th")} == {"col", "row"}


async def test_each_state_has_a_tab_that_counts_and_leads_to_its_list(client, backend, item, read):
    done = backend.add(item())
    backend.move(done.id, "cancelled")
    backend.add(item())
    page = read(await client.get("/dashboard/tasks"))
    tabs = {tab["href"]: " ".join(tab.text.split()) for tab in page.all("a") if "?state=" in (tab["href"] or "")}
    assert list(tabs) == [f"/dashboard/tasks?state={state}" for state in STATES]
    assert tabs["/dashboard/tasks?state=pending"] == "pending 1"
    assert tabs["/dashboard/tasks?state=cancelled"] == "cancelled 1"
    [tab] = [link for link in page.all("a", aria_current="page") if not link["data-go"]]
    assert tab.text.split() == ["all", "2"]


async def test_a_count_that_stopped_says_so(client, backend, read, monkeypatch):
    async def many(wanted) -> TaskPage:
        counts = {state: Count(10_000, more=True) if state == "completed" else Count(3) for state in STATES}
        return TaskPage((), None, counts, 0, "/events")

    monkeypatch.setattr(backend, "tasks", many)
    page = read(await client.get("/dashboard/tasks"))
    assert "10,000+" in page.one("a", href="/dashboard/tasks?state=completed").text
    assert "10,015+" in page.all("a", href="/dashboard/tasks", aria_current="page")[-1].text


async def test_the_filters_stand_in_the_address(client, backend, item, read):
    found = backend.add(item("A whale"))
    backend.add(item("A ship"))
    page = read(await client.get("/dashboard/tasks", params={"q": "WHALE", "state": "pending"}))
    assert [row["data-key"] for row in page.all("tr")[1:]] == [found.id]
    assert {field["value"] for field in page.all("input", name="q")} == {"WHALE"}
    assert {field["value"] for field in page.all("input", type="hidden", name="state")} == {"pending"}
    assert page.one("a", href="/dashboard/tasks?state=completed&q=WHALE")
    assert page.one("form", role="search")["method"] == "get"


async def test_a_filter_that_nothing_matches_leads_back(client, backend, item, read):
    backend.add(item())
    page = read(await client.get("/dashboard/tasks?q=zebra"))
    assert "No task matches zebra" in page.words
    assert "make say" not in page.words
    assert page.all("a", href="/dashboard/tasks")


async def test_older_tasks_are_one_link_away_and_none_is_shown_twice(client, backend, item, read):
    tasks = [backend.add(item(f"Text {number}")) for number in range(65)]
    seen, address = [], "/dashboard/tasks?state=pending"
    for _ in range(3):
        page = read(await client.get(address))
        seen += [row["data-key"] for row in page.all("tr")[1:]]
        older = page.all("a", rel="next")
        address = older[0]["href"] if older else ""
    assert seen == [task.id for task in reversed(tasks)]
    assert address == ""
    assert page.one("a", href="/dashboard/tasks?state=pending", aria_current="page")
    assert page.all("a", href="/dashboard/tasks?state=pending")[-1].text == "Newest"


@pytest.mark.parametrize("query", ["state=lost", "state=%00", "state=PENDING"])
async def test_a_state_that_there_is_not_is_said_on_a_page(client, read, query):
    answer = await client.get(f"/dashboard/tasks?{query}")
    assert answer.status_code == 400
    assert "pending, processing" in read(answer).words


@pytest.mark.parametrize("query", ["q=%00", "q=%ff%fe", "cursor=%00x", "cursor=zzz", "q=" + "a" * 5000, "x=1&x=2"])
async def test_a_strange_address_costs_nothing(client, query):
    assert (await client.get(f"/dashboard/tasks?{query}")).status_code == 200


async def test_the_first_words_stand_for_a_long_text(client, backend, item, read):
    backend.add(item("one\n two\t" + "word " * 400), item("second"), item("third"))
    link = read(await client.get("/dashboard/tasks")).all("tr")[1]
    assert re.search(r"one two word .{20,90}…", link.text)
    assert "+ 2 more texts" in link.text


async def test_a_live_page_gets_only_what_may_have_changed(client, backend, item, read):
    backend.add(item())
    whole = read(await client.get("/dashboard/tasks"))
    part = read(await client.get("/dashboard/tasks", headers={"X-Dashboard-Part": "live"}))
    assert [region["data-live"] for region in part.elements if region["data-live"]] == ["tabs", "list"]
    assert not part.all("textarea")
    assert not part.all("script")
    assert part.one("tr", data_state="pending").text == whole.one("tr", data_state="pending").text


async def test_a_live_page_goes_on_from_the_change_that_it_was_made_at(client, backend, item, read):
    task = backend.add(item())
    backend.move(task.id, "processing")
    body = read(await client.get("/dashboard/tasks")).one("body")
    assert (body["data-events"], body["data-last-change"]) == ("/events", "2")


async def test_progress_is_looked_at_only_while_there_is_some(client, backend, item, read):
    task = backend.add(item())
    assert read(await client.get("/dashboard/tasks")).one("div", data_live="list")["data-refresh-seconds"] is None
    backend.move(task.id, "processing")
    assert read(await client.get("/dashboard/tasks")).one("div", data_live="list")["data-refresh-seconds"] == "3"


async def test_the_default_voice_comes_first_and_its_language_with_it(client, read):
    page = read(await client.get("/dashboard/speak"))
    assert [group["label"] for group in page.all("optgroup")][:2] == ["English (America)", "German"]
    options = [option for option in page.all("option") if option["value"]][:4]
    assert [option["value"] for option in options] == ["espeak-en-us", "af_heart", "am_adam", "espeak-de"]
    assert "selected" in options[0].attributes
