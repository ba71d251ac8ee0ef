"""An open page follows the service: through changes, storms, pauses and a restart of the server."""

import httpx
import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def row_of(page, task_id):
    return page.locator(f'tr[data-key="{task_id}"]')


def test_a_task_submitted_elsewhere_appears_and_moves_while_one_looks(visit, service, speaker):
    page = visit()
    expect(page.locator("[data-badge]")).to_have_text("live")
    expect(page.get_by_text("Nothing has been said yet.")).to_be_visible()

    task_id = httpx.post(f"{service.url}/api/tts", json={"text": "Call me Ishmael."}).json()["task_id"]
    row = row_of(page, task_id)
    expect(row).to_contain_text("pending")
    expect(page.get_by_role("navigation", name="Tasks by state").get_by_role("link", name="pending 1")).to_be_visible()

    speaker.begin(task_id, segments=4)
    expect(row).to_contain_text("processing")
    speaker.render(task_id, 0)
    expect(row.get_by_role("progressbar")).to_have_attribute("value", "1")
    for segment in (1, 2, 3):
        speaker.render(task_id, segment)
    speaker.finish(task_id, seconds=4.0)
    expect(row).to_contain_text("completed")
    expect(row).to_contain_text("4.00 s")
    expect(page.get_by_role("link", name="completed 1")).to_be_visible()
    expect(page.get_by_role("navigation", name="Tasks by state").get_by_role("link", name="pending 0")).to_be_visible()


def test_a_task_page_tells_each_move_and_ends_with_the_player(visit, speaker):
    task_id = speaker.add("One. Two.", "Three.")
    page = visit(f"/dashboard/tasks/{task_id}")
    steps = page.locator(".timeline > li")
    expect(steps).to_have_count(1)
    page.get_by_role("button", name="Cancel").focus()

    speaker.begin(task_id, segments=2)
    expect(steps).to_have_count(2)
    speaker.render(task_id, 0)
    expect(page.get_by_text("1/2 segments")).to_be_visible()
    expect(page.get_by_role("button", name="Cancel")).to_be_focused()

    for item in (0, 1):
        for segment in (0, 1):
            speaker.render(task_id, segment, item=item)
        speaker.finish(task_id, item=item)
    expect(steps).to_have_count(3)
    expect(page.locator("audio")).to_have_count(2)
    expect(page).to_have_title("completed: One. Two. · SayAThing")
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0)


def test_a_storm_of_changes_costs_one_fetch_a_second(visit, speaker, requests_of):
    page = visit()
    expect(page.locator("[data-badge]")).to_have_text("live")
    with requests_of(page, "/dashboard") as asked:
        for number in range(150):
            last = speaker.add(f"Text {number}")
        expect(row_of(page, last)).to_be_visible()
        page.wait_for_timeout(3000)
        now = len(asked)
    assert 1 <= now <= 7
    expect(page.get_by_role("link", name="all 150")).to_be_visible()


def test_a_pause_holds_the_page_still_and_ends_with_everything_that_happened(visit, speaker, requests_of):
    page = visit()
    expect(page.locator("[data-badge]")).to_have_text("live")
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("[data-badge]")).to_have_text("paused")
    with requests_of(page, "/") as asked:
        task_id = speaker.add("Meanwhile.")
        page.wait_for_timeout(1500)
    assert asked == []
    expect(row_of(page, task_id)).to_have_count(0)

    page.get_by_role("button", name="Resume").click()
    expect(page.locator("[data-badge]")).to_have_text("live")
    expect(row_of(page, task_id)).to_be_visible()


def test_a_hidden_page_keeps_no_connection(visit, speaker, requests_of):
    page = visit()
    expect(page.locator("[data-badge]")).to_have_text("live")
    turn = """(hidden) => {
      Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }"""
    page.evaluate(turn, True)
    task_id = speaker.add("Unseen.")
    page.wait_for_timeout(1000)
    expect(row_of(page, task_id)).to_have_count(0)
    page.evaluate(turn, False)
    expect(row_of(page, task_id)).to_be_visible()


def test_a_page_made_before_a_change_learns_of_it(visit, service, speaker, requests_of):
    """What happens between the page's making and the stream's beginning is in the log: the stream begins there."""
    page = visit("/livez")
    added = []

    def late(route):
        if not added:
            added.append(speaker.add("Between."))
        route.continue_()

    page.route("**/events?*", late)
    with requests_of(page, "/events") as asked:
        page.goto(f"{service.url}/dashboard/tasks")
        expect(page.locator("tr[data-key]")).to_have_count(1)
    assert asked[0].endswith("?last_event_id=0")


def test_the_server_is_killed_and_comes_back_and_nothing_is_missed(visit, service, speaker, messages):
    page = visit()
    badge = page.locator("[data-badge]")
    expect(badge).to_have_text("live")
    service.api.kill()
    expect(badge).to_have_text("reconnecting")
    task_id = speaker.add("While nobody listened.")
    service.start_api()
    expect(badge).to_have_text("live")
    expect(row_of(page, task_id)).to_be_visible()

    after = [speaker.add(f"And after, {number}.") for number in range(3)]
    expect(row_of(page, after[-1])).to_be_visible()
    shown = page.locator("tr[data-key]").evaluate_all("rows => rows.map((row) => row.dataset.key)")
    assert shown == [*reversed(after), task_id]
    assert all("net::ERR_" in message for message in messages), messages
    messages.clear()
