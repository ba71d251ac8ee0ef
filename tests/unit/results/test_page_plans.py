"""What the dashboard's pages ask of a store is answered from indexes alone, however many tasks there are."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import event

from app.domain.states import TaskState
from app.results import Database, ResultsStore, TaskFilter, migrate
from app.results.history import finished_sample, finished_waits, oldest_in, state_minutes


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'plans.db'}")
    migrate(database)
    yield database
    database.close()


def plans(database: Database, ask: Callable[[ResultsStore], object]) -> list[str]:
    """How SQLite goes through `tasks` and `task_minutes` for what `ask` asks."""
    asked = []
    with database.read() as store:
        connection = store.connection

        @event.listens_for(connection, "before_cursor_execute")
        def note(_connection, _cursor, sql, parameters, *_):
            asked.append((sql, parameters))

        ask(store)
        event.remove(connection, "before_cursor_execute", note)
        steps = [
            row[3]
            for sql, parameters in asked
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", parameters)
        ]
    return [step for step in steps if "tasks" in step or "task_minutes" in step or "TEMP B-TREE" in step]


@pytest.mark.parametrize(
    ("ask", "index"),
    [
        (lambda store: store.count_by_state(most=9), "ix_tasks_state_id (state=?)"),
        (
            lambda store: store.count_by_state(most=9, wanted=TaskFilter(owner="key")),
            "ix_tasks_owner_state_id (owner=? AND state=?)",
        ),
        (
            lambda store: store.tasks(TaskFilter(owner="key", state=TaskState.DISCARDED), limit=9),
            "ix_tasks_owner_state_id (owner=? AND state=?)",
        ),
        (lambda store: store.tasks(TaskFilter(owner="key"), limit=9), "ix_tasks_owner_id (owner=?)"),
        (lambda store: store.tasks(TaskFilter(state=TaskState.DISCARDED), limit=9), "ix_tasks_state_id (state=?)"),
        (
            lambda store: finished_sample(store, 0, limit=9),
            "ix_tasks_state_finished_at (state=? AND finished_at>? AND finished_at<?)",
        ),
        (
            lambda store: finished_waits(store, [(0, 9)], limit=9),
            "ix_tasks_state_finished_at (state=? AND finished_at>? AND finished_at<?)",
        ),
        (lambda store: oldest_in(store, TaskState.PENDING), "ix_tasks_state_id (state=?)"),
    ],
)
def test_no_page_reads_all_tasks(database, ask, index):
    found = plans(database, ask)
    assert found
    assert all(index in step for step in found), found


def test_no_chart_reads_all_minutes(database):
    found = plans(database, lambda store: state_minutes(store, TaskState.PENDING, first=1))
    assert all("(state=? AND minute" in step for step in found), found
