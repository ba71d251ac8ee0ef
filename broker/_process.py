"""A worker process's part of the broker: its name, its lock, its socket, its housekeeper."""

from __future__ import annotations

import uuid
from contextlib import ExitStack
from pathlib import Path

from . import _liveness
from ._answers import Answers
from ._clock import Clocks
from ._connection import Connections
from ._housekeeping import House, Housekeeper
from ._wakeup import Bells, Listener


class WorkerProcess:
    """What lives from a process's first consumer until `close`.

    Parameters:
      connections: The database.
      run_dir: The folder of lock files and sockets; it is created.
      house: The steps of housekeeping.
      answers: This process's answers.
      clocks: The clocks.

    Attributes:
      owner: The name on this process's claims.
      bells: What its consumers wait on.
      housekeeper: Its background thread.
    """

    def __init__(
        self, connections: Connections, *, run_dir: Path, house: House, answers: Answers, clocks: Clocks
    ) -> None:
        self.owner = uuid.uuid4().hex
        self.bells = Bells()
        self._connections = connections
        self._house = house
        run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        # The lock comes first: a name that is in the table but has no lock is dead.
        self._presence = _liveness.LockFile(_liveness.lock_of(run_dir, self.owner))
        with ExitStack() as undo:
            undo.callback(self._presence.remove)
            while not self._presence.take():
                pass  # only somebody asking whether we live can stand in the way, and only for an instant
            self._listener = Listener(run_dir, self.owner, self.bells)
            undo.callback(self._listener.close)
            started_at_ms = clocks.wall_ms()
            house.note_sighting(self.owner, started_at_ms)
            # Before the first claim, so that a lone worker finds what its killed predecessor held.
            house.free_the_dead()
            self.housekeeper = Housekeeper(
                house,
                answers=answers,
                presence=self._presence,
                owner=self.owner,
                started_at_ms=started_at_ms,
                connections=connections,
            )
            undo.pop_all()
        self._listener.start()
        self.housekeeper.start()

    def close(self) -> None:
        """End the threads, free what is still claimed and remove the lock and the socket."""
        self.housekeeper.close()
        self._listener.close()
        try:
            self._house.free_owner(self.owner)
        finally:
            self._presence.remove()

    def forget(self) -> None:
        """Close inherited descriptors in a forked child; the parent goes on."""
        self._presence.forget()
        self._listener.forget()
        self.housekeeper.forget()
