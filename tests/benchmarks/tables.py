"""Tables as docs/performance.md keeps them, and the few figures that all broker benchmarks give."""

import os
import statistics
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

FSYNCS = 200


def print_table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A Markdown table, its columns aligned."""
    lines = [list(headers), *(list(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headers))]
    lines.insert(1, ["-" * width for width in widths])
    for line in lines:
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |")
    print(flush=True)


def quantile(figures: Sequence[float], share: float) -> float:
    """The smallest figure that at least this share of them does not exceed."""
    ordered = sorted(figures)
    return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered) + 0.5) - 1))]


def verdict(*, met: bool) -> str:
    return "met" if met else "**missed**"


def whole(figure: float) -> str:
    """1234.5 as 1,234."""
    return f"{figure:,.0f}"


def fsync_line(folder: Path) -> str:
    """What it costs here to have 4 KiB on the disk: the price that every durable commit pays."""
    figures = []
    path = folder / "fsync-probe"
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY)
    try:
        for _ in range(FSYNCS):
            os.write(descriptor, b"x" * 4096)
            start = time.perf_counter()
            os.fsync(descriptor)
            figures.append((time.perf_counter() - start) * 1000)
    finally:
        os.close(descriptor)
        path.unlink()
    return (
        f"fsync of 4 KiB in {folder} ({_file_system(folder)}): p50 {statistics.median(figures):.2f} ms, "
        f"p95 {quantile(figures, 0.95):.2f} ms; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )


def _file_system(folder: Path) -> str:
    best, kind = "", "unknown"
    for line in Path("/proc/mounts").read_text().splitlines():
        _, mount, name, *_ = line.split()
        inside = folder.resolve().is_relative_to(mount)
        if inside and len(mount) >= len(best):
            best, kind = mount, name
    return kind
