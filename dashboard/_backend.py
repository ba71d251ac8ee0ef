"""What the pages need from the service that they show."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from ._service_values import About, DeadLetterPage, Overview, QueueView, Rights, Span, VoiceCard, WorkerView
from ._values import Action, Choices, Count, SpeakForm, TaskPage, TaskQuery, TaskView


class FormRefused(ValueError):
    """What was typed cannot be accepted. `problems` says why and what to do, by the name of the field;
    a problem with none of the fields stands under the empty name."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(problems.values()))
        self.problems = dict(problems)


class MoveRefused(Exception):
    """The task's state does not allow what was asked for. `str(error)` says so to a person."""


class DashboardBackend(Protocol):
    """Each method answers for the visitor of the request that is being answered: they see what they may see."""

    def rights(self) -> Rights:
        """What the visitor may do. The pages ask before each action and each page of an administrator."""

    async def overview(self, span: Span) -> Overview:
        """How the service is, and how it went in the span."""

    async def tasks(self, wanted: TaskQuery) -> TaskPage:
        """At most `wanted.limit` tasks after `wanted.cursor`, newest first."""

    async def task(self, task_id: str) -> TaskView | None:
        """The task; None where there is none of that id, or where it is no id at all."""

    async def choices(self) -> Choices:
        """The voices that can speak here and the formats that they can be kept in."""

    async def voices(self) -> Sequence[VoiceCard]:
        """All voices, those that can speak here first."""

    async def speak(self, form: SpeakForm) -> str:
        """The id of the accepted task; it is on disk when this returns.

        Raises:
          FormRefused: a field does not fit.
        """

    async def act(self, action: Action, task_id: str) -> bool:
        """Cancel the task, run what it has not done yet once more, or delete it; False where there is none of that id.

        Raises:
          MoveRefused: its state does not allow it.
        """

    async def act_on(self, action: Action, task_ids: Sequence[str]) -> int:
        """How many of the tasks it was done to: those whose state allows it."""

    async def act_on_matching(self, action: Action, wanted: TaskQuery) -> int:
        """As `act_on`, for all that match."""

    async def count_matching(self, action: Action, wanted: TaskQuery) -> tuple[Count, Count]:
        """How many tasks match, and how many of them `act_on_matching` would change; where counting stopped, there are
        `more`."""

    async def queues(self) -> Sequence[QueueView]:
        """Every queue, by name."""

    async def pause_queue(self, name: str) -> None:
        """Let no worker take anything from the queue."""

    async def resume_queue(self, name: str) -> None:
        """Let workers take from the queue again."""

    async def workers(self) -> Sequence[WorkerView]:
        """The worker processes, the oldest first."""

    async def dead_letters(self, after: int) -> DeadLetterPage:
        """A page of the messages that were given up, from those after the id `after`."""

    async def requeue_dead(self, letter: int | None) -> int:
        """Send one dead letter again, or all (None); how many were sent."""

    async def drop_dead(self, letter: int | None) -> int:
        """Delete one dead letter, or all (None); how many were deleted."""

    async def about(self) -> About:
        """Settings in effect and versions."""
