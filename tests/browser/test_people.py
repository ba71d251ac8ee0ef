"""What a person does at the dashboard, from the first text to the last cancel, as the browser sees it."""

import os
import re
import subprocess
import sys

import httpx
import pytest
from playwright.sync_api import expect

from app.domain.errors import SegmentTimeout
from app.publishing import SPEECH_QUEUE
from tests.support.kokoro_folder import copy_tiny_kokoro
from tests.support.processes import running_service, until

pytestmark = pytest.mark.browser

MOBY = (
    "Call me Ishmael. Some years ago, never mind how long precisely, having little or no money in my purse, and nothing "
    "particular to interest me on shore, I thought I would sail about a little and see the watery part of the world. "
)
VIEWER, OPERATOR = "viewer-key-0000000000000", "operator-key-00000000000"
KEYS = {"SAYATHING_API_KEYS": f"viewer={VIEWER}:read,operator={OPERATOR}:read+speak"}

AS_PERSON = {"sec-fetch-site": "same-origin"}


def time_of(audio) -> float:
    return float(audio.evaluate("audio => audio.currentTime"))


@pytest.mark.service_settings(workers=1)
def test_the_word_being_spoken_is_lit_and_a_click_on_a_word_goes_there(visit, service):
    task_id = service.post(text="Nothing is lost. Every single word is spoken.", format="mp3")["task_id"]
    service.finished(task_id)
    page = visit(f"/dashboard/tasks/{task_id}")
    words = page.locator(".text .word")
    expect(words).to_have_count(8)
    expect(page.locator("[data-wave]")).to_be_visible()
    expect(page.locator(".lit")).to_have_count(0)
    page.evaluate("""() => {
      window.lit = [];
      new MutationObserver(() => {
        const word = document.querySelector(".lit")?.textContent;
        if (word && word !== lit.at(-1)) lit.push(word);
      }).observe(document.querySelector(".text"), { subtree: true, attributes: true });
    }""")
    audio = page.locator("audio")
    audio.focus()
    audio.press("Space")
    until(lambda: audio.evaluate("audio => audio.ended"))
    assert page.evaluate("window.lit") == ["Nothing", "is", "lost", "Every", "single", "word", "is", "spoken"]
    words.nth(4).click()
    expect(page.locator(".lit")).to_have_text("single")


@pytest.mark.service_settings(workers=1)
def test_one_listens_while_later_segments_are_still_rendered(visit, service):
    def let(verb: str) -> None:
        form = {"queue": SPEECH_QUEUE}
        httpx.post(f"{service.url}/dashboard/queues/{verb}", data=form, headers=AS_PERSON)

    def done() -> int:
        return int(service.task(task_id)["progress"]["segments_done"])

    task_id = service.post(text=MOBY * 40, format="mp3")["task_id"]
    until(lambda: done() >= 4, every=0.01)
    let("pause")
    page = visit(f"/dashboard/tasks/{task_id}")
    audio = page.get_by_label("Audio of text 1, while it is made")
    audio.evaluate("audio => { audio.mark = 'same'; audio.play(); }")
    until(lambda: time_of(audio) > 0.5)
    assert service.task(task_id)["state"] == "processing"

    let("resume")
    expect(page.locator(".state-line")).to_contain_text("completed", timeout=60_000)
    heard = time_of(audio)
    until(lambda: time_of(audio) > heard + 0.3)
    assert audio.evaluate("audio => [audio.mark, audio.paused]") == ["same", False]
    audio.evaluate("audio => audio.pause()")
    finished = page.get_by_label("Audio of text 1", exact=True)
    until(lambda: time_of(finished) > heard)


@pytest.mark.service_settings(**KEYS)
def test_a_viewer_sees_no_button_and_is_refused_and_an_operator_does_both(visit, service):
    def ask(method: str, path: str, key: str, **more: object) -> httpx.Response:
        return httpx.request(method, service.url + path, auth=("", key), headers=AS_PERSON, **more)

    task_id = ask("POST", "/api/tts", OPERATOR, json={"text": "Said by the operator."}).json()["task_id"]
    page = visit("/dashboard/tasks", http_credentials={"username": "", "password": OPERATOR})
    expect(page.locator("[data-badge]")).to_have_text("live")
    row = page.locator(f'tr[data-key="{task_id}"]')
    expect(row).to_contain_text("Said by the operator.")
    row.get_by_role("link", name="Said by").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".state-line")).to_contain_text("cancelled")
    expect(page.get_by_role("link", name="Workers")).to_have_count(0)

    for path in ("/dashboard", "/dashboard/tasks", "/dashboard/voices", "/dashboard/speak"):
        page = visit(path, http_credentials={"username": "", "password": VIEWER})
        expect(page.get_by_text("You may look, but change nothing.")).to_be_visible()
        expect(page.locator("main form[method=post], main .primary, main .danger, [data-select]")).to_have_count(0)
    form = {"text": "Not mine to say.", "voice": "", "format": "wav"}
    assert ask("POST", "/dashboard/speak", VIEWER, data=form).status_code == 403
    assert ask("POST", f"/dashboard/tasks/{task_id}/retry", VIEWER).status_code == 403
    assert ask("POST", "/dashboard/tasks/act", VIEWER, data={"action": "all-delete"}).status_code == 403
    assert ask("GET", f"/dashboard/tasks/{task_id}", VIEWER).status_code == 404
    for path in ("queues", "workers", "dead", "about"):
        assert ask("GET", f"/dashboard/{path}", OPERATOR).status_code == 403
    other_site = {"sec-fetch-site": "cross-site", "origin": "http://elsewhere.example"}
    refused = httpx.post(f"{service.url}/dashboard/tasks/{task_id}/retry", auth=("", OPERATOR), headers=other_site)
    assert refused.status_code == 403
    assert ask("GET", f"/tasks/{task_id}", OPERATOR).json()["state"] == "cancelled"


@pytest.mark.service_settings(SAYATHING_DASHBOARD_READ_ONLY="true")
def test_a_read_only_dashboard_has_no_button_and_refuses_forms(visit, service, speaker):
    task_id = speaker.add("Look, but do not touch.")
    for path in ("/dashboard/tasks", f"/dashboard/tasks/{task_id}", "/dashboard/queues", "/dashboard/dead"):
        page = visit(path)
        expect(page.get_by_text("This dashboard is read-only")).to_be_visible()
        expect(page.locator("main form[method=post]")).to_have_count(0)
        page.close()
    answer = httpx.post(f"{service.url}/dashboard/tasks/{task_id}/cancel", headers=AS_PERSON)
    assert answer.status_code == 403
    assert "read-only" in answer.text
    assert service.task(task_id)["state"] == "pending"


@pytest.mark.service_settings(SAYATHING_HIDE_TEXT="true")
def test_a_dashboard_that_hides_texts_shows_none_and_finds_none(visit, service, speaker):
    task_id = speaker.done("The secret is out.")
    for path in ("/dashboard/tasks", f"/dashboard/tasks/{task_id}", f"/dashboard/speak?from={task_id}"):
        page = visit(path)
        assert "secret" not in page.content()
    page = visit("/dashboard/tasks?q=secret")
    expect(page.get_by_text("No task matches")).to_be_visible()
    page = visit(f"/dashboard/tasks/{task_id}")
    expect(page.get_by_text("Texts are hidden here.")).to_be_visible()
    until(lambda: page.locator("audio").evaluate("audio => audio.readyState") >= 1)


def test_what_is_copied_does_the_same_again(visit, service, messages, tmp_path):
    text = "Quotes ' and \" and $HOME, back\\slash, Zürich and 🐋.\n@ second line"
    first = service.post(text=text, voice="espeak-de", speed=1.5, format="mp3", priority="bulk")
    page = visit(f"/dashboard/tasks/{first['task_id']}", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_text("Copy as curl, Python or JavaScript").click()
    copied = {}
    for language in ("curl", "Python", "JavaScript"):
        page.get_by_role("button", name=f"Copy the {language} command").click()
        copied[language] = page.evaluate("navigator.clipboard.readText()")
        expect(page.get_by_role("button", name=f"Copied the {language} command")).to_be_visible()
    run = {"capture_output": True, "text": True, "check": True, "timeout": 60}
    by_curl = subprocess.run(["bash", "-c", copied["curl"]], **run).stdout
    by_python = subprocess.run([sys.executable, "-c", copied["Python"]], **run).stdout.strip()
    page.evaluate(f"async () => {{ {copied['JavaScript']} }}")
    by_javascript = messages.pop().removeprefix("log: ")
    asked = {"text", "voice", "speed", "volume", "format"}
    for task_id in (re.search(r'"task_id": ?"(\w+)"', by_curl)[1], by_python, by_javascript):
        again = service.task(task_id)
        assert task_id != first["task_id"]
        assert again["priority"] == "bulk"
        assert {name: again["items"][0][name] for name in asked} == {name: first["items"][0][name] for name in asked}


@pytest.mark.service_settings(**KEYS)
def test_what_is_copied_where_keys_are_needed_takes_the_one_of_the_environment(visit, service):
    page = visit("/dashboard/speak", http_credentials={"username": "", "password": OPERATOR})
    page.get_by_text("Copy as curl, Python or JavaScript").click()
    environment = {**os.environ, "SAYATHING_API_KEY": OPERATOR}
    for program, code in zip((["bash"], [sys.executable]), page.locator(".copy code").all_inner_texts(), strict=False):
        assert OPERATOR not in code
        subprocess.run([*program, "-c", code], env=environment, check=True, capture_output=True, timeout=60)
    listed = httpx.get(f"{service.url}/tasks", auth=("", OPERATOR)).json()["tasks"]
    assert [task["items"][0]["text"] for task in listed] == ["Hello", "Hello"]


def test_a_task_is_found_by_a_word_of_its_text(visit, speaker):
    for number in range(40):
        speaker.add(f"Ship {number} sails.")
    whale = speaker.add("There the Walfisch swims.")
    page = visit("/dashboard/tasks")
    page.keyboard.press("/")
    page.keyboard.type("walfisch")
    page.keyboard.press("Enter")
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("tbody tr")).to_contain_text(whale)
    page.get_by_role("link", name="Show all").click()
    expect(page.locator("tbody tr")).to_have_count(30)
    page.get_by_role("link", name="Older").click()
    expect(page.locator("tbody tr")).to_have_count(11)


def test_each_voice_is_heard_and_two_are_mixed(browser, tmp_path):
    copy_tiny_kokoro(tmp_path / "service" / "models", ["af_heart", "am_adam"])
    with running_service(tmp_path / "service", workers=1, SAYATHING_ENGINE="kokoro-onnx") as service:
        page = browser.new_page()
        page.add_init_script("""
          window.played = [];
          addEventListener("DOMContentLoaded", () => {
            const play = Audio.prototype.play;
            Audio.prototype.play = function () {
              this.addEventListener("timeupdate", () => { if (this.currentTime > 0) played.push(this.src); });
              return play.call(this);
            };
          });
        """)
        page.goto(f"{service.url}/dashboard/voices")
        page.get_by_placeholder("Find a voice").fill("kokoro")
        for name, voice in (("Heart", "af_heart"), ("Adam", "am_adam")):
            page.get_by_role("link", name=f"▶ Sample of {name}").click()
            until(lambda voice=voice: any(voice in source for source in page.evaluate("window.played")))
        page.goto(f"{service.url}/dashboard/speak?voice=am_adam")
        page.get_by_role("button", name="Hear it").click()
        until(lambda: any("am_adam" in source for source in page.evaluate("window.played")))
        page.get_by_label("Text", exact=True).fill("Two voices.")
        page.get_by_text("Mix several voices").click()
        page.get_by_label("Weight of the first voice").fill("2")
        page.get_by_label("Voice 2 of the mix").select_option("af_heart")
        page.get_by_role("button", name="Say it").click()
        expect(page.get_by_role("link", name="af_heart:1+am_adam:2")).to_be_visible()
        expect(page.locator(".state-line")).to_contain_text("completed", timeout=60_000)
        page.get_by_role("link", name="Duplicate").click()
        expect(page.get_by_label("Voice 2 of the mix")).to_have_value("am_adam")
        page.close()


def test_why_a_task_failed_is_told_in_the_words_of_the_error_and_it_runs_again(visit, speaker):
    task_id = speaker.add("It fails.")
    error = SegmentTimeout("The engine took longer than 30.0 s. Free the CPU.")
    speaker.begin(task_id)
    speaker.give_up(task_id, error)
    page = visit("/dashboard/tasks?state=discarded")
    page.get_by_role("link", name="It fails.").click()
    fault = page.locator(".fault").first
    expect(fault).to_contain_text("A segment took too long")
    expect(fault).to_contain_text("The engine took longer than 30.0 s. Free the CPU.")
    page.get_by_role("button", name="Run again").click()
    expect(page.locator(".state-line")).to_contain_text("pending")
    speaker.begin(task_id, run=2)
    speaker.render(task_id, 0, run=2)
    speaker.finish(task_id, run=2)
    expect(page.locator(".state-line")).to_contain_text("completed")
    expect(page.locator("audio")).to_have_count(1)


def test_a_text_is_said_and_cancelled_by_keys_alone(visit):
    page = visit("/dashboard")
    page.keyboard.press("g")
    page.keyboard.press("s")
    text = page.get_by_label("Text", exact=True)
    while not text.evaluate("text => text === document.activeElement"):
        page.keyboard.press("Tab")
    page.keyboard.type("Typed.")
    page.keyboard.press("Control+Enter")
    expect(page).to_have_url(re.compile("/dashboard/tasks/01"))
    page.keyboard.press("g")
    page.keyboard.press("t")
    expect(page).to_have_url(re.compile("/dashboard/tasks$"))
    page.keyboard.press("j")
    page.keyboard.press("x")
    cancel = page.get_by_role("button", name="Cancel the selected tasks")
    while not cancel.evaluate("button => button === document.activeElement"):
        page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    confirm = page.get_by_role("button", name="Cancel 1", exact=True)
    while not confirm.evaluate("button => button === document.activeElement"):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 task cancelled.")).to_be_visible()


@pytest.mark.parametrize("width", [360, 1100])
def test_long_hebrew_and_emoji_texts_stand_as_they_are_written(visit, speaker, width):
    texts = {
        "long": "Ten thousand characters are a chapter. " * 257,
        "hebrew": "שלום עולם, שום דבר לא הולך לאיבוד.",
        "emoji": "👩‍👩‍👧‍👦🏳️‍🌈 family, Z̷̢a̷l̵g̷o̸ and " + "🐋" * 400,
    }
    ids = {name: speaker.done(text) for name, text in texts.items()}
    page = visit("/dashboard/tasks", viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") == width
    for name, task_id in ids.items():
        page.goto(f"{page.url.split('/dashboard')[0]}/dashboard/tasks/{task_id}")
        shown = page.locator("blockquote")
        expect(shown).to_have_text(texts[name][:4000].strip() + ("…" if len(texts[name]) > 4000 else ""))
        assert shown.evaluate("text => getComputedStyle(text).direction") == ("rtl" if name == "hebrew" else "ltr")
        assert page.evaluate("document.documentElement.scrollWidth") == width


def test_a_service_that_has_nothing_yet_says_what_to_do(visit):
    told = {
        "": "Nothing has been said yet.",
        "/tasks": "Nothing has been said yet.",
        "/queues": "No queue holds a message yet",
        "/workers": "No worker is running: tasks wait.",
        "/dead": "No dead letters.",
    }
    for path, words in told.items():
        expect(visit(f"/dashboard{path}").get_by_text(words).first).to_be_visible()


def test_a_sample_that_cannot_be_played_says_so(visit, messages):
    page = visit("/dashboard/voices")
    page.route("**/sample", lambda route: route.fulfill(status=503))
    sample = page.get_by_role("link", name="▶ Sample of Afrikaans")
    sample.click()
    until(lambda: sample.get_attribute("data-failed") is not None)
    assert all("503" in message for message in messages)
    messages.clear()


def test_a_page_that_cannot_be_made_anew_says_so_until_it_can(visit, speaker, messages):
    page = visit("/dashboard/tasks")
    badge = page.locator("[data-badge]")
    expect(badge).to_have_text("live")
    page.route("**/dashboard/tasks", lambda route: route.fulfill(status=503))
    task_id = speaker.add("Told late.")
    expect(badge).to_have_text("reconnecting")
    page.unroute("**/dashboard/tasks")
    expect(page.locator(f'tr[data-key="{task_id}"]')).to_be_visible()
    expect(badge).to_have_text("live")
    assert all("503" in message for message in messages)
    messages.clear()
