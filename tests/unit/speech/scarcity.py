"""What a process meets when the system has nothing left to give."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_file_handles() -> Iterator[None]:
    """Every further open of this process answers EMFILE. Import beforehand what the block uses."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.dup(0)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
