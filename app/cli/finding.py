"""Find the service: the one that is named, the one that runs, or one that is started for the purpose."""

from collections.abc import Iterator
from contextlib import contextmanager

from app.cli.client import Service
from app.cli.environment import http_url, load_settings
from app.cli.errors import NoService

START = "start one with `sayathing serve`, or name one with --url"


def running_service(url: str | None) -> Service | None:
    """The service at `url`, or where the settings say it listens; None where nobody answers there.

    Raises:
      WrongUse: `url` is none, or a setting does not parse.
      NoService: nobody answers at the `url` that was given.
    """
    settings = load_settings()
    key = settings.api_key.get_secret_value()
    if url is not None:
        service = Service(url, key=key)
        if not service.answers():
            raise NoService(f"No service answers at {url}.")
        return service
    service = Service(http_url(settings.host, settings.port), key=key)
    return service if service.answers() else None


def needed_service(url: str | None) -> Service:
    """The running service.

    Raises:
      WrongUse, NoService: see `running_service`; nobody answers.
    """
    service = running_service(url)
    if service is None:
        raise NoService(f"No service answers; {START}.")
    return service


@contextmanager
def service_or_own(url: str | None, *, workers: int | None) -> Iterator[tuple[Service, bool]]:
    """The running service, or one of our own that ends with the block; True where it is our own.

    Raises:
      WrongUse, NoService: see `running_service`; our own does not start.
    """
    service = running_service(url)
    if service is not None:
        with service:
            yield service, False
        return
    from app.cli.own_service import own_service

    settings = load_settings()
    key = settings.api_key.get_secret_value()
    with own_service(settings, workers=workers) as own_url, Service(own_url, key=key) as service:
        yield service, True
