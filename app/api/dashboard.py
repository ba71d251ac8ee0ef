"""The dashboard over our own stores and services."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

import anyio.to_thread
import structlog
from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse

from app.api.access import current_caller
from app.api.dashboard_service import (
    about_of,
    cards_of,
    checks_of,
    choices_of,
    dead_letters_of,
    history_of,
    queues_of,
    workers_of,
)
from app.api.dashboard_tasks import View
from app.api.dependencies import Providers
from app.api.problems import BodyError, Problem
from app.api.speech_requests import parse_speech_request
from app.domain.access import ANYONE, Scope
from app.domain.errors import IllegalMove
from app.domain.ids import TaskId, parse_task_id
from app.results import ResultsStore
from app.services import tend_queues
from app.services.admission import NoRoom
from app.services.control_many import Action as ManyAction
from app.services.control_many import TaskControl
from app.services.control_tasks import TaskAtWork, cancel_task, forget_task, retry_task
from app.services.request_speech import request_speech
from app.services.sum_up import Span as SpanOfTime
from app.services.sum_up import Summary, sum_up
from broker import Inspector
from dashboard import (
    About,
    Action,
    Choices,
    Count,
    DeadLetterPage,
    FormRefused,
    MoveRefused,
    Overview,
    QueueView,
    Rights,
    Span,
    SpeakForm,
    TaskPage,
    TaskQuery,
    TaskView,
    VoiceCard,
    WorkerView,
    create_dashboard,
)

log = structlog.get_logger(__name__)

T = TypeVar("T")

FORM_FIELDS = frozenset({"text", "voice", "format", "speed", "priority"})


def mount_dashboard(app: FastAPI, container: Providers) -> None:
    """Have `app` answer below /dashboard, over the parts of `container`, and lead there from its root."""
    app.include_router(create_dashboard(StoreBackend(container), clock=container.clock()))
    app.add_route("/", _to_the_dashboard, include_in_schema=False)


def _to_the_dashboard(request: Request) -> RedirectResponse:
    return RedirectResponse("/dashboard")


class StoreBackend:
    """The `DashboardBackend` of the running service. Each page is one consistent view of the rows."""

    def __init__(self, container: Providers) -> None:
        self._container = container

    def rights(self) -> Rights:
        settings, caller = self._container.settings(), current_caller()
        if settings.dashboard_read_only:
            why_not = "This dashboard is read-only (SAYATHING_DASHBOARD_READ_ONLY)."
        elif not caller.may(Scope.SPEAK):
            why_not = "This key may only look: it lacks the scope `speak`."
        else:
            why_not = ""
        return Rights(
            act=not why_not,
            administer=caller.may(Scope.ADMIN),
            hides_text=settings.hide_text,
            why_not=why_not,
            by_key=caller is not ANYONE,
        )

    async def overview(self, span: Span) -> Overview:
        health = await self._container.health().check()
        sees_all = current_caller().sees is None
        database = self._container.database()
        summary: Summary | None = None
        if sees_all:
            summary = await database.read(sum_up, SpanOfTime(span), clock=self._container.clock())
        workers = await self._inspected(workers_of) if sees_all and health.queues is not None else None
        return Overview(
            counts=await database.read(self._view().counts),
            history=history_of(summary) if summary else None,
            workers=workers,
            checks=checks_of(health, self._container.voices()),
            reasons=health.reasons,
            last_change=await database.read(ResultsStore.last_transition_id),
            events_url="/events",
        )

    async def tasks(self, wanted: TaskQuery) -> TaskPage:
        return await self._container.database().read(self._view().page, wanted, self._container.settings().max_attempts)

    async def task(self, task_id: str) -> TaskView | None:
        known = await self._visible(task_id)
        if known is None:
            return None
        return await self._container.database().read(self._view().task, known, self._container.clock()())

    async def choices(self) -> Choices:
        longest = self._container.settings().max_text_chars
        return await anyio.to_thread.run_sync(choices_of, self._container.voices(), longest)

    async def voices(self) -> Sequence[VoiceCard]:
        return await anyio.to_thread.run_sync(cards_of, self._container.voices())

    async def speak(self, form: SpeakForm) -> str:
        try:
            speed = float(form.speed or 1)
        except ValueError:
            raise FormRefused({"speed": "Give a number from 0.5 to 2."}) from None
        fields = {
            "text": form.text,
            "voice": form.mixed,
            "format": form.format,
            "speed": speed,
            "priority": form.priority,
        }
        body = json.dumps({name: value for name, value in fields.items() if value or name == "text"}).encode()
        try:
            request = await anyio.to_thread.run_sync(
                parse_speech_request, body, self._container.voices(), self._container.settings().max_text_chars
            )
        except Problem as problem:
            raise FormRefused(_by_field(problem)) from problem
        try:
            async with self._container.admission().place():
                task = await self._container.database().write(
                    request_speech,
                    replace(request, owner=current_caller().owner),
                    publisher=self._container.publisher(),
                    clock=self._container.clock(),
                )
        except NoRoom as refusal:
            raise FormRefused({"": str(refusal)}) from refusal
        return task.id

    async def act(self, action: Action, task_id: str) -> bool:
        acts: dict[Action, Callable[[ResultsStore, TaskId], object]] = {
            "cancel": partial(cancel_task, clock=self._container.clock()),
            "retry": partial(retry_task, publisher=self._container.publisher(), clock=self._container.clock()),
            "delete": forget_task,
        }
        known = await self._visible(task_id)
        if known is None:
            return False
        try:
            found = await self._container.database().write(acts[action], known)
        except (IllegalMove, TaskAtWork) as refusal:
            raise MoveRefused(str(refusal)) from refusal
        if found and action == "delete":
            await anyio.to_thread.run_sync(self._container.audio_store().drop_task, known)
        _log(f"task_{action}", task_id=known)
        return bool(found)

    async def act_on(self, action: Action, task_ids: Sequence[str]) -> int:
        done = 0
        for task_id in task_ids:
            try:
                done += await self.act(action, task_id)
            except MoveRefused:
                continue
        return done

    async def act_on_matching(self, action: Action, wanted: TaskQuery) -> int:
        outcome = await self._control().apply(ManyAction(action), self._view().filter(wanted))
        _log(f"tasks_{action}", state=wanted.state, is_search=wanted.is_search, changed=outcome.changed)
        return outcome.changed

    async def count_matching(self, action: Action, wanted: TaskQuery) -> tuple[Count, Count]:
        found = await self._control().foresee(ManyAction(action), self._view().filter(wanted))
        return Count(found.matched, found.more), Count(found.changed, found.more)

    async def queues(self) -> Sequence[QueueView]:
        return await self._inspected(queues_of)

    async def pause_queue(self, name: str) -> None:
        await self._inspected(lambda inspect: inspect.pause(name))
        _log("queue_paused", queue=name)

    async def resume_queue(self, name: str) -> None:
        await self._inspected(lambda inspect: inspect.resume(name))
        _log("queue_resumed", queue=name)

    async def workers(self) -> Sequence[WorkerView]:
        return await self._inspected(workers_of)

    async def dead_letters(self, after: int) -> DeadLetterPage:
        return await self._inspected(partial(dead_letters_of, after=after))

    async def requeue_dead(self, letter: int | None) -> int:
        act = tend_queues.requeue_all if letter is None else lambda inspect: int(inspect.requeue_dead(letter))
        done = await self._inspected(act)
        _log("dead_letters_requeued", number=done)
        return done

    async def drop_dead(self, letter: int | None) -> int:
        act = tend_queues.drop_all if letter is None else lambda inspect: int(inspect.drop_dead(letter))
        done = await self._inspected(act)
        _log("dead_letters_dropped", number=done)
        return done

    async def about(self) -> About:
        return await anyio.to_thread.run_sync(about_of, self._container.settings())

    def _view(self) -> View:
        return View(current_caller().sees, self._container.settings().hide_text)

    def _control(self) -> TaskControl:
        return TaskControl(
            self._container.database(),
            self._container.audio_store(),
            self._container.publisher(),
            self._container.clock(),
        )

    async def _inspected(self, ask: Callable[[Inspector], T]) -> T:
        return await anyio.to_thread.run_sync(ask, self._container.broker().inspect)

    async def _visible(self, task_id: str) -> TaskId | None:
        """The id of a task that the caller may see."""
        known, sees = parse_task_id(task_id), current_caller().sees
        if known is None or sees is None:
            return known
        return known if await self._container.database().read(ResultsStore.owner_of, known) == sees else None


def _log(action: str, **about: object) -> None:
    """Who did what, in the log: never a text."""
    log.info("dashboard_action", action=action, owner=current_caller().owner, **about)


def _by_field(problem: Problem) -> dict[str, str]:
    """The API's problem, beside the fields of the form that it is about."""
    found: dict[str, str] = {}
    for error in problem.errors:
        name = error.pointer.removeprefix("/") if isinstance(error, BodyError) else ""
        found.setdefault(name if name in FORM_FIELDS else "", error.detail)
    return found or {"": problem.detail}
