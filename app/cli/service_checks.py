"""What `sayathing doctor` looks at where others meet the service: its address, its keys, its answers."""

from importlib.metadata import version

from sqlalchemy.exc import SQLAlchemyError

from app.cli.client import Service
from app.cli.environment import http_url
from app.cli.errors import CommandFailed
from app.cli.exposure import is_loopback
from app.cli.findings import Finding
from app.cli.listening import bind
from app.results import Database
from app.results.api_keys import StoredKey, stored_keys
from app.settings import Settings


def check_keys(settings: Settings) -> Finding:
    """Who could reach the service, and may they?"""
    name = "keys"
    try:
        stored = _stored(settings)
    except SQLAlchemyError:
        return Finding(name, "warn", "they cannot be read.", "Mend the database first.")
    live = len(settings.api_keys) + sum(each.revoked_at is None for each in stored)
    if live:
        return Finding(name, "ok", f"nobody is answered without one of {live}")
    if stored:
        advice = "`sayathing keys create` makes one; `sayathing keys forget` has the service do without."
        return Finding(name, "warn", "all are revoked, so nobody is answered.", advice)
    if is_loopback(settings.host):
        return Finding(name, "ok", f"there are none; at {settings.host} only this machine is answered")
    told = f"anybody who reaches {settings.host} can use the service"
    advice = "`sayathing keys create` makes a key; then nobody is answered without one."
    if settings.allow_no_keys:
        return Finding(name, "warn", f"{told}: SAYATHING_ALLOW_NO_KEYS is set.", advice)
    return Finding(name, "fail", f"there are none, and {told}: so it does not start.", advice)


def _stored(settings: Settings) -> list[StoredKey]:
    if not settings.broker_path.is_file():
        return []
    database = Database(settings.results_url)
    try:
        with database.read() as store:
            return stored_keys(store.connection)
    finally:
        database.close()


def check_service(settings: Settings, url: str | None = None) -> Finding:
    """Does it answer, and is it well? `url` where it is not to be at the settings' address."""
    name = "service"
    at = url or http_url(settings.host, settings.port)
    with Service(at, key=settings.api_key.get_secret_value()) as service:
        if not service.answers():
            return _nobody(settings, at) if url is None else Finding(name, "fail", f"nobody answers at {at}.", _START)
        health = service.health()
    if health["status"] in {401, 403}:  # the status of a problem
        return Finding(name, "warn", f"it answers at {at}, and wants a key.", "Set SAYATHING_API_KEY.")
    ours = version("sayathing")
    if health["status"] == "ok" and health.get("version", ours) != ours:
        detail = f"it answers at {at}, and is version {health['version']}; installed is {ours}."
        return Finding(name, "warn", detail, "Start it again.")
    if health["status"] == "ok":
        return Finding(name, "ok", f"it answers at {at}")
    reasons = health.get("reasons")
    detail = " ".join(map(str, reasons)) if isinstance(reasons, list) and reasons else f"it is {health['status']}."
    return Finding(name, "warn" if health["status"] == "degraded" else "fail", detail, "Its log tells more.")


_START = "Start it with `sayathing serve`, or correct the address."


def _nobody(settings: Settings, url: str) -> Finding:
    """Nobody answers: could the service listen there?"""
    name = "service"
    try:
        bind(settings.host, settings.port).close()
    except CommandFailed as error:
        return Finding(
            name,
            "fail",
            f"no SayAThing answers at {url}, and none could start: {error}.",
            f"`ss -ltnp 'sport = :{settings.port}'` names who listens there: another program, or a SayAThing that hangs. "
            "Stop it, or set SAYATHING_HOST and SAYATHING_PORT to an address of this machine that is free.",
        )
    return Finding(name, "warn", f"nobody answers at {url}.", "Start it with `sayathing serve`.")
