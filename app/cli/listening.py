"""The API's socket: bound before anything else starts, and announced once the API answers on it."""

import http.client
import socket
import threading
import time
from collections.abc import Callable

from app.cli.environment import http_url, reachable
from app.cli.errors import CommandFailed

BACKLOG = 2048
ANSWER_SECONDS = 30.0
PAUSE_SECONDS = 0.1


def bind(host: str, port: int) -> socket.socket:
    """A TCP socket that listens on `host` and `port` (0: a free one) and that children may inherit.

    Raises:
      CommandFailed: the address is taken, or not one of this machine's.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(BACKLOG)
        except BaseException:
            listener.close()
            raise
    except OSError as error:
        raise CommandFailed(f"Cannot listen on {host} port {port}: {error.strerror or error}") from error
    return listener


def url_of(listener: socket.socket) -> str:
    """Where this machine reaches what listens on the socket."""
    host, port = listener.getsockname()[:2]
    return http_url(host, port)


def announce_once_answered(listener: socket.socket, announce: Callable[[], None]) -> None:
    """Call `announce` from a thread, once the service answers `GET /healthz` in whatever way."""
    host, port = listener.getsockname()[:2]
    target = reachable(host)

    def watch() -> None:
        while listener.fileno() >= 0:
            connection = http.client.HTTPConnection(target, port, timeout=ANSWER_SECONDS)
            try:
                connection.request("GET", "/healthz")
                connection.getresponse().read()
            except (OSError, http.client.HTTPException):  # it is not up yet, or has just died
                time.sleep(PAUSE_SECONDS)
            else:
                announce()
                return
            finally:
                connection.close()

    threading.Thread(target=watch, name="announcer", daemon=True).start()
