"""Keeping the table in order: free what the dead and the hung hold, promote, prune, checkpoint.

Each step is safe to run in any number of processes at once. The urgent ones run in all; for the others a lock makes sure
that one process does them.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from . import _claim, _liveness, _peers, _rate_limits, _results, _wakeup
from ._answers import Answers
from ._clock import Clocks
from ._connection import Connections
from ._errors import BrokerError
from ._interval import Interval
from ._rates import MILLISECONDS_A_MINUTE

LOGGER = logging.getLogger(__name__)

#: Where the kernel tells of a peer's end this is the net; elsewhere, how long a dead worker's claims wait.
TICK_SECONDS = 1.0

#: The same while nothing is written, and the kernel would tell: a wake-up with cold caches costs ten times its work.
QUIET_TICK_SECONDS = 3.0

SECONDS_BETWEEN_ROLL_CALLS = 5.0
SECONDS_BETWEEN_SIGHTINGS = 15.0
SECONDS_BETWEEN_UNBLOCKINGS = 5.0
SECONDS_BETWEEN_PRUNINGS = 60.0

PAUSE_AFTER_FAILURE_SECONDS = 0.25

#: How long an answer may wait for the next claim when no consumer waits for messages.
ANSWER_SECONDS = 0.005

#: How often the write-ahead log is looked after while it is written to.
LOG_TICK_SECONDS = 0.1

#: From here on the log starts anew where no reader needs the old one. Its file stays: writing over is cheaper to sync.
RESTART_BYTES = 4 << 20

#: From here on writers wait for those readers, so long, and so often.
PATIENT_RESTART_BYTES = 32 << 20
PATIENCE_SECONDS = 3.0
SECONDS_BETWEEN_PATIENT_RESTARTS = 1.0

#: After so many commits a process without a housekeeper looks whether anybody looks after the log.
COMMITS_BETWEEN_LOOKS = 256

PRUNE_AT_ONCE = 1_000
KEEP_RATES_MINUTES = 24 * 60

_FREE = """
UPDATE broker_messages
SET state = CASE WHEN deliveries >= :most THEN 'dead' ELSE 'ready' END,
    reason = CASE WHEN deliveries >= :most
             THEN 'delivered ' || deliveries || ' times without an answer: the worker died or hung each time' END,
    died_at = CASE WHEN deliveries >= :most THEN :now END,
    owner = NULL, claimed_at = NULL, deadline = NULL
"""
FREE_OWNED = _FREE + "WHERE state = 'claimed' AND owner = :owner RETURNING queue, concurrency_key, state"
FREE_OVERDUE = _FREE + "WHERE state = 'claimed' AND deadline < :steady RETURNING queue, concurrency_key, state"
OWNERS = "SELECT owner FROM broker_workers UNION SELECT owner FROM broker_messages WHERE state = 'claimed'"
PEERS = "SELECT owner, pid FROM broker_workers"
ANY_OVERDUE = "SELECT 1 FROM broker_messages WHERE state = 'claimed' AND deadline < ? LIMIT 1"
ANY_DUE = "SELECT 1 FROM broker_messages WHERE state = 'scheduled' AND run_at <= ? LIMIT 1"
ANY_OLD = "SELECT 1 FROM broker_messages WHERE state = 'dead' AND died_at < ? LIMIT 1"
PRUNE = """
DELETE FROM broker_messages
WHERE id IN (SELECT id FROM broker_messages WHERE state = 'dead' AND died_at < ? ORDER BY died_at LIMIT ?)
"""
PRUNE_RATES = "DELETE FROM broker_rates WHERE minute < ?"
# The keys one by one, each found in the index behind the one before it.
UNBLOCKABLE = """
WITH RECURSIVE waiting (name) AS (
    SELECT min(concurrency_key) FROM broker_messages WHERE state = 'blocked'
    UNION ALL
    SELECT (SELECT min(concurrency_key) FROM broker_messages WHERE state = 'blocked' AND concurrency_key > name)
    FROM waiting WHERE name IS NOT NULL
)
SELECT name FROM waiting
WHERE name IS NOT NULL
  AND (SELECT count(*) FROM broker_messages
       WHERE state = 'claimed' AND concurrency_key IS NOT NULL AND concurrency_key = name)
    < (SELECT concurrency_limit FROM broker_messages WHERE state = 'blocked' AND concurrency_key = name LIMIT 1)
"""
SEEN = """
INSERT INTO broker_workers (owner, pid, host, started_at, last_seen) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (owner) DO UPDATE SET last_seen = excluded.last_seen
"""


class House:
    """The steps of housekeeping, each a short transaction taken only where there is something to do.

    Parameters:
      connections: The database.
      run_dir: The folder of lock files and sockets.
      clocks: The clocks.
      max_deliveries: A message delivered this often without an answer becomes a dead letter.
      keep_dead_seconds: Age at which a dead letter is deleted.
      wake: Called with the queues that got something to do.
    """

    def __init__(
        self,
        connections: Connections,
        *,
        run_dir: Path,
        clocks: Clocks,
        max_deliveries: int,
        keep_dead_seconds: float,
        wake: Callable[[set[str]], None],
    ) -> None:
        self._connections = connections
        self._run_dir = run_dir
        self._clocks = clocks
        self._max_deliveries = max_deliveries
        self._keep_dead_ms = int(keep_dead_seconds * 1000)
        self._wake = wake
        self._moved_stamp: tuple[int, int] | None = (0, 0)
        self._seen_stamp = (0, 0)
        self._patient_again_at = 0.0
        self._commits = 0

    def free_the_dead(self) -> None:
        """Free the claims of every worker that no longer lives, and remove its traces."""
        known = {row[0] for row in self._connections.read(OWNERS)} | _liveness.owners_on_disk(self._run_dir)
        for owner in known:
            with _liveness.found_dead(self._run_dir, owner) as is_dead:
                if is_dead:
                    self.free_owner(owner)
                    (self._run_dir / (owner + _wakeup.SUFFIX)).unlink(missing_ok=True)

    def company(self) -> object:
        """What stays equal while no worker comes or goes in an orderly way."""
        return _liveness.names_as_of(self._run_dir.stat())

    def peers(self, *, but: str) -> dict[str, int]:
        """The process ids of the other living workers by owner."""
        rows = self._connections.read(PEERS)
        return {owner: pid for owner, pid in rows if owner != but and _liveness.is_alive(self._run_dir, owner)}

    def free_owner(self, owner: str) -> None:
        """Free one worker's claims and take it off the list."""
        freed = self._free(FREE_OWNED, owner=owner, last="DELETE FROM broker_workers WHERE owner = :owner")
        if freed:
            LOGGER.warning("Freed %d messages of worker %s, which is gone.", freed, owner)

    def free_the_overdue(self) -> None:
        """Free the claims whose deadline has passed: their worker lives, but hangs."""
        if self._connections.read(ANY_OVERDUE, (self._clocks.steady_ms(),)):
            freed = self._free(FREE_OVERDUE, owner=None, last=None)
            LOGGER.warning("Freed %d messages whose deadline had passed.", freed)

    def _free(self, sql: str, *, owner: str | None, last: str | None) -> int:
        values = {"most": self._max_deliveries, "now": self._clocks.wall_ms(), "steady": self._clocks.steady_ms()}
        with self._connections.noting() as connection:
            rows = connection.execute(sql, {**values, "owner": owner}).fetchall()
            queues = {queue for queue, _, state in rows if state == "ready"}
            for key in [key for _, key, _ in rows if key is not None]:
                queues |= _claim.unblock(connection, key)
            if last is not None:
                connection.execute(last, {"owner": owner})
        if queues:
            self._wake(queues)
        return len(rows)

    def promote_the_due(self) -> None:
        """Make scheduled messages ready whose time has come."""
        while self._connections.read(ANY_DUE, (self._clocks.wall_ms(),)):
            with self._connections.noting() as connection:
                queues = _claim.promote(connection, now_ms=self._clocks.wall_ms())
            self._wake(queues)

    def unblock_the_forgotten(self) -> None:
        """Make messages ready that wait under a concurrency key which has room: whoever should have done so is gone."""
        keys = [row[0] for row in self._connections.read(UNBLOCKABLE)]
        if keys:
            with self._connections.noting() as connection:
                queues = set().union(*(_claim.unblock(connection, key) for key in keys))
            self._wake(queues)

    def prune(self) -> None:
        """Delete what is older than its setting: dead letters, results, counters, rates."""
        now_ms = self._clocks.wall_ms()
        before_ms = now_ms - self._keep_dead_ms
        while self._connections.read(ANY_OLD, (before_ms,)):
            with self._connections.noting() as connection:
                connection.execute(PRUNE, (before_ms, PRUNE_AT_ONCE))
        for prune in (_results.prune, _rate_limits.prune):
            full = True
            while full:
                with self._connections.noting() as connection:
                    full = prune(connection, now_ms=now_ms, limit=PRUNE_AT_ONCE) == PRUNE_AT_ONCE
        with self._connections.noting() as connection:
            connection.execute(PRUNE_RATES, (now_ms // MILLISECONDS_A_MINUTE - KEEP_RATES_MINUTES,))

    def checkpoint(self) -> bool:
        """Move what the write-ahead log holds into the database; whether anything was written since the last time.

        Only who has the housekeeper's role may do so: until SQLite 3.51.3 two connections that reset the log at once
        could damage the file (https://sqlite.org/wal.html#walresetbug).
        """
        stamp = self._connections.log_stamp()
        if stamp == self._moved_stamp:
            return False
        log = self._connections.checkpoint("PASSIVE")
        if log.used_bytes >= RESTART_BYTES:
            log = self._connections.checkpoint("RESTART")
        if log.used_bytes >= PATIENT_RESTART_BYTES and time.monotonic() >= self._patient_again_at:
            log = self._connections.checkpoint("TRUNCATE", patience_seconds=PATIENCE_SECONDS)
            self._patient_again_at = time.monotonic() + SECONDS_BETWEEN_PATIENT_RESTARTS
        seen, self._seen_stamp = self._seen_stamp, stamp
        # What a reader kept from being moved is tried again even if nothing is written: on a full disk, nothing can be.
        self._moved_stamp = stamp if log.is_moved else None
        return stamp != seen

    def relieve_the_log(self) -> None:
        """Do so now and then where nobody has the role, as while there are producers only."""
        self._commits += 1
        if self._commits % COMMITS_BETWEEN_LOOKS == 0 and self._connections.log_stamp()[1] >= RESTART_BYTES:
            role = self.role()
            try:
                if role.take():
                    self.checkpoint()
            except (BrokerError, OSError) as error:
                LOGGER.warning("The write-ahead log cannot be moved into the database: %s", error)
            finally:
                role.forget()

    def role(self) -> _liveness.LockFile:
        """The lock of whoever keeps house."""
        return _liveness.LockFile(self._run_dir / "housekeeper")

    def note_sighting(self, owner: str, started_at_ms: int) -> None:
        """Note that this process is here, for people who look at the list.

        It is put on the list again where it was taken off: one whose lock file was gone for a moment looked dead.
        """
        with self._connections.noting() as connection:
            values = (owner, os.getpid(), socket.gethostname(), started_at_ms, self._clocks.wall_ms())
            connection.execute(SEEN, values)


class Housekeeper(threading.Thread):
    """Keeps house in whichever worker process holds the housekeeper's lock, and writes answers that nobody fetches.

    Parameters:
      house: The steps.
      answers: This process's answers.
      presence: This process's own lock file, looked after in each.
      owner: This process's name.
      started_at_ms: When it started, UNIX milliseconds.
      connections: Whose ended threads to tidy up.
    """

    def __init__(
        self,
        house: House,
        *,
        answers: Answers,
        presence: _liveness.LockFile,
        owner: str,
        started_at_ms: int,
        connections: Connections,
    ) -> None:
        super().__init__(name="broker-housekeeper", daemon=True)
        self._house = house
        self._answers = answers
        self._presence = presence
        self._owner = owner
        self._started_at_ms = started_at_ms
        self._role = house.role()
        self._connections = connections
        self._peers = _peers.Peers()
        self._log_stamp = (0, 0)
        self._company: object = None
        self._hears_of_all = False
        self._ended = False
        self._roll_call = Interval(SECONDS_BETWEEN_ROLL_CALLS)
        self._sighting = Interval(SECONDS_BETWEEN_SIGHTINGS)
        self._unblocking = Interval(SECONDS_BETWEEN_UNBLOCKINGS)
        self._pruning = Interval(SECONDS_BETWEEN_PRUNINGS)

    def run(self) -> None:
        """Tick until closed, and at once when a peer ends."""
        tick = Interval(QUIET_TICK_SECONDS)
        log_is_busy = False
        while not self._ended:
            news = self._peers.wait(min(tick.left, LOG_TICK_SECONDS) if log_is_busy else tick.left)
            has_failed = not self._tries(partial(self._keep_house, news, tick))
            # Whatever else failed: on a full disk nothing can be written before the log has made room.
            log_is_busy = self._tries(self._looks_after_the_log)
            if has_failed:
                time.sleep(PAUSE_AFTER_FAILURE_SECONDS)
            elif not (self._hears_of_all and self._is_quiet()):
                tick.cut_to(TICK_SECONDS)
        self._role.forget()
        self._peers.close()
        self._connections.close_current()

    def _keep_house(self, news: _peers.News, tick: Interval) -> bool:
        if news.poked and not self._ended:
            time.sleep(ANSWER_SECONDS)
        self._answers.flush()
        if news.ended:
            self._house.free_the_dead()
        if tick.is_over():
            self.tick()
        return True

    def _looks_after_the_log(self) -> bool:
        return self._role.is_held and self._house.checkpoint()

    def _tries(self, act: Callable[[], bool]) -> bool:
        """What the act returns; False where it fails, as without this thread answers would wait for ever."""
        try:
            return act()
        except Exception as error:
            known = isinstance(error, BrokerError | OSError)
            LOGGER.warning("Housekeeping failed, trying again: %s", error, exc_info=not known)
            return False

    def tick(self) -> None:
        """One round: the cheap and urgent steps each time, the others at their intervals."""
        self._presence.take()
        self._connections.open_forgotten_gates()
        # Before all that writes: who has the role makes room.
        has_the_role = self._role.take()
        if self._sighting.is_over():
            self._connections.close_dead_threads()
            self._house.note_sighting(self._owner, self._started_at_ms)
        # Everybody does these: whoever has the role may be stopped.
        self._call_the_roll()
        self._house.free_the_overdue()
        if not has_the_role:
            return
        self._house.promote_the_due()
        if self._unblocking.is_over():
            self._house.unblock_the_forgotten()
        if self._pruning.is_over():
            self._house.prune()

    def _is_quiet(self) -> bool:
        """Whether nothing was written since it was asked last."""
        before, self._log_stamp = self._log_stamp, self._connections.log_stamp()
        return self._log_stamp == before

    def _call_the_roll(self) -> None:
        """Look who lives, unless nobody came or went and the kernel would have told."""
        company = self._house.company()
        if company == self._company and self._hears_of_all and not self._roll_call.is_over():
            return
        self._company = company
        self._hears_of_all = self._peers.watch(self._house.peers(but=self._owner))
        self._house.free_the_dead()

    def poke(self) -> None:
        """Let pending answers be written soon, though nobody claims."""
        self._peers.poke()

    def close(self) -> None:
        """End the thread and leave the role to others."""
        self._ended = True
        self._peers.poke()
        if self.is_alive() and threading.current_thread() is not self:
            self.join(timeout=5)

    def forget(self) -> None:
        """Close inherited descriptors in a forked child."""
        self._role.forget()
        self._peers.forget()
