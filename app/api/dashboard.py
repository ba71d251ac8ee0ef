"""The dashboard over our own stores and services."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import anyio.to_thread
from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse

from app.api.access import current_caller
from app.api.dependencies import Providers
from app.api.problems import BodyError, Problem
from app.api.speech_requests import parse_speech_request
from app.domain.audio_formats import AudioFormat
from app.domain.errors import IllegalMove
from app.domain.espeak_languages import ESPEAK_LANGUAGES
from app.domain.ids import TaskId, parse_task_id
from app.domain.states import MOVES, TaskState
from app.domain.tasks import Item, Task, TaskError, Transition
from app.domain.voices import Voice
from app.results import ResultsStore, TaskFilter
from app.services.admission import NoRoom
from app.services.control_tasks import cancel_task, retry_task
from app.services.list_voices import VoiceDirectory
from app.services.read_tasks import eta_seconds, list_tasks
from app.services.request_speech import request_speech
from dashboard import (
    AudioFile,
    Choices,
    Count,
    DroppedSpan,
    Fault,
    FormRefused,
    ItemView,
    Moment,
    MoveRefused,
    SpeakForm,
    State,
    TaskLine,
    TaskPage,
    TaskQuery,
    TaskView,
    VoiceChoice,
    create_dashboard,
)

MOST_COUNTED = 10_000
"""Counting stops here: a page must not scan a million rows for a number that nobody reads to the last digit."""


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

    async def tasks(self, wanted: TaskQuery) -> TaskPage:
        return await self._container.database().read(_page_of, wanted, current_caller().sees)

    async def task(self, task_id: str) -> TaskView | None:
        known = await self._visible(task_id)
        if known is None:
            return None
        return await self._container.database().read(_view_of, known, self._container.clock()())

    async def choices(self) -> Choices:
        return await anyio.to_thread.run_sync(_choices_of, self._container.voices())

    async def speak(self, form: SpeakForm) -> str:
        fields = {"text": form.text, "voice": form.voice, "format": form.format}
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

    async def cancel(self, task_id: str) -> bool:
        return await self._move(task_id, partial(cancel_task, clock=self._container.clock()))

    async def retry(self, task_id: str) -> bool:
        act = partial(retry_task, publisher=self._container.publisher(), clock=self._container.clock())
        return await self._move(task_id, act)

    async def _visible(self, task_id: str) -> TaskId | None:
        """The id of a task that the caller may see."""
        known, sees = parse_task_id(task_id), current_caller().sees
        if known is None or sees is None:
            return known
        return known if await self._container.database().read(ResultsStore.owner_of, known) == sees else None

    async def _move(self, task_id: str, act: Callable[[ResultsStore, TaskId], Task | None]) -> bool:
        known = await self._visible(task_id)
        if known is None:
            return False
        try:
            return await self._container.database().write(act, known) is not None
        except IllegalMove as refusal:
            raise MoveRefused(str(refusal)) from refusal


def _by_field(problem: Problem) -> dict[str, str]:
    """The API's problem, beside the fields of the form that it is about."""
    found: dict[str, str] = {}
    for error in problem.errors:
        name = error.pointer.removeprefix("/") if isinstance(error, BodyError) else ""
        found.setdefault(name if name in {"text", "voice", "format"} else "", error.detail)
    return found or {"": problem.detail}


def _choices_of(voices: VoiceDirectory) -> Choices:
    return Choices(
        voices=tuple(_choice_of(listed.voice) for listed in voices.all() if listed.why_not is None),
        default_voice=str(voices.default()),
        formats=tuple(format.value for format in AudioFormat),
    )


def _choice_of(voice: Voice) -> VoiceChoice:
    language = ESPEAK_LANGUAGES.get(voice.language, voice.language)
    about = (voice.name, voice.gender, f"grade {voice.grade}" if voice.grade else None, voice.id)
    return VoiceChoice(voice.id, ", ".join(part for part in about if part), language)


def _page_of(store: ResultsStore, wanted: TaskQuery, owner: str | None) -> TaskPage:
    state = TaskState(wanted.state) if wanted.state else None
    cursor = parse_task_id(wanted.cursor) if wanted.cursor else None
    page = list_tasks(store, TaskFilter(state=state, text=wanted.text, owner=owner), limit=wanted.limit, cursor=cursor)
    return TaskPage(
        lines=tuple(_line_of(task) for task in page.tasks),
        next_cursor=page.next_cursor,
        counts=_counts_of(store, owner) if wanted.text is None else None,
        last_change=store.last_transition_id(),
        events_url="/events",
    )


def _counts_of(store: ResultsStore, owner: str | None) -> Mapping[State, Count]:
    counted = store.count_by_state(most=MOST_COUNTED + 1, owner=owner)
    return {
        state.value: Count(min(number, MOST_COUNTED), more=number > MOST_COUNTED) for state, number in counted.items()
    }


def _line_of(task: Task) -> TaskLine:
    first = task.items[0]
    return TaskLine(
        id=task.id,
        state=task.state.value,
        text=first.text,
        voice=first.voice,
        items=task.item_count,
        characters=task.progress.characters,
        segments_done=task.progress.segments_done,
        segments_total=task.progress.segments_total,
        audio_seconds=task.progress.audio_seconds,
        attempts=task.attempts,
        created_at=task.created_at,
    )


def _view_of(store: ResultsStore, task_id: TaskId, now: float) -> TaskView | None:
    task = store.task(task_id)
    if task is None:
        return None
    return TaskView(
        id=task.id,
        state=task.state.value,
        priority=task.priority.name.lower(),
        attempts=task.attempts,
        created_at=task.created_at,
        started_at=task.started_at,
        finished_at=task.finished_at,
        items=tuple(_item_of(task_id, item) for item in task.items),
        moments=tuple(_moment_of(transition) for transition in store.transitions(task_id)),
        may_cancel=TaskState.CANCELLED in MOVES[task.state],
        may_retry=TaskState.PENDING in MOVES[task.state],
        last_change=store.last_transition_id(),
        events_url=f"/tasks/{task_id}/events",
        fault=_fault_of(task.error),
        eta_seconds=eta_seconds(task, now),
    )


def _item_of(task_id: TaskId, item: Item) -> ItemView:
    return ItemView(
        index=item.index,
        state=item.state.value,
        text=item.text,
        voice=item.voice,
        speed=item.speed,
        volume=item.volume,
        format=item.format.value,
        segments_done=item.segments_done,
        segments_total=item.segments_total,
        audio_seconds=item.audio_seconds,
        audio=_file_of(task_id, item),
        dropped=tuple(DroppedSpan(span.start, span.end, span.text, span.reason) for span in item.dropped),
        fault=_fault_of(item.error),
    )


def _file_of(task_id: TaskId, item: Item) -> AudioFile | None:
    if item.audio is None:
        return None
    return AudioFile(
        url=f"/tasks/{task_id}/items/{item.index}/audio",
        format=item.audio.format.value,
        duration_seconds=item.audio.duration_seconds,
        bytes=item.audio.bytes,
        sha256=item.audio.sha256,
    )


def _moment_of(transition: Transition) -> Moment:
    return Moment(
        id=transition.id,
        from_state=transition.from_state.value if transition.from_state else None,
        to_state=transition.to_state.value,
        at=transition.at,
        attempt=transition.attempt,
        worker=transition.worker,
        fault=_fault_in(transition.detail),
    )


def _fault_of(error: TaskError | None) -> Fault | None:
    if error is None:
        return None
    segment = error.segment.text if error.segment else None
    return Fault(error.title, error.detail, error.attempt, error.at, segment)


def _fault_in(detail: Mapping[str, object]) -> Fault | None:
    """The error that a transition keeps, as the store wrote it."""
    error = detail.get("error")
    if not isinstance(error, Mapping):
        return None
    segment = error.get("segment")
    said = str(segment["text"]) if isinstance(segment, Mapping) else None
    return Fault(str(error["title"]), str(error["detail"]), int(error["attempt"]), int(error["at"]), said)
