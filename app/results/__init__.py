"""The results store: every task, every part of it and every state it went through."""

from app.results.database import AsyncDatabase, Database
from app.results.idempotency import IdempotencyKey, take_key
from app.results.schema import NewerSchema, migrate
from app.results.store import PlannedSegment, ResultsStore, SegmentWork, StaleTask, TaskFilter

__all__ = [
    "AsyncDatabase",
    "Database",
    "IdempotencyKey",
    "NewerSchema",
    "PlannedSegment",
    "ResultsStore",
    "SegmentWork",
    "StaleTask",
    "TaskFilter",
    "migrate",
    "take_key",
]
