"""What happens around every message, one class a file."""

from actors.middleware.boot import Boot
from actors.middleware.cancellation import Cancellation
from actors.middleware.housekeeping_clock import HousekeepingClock
from actors.middleware.log_context import LogContext
from actors.middleware.measuring import Measuring
from actors.middleware.orphan_guard import OrphanGuard
from actors.middleware.preload import Preload
from actors.middleware.retries import SpeechRetries
from actors.middleware.shutdown import Shutdown
from actors.middleware.state_transitions import StateTransitions
from actors.middleware.time_limit import TimeLimit
from actors.middleware.tracing import Tracing

__all__ = [
    "Boot",
    "Cancellation",
    "HousekeepingClock",
    "LogContext",
    "Measuring",
    "OrphanGuard",
    "Preload",
    "Shutdown",
    "SpeechRetries",
    "StateTransitions",
    "TimeLimit",
    "Tracing",
]
