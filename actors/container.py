"""Composition root of the worker: builds everything once, and declares the actors on the broker."""

import time
from typing import Any

import dramatiq
import structlog
from dependency_injector import containers, providers
from dramatiq.middleware import CurrentMessage
from dramatiq.results import Results

from actors.answers import ANSWER_MILLISECONDS, answer_to
from actors.assemble import assemble_speech
from actors.bind import bind_book
from actors.calls import LongWork, WorkerStopping
from actors.head_starts import HeadStarts
from actors.housekeeping import keep_house
from actors.middleware import (
    Boot,
    Cancellation,
    HousekeepingClock,
    LogContext,
    Measuring,
    OrphanGuard,
    Preload,
    Shutdown,
    SpeechRetries,
    StateTransitions,
    TimeLimit,
    Tracing,
)
from actors.notify import notify_webhook
from actors.plan import plan_speech
from actors.posting import Poster
from actors.preview import preview_phonemes
from actors.sample import speak_sample
from actors.speech import Engines, KokoroPhonemizer
from actors.speech.espeak import EspeakEngine
from actors.speech.kokoro_onnx import KokoroOnnxEngine
from actors.speech.kokoro_torch import KokoroTorchEngine
from actors.synthesize import synthesize_segment
from actors.workbench import Extend, Workbench
from app.audio import FolderAudioStore
from app.domain.errors import Cancelled, PermanentError
from app.domain.events import (
    AssemblyRequested,
    BindingRequested,
    DeliveryRequested,
    SegmentRequested,
    TextToSpeechRequested,
)
from app.observability import Tally, carried
from app.publishing import (
    ASSEMBLE_SPEECH,
    BIND_BOOK,
    HOUSE_QUEUE,
    KEEP_HOUSE,
    NOTIFY_WEBHOOK,
    PLAN_SPEECH,
    PREVIEW_PHONEMES,
    SPEAK_SAMPLE,
    SPEECH_QUEUE,
    SYNTHESIZE_SEGMENT,
    WEBHOOK_QUEUE,
    SQLitePublisher,
)
from app.results import Database
from app.services.list_voices import VoiceDirectory
from app.settings import Settings
from broker import SQLiteBroker, SQLiteResultBackend

MAX_DELIVERIES = 10
"""So many workers may die on a message before it is given up. A worker's death is seldom the message's fault: kills
that come faster than the work takes would use up a small number by themselves."""


def claim_seconds(settings: Settings) -> float:
    """How long a worker may hold a message without a sign of life before another takes it over."""
    return max(900.0, 2 * settings.tts_generation_timeout + 60)


EXPECTED = (Cancelled, WorkerStopping, PermanentError)
"""Ends that Dramatiq need not log as unhandled exceptions; `SpeechRetries` knows what to do with each."""


def build_engines(settings: Settings, phonemizer: KokoroPhonemizer) -> Engines:
    """The engines by the name that the catalogue of voices gives them; each is loaded on its first use."""
    kokoro = KokoroTorchEngine if settings.engine == "kokoro" else KokoroOnnxEngine
    return Engines(
        {
            "espeak": EspeakEngine,
            "kokoro": lambda: kokoro(settings.model_dir, threads=1, phonemizer=phonemizer),
        }
    )


class WorkerContainer(containers.DeclarativeContainer):
    settings = providers.Dependency(instance_of=Settings)
    clock = providers.Object(time.time)
    broker = providers.Singleton(
        SQLiteBroker,
        settings.provided.broker_path,
        durability=settings.provided.durability,
        claim_seconds=providers.Factory(claim_seconds, settings),
        max_deliveries=MAX_DELIVERIES,
        clock=clock,
        middleware=[],
    )
    publisher = providers.Singleton(SQLitePublisher, broker, carry=providers.Object(carried))
    database = providers.Singleton(
        Database,
        settings.provided.results_url,
        durability=settings.provided.durability,
        keep_seconds=settings.provided.result_ttl,
        publisher=publisher,
    )
    audio = providers.Singleton(FolderAudioStore, settings.provided.audio_dir)
    phonemizer = providers.Singleton(KokoroPhonemizer, settings.provided.model_dir)
    engines = providers.Singleton(build_engines, settings, phonemizer)
    voices = providers.Singleton(VoiceDirectory, settings.provided.model_dir, settings.provided.engine)
    long_work = providers.Singleton(
        LongWork,
        engine_calls=settings.provided.engine_calls,
        timeout_seconds=settings.provided.tts_generation_timeout,
    )
    poster = providers.Singleton(Poster, allow_private=settings.provided.webhook_allow_private)
    workbench = providers.Singleton(
        Workbench,
        database=database,
        audio=audio,
        broker=broker,
        publisher=publisher,
        engines=engines,
        long_work=long_work,
        head_starts=providers.Singleton(HeadStarts),
        clock=clock,
        cache_max_bytes=settings.provided.cache_max_bytes,
        post=poster,
        webhook_keys=settings.provided.webhook_keys,
        tally=providers.Singleton(Tally),
    )


def build_container(settings: Settings) -> WorkerContainer:
    return WorkerContainer(settings=providers.Object(settings))


def declare_worker(container: WorkerContainer) -> SQLiteBroker:
    """The broker with the middleware and the actors on it. Opens nothing yet."""
    bench, settings = container.workbench(), container.settings()
    broker = bench.broker
    for middleware in (
        OrphanGuard(),
        Boot(bench, settings),
        CurrentMessage(),
        LogContext(),
        Shutdown(bench),
        Measuring(bench),
        StateTransitions(bench),
        SpeechRetries(
            max_attempts=settings.max_attempts,
            min_backoff=int(settings.retry_min_seconds * 1000),
            max_backoff=int(settings.retry_max_seconds * 1000),
        ),
        TimeLimit(bench.long_work),
        Cancellation(bench.long_work, bench.database),
        HousekeepingClock(),
        Results(backend=SQLiteResultBackend(broker)),  # type: ignore[no-untyped-call]  # Dramatiq leaves it untyped
        Tracing(),
        Preload(bench.engines, container.voices(), settings.voice_preload_timeout),
    ):
        broker.add_middleware(middleware)
    _declare_actors(broker, bench, claim_seconds(settings))
    _declare_questions(broker, bench, container.phonemizer())
    return broker


def _declare_actors(broker: SQLiteBroker, bench: Workbench, claimed: float) -> None:
    @dramatiq.actor(broker=broker, actor_name=PLAN_SPEECH, queue_name=SPEECH_QUEUE, throws=EXPECTED)
    def plan(event: dict[str, object]) -> None:
        plan_speech(TextToSpeechRequested.from_json(event), bench)

    @dramatiq.actor(broker=broker, actor_name=SYNTHESIZE_SEGMENT, queue_name=SPEECH_QUEUE, throws=EXPECTED)
    def synthesize(event: dict[str, object]) -> None:
        synthesize_segment(SegmentRequested.from_json(event), bench)

    @dramatiq.actor(broker=broker, actor_name=ASSEMBLE_SPEECH, queue_name=SPEECH_QUEUE, throws=EXPECTED)
    def assemble(event: dict[str, object]) -> None:
        assemble_speech(AssemblyRequested.from_json(event), bench, _extend_current(bench, claimed))

    @dramatiq.actor(broker=broker, actor_name=NOTIFY_WEBHOOK, queue_name=WEBHOOK_QUEUE)
    def notify(event: dict[str, object]) -> None:
        notify_webhook(DeliveryRequested.from_json(event), bench)

    @dramatiq.actor(broker=broker, actor_name=BIND_BOOK, queue_name=SPEECH_QUEUE, throws=EXPECTED)
    def bind(event: dict[str, object]) -> None:
        bind_book(BindingRequested.from_json(event), bench, _extend_current(bench, claimed))

    @dramatiq.actor(broker=broker, actor_name=KEEP_HOUSE, queue_name=HOUSE_QUEUE, max_retries=0)
    def keep() -> None:
        keep_house(bench)


def _declare_questions(broker: SQLiteBroker, bench: Workbench, phonemizer: KokoroPhonemizer) -> None:
    """The actors whose results the web process waits for; docs/adr/0011-asking-a-worker.md tells how."""
    options: dict[str, Any] = {
        "broker": broker,
        "queue_name": SPEECH_QUEUE,
        "max_retries": 0,
        "throws": EXPECTED,
        "store_results": True,
        "result_ttl": ANSWER_MILLISECONDS,
    }

    @dramatiq.actor(actor_name=SPEAK_SAMPLE, **options)
    def sample(question: dict[str, object]) -> dict[str, object]:
        return answer_to(question, lambda asked: speak_sample(asked, bench), bench.clock)

    @dramatiq.actor(actor_name=PREVIEW_PHONEMES, **options)
    def phonemes(question: dict[str, object]) -> dict[str, object]:
        return answer_to(question, lambda asked: preview_phonemes(asked, phonemizer), bench.clock)


def _extend_current(bench: Workbench, claimed_seconds: float) -> Extend:
    """Pushes the deadline of the message at hand, at most once in a third of it."""
    message = CurrentMessage.get_current_message()
    last = time.monotonic()

    def extend() -> None:
        nonlocal last
        if message is not None and time.monotonic() - last > claimed_seconds / 3:
            last = time.monotonic()
            if not bench.broker.extend(message.message_id, claimed_seconds):
                structlog.get_logger(__name__).warning("claim_lost")

    return extend
