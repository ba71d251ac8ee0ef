"""The service as the dashboard's pages show it: how it keeps up, voices, queues, workers, settings."""

import platform
import sqlite3
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from resource import getpagesize
from socket import gethostname
from urllib.parse import quote

from app.api.health_check import Health
from app.domain.audio_formats import AudioFormat
from app.domain.espeak_languages import ESPEAK_LANGUAGES
from app.domain.tasks import Priority
from app.domain.voices import Voice
from app.services.list_voices import ListedVoice, VoiceDirectory
from app.services.sum_up import Percentiles as Spread
from app.services.sum_up import Summary
from app.services.tell_settings import settings_now
from app.services.tend_queues import MOST_COUNTED, QueueNow, WorkerNow, queues_now, task_of, workers_now
from app.settings import Settings
from broker import DeadLetter, Inspector
from dashboard import (
    About,
    ChartPoint,
    Check,
    Choices,
    Count,
    DeadLetterPage,
    DeadLetterView,
    History,
    JobView,
    Percentiles,
    QueueView,
    SettingLine,
    VoiceCard,
    VoiceChoice,
    WorkerView,
)

DEAD_A_PAGE = 50

SPEAKING_PACE = 15.0
"""Characters that a voice speaks a second, about."""

LOW_DISK_BYTES = 512 * 1024**2

VERSIONS = ("sayathing", "fastapi", "dramatiq", "sqlalchemy", "onnxruntime", "av")


def history_of(summary: Summary) -> History:
    return History(
        oldest_wait_seconds=summary.oldest_wait_seconds,
        discarded_day=summary.discarded_day,
        completed_per_minute=summary.completed_per_minute,
        audio_per_second=summary.audio_per_second,
        wait=_percentiles(summary.wait),
        synthesis=_percentiles(summary.synthesis),
        sampled=summary.sampled,
        points=tuple(
            ChartPoint(
                point.at,
                {state.value: number for state, number in point.depth.items()},
                point.completed_per_minute,
                point.wait_p95,
            )
            for point in summary.points
        ),
    )


def _percentiles(spread: Spread | None) -> Percentiles | None:
    return None if spread is None else Percentiles(spread.p50, spread.p95, spread.p99)


def checks_of(health: Health, voices: VoiceDirectory) -> tuple[Check, ...]:
    """The health strip. A model that is not there is no fault where nobody asked for it: espeak speaks then."""
    default = str(voices.default())
    free = health.free_bytes / 1000**3
    return (
        Check("Broker", health.queues is not None, "answers" if health.queues is not None else "does not answer"),
        Check("Results", health.results_reachable, "answer" if health.results_reachable else "do not answer"),
        Check("Workers", bool(health.workers_alive), f"{health.workers_alive or 0} alive"),
        Check("Disk", health.free_bytes >= LOW_DISK_BYTES, f"{free:,.1f} GB free"),
        Check("Default voice", ok=True, detail=default),
    )


def queues_of(inspect: Inspector) -> list[QueueView]:
    return [_queue(each) for each in queues_now(inspect)]


def _queue(queue: QueueNow) -> QueueView:
    depth, rate = queue.depth, queue.rate
    return QueueView(
        name=depth.queue,
        ready=_count(depth.ready),
        delayed=_count(depth.scheduled),
        blocked=_count(depth.blocked),
        in_flight=_count(depth.claimed),
        dead=_count(depth.dead),
        oldest_seconds=depth.oldest_ready_age_seconds,
        paused=depth.paused,
        out_per_minute=rate.finished,
        retried_per_minute=rate.retried,
        died_per_minute=rate.died,
    )


def _count(number: int) -> Count:
    return Count(min(number, MOST_COUNTED), more=number > MOST_COUNTED)


def workers_of(inspect: Inspector) -> tuple[WorkerView, ...]:
    return tuple(_worker(each) for each in workers_now(inspect))


def _worker(now: WorkerNow) -> WorkerView:
    worker = now.worker
    return WorkerView(
        host=worker.host,
        pid=worker.pid,
        started_at=_milliseconds(worker.started_at),
        last_seen=_milliseconds(worker.last_seen),
        alive=worker.alive,
        jobs=tuple(JobView(job.actor, job.task_id, _milliseconds(job.since)) for job in now.jobs),
        memory_bytes=_resident_bytes(worker.pid) if worker.alive and worker.host == gethostname() else None,
    )


def _resident_bytes(pid: int) -> int | None:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * getpagesize()
    except (OSError, ValueError, IndexError):
        return None


def dead_letters_of(inspect: Inspector, *, after: int) -> DeadLetterPage:
    found = inspect.dead_letters(after_id=after, limit=DEAD_A_PAGE + 1)
    page = found[:DEAD_A_PAGE]
    dead = [_count(queue.dead) for queue in inspect.queues(most=MOST_COUNTED + 1)]
    return DeadLetterPage(
        letters=tuple(_dead_letter(letter) for letter in page),
        total=Count(sum(number.number for number in dead), more=any(number.more for number in dead)),
        next_after=page[-1].id if len(found) > len(page) else None,
    )


def _dead_letter(letter: DeadLetter) -> DeadLetterView:
    died = _milliseconds(letter.died_at)
    return DeadLetterView(
        letter.id, letter.queue, letter.actor, letter.reason, died, letter.deliveries, task_of(letter)
    )


def choices_of(voices: VoiceDirectory, longest_text: int) -> Choices:
    return Choices(
        voices=tuple(_choice_of(listed.voice) for listed in voices.all() if listed.why_not is None),
        default_voice=str(voices.default()),
        formats=tuple(format.value for format in AudioFormat),
        priorities=("normal", *(each.name.lower() for each in Priority if each is not Priority.NORMAL)),
        characters_per_second=SPEAKING_PACE,
        longest_text=longest_text,
    )


def _choice_of(voice: Voice) -> VoiceChoice:
    about = (voice.name, voice.gender, f"grade {voice.grade}" if voice.grade else None, voice.id)
    return VoiceChoice(
        voice.id,
        ", ".join(part for part in about if part),
        _language(voice),
        voice.gender,
        mixes=voice.engine == "kokoro",
        sample_url=_sample_url(voice),
    )


def cards_of(voices: VoiceDirectory) -> tuple[VoiceCard, ...]:
    """Those that can speak here first, Kokoro's before espeak's, the best grade first."""
    return tuple(_card(listed) for listed in sorted(voices.all(), key=_rank))


def _rank(listed: ListedVoice) -> tuple[bool, bool, str, str]:
    voice = listed.voice
    return listed.why_not is not None, voice.engine != "kokoro", _language(voice), voice.grade or "Z"


def _card(listed: ListedVoice) -> VoiceCard:
    voice = listed.voice
    return VoiceCard(
        id=voice.id,
        name=voice.name,
        language=voice.language,
        language_name=_language(voice),
        sex=voice.gender,
        grade=voice.grade,
        engine=voice.engine,
        why_not=listed.why_not,
        sample_url=_sample_url(voice) if listed.why_not is None else None,
    )


def _sample_url(voice: Voice) -> str:
    return f"/tts/voices/{quote(voice.id)}/sample"


def _language(voice: Voice) -> str:
    return ESPEAK_LANGUAGES.get(voice.language, voice.language)


def about_of(settings: Settings) -> About:
    return About(
        settings=tuple(
            SettingLine(each.name, each.value, each.source, each.description) for each in settings_now(settings)
        ),
        versions={
            **{name: version(name) for name in VERSIONS},
            "Python": platform.python_version(),
            "SQLite": sqlite3.sqlite_version,
        },
    )


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
