"""No text, no other site and no frame gets to act in somebody's name."""

import re

import pytest

from dashboard import AudioFile, DroppedSpan, Fault

HOSTILE = [
    "<script>alert(1)</script>",
    "</title></textarea></pre><script src=//evil.example></script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "{{ 70707 * 7 }}{% raw %}",
    "</a><a href=javascript:alert(1)>x</a>",
    "<!-- --><svg/onload=alert(1)>",
    "\u202egnp.exe\u0000\ud800\x1b[31m",
]
KNOWN = {
    "script": {f"/dashboard/static/{name}.js" for name in ("live", "keys", "tasks", "player", "speak", "charts")},
    "img": {"/dashboard/static/icon.svg"},
    "iframe": set(),
    "svg": set(),
}


def assert_harmless(page) -> None:
    for tag, sources in KNOWN.items():
        assert {(element["src"] or "").split("?")[0] for element in page.all(tag)} <= sources
    for element in page.elements:
        assert not [name for name in element.attributes if name.startswith("on") or name == "style"]
        for name in ("href", "src", "action"):
            assert (element[name] or "/").startswith(("/", "#", "?")), element
    assert not page.all("style")
    assert "494949" not in page.words


@pytest.mark.parametrize("text", HOSTILE)
async def test_a_hostile_text_stays_text_wherever_it_stands(client, backend, item, read, text):
    fault = Fault(text, text, 1, 0, text)
    audio = AudioFile("/tasks/1/items/0/audio", "wav", 1.0, 1, text)
    task = backend.add(item(text, voice=text))
    backend.move(
        task.id,
        "discarded",
        fault=fault,
        priority=text,
        items=(
            item(text, voice=text, audio=audio, fault=fault, dropped=(DroppedSpan(0, 1, text, text),)),
            item(text, index=1, fault=Fault(text, "other", 1, 0)),
        ),
    )
    written = text.replace("\ud800", "?")
    for address in ("/dashboard/tasks", f"/dashboard/tasks/{task.id}"):
        page = read(await client.get(address))
        assert_harmless(page)
        assert " ".join(written.split()) in page.words


@pytest.mark.parametrize("text", HOSTILE[:-1])
async def test_a_hostile_address_or_form_stays_text(client, read, text):
    assert_harmless(read(await client.get("/dashboard/tasks", params={"q": text, "cursor": text})))
    assert_harmless(read(await client.get("/dashboard/tasks", params={"state": text})))
    answer = await client.post("/dashboard/speak", data={"text": text, "voice": text, "format": text})
    assert answer.status_code == 422
    assert_harmless(read(answer))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/dashboard"),
        ("GET", "/dashboard/"),
        ("GET", "/dashboard/tasks/nothing"),
        ("GET", "/dashboard?state=nothing"),
        ("POST", "/dashboard/speak"),
        ("POST", "/dashboard/tasks/nothing/cancel"),
        ("GET", "/dashboard/static/dashboard.css"),
    ],
)
async def test_every_answer_carries_the_strict_headers(client, method, path):
    headers = (await client.request(method, path)).headers
    policy = re.sub(" 'nonce-[A-Za-z0-9_-]{22}'", "", headers["content-security-policy"])
    assert policy == (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "media-src 'self' blob:; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    assert headers["x-content-type-options"] == "nosniff"
    if "/static/" not in path:
        assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "anything"},
        {"sec-fetch-site": "cross-site", "origin": "http://testserver"},
        {"origin": "https://evil.example"},
        {"origin": "http://testserver.evil.example"},
        {"origin": "http://testserver:81"},
        {"origin": "null"},
        {"origin": "http://[bad"},
        {"origin": ""},
    ],
)
@pytest.mark.parametrize(
    "path", ["speak", "tasks/act", "queues/pause", "dead/drop", "tasks/{id}/cancel", "tasks/{id}/retry"]
)
async def test_another_site_changes_nothing(client, backend, item, headers, path):
    task = backend.add(item())
    form = {"text": "x", "voice": "espeak-en-us", "format": "wav"}
    answer = await client.post(f"/dashboard/{path.format(id=task.id)}", data=form, headers=headers)
    assert answer.status_code == 403
    assert "Nothing was done" in answer.text
    assert list(backend.known.values()) == [task]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec-fetch-site": "same-origin", "origin": "http://testserver"},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": "same-origin", "origin": "https://behind.a.proxy"},
        {"origin": "http://testserver"},
        {"origin": "https://TestServer"},
    ],
)
async def test_the_page_itself_and_a_command_line_may(client, backend, item, headers):
    task = backend.add(item())
    assert (await client.post(f"/dashboard/tasks/{task.id}/cancel", headers=headers)).status_code == 303
    assert backend.known[task.id].state == "cancelled"


async def test_nothing_changes_by_following_a_link(client, backend, item):
    task = backend.add(item())
    for act in ("cancel", "retry"):
        assert (await client.get(f"/dashboard/tasks/{task.id}/{act}")).status_code in {404, 405}
    assert backend.known[task.id] == task
