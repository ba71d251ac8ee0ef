"""How a running engine call is told to end."""

import threading
from collections.abc import Callable

from app.domain.errors import SpeechError


class StopToken:
    """Handed to whoever does long work; whoever wants it to end calls `stop`. Safe between threads.

    `on_begin` is called when the work says that it begins, for a time limit that leaves out the waiting.
    """

    def __init__(self, on_begin: Callable[[], None] | None = None) -> None:
        self._on_begin = on_begin
        self._lock = threading.Lock()
        self._reason: SpeechError | None = None
        self._callback: Callable[[], None] | None = None

    def begin(self) -> None:
        """Say that waiting is over and the work itself begins. Harmless to repeat."""
        if self._on_begin is not None:
            self._on_begin()

    @property
    def stopped(self) -> bool:
        return self._reason is not None

    def stop(self, reason: SpeechError) -> None:
        """Ask the work to end; the first reason stays. Calls the callback that `on_stop` left, if any."""
        with self._lock:
            if self._reason is not None:
                return
            self._reason = reason
            callback = self._callback
        if callback is not None:
            callback()

    def on_stop(self, callback: Callable[[], None] | None) -> None:
        """Have `callback` called, at once if the token is stopped already; None takes it back."""
        with self._lock:
            self._callback = callback
            stopped = self._reason is not None
        if stopped and callback is not None:
            callback()

    def raise_if_stopped(self) -> None:
        """Raise the reason of the stop, where there is one."""
        if self._reason is not None:
            raise self._reason
