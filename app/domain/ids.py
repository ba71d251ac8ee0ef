"""Identifiers: a task id is a ULID, so ids sort by the time their tasks were accepted."""

import re
from typing import NewType

from ulid import ULID

TaskId = NewType("TaskId", str)

_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")


def new_task_id(at_seconds: float) -> TaskId:
    """A fresh id for a task accepted `at_seconds` after the Unix epoch."""
    return TaskId(str(ULID.from_timestamp(at_seconds)))


def parse_task_id(text: str) -> TaskId | None:
    """The id that `text` spells in Crockford's base 32, in either case; None where it spells none."""
    candidate = text.upper() if text.isascii() else ""
    return TaskId(candidate) if _ULID.fullmatch(candidate) else None
