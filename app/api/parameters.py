"""Query, path and header parameters: parsed strictly, and none of them ignored."""

import re
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Path, Request
from pydantic import AfterValidator, BeforeValidator
from pydantic_core import PydanticCustomError

from app.api import problems
from app.api.dependencies import CallerDep, DatabaseDep
from app.api.examples import EXAMPLE_TASK_ID
from app.api.problems import ParameterError, Problem, quoted
from app.api.task_answers import no_such_task
from app.domain.ids import TaskId, parse_task_id
from app.results import ResultsStore

MAX_TRANSITION_ID = 2**63 - 1
"""The largest number that the results store can keep."""

MAX_ITEM_INDEX = 999

_WHOLE_NUMBER = re.compile(r"[0-9]{1,19}")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_RFC_3339 = re.compile(
    r"(?P<day>\d{4}-\d{2}-\d{2})[Tt](?P<time>\d{2}:\d{2}):(?P<seconds>\d{2})(?P<fraction>\.\d{1,9})?"
    r"(?P<zone>[Zz]|[+-]\d{2}:\d{2})",
    re.ASCII,
)


def _whole_number(value: object) -> object:
    """Digits only: pydantic alone would also read `1_0` and `1.0`."""
    if isinstance(value, str):
        if _WHOLE_NUMBER.fullmatch(value) is None:
            raise PydanticCustomError("whole_number", "Give a whole number in digits.")
        return int(value)
    return value


WholeNumber = Annotated[int, BeforeValidator(_whole_number)]


def _flag(value: object) -> object:
    """`true` or `false`: pydantic alone would also read `on` and `1`."""
    if isinstance(value, str):
        if value not in {"true", "false"}:
            raise PydanticCustomError("flag", "Give true or false.")
        return value == "true"
    return value


Flag = Annotated[bool, BeforeValidator(_flag)]


def _without_control_characters(value: str) -> str:
    if _CONTROL.search(value):
        raise PydanticCustomError("control_character", "Leave out the control characters.")
    return value


SearchText = Annotated[str, AfterValidator(_without_control_characters)]

SEARCH_TEXT_PATTERN = r"^[^\u0000-\u001f\u007f-\u009f]*$"
"""What `SearchText` demands, for readers of the OpenAPI document."""


def parse_time(text: str) -> int:
    """The milliseconds since the Unix epoch that an RFC 3339 time names.

    Raises:
      ValueError: it is none, or lies outside the years 1 to 9999. The message says what to give.
    """
    found = _RFC_3339.fullmatch(text)
    if found is None:
        raise ValueError("Give an RFC 3339 time such as 2026-11-22T12:00:00Z (a + in a zone is written %2B).")
    seconds = "59" if found["seconds"] == "60" else found["seconds"]  # a leap second, which datetime has not
    zone = found["zone"].upper()
    try:
        moment = datetime.fromisoformat(f"{found['day']}T{found['time']}:{seconds}{zone.replace('Z', '+00:00')}")
        whole = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("There is no such time; give one such as 2026-11-22T12:00:00Z.") from None
    milliseconds = int(((found["fraction"] or ".")[1:] + "000")[:3])
    return int((whole - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) * 1000 + milliseconds


async def _task_id(
    task_id: Annotated[
        str,
        Path(
            description="The task's id: a ULID, in either case.",
            examples=[EXAMPLE_TASK_ID],
        ),
    ],
    caller: CallerDep,
    database: DatabaseDep,
) -> TaskId:
    """The id of a task that the caller may see. Another key's task is none, as far as the caller can tell."""
    found = parse_task_id(task_id)
    if found is None:
        raise Problem(
            problems.TASK_NOT_FOUND,
            f"{quoted(task_id)} is not a task id. Take `task_id` from the answer to POST /api/tts, or from GET /tasks.",
        )
    if caller.sees is not None and await database.read(ResultsStore.owner_of, found) != caller.sees:
        raise Problem(problems.TASK_NOT_FOUND, no_such_task(found))
    return found


TaskIdDep = Annotated[TaskId, Depends(_task_id)]

ItemIndex = Annotated[
    WholeNumber,
    Path(ge=0, le=MAX_ITEM_INDEX, description="The item's `index` in its task, from 0.", examples=[0]),
]


class OnlyParameters:
    """Refuses a request that has other query parameters than these, or has one of them twice."""

    def __init__(self, *names: str) -> None:
        self._names = names

    async def __call__(self, request: Request) -> None:
        errors: list[ParameterError] = []
        seen: set[str] = set()
        known = ", ".join(self._names) or "none"
        for name, _ in request.query_params.multi_items():
            if name not in self._names:
                detail = f"There is no such parameter here; known: {known}."
                errors.append(ParameterError("query", quoted(name)[1:-1], detail))
            elif name in seen:
                errors.append(ParameterError("query", name, "Give it once."))
            seen.add(name)
        if errors:
            first = errors[0]
            raise Problem(problems.INVALID_INPUT, f"Query parameter {first.parameter!r}: {first.detail}", errors=errors)


NO_PARAMETERS = Depends(OnlyParameters())
