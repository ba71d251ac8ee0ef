"""The stored lexicons, and the field of POST /api/tts that names one."""

import asyncio
from typing import Any

import httpx
import pytest

from app.domain.lexicons import Lexicon
from app.services import edit_lexicons
from tests.support.api import Api, accept_problem
from tests.unit.api.test_speech_requests import give_kokoro

ENTRIES = {"Nguyen": "win", "SQL": "/sˈikwəl/"}


async def put(api: Api, entries: object = ENTRIES, name: str = "names", **headers: str) -> httpx.Response:
    sent = {key.replace("_", "-"): value for key, value in headers.items()}
    return await api.client.put(f"/tts/lexicons/{name}", json=entries, headers=sent)


async def test_a_stored_lexicon_is_given_back_with_its_revision_and_version(api: Api) -> None:
    answer = await put(api)

    assert answer.status_code == 201
    assert answer.headers["location"] == "/tts/lexicons/names"
    lexicon = answer.json()
    assert lexicon["entries"] == ENTRIES
    assert (lexicon["name"], lexicon["revision"], lexicon["entry_count"]) == ("names", 1, 2)
    assert lexicon["version"] == Lexicon.parse(ENTRIES).version
    found = await api.client.get("/tts/lexicons/names")
    assert (found.json(), found.headers["etag"]) == (lexicon, answer.headers["etag"])
    heading = {key: value for key, value in lexicon.items() if key != "entries"}
    assert (await api.client.get("/tts/lexicons")).json() == {"lexicons": [heading]}


async def test_every_change_is_a_revision_and_no_change_is_none(api: Api) -> None:
    first = await put(api)
    again = await put(api)
    changed = await put(api, {"Nguyen": "nwin"})

    assert [each.status_code for each in (first, again, changed)] == [201, 200, 200]
    assert [each.json()["revision"] for each in (first, again, changed)] == [1, 1, 2]
    assert first.headers["etag"] == again.headers["etag"] != changed.headers["etag"]
    assert changed.json()["created_at"] == first.json()["created_at"]


async def test_an_editor_who_was_not_the_last_changes_nothing(api: Api) -> None:
    etag = (await put(api)).headers["etag"]
    assert (await put(api, {"a": "mine"}, If_Match=etag)).status_code == 200

    accept_problem(await put(api, {"a": "theirs"}, If_Match=etag), 412, "precondition-failed")
    accept_problem(
        await api.client.delete("/tts/lexicons/names", headers={"If-Match": etag}), 412, "precondition-failed"
    )
    assert (await api.client.get("/tts/lexicons/names")).json()["entries"] == {"a": "mine"}


async def test_of_editors_at_the_same_moment_one_wins(api: Api) -> None:
    etag = (await put(api)).headers["etag"]

    answers = await asyncio.gather(*(put(api, {"a": f"a {n}"}, If_Match=etag) for n in range(8)))
    made = await asyncio.gather(*(put(api, {"a": f"a {n}"}, "new", If_None_Match="*") for n in range(8)))

    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 7
    assert sorted(answer.status_code for answer in made) == [201] + [412] * 7
    winner = next(answer for answer in answers if answer.status_code == 200)
    assert (await api.client.get("/tts/lexicons/names")).json() == winner.json()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"If-Match": "*"}, 200),
        ({"If-Match": '"no", TAG'}, 200),
        ({"If-Match": "W/TAG"}, 412),
        ({"If-Match": "what"}, 412),
        ({"If-Match": ""}, 412),
        ({"If-None-Match": "*"}, 412),
        ({"If-None-Match": "TAG"}, 412),
        ({"If-None-Match": 'W/"no"'}, 200),
        ({"If-Match": "TAG", "If-None-Match": "*"}, 412),
    ],
)
async def test_conditions_mean_what_the_rfc_says(api: Api, headers: dict[str, str], status: int) -> None:
    etag = (await put(api)).headers["etag"]
    sent = {name: value.replace("TAG", etag) for name, value in headers.items()}

    answer = await api.client.put("/tts/lexicons/names", json={"other": "udder"}, headers=sent)

    assert answer.status_code == status, answer.text


async def test_a_condition_on_what_is_not_there_fails_and_a_first_version_can_be_asked_for(api: Api) -> None:
    accept_problem(await put(api, If_Match="*"), 412, "precondition-failed")
    assert (await put(api, If_None_Match="*")).status_code == 201


async def test_a_client_that_has_it_gets_no_body(api: Api) -> None:
    etag = (await put(api)).headers["etag"]

    answer = await api.client.get("/tts/lexicons/names", headers={"If-None-Match": etag})

    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)


async def test_a_deleted_lexicon_is_gone_and_its_tag_never_comes_back(api: Api) -> None:
    etag = (await put(api)).headers["etag"]
    api.container.clock.override(lambda: 2_000_000_000.0)

    assert (await api.client.delete("/tts/lexicons/names")).status_code == 204

    accept_problem(await api.client.get("/tts/lexicons/names"), 404, "lexicon-not-found")
    accept_problem(await api.client.delete("/tts/lexicons/names"), 404, "lexicon-not-found")
    assert (await put(api)).headers["etag"] != etag


@pytest.mark.parametrize("name", ["-a", "a.b", "x" * 65, "%00", "%F0%9F%92%A9", "a%20b"])
async def test_a_name_that_cannot_be_is_refused(api: Api, name: str) -> None:
    accept_problem(await put(api, name=name), 422, "invalid-input")
    accept_problem(await api.client.get(f"/tts/lexicons/{name}"), 404, "lexicon-not-found")
    accept_problem(await api.client.delete(f"/tts/lexicons/{name}"), 404, "lexicon-not-found")


@pytest.mark.parametrize("body", [[], "names", 5, True, {"a": 5}, {"a": {"b": "c"}}, {"a": "/5/"}])
async def test_what_is_no_lexicon_is_refused(api: Api, body: object) -> None:
    problem = accept_problem(await put(api, body), 422, "invalid-input")

    assert problem["errors"][0]["pointer"] == ("/a" if isinstance(body, dict) else "")


async def test_each_entry_that_cannot_be_is_pointed_at(api: Api) -> None:
    problem = accept_problem(await put(api, {"a/b": "", "fine": "fine", "c": "/§/"}), 422, "invalid-input")

    assert [error["pointer"] for error in problem["errors"]] == ["/a~1b", "/c"]
    assert "§ (U+00A7)" in problem["errors"][1]["detail"]


async def test_there_is_room_for_so_many_lexicons(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edit_lexicons, "MAX_LEXICONS", 2)
    for name in ("a", "b"):
        await put(api, name=name)

    accept_problem(await put(api, name="c"), 409, "too-many-lexicons")
    assert (await put(api, {"x": "y"}, "a")).status_code == 200


async def test_a_task_tells_which_lexicon_it_was_accepted_with(api: Api) -> None:
    stored = (await put(api, {"Nguyen": "win"})).json()

    task = await api.post_speech(
        {
            "lexicon": "names",
            "items": [{"text": "Ask Nguyen."}, {"text": "Ask SQL.", "lexicon": {"SQL": "sequel"}},
                      {"text": "Ask nobody.", "lexicon": {}}],
        }
    )  # fmt: skip

    inline = Lexicon.parse({"SQL": "sequel"}).version
    assert [item["lexicon"] for item in task["items"]] == [
        {"name": "names", "revision": 1, "version": stored["version"]},
        {"name": None, "revision": None, "version": inline},
        None,
    ]
    await put(api, {"Nguyen": "new"})
    await api.client.delete("/tts/lexicons/names")
    found = (await api.client.get(f"/tasks/{task['task_id']}")).json()
    assert found["items"][0]["lexicon"] == task["items"][0]["lexicon"]
    assert (await api.client.get("/tasks")).json()["tasks"][0]["items"] == found["items"]


async def test_an_unknown_lexicon_is_refused_with_the_names_that_there_are(api: Api) -> None:
    problem = accept_problem(await api.client.post("/api/tts", json=speech("names")), 422, "unknown-lexicon")
    assert "nor any other" in problem["detail"]
    await put(api, name="terms")
    await put(api, name="people")

    body = {"items": [{"text": "a"}, {"text": "b", "lexicon": "names"}], "lexicon": "nomes"}
    problem = accept_problem(await api.client.post("/api/tts", json=body), 422, "unknown-lexicon")

    assert [error["pointer"] for error in problem["errors"]] == ["/lexicon", "/items/1/lexicon"]
    assert all("There are people, terms." in error["detail"] for error in problem["errors"])


@pytest.mark.parametrize("lexicon", ["", "a b", "names.json", 5, None, True, ["a"]])
async def test_what_is_neither_a_name_nor_entries_is_refused(api: Api, lexicon: object) -> None:
    problem = accept_problem(await api.client.post("/api/tts", json=speech(lexicon)), 422, "invalid-input")

    assert problem["errors"][0]["pointer"] == "/lexicon"


async def test_an_entry_of_an_inline_lexicon_is_pointed_at_where_it_stands(api: Api) -> None:
    body = {"items": [{"text": "a"}, {"text": "b", "lexicon": {"x": "/5/"}}], "lexicon": {"y": ""}}

    problem = accept_problem(await api.client.post("/api/tts", json=body), 422, "invalid-input")

    assert [error["pointer"] for error in problem["errors"]] == ["/lexicon/y", "/items/1/lexicon/x"]


async def test_phonemes_for_a_word_of_the_text_are_refused_where_the_voice_cannot_speak_them(api: Api) -> None:
    give_kokoro(api.settings)
    await put(api)

    problem = accept_problem(
        await api.client.post("/api/tts", json=speech("names", text="Ask about SQL.", voice="espeak-en-us")),
        422,
        "phonemes-unsupported",
    )

    assert problem["errors"][0]["pointer"] == "/text"
    assert "character 10" in problem["detail"]
    await api.post_speech(speech("names", text="Ask Nguyen.", voice="espeak-en-us"))
    await api.post_speech(speech("names", text="Ask about SQL.", voice="af_heart"))


def speech(lexicon: object, **fields: Any) -> dict[str, Any]:
    return {"text": "Nothing is lost.", "lexicon": lexicon, **fields}
