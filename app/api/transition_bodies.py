"""A move of a task, in its history and in the event stream."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from app.api.times import Timestamp, timestamp
from app.domain.states import TaskState
from app.domain.tasks import Transition


class ChangeBody(BaseModel):
    """The data of a `task.changed` event. `detail` has the `error` of an attempt that failed."""

    model_config = ConfigDict(extra="forbid", serialize_by_alias=True)

    task_id: str
    from_: TaskState | None = Field(alias="from", description="null for the move that made the task.")
    to: TaskState
    at: Timestamp
    attempt: int
    detail: dict[str, Any]

    @classmethod
    def of(cls, move: Transition) -> Self:
        return cls(**_fields(move))


class TransitionBody(ChangeBody):
    """One move. `id` grows with every move of any task; `worker` is who made it, null for a client."""

    id: int
    worker: str | None

    @classmethod
    def of(cls, move: Transition) -> Self:
        return cls(id=move.id, worker=move.worker, **_fields(move))


def _fields(move: Transition) -> dict[str, Any]:
    return {
        "task_id": move.task_id,
        "from": move.from_state,
        "to": move.to_state,
        "at": timestamp(move.at),
        "attempt": move.attempt,
        "detail": _detail(move.detail),
    }


def _detail(detail: Mapping[str, object]) -> dict[str, object]:
    """The store's detail, its error's time written as the API writes times."""
    error = detail.get("error")
    if isinstance(error, dict) and isinstance(error.get("at"), int):
        return {**detail, "error": {**error, "at": timestamp(error["at"])}}
    return dict(detail)
