"""Keep children running, and leave none behind."""

import signal
import time
from collections.abc import Callable, Sequence

import structlog

from app.cli.children import Child, ChildSpec
from app.cli.signals import STOPPING, SignalQueue, watched_signals

log = structlog.get_logger(__name__)

ENDED = 0
FAILED = 1
IN_ORDER = frozenset({0, -signal.SIGTERM})  # uvicorn cleans up and then lets the signal end it


def _nothing() -> None:
    pass


class Supervisor:
    """Starts a process for each spec, starts it again when it dies, and ends them all when told to.

    A child that dies is started again after a pause, which doubles while it keeps dying early; the others are left
    alone. SIGINT, SIGTERM or SIGHUP stops the children stage by stage; a second one kills every process group at
    once, and so does `end_within_seconds` from the first. A child whose very first life ends with a hopeless
    status ends everything, since a start that cannot work should say so and not try for ever.

    Parameters:
      specs: The children.
      end_within_seconds: From the first signal to the last resort.
      on_start, on_stop: Called once the children are started, and before the first of them is told to stop.
    """

    def __init__(
        self,
        specs: Sequence[ChildSpec],
        *,
        end_within_seconds: float,
        on_start: Callable[[], None] = _nothing,
        on_stop: Callable[[], None] = _nothing,
    ) -> None:
        self._children = [Child(spec) for spec in specs]
        self._end_within_seconds = end_within_seconds
        self._on_start = on_start
        self._on_stop = on_stop

    def run(self) -> int:
        """Run until told to stop; the exit status: `ENDED` where all ended in order, else `FAILED`.

        Only the main thread may call this. Every process that it started has ended when it returns or raises.
        """
        with watched_signals() as signals:
            try:
                in_order = self._keep_running(signals)
                self._on_stop()
                return self._stop(signals, in_order=in_order)
            finally:
                self._kill_all()

    def _keep_running(self, signals: SignalQueue) -> bool:
        """Until told to stop (True), or until a child cannot start (False)."""
        self._start_due()
        self._on_start()
        while True:
            if STOPPING.intersection(signals.wait(self._seconds_to_next_start())):
                return True
            for child in self._children:
                status = child.reap(time.monotonic())
                if status is None:
                    continue
                if child.starts == 1 and status in child.spec.hopeless:
                    log.error("child_cannot_start", child=child.spec.name, status=status)
                    return False
                pause = child.start_at - time.monotonic()
                log.warning("child_died", child=child.spec.name, status=status, restart_in_seconds=round(pause, 1))
            self._start_due()

    def _start_due(self) -> None:
        now = time.monotonic()
        for child in self._children:
            if child.pid is None and child.start_at <= now:
                child.start(now)
                log.info("child_started", child=child.spec.name, pid=child.pid)

    def _seconds_to_next_start(self) -> float | None:
        waiting = [child.start_at for child in self._children if child.pid is None]
        return max(0.0, min(waiting) - time.monotonic()) if waiting else None

    def _stop(self, signals: SignalQueue, *, in_order: bool) -> int:
        """Stop stage by stage; `in_order` says whether all went well so far."""
        give_up_at = time.monotonic() + self._end_within_seconds
        log.info("stopping", children=len(self._alive()))
        while True:
            for child in self._children:
                status = child.reap(time.monotonic())
                if status is not None:
                    in_order = in_order and status in IN_ORDER
                    log.info("child_ended", child=child.spec.name, status=status)
            names = [child.spec.name for child in self._alive()]
            if not names:
                return ENDED if in_order else FAILED
            now = time.monotonic()
            if now >= give_up_at:
                log.error("children_killed", children=names, reason="out of time")
                return FAILED
            next_look = min(self._stop_what_may(now), give_up_at)
            if STOPPING.intersection(signals.wait(next_look - now)):
                log.warning("children_killed", children=names, reason="told twice")
                return FAILED

    def _stop_what_may(self, now: float) -> float:
        """Tell those children to stop whose turn it is; when it will be the next one's, at the latest."""
        turn_at = now
        for stage in sorted({child.spec.stage for child in self._alive()}):
            if turn_at > now:
                return turn_at
            for child in self._alive():
                if child.spec.stage == stage:
                    child.stop(now)
                    assert child.stopped_at is not None, "it was told just now or before"
                    turn_at = max(turn_at, child.stopped_at + child.spec.patience_seconds)
        return float("inf")

    def _alive(self) -> list[Child]:
        return [child for child in self._children if child.pid is not None]

    def _kill_all(self) -> None:
        for child in self._alive():
            child.kill()
        while self._alive():
            for child in self._alive():
                child.reap(time.monotonic())
            time.sleep(0.005)
