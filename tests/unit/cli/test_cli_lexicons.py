"""`sayathing lexicons`, and `say --lexicon`."""

import io
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.unit.cli.conftest import Sayathing
from tests.unit.cli.fake_service import Answer, FakeService

LEXICON = {
    "name": "names",
    "revision": 3,
    "version": "ab" * 32,
    "entry_count": 2,
    "created_at": "2026-11-22T12:00:00.000Z",
    "updated_at": "2026-11-22T12:00:00.000Z",
    "entries": {"Nguyen": "win", "SQL": "/sˈikwəl/"},
}


@pytest.fixture
def names(service: FakeService) -> FakeService:
    heading = {key: value for key, value in LEXICON.items() if key != "entries"}
    service.prepare("GET /tts/lexicons", Answer(body={"lexicons": [heading]}))
    service.prepare("GET /tts/lexicons/names", Answer(body=LEXICON, headers={"ETag": '"3-tag"'}))
    service.prepare("PUT /tts/lexicons/names", Answer(200, LEXICON, {"ETag": '"4-tag"'}))
    service.prepare("DELETE /tts/lexicons/names", Answer(204, b""))
    return service


def test_lexicons_are_listed_and_shown(sayathing: Sayathing, names: FakeService) -> None:
    listed = sayathing("lexicons", "list", "--url", names.url)
    shown = sayathing("lexicons", "show", "names", "--url", names.url)

    assert listed.status == shown.status == 0
    assert listed.out.splitlines()[1].split()[:3] == ["names", "2", "3"]
    assert [line.split() for line in shown.out.splitlines()[1:]] == [["Nguyen", "win"], ["SQL", "/sˈikwəl/"]]


def test_json_is_what_the_service_answers(sayathing: Sayathing, names: FakeService) -> None:
    assert json.loads(sayathing("lexicons", "show", "names", "--json", "--url", names.url).out) == LEXICON
    assert json.loads(sayathing("lexicons", "list", "--json", "--url", names.url).out)["lexicons"][0]["name"] == "names"


@pytest.mark.parametrize(
    ("revision", "headers"),
    [(None, {}), ("0", {"if-none-match": "*"}), ("3", {"if-match": '"3-tag"'})],
)
def test_a_file_is_stored_over_the_revision_that_is_named(
    sayathing: Sayathing, names: FakeService, revision: str | None, headers: dict[str, str]
) -> None:
    Path("names.json").write_text(json.dumps(LEXICON["entries"]), encoding="utf-8-sig")
    option = () if revision is None else ("--revision", revision)

    ended = sayathing("lexicons", "put", "names", "names.json", *option, "--url", names.url)

    assert (ended.status, ended.out) == (0, "names: 2 words, revision 3\n")
    assert names.asked[-1] == ("PUT /tts/lexicons/names", LEXICON["entries"])
    sent = {name.lower(): value for name, value in names.headers[-1].items()}
    assert {name: sent[name] for name in sent if name.startswith("if-")} == headers


def test_a_file_that_was_made_from_another_revision_is_not_stored(sayathing: Sayathing, names: FakeService) -> None:
    Path("names.json").write_text("{}")

    ended = sayathing("lexicons", "put", "names", "names.json", "--revision", "2", "--url", names.url)

    assert ended.status == 2
    assert "revision 3, not 2" in ended.err
    assert not [request for request, _ in names.asked if request.startswith("PUT")]


def test_words_come_from_standard_input_too(
    sayathing: Sayathing, names: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b'{"a": "ay"}')))

    assert sayathing("lexicons", "put", "names", "-", "--url", names.url).status == 0
    assert names.asked[-1][1] == {"a": "ay"}


def test_a_lexicon_is_deleted(sayathing: Sayathing, names: FakeService) -> None:
    assert sayathing("lexicons", "delete", "names", "--url", names.url).out == "names: deleted\n"
    assert names.asked[-1] == ("DELETE /tts/lexicons/names", None)


@pytest.mark.parametrize("content", [b"[1]", b"nonsense", b"\xff", b"[" * 100_000])
def test_a_file_that_is_no_lexicon_is_wrong_use(sayathing: Sayathing, names: FakeService, content: bytes) -> None:
    Path("names.json").write_bytes(content)

    ended = sayathing("lexicons", "put", "names", "names.json", "--url", names.url)

    assert (ended.status, len(ended.err.splitlines())) == (2, 1)
    assert names.asked == []


def test_a_name_that_cannot_be_is_wrong_use(sayathing: Sayathing, names: FakeService) -> None:
    assert sayathing("lexicons", "show", "../tasks", "--url", names.url).status == 2
    assert sayathing("lexicons", "put", "names", "missing.json", "--url", names.url).status == 2
    assert names.asked == []


@pytest.mark.parametrize(("value", "sent"), [("names", "names"), ("./names", {"a": "ay"}), ("n.json", {"a": "ay"})])
def test_a_text_is_said_with_a_stored_lexicon_or_a_file(
    sayathing: Sayathing, names: FakeService, value: str, sent: object
) -> None:
    for name in ("names", "n.json"):
        Path(name).write_text('{"a": "ay"}')

    assert sayathing("say", "Hello.", "--lexicon", value, "--url", names.url).status == 0

    [body] = [body for request, body in names.asked if request == "POST /api/tts"]
    assert body["lexicon"] == sent
