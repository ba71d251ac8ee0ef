"""The rules of a webhook: its address, its secret, its signature, its schedule."""

import base64
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from app.domain.ids import TaskId
from app.domain.states import TaskState
from app.domain.webhooks import (
    MAX_RETRY_AFTER_SECONDS,
    RETRY_SECONDS,
    BadWebhook,
    check_url,
    parse_secrets,
    payload_of,
    signed_headers,
    wait_seconds,
)

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
TASK = TaskId("01KAPM5T7VNB1C8R3E9ZQ4XWJ2")


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org",
        "http://example.org:8080/a/b?c=d",
        "https://xn--bcher-kva.example/",
        "https://[2606::1]:8/x",
        "http://127.0.0.1/",
        "https://my_receiver.internal./x",
        "https://example.org/?q=%23",
    ],
)
def test_an_address_of_http_is_taken(url: str) -> None:
    assert check_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.org",
        "ftp://example.org",
        "file:///etc/passwd",
        "gopher://x",
        "https://",
        "https:///x",
        "http://:80/",
        "https://user@example.org",
        "https://user:word@example.org/",
        "https://example.org/#part",
        "https://example.org/#",
        "https://exam ple.org",
        "https://example.org/\r\nX: y",
        "https://bücher.example/",
        "https://example.org:0/",
        "https://example.org:99999/",
        "https://[::1",
        "https://[fe80::1%25eth0]/",
        "https://[nobody]/",
        "https://-a.org",
        "https://a..b/",
        "https://" + "a" * 2048,
        "https://exa%6dple.org/",
        "https://example.org\\@evil.org/",
    ],
)
def test_anything_else_is_refused_with_what_to_do(url: str) -> None:
    with pytest.raises(BadWebhook) as refused:
        check_url(url)
    assert str(refused.value).endswith(".")


@pytest.mark.parametrize(
    "secret",
    [
        "secret",
        "whsec_",
        "whsec_!!!!",
        "whsec_" + base64.b64encode(bytes(23)).decode(),
        SECRET + "=",
        SECRET[6:],
        "whsec_" + base64.b64encode(bytes(65)).decode(),
        f"{SECRET} other",
    ],
)
def test_a_secret_that_is_none_is_refused(secret: str) -> None:
    with pytest.raises(BadWebhook):
        parse_secrets(secret)


@given(body=st.text(), others=st.lists(st.binary(min_size=24, max_size=64), max_size=2))
def test_an_independent_receiver_accepts_the_signature(body: str, others: list[bytes]) -> None:
    sent = body.encode("utf-8", "replace")
    at = int(datetime.now(UTC).timestamp())

    headers = signed_headers((*others, *parse_secrets(SECRET)), "msg_1", at, sent)

    Webhook(SECRET).verify(sent, headers, json_parse=False)


def test_a_receiver_refuses_a_body_that_was_changed() -> None:
    headers = signed_headers(parse_secrets(SECRET), "msg_1", int(datetime.now(UTC).timestamp()), b"{}")

    with pytest.raises(Exception, match="No matching signature"):
        Webhook(SECRET).verify(b"{ }", headers)


def test_the_signature_is_that_of_the_specification() -> None:
    """The example of Standard Webhooks' own libraries."""
    keys = parse_secrets("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")

    headers = signed_headers(keys, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')

    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_waits_grow_over_hours_and_end() -> None:
    waits = [wait_seconds(tries, None, 0.0) for tries in range(1, len(RETRY_SECONDS) + 2)]

    assert waits[:-1] == list(RETRY_SECONDS) == sorted(RETRY_SECONDS)
    assert waits[-1] is None
    assert 24 * 3600 < sum(RETRY_SECONDS) < 48 * 3600
    assert wait_seconds(1, None, 1.0) == RETRY_SECONDS[0] * 1.1


def test_a_receiver_may_ask_for_a_longer_wait_but_not_for_a_year() -> None:
    assert wait_seconds(1, 90.0, 0.0) == 90.0
    assert wait_seconds(3, 90.0, 0.0) == RETRY_SECONDS[2]
    assert wait_seconds(1, 1e9, 0.0) == MAX_RETRY_AFTER_SECONDS
    assert wait_seconds(len(RETRY_SECONDS) + 1, 90.0, 0.0) is None


def test_an_error_is_told_by_its_kind_alone() -> None:
    error = {"type": "nothing-to-say", "title": "Nothing to say", "detail": "MARKER", "segment": {"text": "MARKER"}}

    told = json.loads(payload_of(TASK, 2, TaskState.DISCARDED, attempts=3, error=error, now=1_795_348_800_000))

    assert told["data"]["error"] == {"type": "nothing-to-say", "title": "Nothing to say"}
    assert "MARKER" not in json.dumps(told)
    assert told["timestamp"] == "2026-11-22T12:00:00.000Z"
