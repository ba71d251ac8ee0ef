"""The states of a task and the moves between them: the only place that says which are legal."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from app.domain.errors import IllegalMove


class TaskState(StrEnum):
    PENDING = "pending"
    PROCESSING = "processing"
    RETRYABLE = "retryable"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    DISCARDED = "discarded"


MEANINGS: Mapping[TaskState, str] = MappingProxyType(
    {
        TaskState.PENDING: "accepted, on disk",
        TaskState.PROCESSING: "a worker has begun",
        TaskState.RETRYABLE: "an attempt failed, the next is scheduled",
        TaskState.COMPLETED: "all audio is stored",
        TaskState.CANCELLED: "stopped by a person or a client",
        TaskState.DISCARDED: "given up, with the reason",
    }
)

MOVES: Mapping[TaskState, frozenset[TaskState]] = MappingProxyType(
    {
        TaskState.PENDING: frozenset({TaskState.PROCESSING, TaskState.CANCELLED}),
        TaskState.PROCESSING: frozenset(
            {
                TaskState.COMPLETED,
                TaskState.RETRYABLE,
                TaskState.DISCARDED,
                TaskState.CANCELLED,
            }
        ),
        TaskState.RETRYABLE: frozenset({TaskState.PROCESSING, TaskState.DISCARDED, TaskState.CANCELLED}),
        TaskState.COMPLETED: frozenset(),
        TaskState.CANCELLED: frozenset({TaskState.PENDING}),
        TaskState.DISCARDED: frozenset({TaskState.PENDING}),
    }
)

FINISHED = frozenset({TaskState.COMPLETED, TaskState.CANCELLED, TaskState.DISCARDED})
UNFINISHED = frozenset(TaskState) - FINISHED


def move(current: TaskState, wanted: TaskState) -> TaskState:
    """`wanted`, where the table allows the move.

    Raises:
      IllegalMove: the table does not list it.
    """
    if wanted not in MOVES[current]:
        raise IllegalMove(current, wanted)
    return wanted
