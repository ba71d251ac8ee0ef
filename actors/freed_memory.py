"""What the C library does with memory that was freed."""

import ctypes

KEPT_BYTES = 16 * 1024**2

_TRIM_THRESHOLD = -1
_MMAP_THRESHOLD = -3


def keep_freed_memory() -> None:
    """Have each thread keep up to 16 MiB of what it freed, instead of giving it back and asking for it again.

    A segment's samples are half a megabyte and more, and pass through a dozen arrays. By default glibc hands most of
    these back as they are freed, so that every page of the next one is fetched and zeroed anew: half of the time that
    measuring and encoding take. Names and numbers are those of glibc's malloc.h; other C libraries have no such call.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_TRIM_THRESHOLD, KEPT_BYTES)
        mallopt(_MMAP_THRESHOLD, KEPT_BYTES)
