"""A receiver behind TLS: its certificate must be for the name, though the connection goes to a number that was checked."""

import dataclasses
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme

from actors import posting
from actors.notify import notify_webhook
from actors.posting import Poster, PostFailed
from app.domain.webhooks import DeliveryState
from tests.unit.actors.conftest import Workshop
from tests.unit.webhooks.receiver import Receiver
from tests.unit.webhooks.test_deliveries import cancel, only, say, waiting

NAME = "hooks.example"


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[trustme.CA]:
    """One that this process trusts, as SSL_CERT_FILE says, and no other."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "authorities.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authorities.pem"))
    posting._authorities.cache_clear()
    yield authority
    posting._authorities.cache_clear()


Receive = Callable[[trustme.LeafCert], "SecureReceiver"]


class SecureReceiver(Receiver):
    """Shows the certificate, and keeps the names that clients ask for in TLS."""

    def __init__(self, certificate: trustme.LeafCert) -> None:
        super().__init__()
        self.asked_for: list[str | None] = []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        context.sni_callback = lambda _socket, name, _context: self.asked_for.append(name)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.server.handle_error = lambda *_: None  # type: ignore[method-assign]  # refused handshakes are the point


@pytest.fixture
def receive() -> Iterator[Receive]:
    receivers = []

    def start(certificate: trustme.LeafCert) -> SecureReceiver:
        receiver = SecureReceiver(certificate)
        thread = threading.Thread(target=receiver.server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        receivers.append((receiver, thread))
        return receiver

    yield start
    for receiver, thread in receivers:
        receiver.server.shutdown()
        receiver.server.server_close()
        thread.join()


def to_this_machine(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


def send(receiver: SecureReceiver) -> int:
    return Poster(allow_private=True, resolve=to_this_machine)(f"https://{NAME}:{receiver.port}/hook", b"{}", {}).status


def refusal(receiver: SecureReceiver) -> str:
    with pytest.raises(PostFailed) as refused:
        send(receiver)
    assert receiver.told == []
    return str(refused.value)


def test_the_name_is_asked_for_and_checked_while_the_connection_goes_to_the_number(
    authority: trustme.CA, receive: Receive
) -> None:
    receiver = receive(authority.issue_cert(NAME))

    assert send(receiver) == 204

    assert receiver.asked_for == [NAME]
    assert receiver.told[0].headers["host"] == f"{NAME}:{receiver.port}"


@pytest.mark.parametrize("names", [["other.example"], ["127.0.0.1"]])
def test_a_certificate_for_another_name_or_for_the_number_is_refused(
    authority: trustme.CA, receive: Receive, names: list[str]
) -> None:
    assert "not valid for 'hooks.example'" in refusal(receive(authority.issue_cert(*names)))


def test_an_expired_certificate_is_refused(authority: trustme.CA, receive: Receive) -> None:
    expired = authority.issue_cert(NAME, not_after=datetime(2020, 1, 1, tzinfo=UTC))

    assert "certificate has expired" in refusal(receive(expired))


def test_a_certificate_of_an_authority_that_nobody_knows_is_refused(authority: trustme.CA, receive: Receive) -> None:
    assert "certificate" in refusal(receive(trustme.CA().issue_cert(NAME)))


def test_the_delivery_log_names_what_is_wrong_with_a_self_signed_certificate(
    authority: trustme.CA, receive: Receive, workshop: Workshop
) -> None:
    own = trustme.CA()
    receiver = receive(trustme.LeafCert(own.private_key_pem.bytes(), own.cert_pem.bytes(), []))
    task_id = say(workshop, f"https://{NAME}:{receiver.port}/hook")
    cancel(workshop, task_id)

    bench = dataclasses.replace(workshop.bench, post=Poster(allow_private=True, resolve=to_this_machine))
    notify_webhook(waiting(workshop)[0], bench)

    told = only(workshop, task_id)
    assert told.state is DeliveryState.PENDING
    assert told.attempts[0].error == "The receiver's certificate is refused: self-signed certificate."
    assert receiver.told == []


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_authorities_that_cannot_be_read_are_a_reason_and_no_crash(
    authority: trustme.CA, receive: Receive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "mine.pem"))
    if content is not None:
        (tmp_path / "mine.pem").write_text(content)

    assert "SSL_CERT_FILE" in refusal(receive(authority.issue_cert(NAME)))
