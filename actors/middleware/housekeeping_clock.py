"""Asks for a round of housekeeping every minute."""

import dramatiq
from dramatiq import Broker

from actors.middleware.background import Background
from app.publishing import HOUSE_QUEUE, KEEP_HOUSE

ROUND_SECONDS = 60.0


class HousekeepingClock(Background):
    """A worker asks for a round when it starts, then for the next one a minute from now, over and over. Every worker
    does; while a round waits, its key drops the others."""

    def __init__(self) -> None:
        super().__init__()
        self._delay_seconds = 0.0

    def turn(self, broker: Broker) -> None:
        broker.enqueue(
            dramatiq.Message(
                queue_name=HOUSE_QUEUE, actor_name=KEEP_HOUSE, args=(), kwargs={}, options={"key": KEEP_HOUSE}
            ),
            delay=int(self._delay_seconds * 1000) or None,
        )
        self._delay_seconds = ROUND_SECONDS
        self._ended.wait(ROUND_SECONDS)
