"""The API as a child of `sayathing serve`: `python -m app.cli.api_child DESCRIPTOR`.

The supervisor binds the socket and keeps it open, so that the port is known before anything is loaded and clients
wait, and are not refused, while a dead API is started again.
"""

import socket
import sys

API_STOP_SECONDS = 3
"""How long responses under way may still take before they are cut."""


def serve(descriptor: int) -> None:
    """Answer requests on a bound TCP socket until SIGTERM.

    uvicorn's own `--fd` takes every descriptor for a Unix socket and leaves Nagle's algorithm on: 40 ms a response.
    """
    import uvicorn

    from app.cli.http_protocol import PatientProtocol

    config = uvicorn.Config(
        "app.main:app_from_environment",
        factory=True,
        log_config=None,
        access_log=False,
        http=PatientProtocol,
        timeout_graceful_shutdown=API_STOP_SECONDS,
    )
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=descriptor)])


if __name__ == "__main__":
    serve(int(sys.argv[1]))
