"""A Dramatiq broker in one SQLite file. Everything else in this package is private."""

from ._broker import SQLiteBroker
from ._connection import Durability
from ._enqueue import EnqueueStatement
from ._errors import (
    BrokerError,
    DatabaseCorrupt,
    DatabaseFull,
    DatabaseLocked,
    DatabaseReadOnly,
    DatabaseUnavailable,
    InvalidOption,
    SchemaTooNew,
)
from ._inspect import Claim, DeadLetter, Inspector, QueueDepth, QueueRate, WorkerInfo
from ._rate_limits import SQLiteRateLimiterBackend
from ._results import SQLiteResultBackend

__all__ = [
    "BrokerError",
    "Claim",
    "DatabaseCorrupt",
    "DatabaseFull",
    "DatabaseLocked",
    "DatabaseReadOnly",
    "DatabaseUnavailable",
    "DeadLetter",
    "Durability",
    "EnqueueStatement",
    "Inspector",
    "InvalidOption",
    "QueueDepth",
    "QueueRate",
    "SQLiteBroker",
    "SQLiteRateLimiterBackend",
    "SQLiteResultBackend",
    "SchemaTooNew",
    "WorkerInfo",
]
