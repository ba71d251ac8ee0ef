"""The part of the backend in memory that is about the service: rights, queues, workers, dead letters, settings."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from ._service_values import (
    About,
    ChartPoint,
    Check,
    DeadLetterPage,
    DeadLetterView,
    History,
    Overview,
    Percentiles,
    QueueView,
    Rights,
    SettingLine,
    Span,
    VoiceCard,
    WorkerView,
)
from ._values import STATES, Count, State

EVENTS_URL = "/events"
POINTS = 15
DEAD_A_PAGE = 50


class FakeService:
    """What is not about tasks. Change the attributes to have the pages show something else."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._last_change = 0
        self.allowed = Rights()
        self.queue_list = [
            QueueView("speech", Count(3), Count(1), Count(0), Count(2), Count(0), 12.5, paused=False, **_RATES)
        ]
        self.worker_list: list[WorkerView] = []
        self.dead: list[DeadLetterView] = []

    def rights(self) -> Rights:
        return self.allowed

    async def overview(self, span: Span) -> Overview:
        now = int(self._clock() * 1000)
        step = {"15m": 1, "1h": 4, "6h": 24, "24h": 96}[span] * 60_000
        points = tuple(
            ChartPoint(now - (POINTS - n) * step, dict.fromkeys(STATES, n), n / 2, n / 10) for n in range(POINTS)
        )
        spread = Percentiles(0.4, 2.1, 7.5)
        return Overview(
            counts=self._counts(),
            history=History(12.5, 1, 4.2, 18.0, spread, spread, 100, points),
            workers=tuple(self.worker_list),
            checks=(Check("Broker", ok=True, detail="answers"), Check("Disk", ok=True, detail="12.0 GB free")),
            reasons=(),
            last_change=self._last_change,
            events_url=EVENTS_URL,
        )

    async def voices(self) -> Sequence[VoiceCard]:
        return (
            VoiceCard("af_heart", "Heart", "en-us", "English (America)", "female", "A", "kokoro", None, None),
            VoiceCard("espeak-de", "German", "de", "German", None, None, "espeak", None, None),
            VoiceCard("jf_alpha", "Alpha", "ja", "Japanese", "female", "C+", "kokoro", "Its file is missing.", None),
        )

    async def queues(self) -> Sequence[QueueView]:
        return self.queue_list

    async def pause_queue(self, name: str) -> None:
        self._set_paused(name, paused=True)

    async def resume_queue(self, name: str) -> None:
        self._set_paused(name, paused=False)

    async def workers(self) -> Sequence[WorkerView]:
        return self.worker_list

    async def dead_letters(self, after: int) -> DeadLetterPage:
        left = [letter for letter in self.dead if letter.id > after]
        more = len(left) > DEAD_A_PAGE
        return DeadLetterPage(
            tuple(left[:DEAD_A_PAGE]), Count(len(self.dead)), left[DEAD_A_PAGE - 1].id if more else None
        )

    async def requeue_dead(self, letter: int | None) -> int:
        return await self.drop_dead(letter)

    async def drop_dead(self, letter: int | None) -> int:
        kept = [each for each in self.dead if letter is not None and each.id != letter]
        gone = len(self.dead) - len(kept)
        self.dead = kept
        return gone

    async def about(self) -> About:
        return About(
            (
                SettingLine("SAYATHING_PORT", "8000", "default", "Port that the API listens on."),
                SettingLine("SAYATHING_API_KEY", "••••••", "environment", "Key of this machine's own commands."),
            ),
            {"SayAThing": "0.1.0", "Python": "3.11.7"},
        )

    def _counts(self) -> dict[State, Count]:
        return {state: Count(0) for state in STATES}

    def _set_paused(self, name: str, *, paused: bool) -> None:
        self.queue_list = [replace(queue, paused=paused) if queue.name == name else queue for queue in self.queue_list]


_RATES = {"out_per_minute": 4.0, "retried_per_minute": 0.2, "died_per_minute": 0.0}
