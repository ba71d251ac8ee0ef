"""One child's record of its deaths, with clock times of the test's own."""

import sys
import time

import pytest

from app.cli.children import FIRST_RESTART_SECONDS, LONGEST_RESTART_SECONDS, STEADY_SECONDS, Child, ChildSpec


def live(child: Child, *, begin: float, end: float) -> float:
    """One life of a child that ends by itself; the pause before its next."""
    child.start(begin)
    status = None
    while status is None:
        status = child.reap(end)
        time.sleep(0.001)
    assert child.pid is None
    return child.start_at - end


@pytest.fixture
def child() -> Child:
    return Child(ChildSpec("brief", (sys.executable, "-I", "-S", "-c", "")))


def test_the_pause_doubles_while_a_child_dies_early(child: Child) -> None:
    pauses = [live(child, begin=float(second), end=float(second)) for second in range(9)]
    expected = [min(FIRST_RESTART_SECONDS * 2**death, LONGEST_RESTART_SECONDS) for death in range(9)]
    assert pauses == pytest.approx(expected)
    assert pauses[-1] == LONGEST_RESTART_SECONDS


def test_a_child_that_lived_a_while_is_started_again_soon(child: Child) -> None:
    for second in range(4):
        live(child, begin=second, end=second)
    assert live(child, begin=10, end=10 + STEADY_SECONDS) == pytest.approx(FIRST_RESTART_SECONDS)
    assert live(child, begin=100, end=100) == pytest.approx(FIRST_RESTART_SECONDS)


def test_a_hopeless_end_has_the_longest_pause() -> None:
    spec = ChildSpec("hopeless", (sys.executable, "-I", "-S", "-c", "raise SystemExit(2)"), hopeless=frozenset({2}))
    assert live(Child(spec), begin=0, end=STEADY_SECONDS + 1) == LONGEST_RESTART_SECONDS
