"""Ends engine calls that take too long."""

from dramatiq import Broker

from actors.calls import LongWork
from actors.middleware.background import Background


class TimeLimit(Background):
    """Dramatiq's own limit raises between two lines of Python, which an engine deep in native code never
    reaches; this one tells the engine itself to stop."""

    def __init__(self, long_work: LongWork) -> None:
        super().__init__()
        self._long_work = long_work

    def turn(self, broker: Broker) -> None:
        self._long_work.wait_for_overdue()
