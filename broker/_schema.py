"""The broker's tables. One partial index per question, so that each answer costs the same at any depth."""

from __future__ import annotations

import sqlite3

from ._errors import SchemaTooNew

VERSION = 1

TABLES = (
    """
    CREATE TABLE broker_schema (
        only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
        version  INTEGER NOT NULL CHECK (version > 0)
    ) STRICT
    """,
    """
    CREATE TABLE broker_queues (
        queue       TEXT PRIMARY KEY,
        paused      INTEGER NOT NULL DEFAULT 0 CHECK (paused IN (0, 1)),
        max_claimed INTEGER CHECK (max_claimed > 0)
    ) STRICT, WITHOUT ROWID
    """,
    # The virtual clock of start-time fair queueing: the largest rank claimed so far.
    """
    CREATE TABLE broker_clocks (
        queue    TEXT NOT NULL,
        priority INTEGER NOT NULL,
        value    REAL NOT NULL,
        PRIMARY KEY (queue, priority)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE broker_workers (
        owner      TEXT PRIMARY KEY,
        pid        INTEGER NOT NULL,
        host       TEXT NOT NULL,
        started_at INTEGER NOT NULL,
        last_seen  INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    # Times are UNIX milliseconds; only a deadline is on the steady clock, so that no clock move ends a claim.
    # run_at is when the message became ready, or will. Blocked: its concurrency key has no room.
    # An id comes back once its row is gone. Tokens begin anywhere among 2^62 numbers, so that a late ack, which names
    # both, does not hit the stranger that has the id now.
    """
    CREATE TABLE broker_messages (
        id         INTEGER PRIMARY KEY,
        message_id TEXT NOT NULL,
        queue      TEXT NOT NULL,
        actor      TEXT NOT NULL,
        priority   INTEGER NOT NULL DEFAULT 0,
        rank       REAL NOT NULL DEFAULT 0,
        run_at     INTEGER NOT NULL,
        state      TEXT NOT NULL CHECK (state IN ('ready', 'scheduled', 'blocked', 'claimed', 'dead')),
        owner      TEXT,
        token      INTEGER NOT NULL DEFAULT (random() & 4611686018427387903),
        deliveries INTEGER NOT NULL DEFAULT 0 CHECK (deliveries >= 0),
        claimed_at INTEGER,
        deadline   INTEGER,
        key        TEXT CHECK (key <> ''),
        concurrency_key   TEXT CHECK (concurrency_key <> ''),
        concurrency_limit INTEGER CHECK (concurrency_limit > 0),
        reason     TEXT,
        died_at    INTEGER,
        payload    BLOB NOT NULL,
        CHECK ((concurrency_key IS NULL) = (concurrency_limit IS NULL)),
        CHECK (state <> 'blocked' OR concurrency_key IS NOT NULL),
        CHECK ((state = 'claimed') = (owner IS NOT NULL)),
        CHECK ((state = 'claimed') = (claimed_at IS NOT NULL)),
        CHECK ((state = 'claimed') = (deadline IS NOT NULL)),
        CHECK (state <> 'claimed' OR (token > 0 AND deliveries > 0)),
        CHECK ((state = 'dead') = (reason IS NOT NULL)),
        CHECK ((state = 'dead') = (died_at IS NOT NULL))
    ) STRICT
    """,
    # run_at and state ride along so that counts and ages are read from the indexes alone, never from the payloads' pages.
    """
    CREATE INDEX broker_ready ON broker_messages (queue, priority, rank, id, run_at, state) WHERE state = 'ready'
    """,
    "CREATE INDEX broker_scheduled ON broker_messages (run_at, queue, state) WHERE state = 'scheduled'",
    # Claimed rows are as few as there are worker threads: one index over them serves every question.
    "CREATE INDEX broker_claimed ON broker_messages (queue, owner, state) WHERE state = 'claimed'",
    """
    CREATE INDEX broker_running ON broker_messages (concurrency_key)
    WHERE state = 'claimed' AND concurrency_key IS NOT NULL
    """,
    """
    CREATE INDEX broker_blocked ON broker_messages (concurrency_key, queue, priority, rank, id, state)
    WHERE state = 'blocked'
    """,
    "CREATE INDEX broker_dead ON broker_messages (id, queue, state) WHERE state = 'dead'",
    "CREATE INDEX broker_dead_since ON broker_messages (died_at) WHERE state = 'dead'",
    "CREATE UNIQUE INDEX broker_live_key ON broker_messages (key) WHERE key IS NOT NULL AND state <> 'dead'",
    # What became of messages, by minute since 1970.
    """
    CREATE TABLE broker_rates (
        queue    TEXT NOT NULL,
        minute   INTEGER NOT NULL,
        finished INTEGER NOT NULL DEFAULT 0,
        retried  INTEGER NOT NULL DEFAULT 0,
        died     INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (queue, minute)
    ) STRICT, WITHOUT ROWID
    """,
    # The two backends' rows; expires_at is UNIX milliseconds.
    """
    CREATE TABLE broker_results (
        key        TEXT PRIMARY KEY,
        result     BLOB NOT NULL,
        expires_at INTEGER NOT NULL
    ) STRICT
    """,
    "CREATE INDEX broker_results_until ON broker_results (expires_at)",
    """
    CREATE TABLE broker_counters (
        kind       TEXT NOT NULL CHECK (kind IN ('counter', 'notice')),
        key        TEXT NOT NULL,
        value      INTEGER NOT NULL CHECK (kind = 'counter' OR value > 0),
        expires_at INTEGER NOT NULL,
        PRIMARY KEY (kind, key)
    ) STRICT
    """,
    "CREATE INDEX broker_counters_until ON broker_counters (expires_at)",
)


def install(connection: sqlite3.Connection) -> None:
    """Create the tables where they are missing. Safe when many processes do it at once.

    Raises:
      SchemaTooNew: a newer broker made the tables.
    """
    if _require_known(_version(connection)) == VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        if _require_known(_version(connection)) == 0:
            for statement in TABLES:
                connection.execute(statement)
            connection.execute("INSERT INTO broker_schema (only_row, version) VALUES (1, ?)", (VERSION,))
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.rollback()


def _version(connection: sqlite3.Connection) -> int:
    exists = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'broker_schema'"
    if not connection.execute(exists).fetchall():
        return 0
    rows = connection.execute("SELECT version FROM broker_schema").fetchall()
    return int(rows[0][0]) if rows else 0


def _require_known(version: int) -> int:
    if version > VERSION:
        raise SchemaTooNew(version, VERSION)
    return version
