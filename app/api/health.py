"""How the service is: in detail, alive at all, ready for work."""

from importlib.metadata import version
from typing import Any, Literal, Self

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import Response

from app.api import problems
from app.api.dependencies import HealthDep
from app.api.health_check import Health
from app.api.openapi import answers
from app.api.parameters import NO_PARAMETERS
from app.api.problems import Problem
from app.api.times import Timestamp, timestamp

RETRY_AFTER_SECONDS = 5

router = APIRouter(tags=["health"], dependencies=[NO_PARAMETERS])

VERSION = version("sayathing")


class QueueBody(BaseModel):
    """How many messages a queue holds, by state."""

    queue: str
    ready: int
    scheduled: int
    claimed: int
    dead: int
    oldest_ready_age_seconds: float | None
    paused: bool


class BrokerBody(BaseModel):
    reachable: bool
    depth: int = Field(
        description="Messages that wait or are being worked on, in all queues; each state of a queue is counted up to 10,000."
    )
    queues: list[QueueBody]


class ResultsBody(BaseModel):
    reachable: bool


class WorkersBody(BaseModel):
    alive: int | None = Field(description="Worker processes; null where the broker does not answer.")
    last_seen_at: Timestamp | None = Field(description="The last sign of life of any worker; null before the first.")


class DiskBody(BaseModel):
    free_bytes: int
    total_bytes: int


class CacheBody(BaseModel):
    """The rendered segments that are kept, as housekeeping last found them."""

    segments: int
    bytes: int
    max_bytes: int = Field(description="SAYATHING_CACHE_MAX_BYTES.")
    measured_at: Timestamp


class HealthBody(BaseModel):
    """`degraded`: tasks are accepted, but see `reasons`. `failing`: they are not."""

    status: Literal["ok", "degraded", "failing"]
    reasons: list[str]
    version: str
    results: ResultsBody
    broker: BrokerBody
    workers: WorkersBody
    disk: DiskBody
    cache: CacheBody | None = Field(description="Null before the first worker has looked.")

    @classmethod
    def of(cls, health: Health) -> Self:
        queues = [QueueBody.model_validate(queue, from_attributes=True) for queue in health.queues or ()]
        return cls(
            status=health.status,
            reasons=list(health.reasons),
            version=VERSION,
            results=ResultsBody(reachable=health.results_reachable),
            broker=BrokerBody(
                reachable=health.queues is not None,
                depth=sum(queue.ready + queue.scheduled + queue.claimed for queue in queues),
                queues=queues,
            ),
            workers=WorkersBody(alive=health.workers_alive, last_seen_at=_seen(health)),
            disk=DiskBody(free_bytes=health.free_bytes, total_bytes=health.total_bytes),
            cache=_cache_of(health),
        )


def _seen(health: Health) -> str | None:
    return None if health.worker_last_seen is None else timestamp(round(health.worker_last_seen * 1000))


def _cache_of(health: Health) -> CacheBody | None:
    if health.cache is None:
        return None
    return CacheBody(
        segments=health.cache.segments,
        bytes=health.cache.bytes,
        max_bytes=health.cache_max_bytes,
        measured_at=timestamp(round(health.cache.measured_at * 1000)),
    )


class AliveBody(BaseModel):
    status: Literal["ok"] = "ok"


_FAILING: dict[str, Any] = {"description": "No task can be accepted right now.", "model": HealthBody}


@router.get(
    "/healthz",
    operation_id="get_health",
    summary="How the service is, in detail",
    response_model=HealthBody,
    responses={**answers(), 503: _FAILING},
)
async def healthz(health: HealthDep) -> Response:
    found = await health.check()
    content = HealthBody.of(found).model_dump_json()
    return Response(content, 200 if found.ready else 503, media_type="application/json")


@router.get("/livez", operation_id="get_liveness", summary="Does the process answer?", responses=answers())
async def livez() -> AliveBody:
    return AliveBody()


@router.get(
    "/readyz",
    operation_id="get_readiness",
    summary="Can a task be accepted?",
    responses=answers(problems.NOT_READY),
)
async def readyz(health: HealthDep) -> AliveBody:
    found = await health.check()
    if not found.ready:
        raise Problem(
            problems.NOT_READY,
            f"{' '.join(found.reasons)} GET /healthz tells more.",
            headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
        )
    return AliveBody()
