"""The delivery log: what was told to a task's webhook, and what came of it."""

from typing import Annotated, Self

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from app.api import problems
from app.api.dependencies import ClockDep, DatabaseDep, PublisherDep
from app.api.openapi import answers
from app.api.parameters import NO_PARAMETERS, TaskIdDep, WholeNumber
from app.api.problems import Problem
from app.api.task_answers import no_such_task
from app.api.times import Timestamp, optional_timestamp, timestamp
from app.domain.webhooks import Delivery, DeliveryAttempt, DeliveryState
from app.results.deliveries import deliveries_of
from app.services.redeliver import redeliver

router = APIRouter(tags=["webhooks"], dependencies=[NO_PARAMETERS])

MAX_DELIVERY = 2**31 - 1


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AttemptBody(_Body):
    """One try. `status` is null where no answer came; `error` is null where it succeeded."""

    attempt: int
    at: Timestamp
    duration_seconds: float
    status: int | None
    error: str | None
    response_excerpt: str | None = Field(description="The start of the answer's body, at most 1024 bytes of it.")

    @classmethod
    def of(cls, attempt: DeliveryAttempt) -> Self:
        return cls(
            attempt=attempt.attempt,
            at=timestamp(attempt.at),
            duration_seconds=attempt.duration_ms / 1000,
            status=attempt.status,
            error=attempt.error,
            response_excerpt=attempt.excerpt,
        )


class DeliveryBody(_Body):
    """One event. `n` is the run of the task whose end it tells; `webhook_id` is the same for all of its attempts."""

    n: int
    webhook_id: str
    event: str
    url: str
    state: DeliveryState
    created_at: Timestamp
    next_attempt_at: Timestamp | None
    attempts: list[AttemptBody] = Field(description="The last 50, oldest first.")

    @classmethod
    def of(cls, told: Delivery) -> Self:
        return cls(
            n=told.n,
            webhook_id=told.webhook_id,
            event=told.event,
            url=told.url,
            state=told.state,
            created_at=timestamp(told.created_at),
            next_attempt_at=optional_timestamp(told.next_at),
            attempts=[AttemptBody.of(attempt) for attempt in told.attempts],
        )


class DeliveriesBody(_Body):
    deliveries: list[DeliveryBody] = Field(description="The last 100, oldest first; none where no webhook was given.")


@router.get(
    "/tasks/{task_id}/deliveries",
    operation_id="list_deliveries",
    summary="What was told to the task's webhook",
    responses=answers(problems.TASK_NOT_FOUND),
)
async def list_all(task_id: TaskIdDep, database: DatabaseDep) -> DeliveriesBody:
    found = await database.read(deliveries_of, task_id)
    if found is None:
        raise Problem(problems.TASK_NOT_FOUND, no_such_task(task_id))
    return DeliveriesBody(deliveries=[DeliveryBody.of(told) for told in found])


@router.post(
    "/tasks/{task_id}/deliveries/{n}/redeliver",
    operation_id="redeliver",
    summary="Tell it again",
    description="The same event under the same `webhook-id`, now and then by the schedule from its start.",
    responses=answers(problems.TASK_NOT_FOUND, problems.DELIVERY_NOT_FOUND),
)
async def again(
    task_id: TaskIdDep,
    n: Annotated[WholeNumber, Path(ge=1, le=MAX_DELIVERY, description="The delivery's `n`.", examples=[1])],
    database: DatabaseDep,
    publisher: PublisherDep,
    clock: ClockDep,
) -> DeliveryBody:
    told = await database.write(redeliver, task_id, n, publisher=publisher, clock=clock)
    if told is None:
        raise Problem(
            problems.DELIVERY_NOT_FOUND,
            f"Task {task_id} has no delivery {n}. GET /tasks/{task_id}/deliveries lists those that there are.",
        )
    return DeliveryBody.of(told)
