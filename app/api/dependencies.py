"""How a request gets at what it needs: from the container that the application was built with."""

from typing import Annotated, Protocol, cast

from fastapi import Depends, Request

from app.api.access import caller_of
from app.api.health_check import HealthChecker
from app.api.http_metrics import HttpMetrics
from app.audio import FolderAudioStore
from app.domain.access import Caller
from app.ports import Clock, EventPublisher
from app.results import AsyncDatabase
from app.services.admission import Admission
from app.services.find_lexicons import LexiconDirectory
from app.services.follow_changes import ChangeFeed
from app.services.key_ring import KeyRing
from app.services.list_voices import VoiceDirectory
from app.services.preview_phonemes import PhonemePreviews
from app.services.stream_speech import SpeechStreams
from app.services.voice_samples import VoiceSamples
from app.services.watch_tasks import TaskWatch
from app.settings import Settings
from broker import SQLiteBroker


class Providers(Protocol):
    """What the HTTP edge asks of the composition root; app.container has it."""

    def settings(self) -> Settings: ...
    def clock(self) -> Clock: ...
    def database(self) -> AsyncDatabase: ...
    def publisher(self) -> EventPublisher: ...
    def broker(self) -> SQLiteBroker: ...
    def audio_store(self) -> FolderAudioStore: ...
    def voices(self) -> VoiceDirectory: ...
    def lexicons(self) -> LexiconDirectory: ...
    def previews(self) -> PhonemePreviews: ...
    def samples(self) -> VoiceSamples: ...
    def changes(self) -> ChangeFeed: ...
    def key_ring(self) -> KeyRing: ...
    def admission(self) -> Admission: ...
    def watch(self) -> TaskWatch: ...
    def streams(self) -> SpeechStreams: ...
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


async def _lexicons(request: Request) -> LexiconDirectory:
    return providers_of(request).lexicons()


async def _previews(request: Request) -> PhonemePreviews:
    return providers_of(request).previews()


async def _samples(request: Request) -> VoiceSamples:
    return providers_of(request).samples()


async def _changes(request: Request) -> ChangeFeed:
    return providers_of(request).changes()


async def _admission(request: Request) -> Admission:
    return providers_of(request).admission()


async def _watch(request: Request) -> TaskWatch:
    return providers_of(request).watch()


async def _streams(request: Request) -> SpeechStreams:
    return providers_of(request).streams()


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
LexiconsDep = Annotated[LexiconDirectory, Depends(_lexicons)]
PreviewsDep = Annotated[PhonemePreviews, Depends(_previews)]
SamplesDep = Annotated[VoiceSamples, Depends(_samples)]
ChangesDep = Annotated[ChangeFeed, Depends(_changes)]
AdmissionDep = Annotated[Admission, Depends(_admission)]
WatchDep = Annotated[TaskWatch, Depends(_watch)]
StreamsDep = Annotated[SpeechStreams, Depends(_streams)]
CallerDep = Annotated[Caller, Depends(caller_of)]
HealthDep = Annotated[HealthChecker, Depends(_health)]
HttpMetricsDep = Annotated[HttpMetrics, Depends(_http_metrics)]
