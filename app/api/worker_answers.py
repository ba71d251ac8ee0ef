"""What becomes of a question that no worker answered, or answered with an error."""

from app.api import problems
from app.api.problems import Problem
from app.asking import AnsweredWithError, NoAnswer

RETRY_AFTER_SECONDS = 5


def workers_busy(detail: str) -> Problem:
    return Problem(problems.WORKERS_BUSY, detail, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})


def not_answered(error: NoAnswer | AnsweredWithError) -> Problem:
    """The problem that tells a client why there is no answer."""
    if isinstance(error, NoAnswer):
        return workers_busy(f"{error} Try again later.")
    if error.permanent:
        return Problem(problems.VOICE_UNAVAILABLE, str(error))
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return Problem(problems.WORKER_FAILED, str(error), headers=headers, more={"error": error.type})
