"""One POST to an address that a stranger chose: bounded in time and size, and never to a place that is not everybody's.

The address is looked up once, each result is checked, and the connection goes to a checked number; the host's name
only stands in `Host` and in TLS. So a name that changes its address between the check and the connection gains nothing.
Redirects are not followed, and proxies of the environment are not asked: both would connect for us, unchecked.
"""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import httpcore
import httpx

from app.domain.addresses import is_public

MAX_SECONDS = 15.0
"""From the look-up of the name to the last byte of the answer's head."""

BODY_SECONDS = 2.0
EXCERPT_BYTES = 1024

Resolve = Callable[[str, int], list[str]]
"""The numeric addresses of a host; raises OSError where there are none."""


class PostFailed(Exception):
    """No answer came; the message says why, and names no address that the name led to."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`excerpt` is the start of the body, as far as it came in time."""

    status: int
    retry_after: str | None
    excerpt: str


def resolve(host: str, port: int) -> list[str]:
    """The addresses that the system's resolver gives, in its order."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class Poster:
    """Sends. `allow_private` lets it connect to any address; `resolve` is the resolver."""

    def __init__(self, *, allow_private: bool, resolve: Resolve = resolve, max_seconds: float = MAX_SECONDS) -> None:
        self._allow_private = allow_private
        self._resolve = resolve
        self._max_seconds = max_seconds

    def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """The receiver's answer, whatever its status.

        Raises:
          PostFailed: none came in time, or there is nobody that we may ask.
        """
        deadline = _Deadline(self._max_seconds)
        network = _CheckedNetwork(self._resolve, deadline, allow_private=self._allow_private)
        context = _trusted() if urlsplit(url).scheme == "https" else None
        sent = {"Host": urlsplit(url).netloc, "Accept": "*/*", "Accept-Encoding": "identity", "Connection": "close"}
        sent |= {"Content-Length": str(len(body)), **headers}
        try:
            with (
                httpcore.ConnectionPool(ssl_context=context, network_backend=network, retries=0) as pool,
                pool.stream("POST", url, headers=[*sent.items()], content=body) as response,
            ):
                deadline.shorten_to(BODY_SECONDS)
                told = {name.lower(): value for name, value in response.headers}
                return Answer(
                    response.status,
                    told[b"retry-after"].decode("latin-1") if b"retry-after" in told else None,
                    _excerpt(response.iter_stream()),
                )
        except httpcore.TimeoutException as error:
            raise PostFailed(f"No answer came within {self._max_seconds:g} s.") from error
        except httpcore.ConnectError as error:
            raise PostFailed(_why_not_connected(error)) from error
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise PostFailed(f"The connection broke, or what came is not HTTP ({type(error).__name__}).") from error


def _excerpt(stream: Iterable[bytes]) -> str:
    """The start of the body as text; what comes too late or broken is left out."""
    content = b""
    try:
        for chunk in stream:
            content += chunk
            if len(content) >= EXCERPT_BYTES:
                break
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError):
        pass
    return content[:EXCERPT_BYTES].decode("utf-8", "replace").replace("\x00", "�")


def _why_not_connected(error: httpcore.ConnectError) -> str:
    cause = error.__cause__ or error.__context__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"The receiver's certificate is refused: {cause.verify_message.rstrip('.')}."
    return f"The connection failed: {error}."


def _trusted() -> ssl.SSLContext:
    """
    Raises:
      PostFailed: what the environment names holds no certificates.
    """
    try:
        return _authorities()
    except OSError as error:  # SSLError is one
        raise PostFailed(f"SSL_CERT_FILE or SSL_CERT_DIR cannot be used: {error.strerror or error}.") from error


@cache
def _authorities() -> ssl.SSLContext:
    """The authorities of SSL_CERT_FILE or SSL_CERT_DIR, else those of certifi."""
    return httpx.create_ssl_context()


class _Deadline:
    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    def shorten_to(self, seconds: float) -> None:
        self._at = min(self._at, time.monotonic() + seconds)

    def left(self) -> float:
        """Seconds, more than none.

        Raises:
          ReadTimeout: the time is over.
        """
        left = self._at - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the time is over")
        return left


class _CheckedNetwork(httpcore.NetworkBackend):
    def __init__(self, resolve: Resolve, deadline: _Deadline, *, allow_private: bool) -> None:
        self._resolve = resolve
        self._deadline = deadline
        self._allow_private = allow_private
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = self._look_up(host, port)
        open_to_us = [address for address in addresses if self._allow_private or is_public(address)]
        if not open_to_us:
            raise PostFailed(
                "The host has no public address. SAYATHING_WEBHOOK_ALLOW_PRIVATE=true lets webhooks go to others."
            )
        failed: Exception | None = None
        for address in open_to_us:
            try:
                return _Timed(self._sockets.connect_tcp(address, port, self._deadline.left()), self._deadline)
            except httpcore.ConnectError as error:
                failed = error
        assert failed is not None, "there was an address"
        raise failed

    def _look_up(self, host: str, port: int) -> list[str]:
        """In a thread of its own: the system's resolver takes the time that it takes."""
        found: list[list[str] | OSError | UnicodeError] = []

        def ask() -> None:
            try:
                found.append(self._resolve(host, port))
            except (OSError, UnicodeError) as error:  # UnicodeError: a label that no name can have
                found.append(error)

        asking = threading.Thread(target=ask, name="Resolver", daemon=True)
        asking.start()
        asking.join(self._deadline.left())
        if not found:
            raise httpcore.ConnectTimeout("the resolver did not answer")
        if isinstance(found[0], Exception):
            raise PostFailed(f"The host's name cannot be resolved: {found[0]}.") from found[0]
        return found[0]


class _Timed(httpcore.NetworkStream):
    """A stream whose every wait ends at the deadline, so that many short waits do not add up."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: _Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.left())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        secured = self._stream.start_tls(ssl_context, server_hostname, self._deadline.left())
        return _Timed(secured, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
