import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from app.sound import Peaks
from app.sound.peaks import MOST_POINTS

RATE = 24_000


def document(peaks: Peaks, folder: Path) -> dict:
    peaks.write(folder / "peaks")
    return json.loads((folder / "peaks").read_text())


def expected(samples: np.ndarray, span: int) -> list[int]:
    stretches = [samples[place : place + span] for place in range(0, samples.size, span)]
    return [int(value) >> 8 for stretch in stretches for value in (stretch.min(), stretch.max())]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("rate", [22_050, 24_000, 8])
def test_however_the_samples_come_the_peaks_are_those_of_the_whole(rate: int, seed: int, tmp_path: Path) -> None:
    random = np.random.default_rng(seed)
    samples = random.integers(-32768, 32768, int(random.integers(0, 300_000)), dtype=np.int16)
    peaks = Peaks(rate)
    place = 0
    while place < samples.size:
        count = int(random.choice([1, 7, 600, 1102, 5000, 100_000]))
        peaks.add(samples[place : place + count])
        place += count
    found = document(peaks, tmp_path)
    assert found["length"] == len(found["data"]) / 2 <= MOST_POINTS
    assert found["data"] == expected(samples, found["samples_per_pixel"])
    assert (found["version"], found["channels"], found["bits"], found["sample_rate"]) == (2, 1, 8, rate)


def test_a_short_file_has_twenty_pairs_a_second(tmp_path: Path) -> None:
    peaks = Peaks(RATE)
    peaks.add(np.zeros(RATE * 3, np.int16))
    assert document(peaks, tmp_path)["length"] == 60


def test_nothing_has_no_peaks(tmp_path: Path) -> None:
    assert document(Peaks(RATE), tmp_path)["data"] == []


def test_a_day_has_a_bounded_number_of_pairs_in_bounded_memory(tmp_path: Path) -> None:
    peaks = Peaks(RATE)
    block = (np.sin(np.arange(RATE * 60) / 50) * 20_000).astype(np.int16)
    tracemalloc.start()
    for _ in range(24 * 60):
        peaks.add(block)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    found = document(peaks, tmp_path)
    assert MOST_POINTS / 2 <= found["length"] <= MOST_POINTS
    assert found["length"] * found["samples_per_pixel"] / RATE == pytest.approx(86_400, rel=0.001)
    assert (tmp_path / "peaks").stat().st_size < 150_000
    assert most < 8 * 1024**2
