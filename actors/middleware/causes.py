"""What went wrong, in the words of `app.domain.errors`."""

import errno
import sqlite3

from dramatiq.errors import ConnectionClosed
from sqlalchemy.exc import OperationalError

from app.domain.errors import SpeechError, StorageTrouble, UnexpectedError

_DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE})


def cause_of(exception: BaseException) -> SpeechError:
    """The error that an attempt ended with."""
    if isinstance(exception, SpeechError):
        return exception
    if _is_storage(exception):
        return StorageTrouble(
            f"{exception}. Make room, or mend what keeps the data folder from being written; the task goes on by itself."
        )
    return UnexpectedError(f"{type(exception).__name__}: {exception}. The worker's log has the traceback.")


def _is_storage(exception: BaseException) -> bool:
    if isinstance(exception, OSError):
        return exception.errno in _DISK_ERRORS
    return isinstance(exception, OperationalError | sqlite3.OperationalError | ConnectionClosed)
