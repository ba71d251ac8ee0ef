"""Saying something from the page: no script needed, nothing typed is lost, nothing typed breaks it."""

import pytest

GOOD = {"text": "Nothing is lost.", "voice": "espeak-en-us", "format": "mp3"}


async def test_a_text_becomes_a_task_and_the_page_leads_to_it(client, backend):
    answer = await client.post("/dashboard/speak", data=GOOD)
    [task] = backend.known.values()
    assert (answer.status_code, answer.headers["location"]) == (303, f"/dashboard/tasks/{task.id}")
    assert (task.items[0].text, task.items[0].format) == ("Nothing is lost.", "mp3")


async def test_line_breaks_are_those_that_were_typed(client, backend):
    await client.post("/dashboard/speak", data={**GOOD, "text": "One.\r\nTwo."})
    [task] = backend.known.values()
    assert task.items[0].text == "One.\nTwo."


async def test_what_does_not_fit_is_said_beside_its_field_and_the_text_is_kept(client, backend, read):
    answer = await client.post("/dashboard/speak", data={**GOOD, "text": "\nKeep <me>", "voice": "nobody"})
    assert answer.status_code == 422
    page = read(answer)
    assert page.one("p", id="voice-problem").text == "There is no voice 'nobody'; take one of the list."
    assert page.one("select", name="voice")["aria-describedby"] == "voice-problem"
    assert page.one("textarea").text.removeprefix("\n") == "\nKeep <me>"
    assert "selected" in next(o for o in page.all("option") if o.text == "mp3").attributes
    assert not backend.known


async def test_an_empty_text_is_said_beside_the_text(client, read):
    page = read(await client.post("/dashboard/speak", data={**GOOD, "text": "  "}))
    assert page.one("p", id="text-problem").text == "Type something to say."
    assert page.one("textarea")["aria-invalid"] == "true"


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{}", "application/json", 415),
        (b"text=x", "text/plain", 415),
        (b"text=x", "", 415),
        (b"text=" + b"x" * 1_100_000, "application/x-www-form-urlencoded", 413),
        (b"&".join(b"a%d=1" % n for n in range(300)), "application/x-www-form-urlencoded", 400),
        (b"", "application/x-www-form-urlencoded", 422),
        (b"text=%ff%00%ed%a0%80\xff&voice=espeak-en-us", "application/x-www-form-urlencoded; charset=utf-8", 303),
    ],
)
async def test_no_body_breaks_the_form(client, body, content_type, status):
    answer = await client.post("/dashboard/speak", content=body, headers={"content-type": content_type})
    assert answer.status_code == status


async def test_a_body_too_large_is_not_read_to_its_end(client):
    sent = 0

    async def endless():
        nonlocal sent
        while sent < 100_000_000:
            sent += 65536
            yield b"x" * 65536

    answer = await client.post(
        "/dashboard/speak",
        content=endless(),
        headers={"content-type": "application/x-www-form-urlencoded"},
    )
    assert answer.status_code == 413
    assert sent < 2_000_000
