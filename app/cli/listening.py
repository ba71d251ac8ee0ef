"""The API's socket: bound before anything else starts, and announced once the API answers on it."""

import errno
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable

from app.cli.environment import http_url, reachable
from app.cli.errors import CommandFailed

BACKLOG = 2048
ANSWER_SECONDS = 30.0
PROBE_SECONDS = 2.0
PROBE_BYTES = 100
PAUSE_SECONDS = 0.1


class AddressTaken(CommandFailed):
    """Somebody else listens there."""


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
        failure = AddressTaken if error.errno == errno.EADDRINUSE else CommandFailed
        raise failure(f"Cannot listen on {host} port {port}: {error.strerror or error}") from error
    return listener


def listen(host: str, port: int) -> socket.socket:
    """What `bind` gives, for a service that starts.

    Raises:
      CommandFailed: as `bind` does; where the address is taken, the message says by whom, and what to do.
    """
    try:
        return bind(host, port)
    except AddressTaken as error:
        who = "A SayAThing runs there already" if _is_ours(host, port) else "Another program listens there"
        raise CommandFailed(f"{error}. {who}; --port or SAYATHING_PORT names another port") from error


def _is_ours(host: str, port: int) -> bool:
    """Whether what listens there answers as a SayAThing does that lives."""
    connection = http.client.HTTPConnection(reachable(host), port, timeout=PROBE_SECONDS)
    try:
        connection.request("GET", "/livez")
        found = json.loads(connection.getresponse().read(PROBE_BYTES))
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        connection.close()
    return isinstance(found, dict) and found.get("status") == "ok"


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
