"""The web process: `uvicorn --factory app.main:app_from_environment`."""

import asyncio
import logging
import signal
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import FrameType

import anyio.to_thread
from dependency_injector import providers
from fastapi import FastAPI

from app.api.application import build_application
from app.api.edge import ToldOnce
from app.container import WebContainer
from app.observability import configure_logging, configure_tracing
from app.results import migrate
from app.settings import BadSettings, Settings

STOPPING_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def create_app(settings: Settings, container: WebContainer | None = None) -> FastAPI:
    """The web application over `settings`, with the parts of `container` where one is given.

    It opens its stores when it starts, after bringing their tables up to date, and closes them when it ends.
    """
    parts = container or WebContainer()
    parts.settings.override(providers.Object(settings))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await anyio.to_thread.run_sync(_prepare, parts)
        parts.watch().open()
        encoder = asyncio.create_task(parts.streams().preload())
        with _streams_end_on_signal(parts):
            try:
                yield
            finally:
                await encoder
                await _close(parts)

    return build_application(settings, parts, lifespan)


def app_from_environment() -> FastAPI:
    """The application over this process's settings; a bad one ends the process with one line and status 2."""
    try:
        settings = Settings.load()
    except BadSettings as error:
        print(f"sayathing: {error}", file=sys.stderr)  # noqa: T201  # logging is not set up yet
        sys.exit(2)
    configure_logging(settings.log_format, settings.log_level)
    logging.getLogger("uvicorn.error").addFilter(ToldOnce())
    configure_tracing("api")
    return create_app(settings)


def _prepare(container: WebContainer) -> None:
    container.settings().data_dir.mkdir(parents=True, exist_ok=True)
    database = container.migrations_database()
    try:
        migrate(database)
    finally:
        database.close()
    container.broker().setup()


async def _close(container: WebContainer) -> None:
    container.questions().close()
    await container.changes().close()
    await container.watch().close()
    await container.database().close()
    await anyio.to_thread.run_sync(container.broker().close)


@contextmanager
def _streams_end_on_signal(container: WebContainer) -> Iterator[None]:
    """End event streams and waits for workers as soon as the process is told to stop, and streams of sound soon after: the server waits for
    open answers before it tells the application, so that an open stream would hold it up for ever."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    ending: set[asyncio.Task[None]] = set()

    def end_streams() -> None:
        container.watch().closing.set()
        container.questions().close()
        ending.add(asyncio.create_task(container.changes().close()))

    def stop(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(end_streams)
        before = previous[signal.Signals(number)]
        if callable(before):
            before(number, frame)

    previous = {each: signal.getsignal(each) for each in STOPPING_SIGNALS}
    chained = [each for each, handler in previous.items() if callable(handler)]
    for each in chained:
        signal.signal(each, stop)
    try:
        yield
    finally:
        for each in chained:
            signal.signal(each, previous[each])
