"""How a request gets at what it needs: from the container that the application was built with."""

from typing import Annotated, Protocol, cast

from fastapi import Depends, Request

from app.api.health_check import HealthChecker
from app.api.http_metrics import HttpMetrics
from app.audio import FolderAudioStore
from app.ports import Clock, EventPublisher
from app.results import AsyncDatabase
from app.services.follow_changes import ChangeFeed
from app.services.list_voices import VoiceDirectory
from app.settings import Settings


class Providers(Protocol):
    """What the HTTP edge asks of the composition root; app.container has it."""

    def settings(self) -> Settings: ...
    def clock(self) -> Clock: ...
    def database(self) -> AsyncDatabase: ...
    def publisher(self) -> EventPublisher: ...
    def audio_store(self) -> FolderAudioStore: ...
    def voices(self) -> VoiceDirectory: ...
    def changes(self) -> ChangeFeed: ...
    def health(self) -> HealthChecker: ...
    def http_metrics(self) -> HttpMetrics: ...


def providers_of(request: Request) -> Providers:
    return cast(Providers, request.app.state.container)


# Coroutines, because FastAPI would send plain functions to a thread.


async def _settings(request: Request) -> Settings:
    return providers_of(request).settings()


async def _clock(request: Request) -> Clock:
    return providers_of(request).clock()


async def _database(request: Request) -> AsyncDatabase:
    return providers_of(request).database()


async def _publisher(request: Request) -> EventPublisher:
    return providers_of(request).publisher()


async def _audio_store(request: Request) -> FolderAudioStore:
    return providers_of(request).audio_store()


async def _voices(request: Request) -> VoiceDirectory:
    return providers_of(request).voices()


async def _changes(request: Request) -> ChangeFeed:
    return providers_of(request).changes()


async def _health(request: Request) -> HealthChecker:
    return providers_of(request).health()


async def _http_metrics(request: Request) -> HttpMetrics:
    return providers_of(request).http_metrics()


SettingsDep = Annotated[Settings, Depends(_settings)]
ClockDep = Annotated[Clock, Depends(_clock)]
DatabaseDep = Annotated[AsyncDatabase, Depends(_database)]
PublisherDep = Annotated[EventPublisher, Depends(_publisher)]
AudioStoreDep = Annotated[FolderAudioStore, Depends(_audio_store)]
VoicesDep = Annotated[VoiceDirectory, Depends(_voices)]
ChangesDep = Annotated[ChangeFeed, Depends(_changes)]
HealthDep = Annotated[HealthChecker, Depends(_health)]
HttpMetricsDep = Annotated[HttpMetrics, Depends(_http_metrics)]
