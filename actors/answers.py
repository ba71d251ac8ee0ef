"""Answers to what the web process asks: its question is a message, and the answer its result."""

from collections.abc import Callable, Mapping
from typing import Any

import structlog

from actors.calls import WorkerStopping
from actors.middleware.causes import cause_of
from app.domain.errors import SpeechError
from app.ports import Clock

log = structlog.get_logger(__name__)

ANSWER_MILLISECONDS = 30_000
"""How long an answer waits to be fetched. Whoever asked waits for it, or has gone."""


def answer_to(
    question: Mapping[str, Any], act: Callable[[Mapping[str, Any]], Mapping[str, Any]], clock: Clock
) -> dict[str, Any]:
    """The answer, or the error that kept it from being found; neither is tried again.

    A question whose time is over gets no answer: nobody is left to hear it.

    Raises:
      WorkerStopping: another worker is to answer it.
    """
    if clock() > question["until"]:
        log.info("question_too_old")
        return {"answer": None}
    try:
        return {"answer": act(question)}
    except WorkerStopping:
        raise
    except Exception as error:  # the asker is told of every error, as a task would be
        cause = cause_of(error)
        if not isinstance(error, SpeechError):
            log.exception("question_failed")
        return {"error": {"type": cause.type, "detail": str(cause), "permanent": cause.permanent}}
