"""Ends a worker whose parent died."""

import ctypes
import os
import signal
import sys

import structlog
from dramatiq import Broker, Middleware

log = structlog.get_logger(__name__)

PR_SET_PDEATHSIG = 1
"""From linux/prctl.h: the signal that the kernel sends when the parent ends."""


class OrphanGuard(Middleware):
    """A worker left over from a killed `dramatiq` command would go on unseen beside the next one; it ends in
    good order instead. Linux only: elsewhere such a worker goes on."""

    def after_process_boot(self, broker: Broker) -> None:
        if not sys.platform.startswith("linux"):
            return
        if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM) != 0:
            log.warning("orphan_guard_missing", reason=os.strerror(ctypes.get_errno()))
        elif os.getppid() == 1:
            os.kill(os.getpid(), signal.SIGTERM)
