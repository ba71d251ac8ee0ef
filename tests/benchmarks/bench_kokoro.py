"""Kokoro on ONNX Runtime against its authors' package on PyTorch: speed, memory, and what the machine would allow.

The model has the real sizes, random weights and durations as in speech; the cost does not depend on the values. It is
made at the first run, and kept in `.cache`. Each figure is a median over rounds in which the sides take turns, so that a
neighbour's load meets both. Every side runs in a process of its own, started anew.

    make bench-kokoro                                   (all of it, some 12 minutes on an idle machine with 2 cores)
    .venv-kokoro/bin/python tests/benchmarks/bench_kokoro.py [--only speed|processes|memory] [--limit SECONDS]
                                                        [--rounds 5] [--segments 1000]

`--only` may be given several times; `--limit` ends the rounds, or the segments, of each part after so many seconds, and
the table says how many there were.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np

from app.domain.model_files import KOKORO_CHECKPOINT, KOKORO_MODELS, kokoro_checkpoint_config, kokoro_folder
from app.domain.stopping import StopToken
from tests.benchmarks.tables import print_table, verdict

FOLDER = Path(__file__).parents[2] / ".cache" / "kokoro-full-size"
FLOPS_A_SECOND = 52e9
"""Of audio, in the full-size model: the figure that the target was set with."""

TOKENS, FIRST_TOKENS, LONG_TOKENS = 160, 60, 200
SIDE = 2048
PARTS = ("speed", "processes", "memory")
RATE = 24_000


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--segments", type=int, default=1000)
    parser.add_argument("--only", choices=PARTS, action="append")
    parser.add_argument("--limit", type=float, default=float("inf"), metavar="SECONDS")
    parser.add_argument("--serve", nargs=2, metavar=("SIDE", "THREADS"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.serve[0], int(arguments.serve[1]))
        return
    if not (FOLDER / KOKORO_CHECKPOINT).exists():
        from tests.support.kokoro_export import FULL_SIZE, write_random_model

        print("Making the model ...", file=sys.stderr)
        write_random_model(FOLDER, FULL_SIZE)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start\n")
    parts = arguments.only or PARTS
    if "speed" in parts:
        for threads in sorted({1, min(2, os.cpu_count() or 1)}):
            compare(threads, Budget(arguments.rounds, arguments.limit))
    if "processes" in parts:
        two_processes(Budget(arguments.rounds, arguments.limit))
    if "memory" in parts:
        many_segments(Budget(arguments.segments, arguments.limit))
    print(f"load {os.getloadavg()[0]:.1f} at the end")


class Budget:
    """Counts up to `most`, and stops earlier once `limit` seconds are over; the first always comes."""

    def __init__(self, most: int, limit: float) -> None:
        self._most = most
        self._limit = limit
        self.taken = 0

    def __iter__(self) -> Iterator[int]:
        end = time.monotonic() + self._limit
        while self.taken < self._most and (not self.taken or time.monotonic() < end):
            self.taken += 1
            yield self.taken - 1


def serve(side: str, threads: int) -> None:
    """A process of one side: reads how many tokens to speak, a line each, and answers with what it took."""
    start = time.perf_counter()
    run = matrix_product(threads) if side == "matmul" else speaker(side, threads)
    print(json.dumps({"seconds": time.perf_counter() - start}), flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        done = run(int(line))
        seconds = time.perf_counter() - start
        print(json.dumps({"seconds": seconds, "done": done, **memory()}), flush=True)


def speaker(side: str, threads: int) -> Callable[[int], float]:
    if side == "onnx":
        from actors.speech.onnx_model import OnnxModel

        model = OnnxModel(kokoro_folder(FOLDER) / KOKORO_MODELS[0], threads=threads)
    else:
        from actors.speech.torch_model import TorchModel

        model = TorchModel(FOLDER / KOKORO_CHECKPOINT, kokoro_checkpoint_config(FOLDER), threads=threads)

    def run(count: int) -> float:
        random = np.random.default_rng(count)
        ids = random.integers(1, 178, count).tolist()
        style = random.normal(0, 0.15, (1, 256)).astype(np.float32)
        return len(model.run(ids, style, 1.0, StopToken())[0]) / RATE

    return run


def matrix_product(threads: int) -> Callable[[int], float]:
    """GFLOP of float32 matrix products by PyTorch's library, which is the faster of those here."""
    import torch

    torch.set_num_threads(threads)
    one, other = torch.rand(SIDE, SIDE), torch.rand(SIDE, SIDE)

    def run(count: int) -> float:
        for _ in range(count):
            torch.mm(one, other)
        return count * 2 * SIDE**3 / 1e9

    return run


def memory() -> dict[str, float]:
    """MB of this process: now, and at most."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {"rss": int(lines["VmRSS"].split()[0]) / 1024, "peak": int(lines["VmHWM"].split()[0]) / 1024}


class Side:
    def __init__(self, name: str, threads: int) -> None:
        command = [sys.executable, __file__, "--serve", name, str(threads)]
        environment = {key: value for key, value in os.environ.items() if not key.startswith("OPENBLAS_")}
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        self.load_seconds = self.answer()["seconds"]

    def ask(self, count: int) -> None:
        print(count, file=self._process.stdin, flush=True)

    def answer(self) -> dict[str, float]:
        return json.loads(self._process.stdout.readline())

    def run(self, count: int) -> dict[str, float]:
        self.ask(count)
        return self.answer()

    def end(self) -> None:
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


@contextmanager
def sides(*wanted: tuple[str, int]) -> Iterator[list[Side]]:
    started = [Side(name, threads) for name, threads in wanted]
    try:
        yield started
    finally:
        for side in started:
            side.end()


def pace(answer: dict[str, float]) -> float:
    return answer["done"] / answer["seconds"]


def compare(threads: int, rounds: Budget) -> None:
    with sides(("onnx", threads), ("torch", threads), ("matmul", threads)) as (onnx, torch, matmul):
        first_cold = onnx.load_seconds + onnx.run(FIRST_TOKENS)["seconds"]
        torch_cold = torch.load_seconds + torch.run(FIRST_TOKENS)["seconds"]
        matmul.run(2)
        taken = []
        for _ in rounds:
            products = [matmul.run(5)]
            ours, theirs = onnx.run(TOKENS), torch.run(TOKENS)
            products.append(matmul.run(5))
            taken.append((ours, theirs, max(map(pace, products))))
        firsts = [(onnx.run(FIRST_TOKENS)["seconds"], torch.run(FIRST_TOKENS)["seconds"]) for _ in range(rounds.taken)]
        peaks = [(onnx.run(LONG_TOKENS)["peak"], torch.run(LONG_TOKENS)["peak"])]
    ratio = statistics.median(pace(ours) / pace(theirs) for ours, theirs, _ in taken)
    share = statistics.median(pace(ours) * FLOPS_A_SECOND / 1e9 / product for ours, _, product in taken)
    ours_mb, theirs_mb = peaks[0]
    print(f"## {threads} thread{'s' if threads > 1 else ''}, {rounds.taken} rounds\n")
    rows = [
        ("times real time", *(f"{statistics.median(pace(each[side]) for each in taken):.2f}" for side in (0, 1))),
        (
            "time to first audio, loaded, s",
            *(f"{statistics.median(each[side] for each in firsts):.2f}" for side in (0, 1)),
        ),
        ("the same with loading, s", f"{first_cold:.1f}", f"{torch_cold:.1f}"),
        (f"peak memory at {LONG_TOKENS} tokens, MB", f"{ours_mb:,.0f}", f"{theirs_mb:,.0f}"),
    ]
    print_table(("", "ONNX engine", "kokoro package"), rows)
    print_table(
        ("target", "wanted", "measured", ""),
        [
            ("speed, ratio to the package", ">= 1.6", f"{ratio:.2f}", verdict(met=ratio >= 1.6)),
            (
                "memory, ratio to the package",
                "<= 0.60",
                f"{ours_mb / theirs_mb:.2f}",
                verdict(met=ours_mb <= 0.6 * theirs_mb),
            ),
            (
                f"share of the matrix product's {statistics.median(each[2] for each in taken):.0f} GFLOP/s",
                ">= 70 %",
                f"{share:.0%}",
                verdict(met=share >= 0.7),
            ),
        ],
    )


def two_processes(rounds: Budget) -> None:
    """The same work by one process, and by two at the same time, taking turns."""
    with sides(("onnx", 1), ("onnx", 1)) as (one, other):
        ratios = []
        for side in (one, other):
            side.run(FIRST_TOKENS)
        for _ in rounds:
            alone = pace(one.run(TOKENS))
            start = time.perf_counter()
            for side in (one, other):
                side.ask(TOKENS)
            done = sum(side.answer()["done"] for side in (one, other))
            ratios.append(done / (time.perf_counter() - start) / alone)
    ratio = statistics.median(ratios)
    print(f"## Two processes with one thread each, {rounds.taken} rounds\n")
    print_table(
        ("target", "wanted", "measured", ""),
        [("speed, ratio to one process", ">= 1.9", f"{ratio:.2f}", verdict(met=ratio >= 1.9))],
    )


def many_segments(segments: Budget) -> None:
    """Short segments of all lengths, and a long one each hundred: what a worker holds after the first and the last."""
    with sides(("onnx", 2)) as (onnx,):
        onnx.run(LONG_TOKENS)
        held = [onnx.run(LONG_TOKENS if number and number % 100 == 0 else 3 + number % 8)["rss"] for number in segments]
    early, late = statistics.median(held[:20]), statistics.median(held[-20:])
    growth = late / early - 1
    print(f"## Memory after {segments.taken} segments\n")
    print_table(
        ("target", "wanted", "measured", ""),
        [(f"growth from {early:,.0f} MB", "<= 10 %", f"{growth:+.1%}", verdict(met=growth <= 0.1))],
    )


if __name__ == "__main__":
    main()
