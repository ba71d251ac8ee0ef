"""What the pages need from the service that they show."""

from collections.abc import Mapping
from typing import Protocol

from ._values import Choices, SpeakForm, TaskPage, TaskQuery, TaskView


class FormRefused(ValueError):
    """What was typed cannot be accepted. `problems` says why and what to do, by the name of the field;
    a problem with none of the fields stands under the empty name."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(problems.values()))
        self.problems = dict(problems)


class MoveRefused(Exception):
    """The task's state does not allow what was asked for. `str(error)` says so to a person."""


class DashboardBackend(Protocol):
    async def tasks(self, wanted: TaskQuery) -> TaskPage:
        """At most `wanted.limit` tasks after `wanted.cursor`, newest first."""

    async def task(self, task_id: str) -> TaskView | None:
        """The task; None where there is none of that id, or where it is no id at all."""

    async def choices(self) -> Choices:
        """The voices that can speak here and the formats that they can be kept in."""

    async def speak(self, form: SpeakForm) -> str:
        """The id of the accepted task; it is on disk when this returns.

        Raises:
          FormRefused: a field does not fit.
        """

    async def cancel(self, task_id: str) -> bool:
        """Stop the task; False where there is none of that id.

        Raises:
          MoveRefused: it is finished.
        """

    async def retry(self, task_id: str) -> bool:
        """Run what the task has not done yet once more; False where there is none of that id.

        Raises:
          MoveRefused: it is completed, or still at work.
        """
