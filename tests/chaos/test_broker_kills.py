"""`kill -9` for producers and workers, at random and at each statement: nothing is lost, nothing takes effect twice."""

from __future__ import annotations

import itertools
import json
import os
import random
import shutil
import signal
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.broker_programs.zygote import Killed, Strings, Zygote, a_zygote, stopped
from tests.support.processes import Child, until

pytestmark = pytest.mark.integration

PRODUCERS = 4
WORKERS = 3
THREADS = 4
ROWS = "SELECT payload, state, reason FROM broker_messages"
HELD_BY = """
SELECT payload FROM broker_messages
WHERE state = 'claimed' AND owner IN (SELECT owner FROM broker_workers WHERE pid = ?)
"""


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with a_zygote() as zygote:
        yield zygote


def read(path: Path, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(path, timeout=30, isolation_level=None)
    try:
        return connection.execute(sql, parameters).fetchall()
    finally:
        connection.close()


def assert_is_sound(path: Path) -> None:
    assert read(path, "PRAGMA integrity_check") == [("ok",)]


def number_in(payload: bytes) -> str:
    return str(json.loads(payload)["args"][0])


# ----- the storm


@dataclass
class Storm:
    """Four producers and three `dramatiq` commands over one file, and what is known of them."""

    folder: Path
    rng: random.Random
    kills: Counter[str] = field(default_factory=Counter)
    held_at_kills: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.database = self.folder / "queue.db"
        environment = {
            "STORM_DATABASE": str(self.database),
            "STORM_NOTES": str(self.folder),
            "STORM_PAUSE_SECONDS": "0.01",
        }
        module = "tests.chaos.broker_programs.storm"
        produce = [sys.executable, "-m", module]
        work = [sys.executable, "-m", "dramatiq", module, "--processes", "1", "--threads", str(THREADS)]
        self.producers = [Child(produce, environment, self.folder / f"producer-{n}.log") for n in range(PRODUCERS)]
        self.workers = [Child(work, environment, self.folder / f"worker-{n}.log") for n in range(WORKERS)]

    def rage(self, seconds: float) -> None:
        """Kill one of them each 0.2 to 1 s and start it again."""
        for child in self.producers + self.workers:
            child.start()
        ends_at = time.monotonic() + seconds
        until(lambda: self.noted("processed", "end"))
        while time.monotonic() < ends_at:
            time.sleep(self.rng.uniform(0.2, 1.0))
            victim = self.rng.choice(self.producers + self.workers)
            self.note_what_it_holds(victim)
            victim.kill()
            self.kills["workers" if victim in self.workers else "producers"] += 1
            victim.start()

    def note_what_it_holds(self, victim: Child) -> None:
        """Stop it where it is, and remember each claim it has: these may run again, and no others."""
        os.killpg(victim.pid, signal.SIGSTOP)
        members = [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if group_of(pid) == victim.pid]
        until(lambda: all(stopped(pid) for pid in members), every=0.001)
        if self.database.exists():
            for pid in members:
                for (payload,) in read(self.database, HELD_BY, pid):
                    self.held_at_kills[number_in(payload)] += 1

    def calm(self) -> None:
        """Let the producers end, and the workers finish what there is."""
        end_all(self.producers)
        until(lambda: not read(self.database, ROWS + " WHERE state <> 'dead'"))
        end_all(self.workers)

    def noted(self, kind: str, word: str) -> list[str]:
        lines = [line.split() for file in self.folder.glob(f"*.{kind}") for line in file.read_text().splitlines()]
        return [number for noted, number in lines if noted == word]

    def check(self) -> None:
        tried, sent = set(self.noted("sent", "try")), set(self.noted("sent", "sent"))
        begun, ended = set(self.noted("processed", "begin")), Counter(self.noted("processed", "end"))
        assert sent - ended.keys() == set(), "lost"
        assert {f"after-{number}" for number in ended if number.startswith("sends-")} - ended.keys() == set(), "lost"
        known = tried | {f"after-{number}" for number in tried if number.startswith("sends-")}
        assert begun - known == set(), "nobody sent these"
        again = {number: times - 1 for number, times in ended.items() if times > 1}
        print(
            f"{len(sent)} sent, {len(ended)} done, {sum(again.values())} of them again, {dict(self.kills)} killed, "
            f"holding {self.held_at_kills.total()}"
        )
        too_often = {number: times for number, times in again.items() if times > self.held_at_kills[number]}
        assert too_often == {}, "done again although no killed worker held it"
        assert self.held_at_kills.total() <= self.kills["workers"] * THREADS
        assert read(self.database, ROWS) == []
        assert_is_sound(self.database)


def end_all(children: list[Child]) -> None:
    for child in children:
        os.kill(child.pid, signal.SIGTERM)
    for child in children:
        assert child.process is not None
        # One that had only just started had not yet said what SIGTERM means to it.
        assert child.process.wait(60) in (0, -signal.SIGTERM), child.log.read_text()[-2000:]


def group_of(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return -1


def endure_a_storm(folder: Path, *, seconds: float, seed: int) -> Storm:
    storm = Storm(folder, random.Random(seed))
    try:
        storm.rage(seconds)
        storm.calm()
    finally:
        for child in storm.producers + storm.workers:
            if child.process is not None:
                child.kill()
    storm.check()
    return storm


def test_a_storm_of_kills_loses_nothing_and_repeats_only_what_was_in_flight(tmp_path: Path) -> None:
    storm = endure_a_storm(tmp_path, seconds=8, seed=20261122)
    assert storm.kills.total() >= 5


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_minute_of_it_loses_nothing_either(tmp_path: Path) -> None:
    seed = int(os.environ.get("SAYATHING_TEST_SEED", random.randrange(2**32)))
    print(f"SAYATHING_TEST_SEED={seed}")
    storm = endure_a_storm(tmp_path, seconds=60, seed=seed)
    assert min(storm.kills["workers"], storm.kills["producers"]) >= 10


# ----- each statement


@dataclass(frozen=True)
class Step:
    """One operation, and the table after it.

    Attributes:
      then: The messages in the table: `*` behind a number stands for "as its retry", `!` for "as a dead letter".
      buffered: An answer may be written later than it is given, together with what comes next.
    """

    operation: str
    arguments: tuple[Any, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    then: tuple[str, ...] | None = None
    buffered: bool = False


@dataclass(frozen=True)
class Scenario:
    """A table, and what a process does with it until it is killed."""

    before: tuple[str, ...]
    steps: tuple[Step, ...]
    prepare: dict[str, dict[str, Any]] = field(default_factory=dict)

    def tables(self) -> list[tuple[str, ...]]:
        """The table before the first step and after each."""
        tables = [self.before]
        for step in self.steps:
            tables.append(tables[-1] if step.then is None else step.then)
        return tables

    def may_leave(self, killed_in: int) -> list[tuple[str, ...]]:
        """The tables that a kill within this step may leave behind."""
        first = killed_in
        while first > 0 and (self.steps[first - 1].buffered or self.steps[first - 1] in (NEXT, GOOD_BYE[0])):
            first -= 1
        return self.tables()[first : killed_in + 2]


NEXT = Step("next")
CONSUME = Step("consume")
GOOD_BYE = (Step("close_consumer"), Step("close"))

SCENARIOS = {
    "a new file": Scenario((), (Step("setup"), Step("enqueue", ("a",), then=("a",)), Step("close"))),
    "enqueue": Scenario(
        ("a",),
        (
            Step("enqueue", ("b",), then=("a", "b")),
            Step("enqueue", ("c",), {"delay": 1, "key": "k"}, then=("a", "b", "c")),
            Step("enqueue", ("d",), {"key": "k"}),
            Step("close"),
        ),
    ),
    "enqueue many": Scenario(
        ("a",),
        (Step("enqueue_many", ([("b", {}), ("c", {}), ("d", {})],), then=("a", "b", "c", "d")), Step("close")),
    ),
    "claim": Scenario(("a", "b", "c"), (CONSUME, NEXT, NEXT, *GOOD_BYE)),
    "claim what is due": Scenario(
        ("a", "b", "c"), (CONSUME, NEXT, NEXT, *GOOD_BYE), {name: {"delay": 1} for name in "abc"}
    ),
    "ack": Scenario(
        ("a", "b", "c"),
        (
            *(CONSUME, NEXT, NEXT),
            Step("ack", (1,), then=("b", "c"), buffered=True),
            Step("ack", (2,), then=("c",), buffered=True),
            *(NEXT, *GOOD_BYE),
        ),
    ),
    "ack with what its actor sent": Scenario(
        ("a",),
        (
            *(CONSUME, NEXT, Step("begin", (1,))),
            *(Step("send_on", (1, "f")), Step("send_on", (1, "g"), {"delay": 1})),
            Step("end", (1,), then=("f", "g"), buffered=True),
            *(NEXT, *GOOD_BYE),
        ),
    ),
    "nack": Scenario(
        ("a", "b"),
        (CONSUME, NEXT, NEXT, Step("nack", (1,), then=("a!", "b"), buffered=True), NEXT, *GOOD_BYE),
    ),
    "retry with what its actor sent": Scenario(
        ("a", "b"),
        (
            *(CONSUME, NEXT, Step("begin", (1,)), Step("send_on", (1, "f"))),
            Step("retry", (1,), {"delay": 1}),
            Step("end", (1,), then=("a*", "b", "f"), buffered=True),
            *(NEXT, *GOOD_BYE),
        ),
    ),
    "requeue": Scenario(("a", "b"), (CONSUME, NEXT, NEXT, Step("requeue", ([2, 1],)), *GOOD_BYE)),
    "close": Scenario(("a", "b", "c"), (CONSUME, NEXT, *GOOD_BYE)),
    "one at a time": Scenario(
        ("a", "b"),
        (CONSUME, NEXT, NEXT, Step("ack", (1,), then=("b",), buffered=True), NEXT, *GOOD_BYE),
        {name: {"concurrency_key": "k", "concurrency_limit": 1} for name in "ab"},
    ),
}


def table_of(path: Path) -> tuple[str, ...]:
    if not path.exists() or not read(path, "SELECT 1 FROM sqlite_master WHERE name = 'broker_messages'"):
        return ()
    marks = []
    for payload, state, _ in read(path, ROWS):
        retried = "retries" in json.loads(payload)["options"]
        marks.append(f"{number_in(payload)}{'*' if retried else ''}{'!' if state == 'dead' else ''}")
    return tuple(sorted(marks))


def perform(puppet: Strings, path: Path, scenario: Scenario, moment: int) -> int | None:
    """Play the scenario up to the moment; the step it was killed in, or None where it came through."""
    puppet.do("log_to", os.devnull)
    puppet.do("die_at", moment)
    puppet.do("open", str(path))
    for number, step in enumerate(scenario.steps):
        try:
            puppet.do(step.operation, *step.arguments, **step.options)
        except Killed:
            return number
    return None


def recover(zygote: Zygote, path: Path) -> list[str]:
    """Another process does what is left; what it did."""
    done = []
    heir = zygote.puppet()
    heir.do("log_to", os.devnull)
    heir.do("open", str(path))
    heir.do("consume", prefetch=20)

    def nothing_is_left() -> bool:
        while (answer := heir.do("next")) is not None:
            done.append(answer[1])
            heir.do("ack", answer[0])
        return not any(state != "dead" for _, state, _ in read(path, ROWS))

    until(nothing_is_left, seconds=20, every=0.002)
    heir.do("close_consumer")
    heir.do("close")
    heir.kill()
    return sorted(done)


def kill_at_each_moment(zygote: Zygote, folder: Path, scenario: Scenario, *, every: int, first: int) -> int:
    """Play it again and again, killed a moment later each time, until it comes through; how many kills it took."""
    original = folder / "original.db"
    if scenario.before:
        writer = zygote.puppet()
        writer.do("open", str(original))
        for name in scenario.before:
            writer.do("enqueue", name, **scenario.prepare.get(name, {}))
        writer.do("close")
        writer.kill()
    kills = 0
    moment = first
    while True:
        place = folder / str(moment)
        place.mkdir()
        path = place / "queue.db"
        if scenario.before:
            shutil.copy(original, path)
        puppet = zygote.puppet()
        killed_in = perform(puppet, path, scenario, moment)
        puppet.kill()
        left = table_of(path)
        if killed_in is None:
            assert left == scenario.tables()[-1]
        else:
            kills += 1
            operation = scenario.steps[killed_in].operation
            assert left in scenario.may_leave(killed_in), f"killed at moment {moment}, in {operation}"
        if path.exists():
            assert_is_sound(path)
            assert recover(zygote, path) == [mark.rstrip("*") for mark in left if not mark.endswith("!")]
            assert_is_sound(path)
        shutil.rmtree(place)
        if killed_in is None:
            return kills
        moment += every


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_kill_at_any_statement_leaves_all_or_nothing_of_it(zygote: Zygote, tmp_path: Path, name: str) -> None:
    # By three: moments before and after statements take turns.
    kills = kill_at_each_moment(zygote, tmp_path, SCENARIOS[name], every=3, first=2)
    print(f"{name}: {kills} kills")
    assert kills >= 5


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_kill_before_and_after_each_statement_leaves_all_or_nothing_of_it(
    zygote: Zygote, tmp_path: Path, name: str
) -> None:
    kills = kill_at_each_moment(zygote, tmp_path, SCENARIOS[name], every=1, first=1)
    print(f"{name}: {kills} kills")
    assert kills >= 15


def kill_a_worker_at(zygote: Zygote, folder: Path, moment: int) -> bool:
    """Have a Dramatiq worker killed at the moment and another go on; whether the moment came at all."""
    folder.mkdir()
    path, notes = folder / "queue.db", folder / "notes"
    sender = zygote.puppet()
    sender.do("open", str(path))
    for actor in ("work", "fails_once", "sends_on"):
        for number in range(2):
            sender.do("enqueue", f"{actor}-{number}", actor=actor)
    sender.kill()
    victim = zygote.puppet()
    victim.do("log_to", os.devnull)
    victim.do("die_at", moment)
    with suppress(Killed):
        victim.do("start_worker", str(path), str(notes), worker_timeout=20)
        until(lambda: victim.has_answered() or not read(path, ROWS), every=0.005)
    was_killed = victim.has_answered()
    victim.kill()
    heir = zygote.puppet()
    heir.do("log_to", os.devnull)
    heir.do("start_worker", str(path), str(notes), worker_timeout=20)
    until(lambda: not read(path, ROWS), every=0.005)
    heir.do("stop_worker")
    heir.kill()
    ended = Counter(line.split()[1] for line in notes.read_text().splitlines() if line.startswith("end"))
    expected = {f"{actor}-{number}" for actor in ("work", "fails_once", "sends_on") for number in range(2)}
    assert ended.keys() == expected | {"after-sends_on-0", "after-sends_on-1"}
    assert max(ended.values()) <= 2
    assert sum(ended.values()) - len(ended) <= 2 * 2, "more again than two threads held and had just finished"
    assert_is_sound(path)
    shutil.rmtree(folder)
    return was_killed


@pytest.mark.parametrize("every", [29, pytest.param(5, marks=[pytest.mark.long, pytest.mark.timeout(900)])])
def test_a_worker_killed_at_any_statement_leaves_the_rest_to_another(
    zygote: Zygote, tmp_path: Path, every: int
) -> None:
    moments = itertools.takewhile(
        lambda moment: kill_a_worker_at(zygote, tmp_path / str(moment), moment), itertools.count(1, every)
    )
    kills = len(list(moments))
    print(f"{kills} kills")
    assert kills >= 3
