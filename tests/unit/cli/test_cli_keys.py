"""sayathing keys, and who may listen where."""

import json
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Sayathing
from tests.unit.cli.fake_service import Answer, FakeService, task_document


class Reached(Exception):
    """The command came as far as the socket."""


def created(sayathing: Sayathing, *arguments: str) -> dict:
    ended = sayathing("keys", "create", "--json", *arguments)
    assert ended.status == 0, ended.err
    return json.loads(ended.out)


def test_a_key_is_printed_once_and_kept_nowhere(sayathing: Sayathing) -> None:
    ended = sayathing("keys", "create", "--name", "laptop")
    key = ended.out.strip()

    assert ended.status == 0
    assert len(key) > 40
    assert key not in ended.err
    assert key not in sayathing("keys", "list", "--json").out
    for path in Path("data").glob("*.db*"):
        if path.is_file():
            assert key.encode() not in path.read_bytes()


def test_keys_are_listed_with_what_they_may_do(sayathing: Sayathing) -> None:
    first, second = created(sayathing, "--name", "one"), created(sayathing, "--scope", "admin", "--scope", "read")

    found = json.loads(sayathing("keys", "list", "--json").out)["keys"]

    assert [each["id"] for each in found] == [first["id"], second["id"]]
    assert [each["scopes"] for each in found] == [["read", "speak"], ["admin", "read"]]
    assert first["key"] != second["key"]
    table = sayathing("keys", "list").out
    assert first["id"] in table
    assert "read+speak" in table


def test_a_key_is_revoked_once(sayathing: Sayathing) -> None:
    key = created(sayathing)

    assert sayathing("keys", "revoke", key["id"].lower()).status == 0
    assert json.loads(sayathing("keys", "list", "--json").out)["keys"][0]["revoked_at"] is not None
    assert sayathing("keys", "revoke", key["id"]).status == 2
    assert sayathing("keys", "revoke", "nobody").status == 2


def test_the_first_key_tells_what_is_different_now_and_the_second_does_not(sayathing: Sayathing) -> None:
    first, second = sayathing("keys", "create").err, sayathing("keys", "create").err

    for told in ("everybody needs a key", "--scope admin", "SAYATHING_API_KEY"):
        assert told in first
        assert told not in second


def test_revoked_keys_are_forgotten_and_live_ones_are_not(
    sayathing: Sayathing, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = created(sayathing), created(sayathing)
    sayathing("keys", "revoke", one["id"])

    refused = sayathing("keys", "forget")
    assert (refused.status, two["id"] in refused.err, one["id"] in refused.err) == (2, True, False)
    assert len(json.loads(sayathing("keys", "list", "--json").out)["keys"]) == 2

    sayathing("keys", "revoke", two["id"])
    assert sayathing("keys", "forget").status == 0
    assert json.loads(sayathing("keys", "list", "--json").out)["keys"] == []
    assert "everybody needs a key" in sayathing("keys", "create").err

    monkeypatch.setenv("SAYATHING_API_KEYS", "ci=0123456789abcdefghij")
    assert sayathing("keys", "forget").status == 2


@pytest.mark.parametrize("arguments", ["--scope root", "--name " + "x" * 101])
def test_a_key_that_makes_no_sense_is_not_made(sayathing: Sayathing, arguments: str) -> None:
    assert sayathing("keys", "create", *arguments.split()).status == 2


def test_commands_show_the_key_of_the_settings(
    service: FakeService, sayathing: Sayathing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAYATHING_API_KEY", "mine")
    service.prepare("GET /tasks", Answer(body={"tasks": [task_document()], "next_cursor": None}))

    assert sayathing("tasks", "list", "--url", service.url).status == 0
    assert set(service.keys) == {"Bearer mine"}


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "speech.example", ""])
def test_a_service_that_anybody_could_use_does_not_start(sayathing: Sayathing, host: str) -> None:
    ended = sayathing("serve", "--host", host, "--no-workers", "--port", "0")

    assert ended.status == 2
    assert "sayathing keys create" in ended.err
    assert "SAYATHING_ALLOW_NO_KEYS" in ended.err


@pytest.mark.parametrize("way", ["made", "configured", "allowed", "loopback"])
def test_it_starts_where_that_is_settled(sayathing: Sayathing, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    def reach_the_socket(*arguments: object) -> None:
        raise Reached

    monkeypatch.setattr("app.cli.listening.listen", reach_the_socket)
    if way == "made":
        created(sayathing)
    elif way == "configured":
        monkeypatch.setenv("SAYATHING_API_KEYS", "ci=0123456789abcdefghij")
    elif way == "allowed":
        monkeypatch.setenv("SAYATHING_ALLOW_NO_KEYS", "true")
    with pytest.raises(Reached):
        sayathing("serve", "--host", "::1" if way == "loopback" else "0.0.0.0", "--no-workers")
