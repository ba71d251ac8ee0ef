"""The results store: every task, every part of it and every state it went through."""

from app.results.database import AsyncDatabase, Database
from app.results.idempotency import IdempotencyKey, take_key
from app.results.lexicons import (
    add_lexicon,
    count_lexicons,
    drop_unused_entries,
    entries_of_version,
    find_lexicon,
    find_lexicon_to_change,
    list_lexicons,
    remove_lexicon,
    replace_lexicon,
    unused_entries,
)
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
    "add_lexicon",
    "count_lexicons",
    "drop_unused_entries",
    "entries_of_version",
    "find_lexicon",
    "find_lexicon_to_change",
    "list_lexicons",
    "migrate",
    "remove_lexicon",
    "replace_lexicon",
    "take_key",
    "unused_entries",
]
