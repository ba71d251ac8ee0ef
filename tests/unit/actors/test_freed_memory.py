"""What a worker frees it uses again, instead of asking the system for new pages."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

MODULE = Path(__file__).parents[3] / "actors" / "freed_memory.py"
PROGRAM = """
import resource, runpy, sys
import numpy as np

keep_freed_memory = runpy.run_path(sys.argv[1])["keep_freed_memory"]  # without all that a worker imports

def page_faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(50):
        several = [np.ones(250_000, np.float32) for _ in range(4)]
        several.clear()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

given_back = page_faults()
keep_freed_memory()
print(given_back, page_faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has the call")
def test_the_pages_of_arrays_that_were_freed_are_used_again() -> None:
    ended = subprocess.run([sys.executable, "-c", PROGRAM, str(MODULE)], capture_output=True, text=True, check=True)
    given_back, kept = map(int, ended.stdout.split())
    assert kept * 5 < given_back
