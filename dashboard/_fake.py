"""A backend in memory: for tests, and for trying the pages out without a service behind them."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from ._backend import FormRefused, MoveRefused
from ._fake_service import EVENTS_URL, FakeService
from ._values import (
    ACTIONS,
    FINISHED,
    STATES,
    Action,
    Choices,
    Count,
    ItemView,
    Moment,
    SpeakForm,
    State,
    TaskLine,
    TaskPage,
    TaskQuery,
    TaskView,
    VoiceChoice,
)

VOICES = (
    VoiceChoice("espeak-de", "espeak-de", "German"),
    VoiceChoice("espeak-en-us", "espeak-en-us", "English (America)"),
    VoiceChoice("af_heart", "Heart, female, grade A", "English (America)", "female", mixes=True),
    VoiceChoice("am_adam", "Adam, male, grade F+", "English (America)", "male", mixes=True),
)


class FakeBackend(FakeService):
    """The `DashboardBackend` that keeps tasks in a dictionary. `clock` tells seconds since the Unix epoch."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        super().__init__(clock)
        self.known: dict[str, TaskView] = {}
        self._last_change = 0

    def add(self, *items: ItemView, task_id: str | None = None) -> TaskView:
        """A new pending task of these items."""
        task_id = task_id or f"01FAKE{len(self.known):020d}"
        now = self._now()
        task = TaskView(
            id=task_id,
            state="pending",
            priority="normal",
            attempts=0,
            created_at=now,
            started_at=None,
            finished_at=None,
            items=items,
            moments=(),
            may_cancel=True,
            may_retry=False,
            may_delete=True,
            last_change=0,
            events_url=EVENTS_URL,
        )
        return self._keep(task, None, "pending")

    def move(self, task_id: str, state: State, **changes: object) -> TaskView:
        """The task in another state, its items with it, and with these changes to its fields."""
        before = self.known[task_id]
        begins = state == "processing"
        task = replace(
            before,
            state=state,
            attempts=before.attempts + begins,
            started_at=before.started_at or (self._now() if begins else None),
            finished_at=self._now() if state in FINISHED else None,
            items=tuple(replace(item, state=state) for item in before.items),
            may_cancel=state not in FINISHED,
            may_retry=state in {"cancelled", "discarded"},
            may_delete=state in {*FINISHED, "pending"},
        )
        return self._keep(replace(task, **changes), before.state, state)  # type: ignore[arg-type]  # fields by name

    async def tasks(self, wanted: TaskQuery) -> TaskPage:
        found = [task for task in self._matching(wanted) if wanted.cursor is None or task.id < wanted.cursor]
        page = found[: wanted.limit]
        return TaskPage(
            lines=tuple(_line(task) for task in page),
            next_cursor=page[-1].id if len(found) > len(page) else None,
            counts=None if wanted.is_search else self._counts(),
            last_change=self._last_change,
            events_url=EVENTS_URL,
        )

    async def task(self, task_id: str) -> TaskView | None:
        return self.known.get(task_id)

    async def choices(self) -> Choices:
        return Choices(VOICES, "espeak-en-us", ("wav", "mp3", "flac", "opus", "aac", "pcm", "m4b"))

    async def speak(self, form: SpeakForm) -> str:
        problems = {}
        if not form.text.strip():
            problems["text"] = "Type something to say."
        if not {form.voice, *form.mix} <= {voice.id for voice in VOICES}:
            problems["voice"] = f"There is no voice {form.mixed!r}; take one of the list."
        if problems:
            raise FormRefused(problems)
        item = ItemView(0, "pending", form.text.strip(), form.mixed, float(form.speed or 1), 1.0, form.format)
        return self.add(item).id

    async def act(self, action: Action, task_id: str) -> bool:
        task = self.known.get(task_id)
        if task is None:
            return False
        if not _may(action, task):
            raise MoveRefused(f"A task that is {task.state} cannot be {ACTIONS[action][1]}.")
        if action == "delete":
            del self.known[task_id]
        else:
            self.move(task_id, "cancelled" if action == "cancel" else "pending")
        return True

    async def act_on(self, action: Action, task_ids: Sequence[str]) -> int:
        wanted = [self.known[task_id] for task_id in task_ids if task_id in self.known]
        return sum([await self.act(action, task.id) for task in wanted if _may(action, task)])

    async def act_on_matching(self, action: Action, wanted: TaskQuery) -> int:
        return await self.act_on(action, [task.id for task in self._matching(wanted)])

    async def count_matching(self, action: Action, wanted: TaskQuery) -> tuple[Count, Count]:
        found = self._matching(wanted)
        return Count(len(found)), Count(sum(_may(action, task) for task in found))

    def _matching(self, wanted: TaskQuery) -> list[TaskView]:
        return [
            task
            for task in sorted(self.known.values(), key=lambda task: task.id, reverse=True)
            if wanted.state in {None, task.state}
            and (wanted.id is None or task.id.startswith(wanted.id))
            and (wanted.voice is None or any(item.voice == wanted.voice for item in task.items))
            and (wanted.text is None or any(wanted.text.lower() in item.text.lower() for item in task.items))
            and (wanted.error is None or (task.fault and wanted.error.lower() in task.fault.detail.lower()))
        ]

    def _counts(self) -> dict[State, Count]:
        states = [task.state for task in self.known.values()]
        return {state: Count(states.count(state)) for state in STATES}

    def _now(self) -> int:
        return int(self._clock() * 1000)

    def _keep(self, task: TaskView, before: State | None, after: State) -> TaskView:
        self._last_change += 1
        moment = Moment(self._last_change, before, after, self._now(), task.attempts, fault=task.fault)
        task = replace(task, moments=(*task.moments, moment), last_change=self._last_change)
        self.known[task.id] = task
        return task


def _may(action: Action, task: TaskView) -> bool:
    return {"cancel": task.may_cancel, "retry": task.may_retry, "delete": task.may_delete}[action]


def _line(task: TaskView) -> TaskLine:
    return TaskLine(
        id=task.id,
        state=task.state,
        text=task.items[0].text,
        voice=task.items[0].voice,
        items=len(task.items),
        characters=sum(len(item.text) for item in task.items),
        segments_done=sum(item.segments_done for item in task.items),
        segments_total=sum(item.segments_total for item in task.items),
        audio_seconds=sum(item.audio_seconds for item in task.items),
        attempts=task.attempts,
        created_at=task.created_at,
        wait_seconds=(task.started_at - task.created_at) / 1000 if task.started_at else None,
        audio_url=task.items[0].audio.url if task.items[0].audio else None,
    )
