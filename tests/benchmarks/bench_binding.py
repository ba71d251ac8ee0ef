"""What binding a book takes by the length of the book: time, and the memory of the process that does it.

Each book is bound in a process of its own, from files of an hour each.

    python tests/benchmarks/bench_binding.py [hours ...]
"""

import multiprocessing
import resource
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from actors.speech import bind
from app.domain.audio_formats import AudioFormat
from app.domain.tasks import BookRequest
from app.sound import Silence, assemble
from tests.benchmarks.tables import print_table

RATE = 24_000


def bound(hour: Path, out: Path, hours: int) -> tuple[float, float]:
    """Seconds, and the megabytes that the process's peak rose by."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    about = BookRequest("A book", None, None, tuple(f"Chapter {number + 1}" for number in range(hours)))
    start = time.perf_counter()
    bind([hour] * hours, out, about, progress=lambda: None)
    took = time.perf_counter() - start
    return took, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def main() -> None:
    lengths = [int(given) for given in sys.argv[1:]] or [2, 10, 20]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        hour = Path(folder, "hour.m4b")
        assemble([Silence(3600.0)], hour, format=AudioFormat.M4B, sample_rate=RATE, volume=1.0)
        for hours in lengths:
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                took, grown = pool.apply(bound, (hour, Path(folder, "book.m4b"), hours))
            rows.append((f"{hours}", f"{took:.1f}", f"{grown:.0f}", f"{grown / hours:.1f}"))
    print_table(("hours", "s", "memory, MB more", "MB an hour"), rows)


if __name__ == "__main__":
    main()
