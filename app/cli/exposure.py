"""Before listening: who could reach the service, and may they?"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from app.cli.errors import WrongUse

if TYPE_CHECKING:
    from app.settings import Settings


def refuse_exposure(settings: Settings) -> None:
    """
    Raises:
      WrongUse: others than this machine could reach the service, and there is no key that they would need.
    """
    if settings.allow_no_keys or is_loopback(settings.host) or _has_keys(settings):
        return
    raise WrongUse(
        f"Anybody who reaches {settings.host} could use this service. Make a key with `sayathing keys create`, or say "
        "SAYATHING_ALLOW_NO_KEYS=true where that is meant to be."
    )


def _has_keys(settings: Settings) -> bool:
    from app.results import Database, migrate
    from app.results.api_keys import stored_keys

    if settings.api_keys:
        return True
    database = Database(settings.results_url, durability=settings.durability)
    try:
        migrate(database)
        with database.read() as store:
            return bool(stored_keys(store.connection))
    finally:
        database.close()


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens on `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
