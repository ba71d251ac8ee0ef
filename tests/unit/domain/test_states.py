"""The table of moves."""

import itertools
from pathlib import Path

import pytest

from app.domain.errors import IllegalMove
from app.domain.states import FINISHED, MEANINGS, MOVES, UNFINISHED, TaskState, move

LEGAL = {
    ("pending", "processing"),
    ("pending", "cancelled"),
    ("processing", "completed"),
    ("processing", "retryable"),
    ("processing", "discarded"),
    ("processing", "cancelled"),
    ("retryable", "processing"),
    ("retryable", "discarded"),
    ("retryable", "cancelled"),
    ("cancelled", "pending"),
    ("discarded", "pending"),
}


@pytest.mark.parametrize(("current", "wanted"), list(itertools.product(TaskState, TaskState)))
def test_only_the_listed_moves_are_possible(current: TaskState, wanted: TaskState) -> None:
    if (current, wanted) in LEGAL:
        assert move(current, wanted) is wanted
    else:
        with pytest.raises(IllegalMove):
            move(current, wanted)


def test_every_state_has_its_meaning_and_its_moves() -> None:
    assert set(MEANINGS) == set(MOVES) == set(TaskState) == FINISHED | UNFINISHED
    assert MOVES[TaskState.COMPLETED] == frozenset()


def test_the_domain_is_imported_without_a_framework() -> None:
    sources = (Path(__file__).parents[3] / "app" / "domain").glob("*.py")
    text = "".join(path.read_text() for path in sources)
    for framework in ("sqlalchemy", "fastapi", "dramatiq", "pydantic", "numpy"):
        assert f"import {framework}" not in text
        assert f"from {framework}" not in text
