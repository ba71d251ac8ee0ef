"""One POST: what is asked, what is refused, and how long it may take."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from actors.posting import EXCERPT_BYTES, Poster, PostFailed
from tests.unit.webhooks.receiver import Receiver, Reply, a_receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with a_receiver() as found:
        yield found


def test_the_body_and_the_headers_arrive_as_they_were_given(receiver: Receiver) -> None:
    receiver.replies = [Reply(202, {"Retry-After": "7"}, b"thanks\x00\xff")]

    answer = Poster(allow_private=True)(receiver.url, b'{"a": 1}', {"webhook-id": "msg_1"})

    assert (answer.status, answer.retry_after, answer.excerpt) == (202, "7", "thanks��")
    (told,) = receiver.told
    assert (told.path, told.body) == ("/hook?from=us", b'{"a": 1}')
    assert told.headers["webhook-id"] == "msg_1"
    assert told.headers["host"] == f"127.0.0.1:{receiver.port}"


def test_a_redirect_is_an_answer_and_is_not_followed(receiver: Receiver) -> None:
    receiver.replies = [Reply(302, {"Location": receiver.url})]

    assert Poster(allow_private=True)(receiver.url, b"", {}).status == 302
    assert len(receiver.told) == 1


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "127.0.0.1.",
    ],
)
def test_no_spelling_of_this_machine_is_connected_to(receiver: Receiver, host: str) -> None:
    with pytest.raises(PostFailed) as refused:
        Poster(allow_private=False)(f"http://{host}:{receiver.port}/", b"", {})

    assert receiver.told == []
    assert "127.0.0.1" not in str(refused.value)


def test_a_name_that_leads_to_a_private_address_is_refused(receiver: Receiver) -> None:
    poster = Poster(allow_private=False, resolve=lambda host, port: ["10.0.0.1", "::1", "169.254.169.254"])

    with pytest.raises(PostFailed, match="SAYATHING_WEBHOOK_ALLOW_PRIVATE"):
        poster(f"http://rebind.example:{receiver.port}/", b"", {})


def test_a_name_that_changes_its_address_is_asked_once_and_connected_to_as_it_was_checked(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rebinding: public when it is checked, private when it is asked for again."""
    answers = [["93.184.215.14"], ["127.0.0.1"]]
    connected: list[object] = []

    def refuse(address: tuple[str, int], *_: object, **__: object) -> socket.socket:
        connected.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", refuse)
    poster = Poster(allow_private=False, resolve=lambda host, port: answers.pop(0))

    with pytest.raises(PostFailed):
        poster(f"http://rebind.example:{receiver.port}/", b"", {})

    assert connected == [("93.184.215.14", receiver.port)]
    assert answers == [["127.0.0.1"]]
    assert receiver.told == []


def test_of_several_addresses_only_the_public_ones_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    connected: list[str] = []

    def refuse(address: tuple[str, int], *_: object, **__: object) -> socket.socket:
        connected.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", refuse)
    poster = Poster(allow_private=False, resolve=lambda host, port: ["8.8.8.8", "10.0.0.1", "::1", "1.1.1.1"])

    with pytest.raises(PostFailed):
        poster("http://many.example/", b"", {})

    assert connected == ["8.8.8.8", "1.1.1.1"]


def test_the_name_stands_in_the_request_while_the_connection_goes_to_the_number(receiver: Receiver) -> None:
    poster = Poster(allow_private=True, resolve=lambda host, port: ["127.0.0.1"])

    assert poster(f"http://hooks.example:{receiver.port}/x", b"", {}).status == 204

    assert receiver.told[0].headers["host"] == f"hooks.example:{receiver.port}"


def test_proxies_of_the_environment_are_not_asked(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    assert Poster(allow_private=True)(receiver.url, b"", {}).status == 204


def test_a_body_without_end_is_cut_short(receiver: Receiver) -> None:
    receiver.replies = [Reply(200, {}, b"x" * 5_000_000)]

    assert Poster(allow_private=True)(receiver.url, b"", {}).excerpt == "x" * EXCERPT_BYTES


def test_a_slow_body_does_not_hold_the_sender(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.posting.BODY_SECONDS", 0.2)
    receiver.replies = [Reply(200, {}, b"slow" * 1000, dribble_seconds=0.05)]

    answer = Poster(allow_private=True)(receiver.url, b"", {})

    assert answer.status == 200
    assert len(answer.excerpt) < 100


def _dribbling(listener: socket.socket, content: bytes) -> None:
    connection, _ = listener.accept()
    ended = threading.Event()
    with closing(connection):
        try:
            while True:
                connection.sendall(content)
                ended.wait(0.05)
        except OSError:
            pass


@pytest.mark.parametrize("content", [b"HTTP/1.1 100 Continue\r\n\r\n", b"", b"H"])
def test_a_receiver_that_never_comes_to_the_point_is_left(content: bytes) -> None:
    """Each byte comes well within any timeout of a single read."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_dribbling, args=(listener, content), daemon=True)
        thread.start()
        with pytest.raises(PostFailed):
            Poster(allow_private=True, max_seconds=0.4)(f"http://127.0.0.1:{listener.getsockname()[1]}/", b"", {})


def test_a_resolver_that_never_answers_is_left() -> None:
    never = threading.Event()

    def wait(host: str, port: int) -> list[str]:
        never.wait()
        return []

    with pytest.raises(PostFailed, match="No answer"):
        Poster(allow_private=True, resolve=wait, max_seconds=0.2)("http://slow.example/", b"", {})
    never.set()


@pytest.mark.parametrize("url", ["http://nobody.invalid/", "http://" + "a" * 63 + ".invalid/", "http://127.0.0.1:1/"])
def test_nobody_there_is_a_failure_with_a_reason(url: str) -> None:
    with pytest.raises(PostFailed) as failed:
        Poster(allow_private=True)(url, b"", {})
    assert str(failed.value).endswith(".")


def test_a_receiver_that_speaks_no_http_is_a_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_dribbling, args=(listener, b"SSH-2.0-hello\r\n" * 100), daemon=True)
        thread.start()
        with pytest.raises(PostFailed, match="HTTP"):
            Poster(allow_private=True)(f"http://127.0.0.1:{listener.getsockname()[1]}/", b"", {})
