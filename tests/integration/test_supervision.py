"""The supervisor over real processes: what dies is started again, and nothing is left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

DEADLINE_SECONDS = 40.0

SUPERVISOR = """
import sys
from app.cli.children import ChildSpec
from app.cli.supervisor import Supervisor

folder, end_within_seconds, *children = sys.argv[1:]
specs = []
for number, child in enumerate(children):
    name, stage, patience, program = child.split(":", 3)
    argv = (sys.executable, "-I", "-S", "-c", program, folder, name)
    specs.append(
        ChildSpec(name, argv, stage=int(stage), patience_seconds=float(patience), hopeless=frozenset({2}))
    )
sys.exit(Supervisor(specs, end_within_seconds=float(end_within_seconds)).run())
"""

# Each notes that it has started as a file `<name>.<pid>`, and what it did as a line in `log`.
NOTED = """
import os, signal, sys, time
folder, name = sys.argv[1:]

def note(line):
    with open(folder + "/log", "a") as log:
        log.write(line + "\\n")

def begun():
    open(f"{folder}/{name}.{os.getpid()}", "w").close()
"""
POLITE = f"""{NOTED}
def end(*_):
    note(name + " ends")
    sys.exit(0)

signal.signal(signal.SIGTERM, end)
begun()
while True:
    time.sleep(60)
"""
SLOW = f"""{NOTED}
def end(*_):
    note(name + " is told")
    time.sleep(0.3)
    note(name + " ends")
    sys.exit(0)

signal.signal(signal.SIGTERM, end)
begun()
while True:
    time.sleep(60)
"""
STUBBORN = f"""{NOTED}
signal.signal(signal.SIGTERM, lambda *_: note(name + " is told"))
begun()
while True:
    time.sleep(60)
"""
WITH_STUBBORN_CHILD = f"""{NOTED}
if os.fork() == 0:
    name += "-child"
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
begun()
while True:
    time.sleep(60)
"""
HOPELESS = f"""{NOTED}
begun()
sys.exit(2)
"""


class Supervised:
    """A supervisor over tiny children, in a folder where each of them notes what it does."""

    def __init__(self, folder: Path, *children: str, end_within_seconds: float = 30.0) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-c", SUPERVISOR, str(folder), str(end_within_seconds), *children],
            stderr=subprocess.PIPE,
            text=True,
        )

    def pids(self, name: str) -> list[int]:
        """Every process that ever began under the name, in the order of their beginning."""
        files = sorted(self.folder.glob(f"{name}.*"), key=lambda file: file.stat().st_mtime_ns)
        return [int(file.suffix[1:]) for file in files]

    def all_pids(self) -> list[int]:
        return [int(file.suffix[1:]) for file in self.folder.glob("*.*")]

    def begun(self, name: str, times: int = 1) -> int:
        """The process id of the name's latest life, once it has begun so often."""
        eventually(lambda: len(self.pids(name)) >= times)
        return self.pids(name)[-1]

    def log(self) -> list[str]:
        log = self.folder / "log"
        return log.read_text().splitlines() if log.exists() else []

    def ended(self) -> int:
        """The exit status, once it and every process that ever began are gone."""
        status = self.process.wait(DEADLINE_SECONDS)
        eventually(lambda: not any(map(is_running, self.all_pids())))
        return status


Supervise = Callable[..., Supervised]


@pytest.fixture
def supervise(tmp_path: Path) -> Iterator[Supervise]:
    """Starts a `Supervised`; nothing of it outlives the test."""
    started: list[Supervised] = []

    def start(*children: str, end_within_seconds: float = 30.0) -> Supervised:
        started.append(Supervised(tmp_path, *children, end_within_seconds=end_within_seconds))
        return started[-1]

    yield start
    for supervised in started:
        if supervised.process.poll() is None:
            supervised.process.kill()
            supervised.process.wait()
        for pid in filter(is_running, supervised.all_pids()):
            os.kill(pid, signal.SIGKILL)
        assert supervised.process.stderr is not None
        supervised.process.stderr.close()


def is_running(pid: int) -> bool:
    """Whether the process exists and is more than an entry that nobody has read."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def eventually(holds: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + DEADLINE_SECONDS
    while not holds():
        assert time.monotonic() < give_up_at, "it did not come about in time"
        time.sleep(0.02)


def test_a_killed_child_is_started_again_and_the_others_are_left_alone(supervise: Supervise) -> None:
    supervised = supervise(f"one:0:0:{POLITE}", f"two:0:0:{POLITE}")
    other = supervised.begun("two")
    for life in (1, 2):
        os.kill(supervised.begun("one", life), signal.SIGKILL)
    assert is_running(supervised.begun("one", 3))
    assert supervised.pids("two") == [other]
    assert is_running(other)


def test_what_a_killed_child_had_started_is_gone_before_its_next_life(supervise: Supervise) -> None:
    supervised = supervise(f"one:0:0:{WITH_STUBBORN_CHILD}")
    grandchild = supervised.begun("one-child")
    os.kill(supervised.begun("one"), signal.SIGKILL)
    supervised.begun("one", 2)
    eventually(lambda: not is_running(grandchild))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_one_signal_ends_everything_stage_by_stage(supervise: Supervise, number: signal.Signals) -> None:
    supervised = supervise(f"worker:1:0:{POLITE}", f"api:0:20:{SLOW}")
    for name in ("api", "worker"):
        supervised.begun(name)
    supervised.process.send_signal(number)
    assert supervised.ended() == 0
    assert supervised.log() == ["api is told", "api ends", "worker ends"]


def test_a_slow_stage_does_not_keep_the_next_one_waiting_beyond_its_patience(supervise: Supervise) -> None:
    supervised = supervise(f"worker:1:0:{POLITE}", f"api:0:0.1:{STUBBORN}", end_within_seconds=3.0)
    for name in ("api", "worker"):
        supervised.begun(name)
    supervised.process.send_signal(signal.SIGINT)
    assert supervised.ended() == 1
    assert supervised.log() == ["api is told", "worker ends"]


def test_a_second_signal_kills_what_does_not_end(supervise: Supervise) -> None:
    supervised = supervise(f"one:0:0:{STUBBORN}", f"two:0:0:{WITH_STUBBORN_CHILD}", end_within_seconds=3600)
    for name in ("one", "two", "two-child"):
        supervised.begun(name)
    supervised.process.send_signal(signal.SIGINT)
    eventually(lambda: "one is told" in supervised.log())
    supervised.process.send_signal(signal.SIGINT)
    assert supervised.ended() == 1


def test_a_child_that_hangs_is_killed_when_the_time_is_over(supervise: Supervise) -> None:
    supervised = supervise(f"one:0:0:{STUBBORN}", end_within_seconds=0.3)
    supervised.begun("one")
    supervised.process.send_signal(signal.SIGTERM)
    assert supervised.ended() == 1
    assert supervised.log() == ["one is told"]


def test_children_of_a_killed_supervisor_end_in_order_by_themselves(supervise: Supervise) -> None:
    supervised = supervise(f"one:0:0:{POLITE}", f"two:0:0:{SLOW}")
    for name in ("one", "two"):
        supervised.begun(name)
    supervised.process.kill()
    assert supervised.ended() == -signal.SIGKILL
    assert {"one ends", "two ends"} <= set(supervised.log())


def test_a_child_whose_parent_is_gone_already_does_not_begin(tmp_path: Path) -> None:
    from app.cli.children import SHIM

    nobody = 1  # the shim's parent is this test
    touch = [sys.executable, "-c", "open('begun', 'w')"]
    ended = subprocess.run([sys.executable, "-I", "-S", str(SHIM), str(nobody), *touch], cwd=tmp_path, check=False)
    assert ended.returncode == 128 + signal.SIGTERM
    assert not (tmp_path / "begun").exists()


def test_a_child_that_cannot_start_ends_everything(supervise: Supervise) -> None:
    supervised = supervise(f"one:0:0:{POLITE}", f"two:0:0:{HOPELESS}")
    assert supervised.ended() == 1
    assert len(supervised.pids("two")) == 1


def test_the_terminals_ctrl_c_reaches_the_supervisor_only(supervise: Supervise) -> None:
    supervised = supervise(f"one:0:0:{POLITE}")
    child = supervised.begun("one")
    assert os.getsid(child) == os.getpgid(child) == child != os.getsid(supervised.process.pid)
