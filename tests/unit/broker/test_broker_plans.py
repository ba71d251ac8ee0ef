"""Every statement of the broker is answered by an index: none reads the table of messages from end to end."""

import importlib
import pkgutil
import re
from collections.abc import Iterator

import pytest

import broker as door

VERBS = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b")

#: Which index each statement of the hot path must use, and that it reads nothing else.
HOT = {
    "_claim.LOOK": {"broker_ready", "broker_scheduled"},
    "_claim.TERMS": {"broker_scheduled"},
    "_claim.NEXT_RUN_AT": {"broker_scheduled"},
    "_claim.PROMOTE": {"broker_scheduled"},
    "_claim.COUNT_CLAIMED": {"broker_claimed"},
    "_claim.TAKE": {"broker_ready"},
    "_claim.COUNT_RUNNING": {"broker_running"},
    "_claim.UNBLOCK": {"broker_blocked"},
    "_claim.FINISH": set(),
    "_claim.BURY": set(),
    "_claim.BLOCK": set(),
    "_claim.GIVE_BACK_UNSTARTED": set(),
    "_claim.GIVE_BACK_LATER": set(),
    "_claim.EXTEND": set(),
    "_claim.SET_DEADLINE": set(),
    "_enqueue.RESCHEDULE": set(),
    "_housekeeping.FREE_OWNED": {"broker_claimed"},
    "_housekeeping.FREE_OVERDUE": {"broker_claimed"},
    "_housekeeping.ANY_OVERDUE": {"broker_claimed"},
    "_housekeeping.ANY_DUE": {"broker_scheduled"},
    "_housekeeping.ANY_OLD": {"broker_dead_since"},
    "_housekeeping.PRUNE": {"broker_dead_since"},
    "_housekeeping.UNBLOCKABLE": {"broker_blocked", "broker_running"},
    "_queues.IS_BUSY": {"broker_ready", "broker_scheduled", "broker_blocked", "broker_claimed"},
}

#: Sorted after reading: a handful of rows (what workers hold, the workers), or one page of dead letters.
SORTED = {"_inspect.CLAIMED", "_inspect.WORKERS"}


def statements() -> Iterator[tuple[str, str]]:
    for module in pkgutil.iter_modules(door.__path__):
        for name, value in vars(importlib.import_module(f"broker.{module.name}")).items():
            if name.isupper() and not name.startswith("_") and isinstance(value, str) and VERBS.match(value):
                yield f"{module.name}.{name}", value


STATEMENTS = dict(statements())


def plan(broker, sql: str) -> list[str]:
    names = set(re.findall(r":(\w+)", sql))
    values = dict.fromkeys(names, 1) if names else (1,) * sql.count("?")
    with broker._connections.using() as connection:
        return [row[3] for row in connection.execute("EXPLAIN QUERY PLAN " + sql, values).fetchall()]


def test_the_hot_path_is_known() -> None:
    assert set(HOT) | SORTED <= set(STATEMENTS)


@pytest.mark.parametrize("name", sorted(STATEMENTS))
def test_no_statement_reads_the_table_of_messages_from_end_to_end(broker, name) -> None:
    steps = plan(broker, STATEMENTS[name])
    assert not [step for step in steps if re.fullmatch(r"SCAN (broker_messages|broker_results|broker_counters)", step)]
    if name not in SORTED:
        assert not [step for step in steps if "TEMP B-TREE FOR ORDER BY" in step]


@pytest.mark.parametrize(("name", "indexes"), HOT.items())
def test_the_hot_path_reads_just_its_partial_indexes(broker, name, indexes) -> None:
    steps = [step for step in plan(broker, STATEMENTS[name]) if "broker_messages" in step]
    used = {match.group(1) for step in steps if (match := re.search(r"INDEX (\w+)", step))}
    assert used == indexes
    assert all("INDEX" in step or "INTEGER PRIMARY KEY" in step for step in steps)


def test_the_look_reads_indexes_only(broker) -> None:
    steps = [step for step in plan(broker, STATEMENTS["_claim.LOOK"]) if "broker_messages" in step]
    assert len(steps) == 2
    assert all("COVERING INDEX" in step for step in steps)
