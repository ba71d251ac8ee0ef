"""Tasks as the dashboard's pages show them."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.domain.ids import TaskId, parse_task_id
from app.domain.states import MOVES, TaskState
from app.domain.tasks import Item, Task, TaskError, Transition
from app.results import ResultsStore, TaskFilter
from app.results.control import DELETABLE
from app.services.read_tasks import eta_seconds, search_tasks
from dashboard import (
    AudioFile,
    Count,
    DroppedSpan,
    Fault,
    ItemView,
    Moment,
    State,
    TaskLine,
    TaskPage,
    TaskQuery,
    TaskView,
)

MOST_COUNTED = 10_000
"""Counting stops here: a page must not scan a million rows for a number that nobody reads to the last digit."""


@dataclass(frozen=True, slots=True)
class View:
    """How a visitor sees tasks: whose (None: everybody's), and whether with their texts."""

    owner: str | None
    hides_text: bool

    def filter(self, wanted: TaskQuery) -> TaskFilter:
        """Which tasks are meant. Where texts are hidden, nothing is found by them: words are how an id goes on."""
        words = (wanted.text or "").upper() if self.hides_text else ""
        return TaskFilter(
            state=TaskState(wanted.state) if wanted.state else None,
            voice=wanted.voice,
            text=None if self.hides_text else wanted.text,
            id=(wanted.id or "") + words or None,
            error=wanted.error,
            owner=self.owner,
        )

    def page(self, store: ResultsStore, wanted: TaskQuery, max_attempts: int) -> TaskPage:
        cursor = parse_task_id(wanted.cursor) if wanted.cursor else None
        page = search_tasks(store, self.filter(wanted), limit=wanted.limit, cursor=cursor)
        return TaskPage(
            lines=tuple(self._line(task, max_attempts) for task in page.tasks),
            next_cursor=page.next_cursor,
            counts=None if wanted.is_search else self.counts(store),
            last_change=store.last_transition_id(),
            events_url="/events",
            searched=page.searched,
        )

    def counts(self, store: ResultsStore) -> Mapping[State, Count]:
        counted = store.count_by_state(most=MOST_COUNTED + 1, wanted=TaskFilter(owner=self.owner))
        return {
            state.value: Count(min(number, MOST_COUNTED), more=number > MOST_COUNTED)
            for state, number in counted.items()
        }

    def _line(self, task: Task, max_attempts: int) -> TaskLine:
        first = task.items[0]
        return TaskLine(
            id=task.id,
            state=task.state.value,
            text=self._text(first),
            voice=first.voice,
            items=task.item_count,
            characters=task.progress.characters,
            segments_done=task.progress.segments_done,
            segments_total=task.progress.segments_total,
            audio_seconds=task.progress.audio_seconds,
            attempts=task.attempts,
            created_at=task.created_at,
            wait_seconds=None if task.started_at is None else max(0, task.started_at - task.created_at) / 1000,
            audio_url=_url(task.id, first, "audio") if first.audio is not None else None,
            attempts_allowed=max_attempts,
        )

    def task(self, store: ResultsStore, task_id: TaskId, now: float) -> TaskView | None:
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
            items=tuple(self._item(task_id, item) for item in task.items),
            moments=tuple(self._moment(transition) for transition in store.transitions(task_id)),
            may_cancel=TaskState.CANCELLED in MOVES[task.state],
            may_retry=TaskState.PENDING in MOVES[task.state],
            may_delete=task.state in DELETABLE,
            last_change=store.last_transition_id(),
            events_url=f"/tasks/{task_id}/events",
            fault=self._fault(task.error),
            eta_seconds=eta_seconds(task, now),
        )

    def _item(self, task_id: TaskId, item: Item) -> ItemView:
        return ItemView(
            index=item.index,
            state=item.state.value,
            text=self._text(item),
            voice=item.voice,
            speed=item.speed,
            volume=item.volume,
            format=item.format.value,
            segments_done=item.segments_done,
            segments_total=item.segments_total,
            audio_seconds=item.audio_seconds,
            audio=_file_of(task_id, item),
            follow_url=_url(task_id, item, "audio") + "?follow=true&format=mp3",
            peaks_url=_url(task_id, item, "peaks") if item.audio is not None else None,
            captions_url=_url(task_id, item, "captions") if item.captions_sha256 is not None else None,
            text_hidden=self.hides_text,
            dropped=()
            if self.hides_text
            else tuple(DroppedSpan(span.start, span.end, span.text, span.reason) for span in item.dropped),
            fault=self._fault(item.error),
        )

    def _text(self, item: Item) -> str:
        return f"{item.text_characters:,} hidden characters" if self.hides_text else item.text

    def _moment(self, transition: Transition) -> Moment:
        return Moment(
            id=transition.id,
            from_state=transition.from_state.value if transition.from_state else None,
            to_state=transition.to_state.value,
            at=transition.at,
            attempt=transition.attempt,
            worker=transition.worker,
            fault=self._fault_in(transition.detail),
        )

    def _fault(self, error: TaskError | None) -> Fault | None:
        if error is None:
            return None
        segment = error.segment.text if error.segment and not self.hides_text else None
        return Fault(error.title, error.detail, error.attempt, error.at, segment)

    def _fault_in(self, detail: Mapping[str, object]) -> Fault | None:
        """The error that a transition keeps, as the store wrote it."""
        error = detail.get("error")
        if not isinstance(error, Mapping):
            return None
        segment = error.get("segment")
        said = str(segment["text"]) if isinstance(segment, Mapping) and not self.hides_text else None
        return Fault(str(error["title"]), str(error["detail"]), int(error["attempt"]), int(error["at"]), said)


def _url(task_id: TaskId, item: Item, part: str) -> str:
    return f"/tasks/{task_id}/items/{item.index}/{part}"


def _file_of(task_id: TaskId, item: Item) -> AudioFile | None:
    if item.audio is None:
        return None
    return AudioFile(
        url=_url(task_id, item, "audio"),
        format=item.audio.format.value,
        duration_seconds=item.audio.duration_seconds,
        bytes=item.audio.bytes,
        sha256=item.audio.sha256,
    )
