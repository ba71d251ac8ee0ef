"""Each page as a person meets it: quiet, playable, narrow, dark, without scripts."""

import re

import pytest
from playwright.sync_api import expect

from tests.support.processes import running_service, until

pytestmark = pytest.mark.browser


def test_every_page_loads_without_a_word_on_the_console(visit, speaker):
    done = speaker.done("Nothing is lost.")
    waiting = speaker.add("Not yet.")
    for path in ("/dashboard", "/dashboard?state=pending&q=yet", f"/dashboard/tasks/{waiting}"):
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
        page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == f"sayathing-{task_id}-0.wav"
    assert download.value.path().read_bytes()[:4] == b"RIFF"


def test_without_scripts_one_can_list_find_say_and_cancel(visit, speaker):
    speaker.done("An old one.")
    page = visit(java_script_enabled=False)
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

    page.get_by_role("link", name="All tasks").click()
    expect(page.locator("tr[data-key]")).to_have_count(2)
    page.get_by_role("link", name="completed 1").click()
    expect(page.locator("tr[data-key]")).to_have_count(1)
    page.get_by_role("searchbox").fill("no such text")
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_text("No task matches")).to_be_visible()


def test_a_refused_text_comes_back_with_the_reason(visit, messages):
    page = visit()
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
    for path in ("/dashboard", f"/dashboard/tasks/{long}", f"/dashboard/tasks/{done}", "/dashboard?q=zzz"):
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
    for _ in range(25):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.name || document.activeElement.innerText"))
    for name in ("Pause", "text", "voice", "format", "Say it", "q", "Find", "By keys."):
        assert name in reached
    page.get_by_role("link", name="By keys.").press("Enter")
    page.get_by_role("button", name="Cancel").press("Enter")
    expect(page).to_have_url(re.compile(task_id))
    expect(page.locator(".state-line")).to_contain_text("cancelled")


def test_from_the_form_to_the_voice_with_a_real_worker(browser, tmp_path):
    with running_service(tmp_path / "service", workers=1) as service:
        page = browser.new_page()
        page.goto(f"{service.url}/dashboard")
        page.get_by_label("Text", exact=True).fill("Nothing is lost.")
        page.get_by_role("button", name="Say it").click()
        expect(page.locator(".state-line")).to_contain_text("completed", timeout=60_000)
        until(lambda: page.locator("audio").first.evaluate("audio => audio.readyState") >= 1)
        assert 0.5 < page.locator("audio").evaluate("audio => audio.duration") < 5
        page.close()
