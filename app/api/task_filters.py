"""Which tasks a client means: the same names and the same rules in a list's query and in a body."""

from collections.abc import Callable

from app.api import problems
from app.api.parameters import parse_time
from app.api.problems import Kind, ParameterError, Problem
from app.domain.states import TaskState
from app.domain.voices import UnknownVoice, VoiceMix
from app.results import TaskFilter

Misfit = Callable[[Kind, str, str], Problem]
"""The problem of a kind with the field of this name, which is told in this sentence."""


def in_query(kind: Kind, name: str, detail: str) -> Problem:
    return Problem(kind, f"Query parameter {name!r}: {detail}", errors=[ParameterError("query", name, detail)])


def task_filter(
    misfit: Misfit, *, owner: str | None, state: TaskState | None, voice: str | None, q: str | None, since: str | None
) -> TaskFilter:
    """
    Raises:
      Problem: as `misfit` builds it, where there is no such voice or time.
    """
    return TaskFilter(owner=owner, state=state, voice=_voice(voice, misfit), text=q, since=_milliseconds(since, misfit))


def _voice(voice: str | None, misfit: Misfit) -> str | None:
    try:
        return None if voice is None else str(VoiceMix.parse(voice))
    except UnknownVoice as error:
        raise misfit(problems.UNKNOWN_VOICE, "voice", str(error)) from None


def _milliseconds(since: str | None, misfit: Misfit) -> int | None:
    try:
        return None if since is None else parse_time(since)
    except ValueError as error:
        raise misfit(problems.INVALID_INPUT, "since", str(error)) from None
