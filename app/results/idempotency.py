"""Which request a client's idempotency key stands for."""

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select, text

from app.domain.ids import TaskId
from app.results.models import idempotency_keys

_TAKE = text(
    "INSERT INTO idempotency_keys (owner, key, digest, task_id) VALUES (:owner, :key, :digest, :task_id) "
    "ON CONFLICT (owner, key) DO NOTHING"
)
_TAKEN = select(idempotency_keys.c.digest, idempotency_keys.c.task_id).where(
    idempotency_keys.c.owner == bindparam("owner"), idempotency_keys.c.key == bindparam("key")
)


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """`value` as `owner` chose it ("" where there are no API keys), for a request with this SHA-256, in hex."""

    owner: str
    value: str
    digest: str


@dataclass(frozen=True, slots=True)
class TakenKey:
    digest: str
    task_id: TaskId


def take_key(connection: Connection, key: IdempotencyKey, task_id: TaskId) -> TakenKey | None:
    """Have the key stand for the task, which this same transaction is to add; what it stands for already where it
    is taken.

    Where another transaction is about to take it, this one waits for its end.
    """
    about = {"owner": key.owner, "key": key.value}
    while True:
        if connection.execute(_TAKE, {**about, "digest": key.digest, "task_id": task_id}).rowcount == 1:
            return None
        row = connection.execute(_TAKEN, about).one_or_none()
        if row is not None:  # else its task was deleted between the two statements
            return TakenKey(row.digest, TaskId(row.task_id))
