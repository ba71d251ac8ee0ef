"""The gate to the write lock."""

from __future__ import annotations

import ctypes
import fcntl
import multiprocessing
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from broker._gate import Gate, GateShut

ROUNDS = 1000
HOLD_SECONDS = 0.0005


def test_who_comes_back_at_once_does_not_overtake_who_waits(tmp_path: Path) -> None:
    mine, theirs = Gate(tmp_path, patience_seconds=30), Gate(tmp_path, patience_seconds=30)
    order: list[str] = []
    begun = threading.Event()

    def wait_for_a_turn() -> None:
        begun.set()
        with theirs.passed():
            order.append("theirs")

    thread = threading.Thread(target=wait_for_a_turn)
    with mine.passed():
        thread.start()
        begun.wait(10)
        _until_blocked(tmp_path / "gate")
    for _ in range(ROUNDS):
        with mine.passed():
            order.append("mine")
            time.sleep(HOLD_SECONDS)  # inside, so that the gate is open for a few microseconds only
        if "theirs" in order:
            break
    thread.join(10)
    assert order.index("theirs") < ROUNDS


def _until_blocked(path: Path) -> None:
    """Until the kernel lists a waiter for a lock on the file."""
    inode = f":{path.stat().st_ino} "
    for _ in range(100_000):
        if any("->" in line and inode in line for line in Path("/proc/locks").read_text().splitlines()):
            return
    pytest.fail("nobody waits")


def _hold(folder: Path, inside: multiprocessing.synchronize.Event) -> None:  # type: ignore[name-defined]
    with Gate(folder, patience_seconds=30).passed():
        inside.set()
        signal.pause()


def test_the_gate_opens_when_whoever_is_inside_is_killed(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    inside = context.Event()
    process = context.Process(target=_hold, args=(tmp_path, inside))
    process.start()
    assert inside.wait(30)
    os.kill(process.pid or 0, signal.SIGKILL)
    with Gate(tmp_path, patience_seconds=30).passed():
        process.join()


def test_a_folder_without_a_gate_is_open(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with Gate(tmp_path / "file" / "below", patience_seconds=30).passed():
        pass


def test_a_forked_child_does_not_keep_its_parents_gate_shut(make_broker, message) -> None:
    broker = make_broker()
    broker.enqueue(message(1))
    with broker._connections.writing():
        child = os.fork()
        if child == 0:
            try:
                signal.pause()
            finally:
                os._exit(0)
    try:
        other = make_broker()
        other.enqueue(message(2))
        assert other.inspect.queues()[0].ready == 2
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_who_waits_too_long_gets_no_turn_and_may_come_again(tmp_path: Path) -> None:
    mine, theirs = Gate(tmp_path, patience_seconds=30), Gate(tmp_path, patience_seconds=0.01)
    with mine.passed():
        for _ in range(2):
            with pytest.raises(GateShut), theirs.passed():
                pytest.fail("two are inside")
    with theirs.passed(), pytest.raises(BlockingIOError):
        fcntl.flock(mine._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_who_is_interrupted_while_it_waits_leaves_the_gate_open(tmp_path: Path) -> None:
    """As a time limit of Dramatiq does: an exception out of nowhere, at any instruction."""
    victim, other = Gate(tmp_path, patience_seconds=30), Gate(tmp_path, patience_seconds=5)
    interrupted = threading.Event()

    def wait_for_a_turn() -> None:
        try:
            with victim.passed():
                pass
        except KeyboardInterrupt:
            interrupted.set()

    thread = threading.Thread(target=wait_for_a_turn)
    with other.passed():
        thread.start()
        _until_blocked(tmp_path / "gate")
        ident = ctypes.c_ulong(thread.ident or 0)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(KeyboardInterrupt))
    assert interrupted.wait(10)
    with other.passed():
        pass
    with victim.passed():
        pass


def test_interrupts_anywhere_leave_the_gate_open(tmp_path: Path) -> None:
    victim, other = Gate(tmp_path, patience_seconds=30), Gate(tmp_path, patience_seconds=5)
    go, idle = threading.Event(), threading.Event()

    def pass_again_and_again() -> None:
        while not ended:
            try:
                go.wait()
                while not ended:
                    with victim.passed():
                        pass
            except KeyboardInterrupt:
                pass
            go.clear()
            idle.set()

    ended: list[bool] = []
    thread = threading.Thread(target=pass_again_and_again, daemon=True)
    thread.start()
    for _ in range(100):
        idle.clear()
        go.set()
        time.sleep(0.001)
        ident = ctypes.c_ulong(thread.ident or 0)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(KeyboardInterrupt))
        assert idle.wait(10)
        victim.let_go()  # as the housekeeper does; seldom needed
        with other.passed():
            pass
    ended.append(True)
    go.set()
    thread.join(10)


def test_turns_that_nobody_wants_any_longer_cost_one_thread(tmp_path: Path) -> None:
    mine, theirs = Gate(tmp_path, patience_seconds=30), Gate(tmp_path, patience_seconds=0.01)
    before = threading.active_count()
    with mine.passed():
        for _ in range(20):
            with pytest.raises(GateShut), theirs.passed():
                pass
        assert threading.active_count() == before + 1
    with theirs.passed(), pytest.raises(GateShut), Gate(tmp_path, patience_seconds=0.01).passed():
        pass
    with mine.passed():
        pass
