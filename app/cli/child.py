"""Become a command that ends when its parent does: `python child.py PARENT_PID COMMAND [ARGUMENT...]`.

The supervisor starts every child through this file, by its path and without site-packages, which costs some
40 milliseconds. The kernel sends the command SIGTERM once its parent is gone, even where the parent was killed
with -9 and could tell nobody. A `preexec_fn` would do the same, but runs Python between fork and exec.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def end_with_parent(parent: int) -> None:
    """Have the kernel send this process SIGTERM when its parent ends; it stays so over an exec.

    Parameters:
      parent: Process id of the parent; this process ends at once where it is gone already.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(128 + signal.SIGTERM)


if __name__ == "__main__":
    end_with_parent(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606  # no shell is wanted
