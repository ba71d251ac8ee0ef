"""Each page as a person meets it: quiet, playable, narrow, dark, without scripts."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.support.processes import running_service, until

pytestmark = pytest.mark.browser


def test_every_page_loads_without_a_word_on_the_console(visit, speaker):
    done = speaker.done("Nothing is lost.")
    waiting = speaker.add("Not yet.")
    for path in (
        "/dashboard",
        "/dashboard/tasks",
        "/dashboard/tasks?state=pending&q=yet",
        f"/dashboard/tasks/{waiting}",
    ):
        page = visit(path)
        expect(page.locator("[data-badge]")).to_have_text("live")
    page = visit(f"/dashboard/tasks/{done}")
    until(lambda: page.locator("audio").first.evaluate("audio => audio.readyState") >= 1)


def test_audio_plays_and_seeks(visit, speaker):
    task_id = speaker.done("Nothing is lost.", seconds=8.0)
    page = visit(f"/dashboard/tasks/{task_id}")
    audio = page.locator("audio")
    audio.focus()
    audio.press("Space")
    until(lambda: page.locator("audio").first.evaluate("audio => audio.currentTime") > 0.3)
    assert audio.evaluate("audio => audio.duration") == pytest.approx(8.0, abs=0.01)
    audio.evaluate("audio => { audio.currentTime = 6 }")
    until(lambda: page.locator("audio").first.evaluate("audio => audio.currentTime") > 6.2)
    assert not audio.evaluate("audio => audio.error")


def test_a_player_that_plays_is_not_disturbed_by_what_changes_around_it(visit, speaker):
    task_id = speaker.add("First.", "Second.")
    speaker.begin(task_id)
    speaker.render(task_id, 0)
    speaker.finish(task_id, seconds=30.0)
    page = visit(f"/dashboard/tasks/{task_id}")
    first = page.locator("audio").first
    first.focus()
    first.press("Space")
    until(lambda: page.locator("audio").first.evaluate("audio => audio.currentTime") > 0.2)
    first.evaluate("audio => { audio.mark = 'same' }")
    speaker.render(task_id, 0, item=1)
    speaker.finish(task_id, item=1)
    expect(page.locator("audio")).to_have_count(2)
    before = first.evaluate("audio => audio.currentTime")
    page.wait_for_timeout(400)
    assert first.evaluate("audio => [audio.mark, audio.paused]") == ["same", False]
    assert first.evaluate("audio => audio.currentTime") > before


def test_a_download_has_a_name_that_says_what_it_is(visit, speaker):
    task_id = speaker.done("Nothing is lost.")
    page = visit(f"/dashboard/tasks/{task_id}")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").first.click()
    assert download.value.suggested_filename == f"sayathing-{task_id}-0.wav"
    assert download.value.path().read_bytes()[:4] == b"RIFF"


def test_without_scripts_one_can_list_find_say_and_cancel(visit, speaker):
    speaker.done("An old one.")
    page = visit("/dashboard/speak", java_script_enabled=False)
    expect(page.locator("[data-live-controls]")).to_be_hidden()
    page.get_by_label("Text", exact=True).fill("Said without scripts.\nTwo lines.")
    page.get_by_label("Format").select_option("mp3")
    page.get_by_role("button", name="Say it").click()
    expect(page).to_have_url(re.compile("/dashboard/tasks/01"))
    expect(page.locator("blockquote")).to_have_text("Said without scripts.\nTwo lines.")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".state-line")).to_contain_text("cancelled")
    page.get_by_role("button", name="Run again").click()
    expect(page.locator(".state-line")).to_contain_text("pending")

    page.get_by_role("link", name="← All tasks").click()
    expect(page.locator("tr[data-key]")).to_have_count(2)
    page.get_by_role("link", name="completed 1").click()
    expect(page.locator("tr[data-key]")).to_have_count(1)
    page.get_by_role("searchbox").fill("no such text")
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_text("No task matches")).to_be_visible()


def test_a_refused_text_comes_back_with_the_reason(visit, messages):
    page = visit("/dashboard/speak")
    page.get_by_label("Text", exact=True).fill("[Kokoro](/kˈOkəɹO/) has phonemes.")
    page.get_by_role("button", name="Say it").click()
    expect(page.locator("#text-problem")).to_contain_text("cannot speak")
    expect(page.get_by_label("Text", exact=True)).to_have_value("[Kokoro](/kˈOkəɹO/) has phonemes.")
    expect(page.get_by_label("Text", exact=True)).to_be_focused()
    messages[:] = [message for message in messages if "422" not in message]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_screen_needs_no_scrolling_sideways(visit, speaker, scheme):
    long = speaker.add("w" * 300)
    speaker.begin(long, segments=3)
    done = speaker.done("The quick brown fox jumps over the lazy dog. " * 20)
    for path in (
        "/dashboard",
        "/dashboard/tasks",
        f"/dashboard/tasks/{long}",
        f"/dashboard/tasks/{done}",
        "/dashboard/tasks?q=zzz",
        "/dashboard/speak",
        "/dashboard/voices",
        "/dashboard/queues",
        "/dashboard/workers",
        "/dashboard/dead",
        "/dashboard/about",
    ):
        page = visit(path, viewport={"width": 360, "height": 740}, color_scheme=scheme)
        assert page.evaluate("document.documentElement.scrollWidth") == 360
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == {"light": "rgb(246, 246, 250)", "dark": "rgb(16, 18, 24)"}[scheme]


def test_everything_can_be_reached_with_the_keyboard(visit, speaker):
    task_id = speaker.add("By keys.")
    page = visit()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    reached = []
    for _ in range(45):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.name || document.activeElement.innerText"))
    for name in ("Pause", "Tasks", "Speak", "q", "Find", "By keys."):
        assert name in reached
    page.get_by_role("link", name="By keys.").press("Enter")
    page.get_by_role("button", name="Cancel").press("Enter")
    expect(page).to_have_url(re.compile(task_id))
    expect(page.locator(".state-line")).to_contain_text("cancelled")


def test_from_the_form_to_the_voice_with_a_real_worker(browser, tmp_path):
    with running_service(tmp_path / "service", workers=1) as service:
        page = browser.new_page()
        page.goto(f"{service.url}/dashboard/speak")
        page.get_by_label("Text", exact=True).fill("Nothing is lost.")
        page.get_by_role("button", name="Say it").click()
        expect(page.locator(".state-line")).to_contain_text("completed", timeout=60_000)
        until(lambda: page.locator("audio").first.evaluate("audio => audio.readyState") >= 1)
        assert 0.5 < page.locator("audio").evaluate("audio => audio.duration") < 5
        page.close()


AXE = Path(__file__).parent / "vendor" / "axe.min.js"
EVERY_PAGE = ("", "/tasks", "/speak", "/voices", "/queues", "/workers", "/dead", "/about")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_a_serious_fault_for_those_who_see_or_point_otherwise(visit, speaker, scheme):
    done = speaker.done("Nothing is lost.")
    for path in (*EVERY_PAGE, f"/tasks/{done}"):
        page = visit(f"/dashboard{path}", color_scheme=scheme, bypass_csp=True)  # axe has a style of its own
        page.evaluate(AXE.read_text())
        found = page.evaluate("axe.run()")["violations"]
        grave = [
            (path, fault["id"], [node["html"][:120] for node in fault["nodes"]][:3])
            for fault in found
            if fault["impact"] in {"serious", "critical"}
        ]
        assert grave == []
        page.close()


def test_all_that_match_are_cancelled_over_several_pages(visit, speaker):
    for number in range(45):
        speaker.add(f"Whale {number}")
    kept = speaker.add("A ship")
    page = visit("/dashboard/tasks?q=whale")
    page.get_by_role("button", name="Cancel all that match").click()
    expect(page.get_by_role("heading", name="Cancel 45 tasks?")).to_be_visible()
    page.get_by_role("button", name="Cancel 45").click()
    expect(page.get_by_text("45 tasks cancelled.")).to_be_visible()
    page.goto(page.url.split("?")[0] + "?state=pending")
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("tbody tr")).to_contain_text(kept)


def test_shift_selects_a_stretch_and_holds_the_page_still(visit, speaker):
    for number in range(6):
        speaker.add(f"Text {number}")
    page = visit("/dashboard/tasks")
    expect(page.locator("[data-badge]")).to_have_text("live")
    boxes = page.locator("[data-select]")
    boxes.nth(1).click()
    boxes.nth(4).click(modifiers=["Shift"])
    expect(page.locator("[data-selected]")).to_have_text("4 selected:")
    expect(page.locator("[data-badge]")).to_have_text("paused")
    page.get_by_role("button", name="Delete the selected tasks").click()
    expect(page.get_by_role("heading", name="Delete 4 tasks?")).to_be_visible()


def test_keys_go_to_pages_rows_and_help(visit, speaker):
    speaker.add("First.")
    page = visit("/dashboard/tasks")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.locator("[data-select]")).to_be_checked()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    expect(page.locator("[data-filter]")).to_be_focused()
    page.keyboard.type("gv")
    assert page.url.endswith("/dashboard/tasks")
    page.locator("[data-filter]").blur()
    page.keyboard.press("g")
    page.keyboard.press("v")
    expect(page).to_have_url(re.compile("/dashboard/voices$"))
