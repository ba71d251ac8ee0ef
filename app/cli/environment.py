"""The settings as the command line reads them, and the address that follows from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.cli.errors import WrongUse

if TYPE_CHECKING:
    from app.settings import Settings

_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104  # where to reach it, not to bind


def load_settings(**overrides: object) -> Settings:
    """The settings of this process.

    Raises:
      WrongUse: one does not parse; the message names it.
    """
    from app.settings import BadSettings, Settings

    try:
        return Settings.load(**overrides)
    except BadSettings as error:
        raise WrongUse(str(error)) from error


def reachable(host: str) -> str:
    """The address at which this machine reaches a service that listens on `host`, which may be "any address"."""
    return _ANY_ADDRESS.get(host, host)


def http_url(host: str, port: int) -> str:
    """The URL at which this machine reaches a service that listens on `host` and `port`."""
    host = reachable(host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
