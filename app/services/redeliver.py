"""Tell a webhook once more what it was told, or was to be told, before."""

from app.domain.ids import TaskId
from app.domain.webhooks import Delivery
from app.ports import Clock, EventPublisher
from app.results import ResultsStore
from app.results.deliveries import ask_again, delivery


def redeliver(
    store: ResultsStore, task_id: TaskId, n: int, *, publisher: EventPublisher, clock: Clock
) -> Delivery | None:
    """The delivery, pending again; None where there is none of that number."""
    asked = ask_again(store, task_id, n, now=int(clock() * 1000))
    if asked is None:
        return None
    publisher.publish([asked], store)
    return delivery(store, task_id, n)
