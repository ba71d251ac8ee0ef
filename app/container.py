"""Composition root of the web process: the one place that says what is built from what.

docs/dependency-injection.md tells how to replace a part in a test.
"""

import time
from collections.abc import Callable

from dependency_injector import containers, providers

from app.api.health_check import HealthChecker
from app.api.http_metrics import HttpMetrics
from app.asking import WorkerQuestions
from app.audio import FolderAudioStore
from app.observability import carried
from app.publishing import SPEECH_QUEUE, SQLitePublisher
from app.results import AsyncDatabase, Database
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


class WebContainer(containers.DeclarativeContainer):
    """What a request may need. Each part is built once, when it is first asked for; building opens nothing."""

    settings = providers.Dependency(instance_of=Settings)

    clock: providers.Provider[Callable[[], float]] = providers.Object(time.time)

    migrations_database = providers.Factory(
        Database,
        settings.provided.results_url,
        durability=settings.provided.durability,
    )

    broker = providers.Singleton(
        SQLiteBroker,
        settings.provided.broker_path,
        durability=settings.provided.durability,
        middleware=providers.List(),
    )

    publisher = providers.Singleton(SQLitePublisher, broker, carry=providers.Object(carried))

    database = providers.Singleton(
        AsyncDatabase,
        settings.provided.results_url,
        durability=settings.provided.durability,
        keep_seconds=settings.provided.result_ttl,
        publisher=publisher,
    )

    audio_store = providers.Singleton(FolderAudioStore, settings.provided.audio_dir)

    voices = providers.Singleton(VoiceDirectory, settings.provided.model_dir, settings.provided.engine)

    http_metrics = providers.Singleton(HttpMetrics)

    lexicons = providers.Singleton(LexiconDirectory, database)

    questions = providers.Singleton(WorkerQuestions, broker, SPEECH_QUEUE, clock)

    previews = providers.Singleton(PhonemePreviews, questions)

    samples = providers.Singleton(
        VoiceSamples,
        audio_store,
        voices,
        questions,
        model_dir=settings.provided.model_dir,
        at_once=settings.provided.max_concurrent_voice_samples,
    )

    changes = providers.Singleton(ChangeFeed, database)

    key_ring = providers.Singleton(KeyRing, database, settings.provided.api_keys)

    admission = providers.Singleton(
        Admission,
        database,
        providers.List(settings.provided.data_dir, settings.provided.audio_dir),
        max_queued=settings.provided.max_queued_tasks,
        min_free_bytes=settings.provided.min_free_bytes,
    )
    watch = providers.Singleton(TaskWatch, database)

    streams = providers.Singleton(SpeechStreams, database, audio_store, watch)

    health = providers.Singleton(
        HealthChecker,
        database,
        broker,
        audio_store,
        settings.provided.cache_max_bytes,
        settings.provided.data_dir,
        clock,
    )
