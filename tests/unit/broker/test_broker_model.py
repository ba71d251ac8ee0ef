"""Random walks of several real processes through the broker's verbs, compared with a dict that shall know the same.

Each process is a puppet, which a crash kills with -9. Both clocks move only by steps of their own. What the broker may
do a moment later, such as an ack that rides with the next claim or the housekeeper's rounds, is waited for: after each
step the table must come to what the model says, and to nothing else.
"""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.chaos.broker_programs.puppet import Clocks
from tests.chaos.broker_programs.zygote import Strings, Zygote, a_zygote

pytestmark = pytest.mark.integration

MAX_DELIVERIES = 3
CLAIM_SECONDS = 100
DEAD_LETTER_SECONDS = 3600
RENEWED_AFTER_SECONDS = 1.0
THREADS = 2
AHEAD = 2  # what a quick worker may hold beyond what its threads work on
PROCESSES = 2
ENDS_A_WALK = 4
PATIENCE_SECONDS = 10.0

TABLE = "SELECT id, payload, state, owner, deliveries FROM broker_messages"
INDEX = st.integers(0, 99)
WHICH = st.integers(0, PROCESSES - 1)
OPTIONS = st.fixed_dictionaries(
    {"priority": st.integers(0, 1), "rank": st.integers(0, 3)},
    optional={
        "key": st.sampled_from(["a", "b"]),
        "concurrency": st.sampled_from([("x", 1), ("y", 2)]),
    },
)
DELAYS = st.sampled_from([None, None, 0, 50_000])
TALLY: Counter[str] = Counter()


@dataclass
class Row:
    """What the table shall hold of one message."""

    order: tuple[int, float, int]
    state: str
    run_at: float
    key: str | None
    concurrency: tuple[str, int] | None
    deliveries: int = 0
    owner: int | None = None
    claim: int = 0
    deadline: float = 0.0
    died_at: float = 0.0


@dataclass
class Held:
    """A claim that a process knows of, whether it still has it or not."""

    number: int
    claim: int
    renewed_at: float
    deadline: float
    is_last_chance: bool
    handle: int = 0


@dataclass
class Process:
    strings: Strings
    owner: str
    buffer: list[Held] = field(default_factory=list)
    hands: list[Held] = field(default_factory=list)

    @property
    def holds(self) -> list[Held]:
        return self.hands + self.buffer


class Model(RuleBasedStateMachine):
    def __init__(self, zygote: Zygote) -> None:
        super().__init__()
        self.zygote = zygote
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "queue.db"
        self.clocks = Clocks(Path(self.folder.name) / "clocks")
        self.processes = [self.new_process() for _ in range(PROCESSES)]
        self.table = sqlite3.connect(self.path, isolation_level=None)
        self.rows: dict[int, Row] = {}
        self.virtual: dict[int, float] = {}
        self.number = 0
        self.claims = 0
        self.paused = False
        self.ends_left = ENDS_A_WALK

    def new_process(self) -> Process:
        strings = self.zygote.puppet()
        strings.do("keep_house_often")
        strings.do("keep_what_waits")
        strings.do(
            "open",
            str(self.path),
            clocks=str(self.clocks.path),
            claim_seconds=CLAIM_SECONDS,
            max_deliveries=MAX_DELIVERIES,
            dead_letter_seconds=DEAD_LETTER_SECONDS,
        )
        strings.do("consume", prefetch=2 * THREADS)
        workers = strings.do("inspect", "workers")
        owners = [worker.owner for worker in workers if worker.pid == strings.pid]
        assert len(owners) == 1, f"process {strings.pid} started among {workers}"
        return Process(strings, owners[0])

    def teardown(self) -> None:
        self.zygote.kill_all()
        self.table.close()
        self.folder.cleanup()

    # ----- sending

    def new_number(self) -> int:
        self.number += 1
        return self.number

    def expect_row(self, number: int, options: dict[str, Any], delay: int | None, sent_at: float | None = None) -> None:
        key = options.get("key")
        if key is not None and any(row.key == key and row.state != "dead" for row in self.rows.values()):
            return
        priority = options["priority"]
        self.rows[number] = Row(
            order=(priority, options["rank"] + self.virtual.get(priority, 0.0), number),
            state="scheduled" if delay else "ready",
            run_at=(self.clocks.wall() if sent_at is None else sent_at) + (delay or 0) / 1000,
            key=key,
            concurrency=options.get("concurrency"),
        )

    @initialize(several=st.lists(OPTIONS, min_size=3, max_size=6))
    def start_with_some(self, several: list[dict[str, Any]]) -> None:
        self.enqueue(0, several, None)
        for which in range(PROCESSES):
            self.claim(which, 1)

    @rule(which=WHICH, several=st.lists(OPTIONS, min_size=1, max_size=4), delay=DELAYS)
    def enqueue(self, which: int, several: list[dict[str, Any]], delay: int | None) -> None:
        entries = [(self.new_number(), options) for options in several]
        sent = [(number, spelled(options)) for number, options in entries]
        if len(sent) == 1:
            ((number, options),) = sent
            self.processes[which].strings.do("enqueue", number, delay=delay, **options)
        else:
            self.processes[which].strings.do("enqueue_many", sent, delay=delay)
        for number, options in entries:
            self.expect_row(number, options, delay)

    # ----- claiming

    @rule(which=WHICH, times=st.integers(1, THREADS))
    def claim(self, which: int, times: int) -> None:
        for _ in range(times):
            self.claim_one(which)

    @rule(times=st.integers(1, THREADS))
    def all_claim(self, times: int) -> None:
        """More often than by the rule above: a walk in which nobody holds anything goes nowhere."""
        for which in range(PROCESSES):
            self.claim(which, times)

    def claim_one(self, which: int) -> None:
        process = self.processes[which]
        answer = process.strings.do("next")
        self.note_claims(which)
        if answer is None:
            if len(process.hands) < THREADS:
                assert not process.buffer
                assert self.next_in_line(process) is None, "there was something to claim"
            return
        handle, number, _ = answer
        held = process.buffer.pop(0)
        assert number == held.number, "not in the order it was claimed"
        held.handle = handle
        process.hands.append(held)

    def note_claims(self, which: int) -> None:
        """Find what was claimed just now, each in its turn."""
        process = self.processes[which]
        stored = self.read_table()
        for held in list(process.buffer):
            row = self.rows.get(held.number)
            if row is None or row.claim != held.claim or row.state != "claimed":
                continue
            if stored[held.number] == ("ready", None, row.deliveries - 1):
                # Claimed ahead, and given back as its turn did not come soon.
                row.state, row.owner = "ready", None
                row.deliveries -= 1
                process.buffer.remove(held)
        while (number := self.next_in_line(process)) is not None and stored.get(number, (None, None))[:2] == (
            "claimed",
            process.owner,
        ):
            row = self.rows[number]
            self.claims += 1
            row.state, row.owner, row.claim = "claimed", which, self.claims
            row.deliveries += 1
            row.deadline = self.clocks.monotonic() + CLAIM_SECONDS
            priority, rank, _ = row.order
            self.virtual[priority] = max(rank, self.virtual.get(priority, rank))
            is_last_chance = 1 < row.deliveries == MAX_DELIVERIES
            now = self.clocks.monotonic()
            process.buffer.append(Held(number, self.claims, now, now + CLAIM_SECONDS, is_last_chance))
            TALLY["claims"] += 1

    def next_in_line(self, process: Process) -> int | None:
        """The message that this process may claim next."""
        current = [held for held in process.holds if self.clocks.monotonic() <= held.deadline]
        if self.paused or len(process.holds) >= THREADS + AHEAD or any(held.is_last_chance for held in current):
            return None
        for _, number in sorted((row.order, number) for number, row in self.rows.items() if row.state == "ready"):
            row = self.rows[number]
            if self.is_at_its_limit(row):
                continue
            is_last_chance = 0 < row.deliveries == MAX_DELIVERIES - 1
            return None if is_last_chance and current else number
        return None

    def is_at_its_limit(self, row: Row) -> bool:
        if row.concurrency is None:
            return False
        key, limit = row.concurrency
        running = [
            other
            for other in self.rows.values()
            if other.state == "claimed" and other.concurrency is not None and other.concurrency[0] == key
        ]
        return len(running) >= limit

    # ----- answering

    def pick(self, index: int) -> tuple[Process, Held, Row | None]:
        """A claim, and its row where the claim still counts; it leaves the process's hands."""
        hands = [(process, held) for process in self.processes for held in process.hands]
        process, held = hands[index % len(hands)]
        process.hands.remove(held)
        row = self.rows.get(held.number)
        is_fresh = row is not None and row.state == "claimed" and row.claim == held.claim
        if not is_fresh:
            TALLY["late answers"] += 1
        return process, held, row if is_fresh else None

    def something_is_held(self) -> bool:
        return any(process.hands for process in self.processes)

    @precondition(something_is_held)
    @rule(index=INDEX, how=st.sampled_from(["ack", "nack", "give back", "extend"]))
    def answer(self, index: int, how: str) -> None:
        process, held, row = self.pick(index)
        if how == "ack":
            process.strings.do("ack", held.handle)
            if row is not None:
                del self.rows[held.number]
        elif how == "nack":
            process.strings.do("nack", held.handle)
            if row is not None:
                self.bury(row)
        elif how == "give back":
            process.strings.do("requeue", [held.handle])
            if row is not None:
                row.state, row.owner = "ready", None
                row.deliveries -= 1
        else:
            process.hands.append(held)
            if not self.holds_twice(process, held):
                self.extend(process, held, row)

    def extend(self, process: Process, held: Held, row: Row | None) -> None:
        assert process.strings.do("extend", held.handle, 150.0) is (row is not None)
        if row is not None:
            held.renewed_at = self.clocks.monotonic()
            held.deadline = row.deadline = max(row.deadline, self.clocks.monotonic() + 150)

    @precondition(something_is_held)
    @rule(
        index=INDEX,
        sends=st.lists(st.tuples(OPTIONS, DELAYS), max_size=2),
        retry_delay=st.sampled_from([None, 0, 50_000]),
        hangs=st.booleans(),
        outcome=st.sampled_from(["ack", "ack", "nack", "retry"]),
        crashes=st.sampled_from(["", "", "", "before its answer", "after its answer"]),
    )
    def run_actor(
        self,
        index: int,
        sends: list[tuple[dict[str, Any], int | None]],
        retry_delay: int | None,
        hangs: bool,
        outcome: str,
        crashes: str,
    ) -> None:
        """All that a worker thread does with one message: what the actor sends counts only if its answer does."""
        process, held, row = self.pick(index)
        which = self.processes.index(process)
        if self.holds_twice(process, held):
            process.hands.append(held)
            return
        strings = process.strings
        is_old = self.clocks.monotonic() - held.renewed_at > RENEWED_AFTER_SECONDS
        begun = strings.do("begin", held.handle)
        assert begun is (row is not None or not is_old)
        if not begun:
            strings.do("ack", held.handle)
            return
        if is_old and row is not None:
            row.deadline = max(row.deadline, self.clocks.monotonic() + CLAIM_SECONDS)
        followers, sent_at = [], self.clocks.wall()
        for options, delay in sends:
            number = self.new_number()
            strings.do("send_on", held.handle, number, delay=delay, **spelled(options))
            followers.append((number, options, delay))
        self.nothing_but_this_is_stored("what an actor sends waits for its answer")
        if hangs:
            self.pass_time(CLAIM_SECONDS + 1, CLAIM_SECONDS + 1)
            self.nothing_but_this_is_stored("the deadline has passed")
            self.claim_one((which + 1) % PROCESSES)
            row = row if row is not None and row.state == "claimed" and row.claim == held.claim else None
        if crashes == "before its answer":
            self.kill(which)
            return
        if outcome == "retry":
            strings.do("retry", held.handle, delay=retry_delay)
        strings.do("end", held.handle, failed=outcome == "nack")
        if crashes:
            strings.kill()
            stored = self.read_table().get(held.number)
            if row is not None and stored is not None and stored[:2] == ("claimed", process.owner):
                self.replace(which)  # the answer had not been written yet: neither it nor what was sent counts
                return
        if row is not None:
            self.note_answer(held.number, row, outcome, retry_delay)
            for number, options, delay in followers:
                self.expect_row(number, options, delay, sent_at)
            self.keep_house()  # what was sent before a long run may be due already
        if crashes:
            self.replace(which)

    def note_answer(self, number: int, row: Row, outcome: str, retry_delay: int | None) -> None:
        if outcome == "ack":
            del self.rows[number]
        elif outcome == "nack":
            self.bury(row)
        else:
            row.state, row.owner, row.deliveries = "scheduled" if retry_delay else "ready", None, 0
            row.run_at = self.clocks.wall() + (retry_delay or 0) / 1000

    def holds_twice(self, process: Process, held: Held) -> bool:
        """Whether it lost the message and got it again: by its id alone, the two cannot be told apart."""
        return sum(other.number == held.number for other in [*process.holds, held]) > 1 + (held in process.hands)

    def bury(self, row: Row) -> None:
        row.state, row.owner, row.died_at = "dead", None, self.clocks.wall()

    # ----- time and housekeeping

    @rule(
        move=st.sampled_from(
            [(0.5, 0.5), (1.25, 1.25), (60.5, 60.5), (101.0, 101.0)]
            + [(wall, 0.0) for wall in (60.5, 3600.0, 4000.5, -30.0, -3600.0)]
        )
    )
    def move_the_clocks(self, move: tuple[float, float]) -> None:
        """Time passes for both, or somebody sets the wall clock."""
        wall, monotonic = move
        self.pass_time(wall, monotonic)

    def pass_time(self, wall: float, monotonic: float) -> None:
        self.clocks.move(wall=wall, monotonic=monotonic)
        self.keep_house()

    def keep_house(self) -> None:
        """What housekeepers do sooner or later, so that we wait for it."""
        for number, row in list(self.rows.items()):
            if row.state == "scheduled" and row.run_at <= self.clocks.wall():
                row.state = "ready"
            if row.state == "claimed" and row.deadline < self.clocks.monotonic():
                TALLY["overdue"] += 1
                self.free(row)
            if row.state == "dead" and row.died_at < self.clocks.wall() - DEAD_LETTER_SECONDS:
                del self.rows[number]

    def free(self, row: Row) -> None:
        if row.deliveries >= MAX_DELIVERIES:
            self.bury(row)
        else:
            row.state, row.owner = "ready", None

    # ----- crashes

    @precondition(lambda self: self.ends_left > 0)
    @rule(which=WHICH, is_orderly=st.booleans())
    def end_a_process(self, which: int, is_orderly: bool) -> None:
        self.ends_left -= 1
        if is_orderly:
            self.stop(which)
        self.kill(which)

    def kill(self, which: int) -> None:
        self.processes[which].strings.kill()
        self.replace(which)

    def replace(self, which: int) -> None:
        """Start a process in the place of a dead one; what that one held comes free."""
        for row in self.rows.values():
            if row.state == "claimed" and row.owner == which:
                self.free(row)
        self.processes[which] = self.new_process()
        TALLY["crashes"] += 1

    def stop(self, which: int) -> None:
        """An orderly end: what nobody began keeps its place and counts no delivery."""
        process = self.processes[which]
        process.strings.do("close_consumer")
        for held in process.holds:
            row = self.rows.get(held.number)
            if row is not None and row.state == "claimed" and row.claim == held.claim:
                row.state, row.owner = "ready", None
                row.deliveries -= 1
        process.strings.do("close")

    # ----- people

    @precondition(lambda self: self.paused or self.number % 4 == 0)
    @rule(which=WHICH)
    def pause_or_resume(self, which: int) -> None:
        self.paused = not self.paused
        self.processes[which].strings.do("inspect", "pause" if self.paused else "resume", "default")

    @precondition(lambda self: any(row.state == "dead" for row in self.rows.values()))
    @rule(index=INDEX, which=WHICH, drop=st.booleans())
    def deal_with_a_dead_letter(self, index: int, which: int, drop: bool) -> None:
        dead = sorted(number for number, row in self.rows.items() if row.state == "dead")
        number = dead[index % len(dead)]
        row = self.rows[number]
        is_taken = row.key is not None and any(
            other.key == row.key and other.state != "dead" for other in self.rows.values()
        )
        done = self.processes[which].strings.do("inspect", "drop_dead" if drop else "requeue_dead", self.row_id(number))
        assert done is (drop or not is_taken)
        if drop:
            del self.rows[number]
        elif done:
            row.state, row.deliveries, row.run_at = "ready", 0, self.clocks.wall()

    # ----- what must hold after each step

    @invariant()
    def both_know_the_same(self) -> None:
        TALLY["steps"] += 1
        self.nothing_but_this_is_stored("the table and the model disagree")
        counts = Counter(row.state for row in self.rows.values())
        (depth,) = self.processes[0].strings.do("inspect", "queues")
        assert depth.paused is self.paused
        assert (depth.ready + depth.blocked, depth.scheduled) == (counts["ready"], counts["scheduled"])
        assert (depth.claimed, depth.dead) == (counts["claimed"], counts["dead"])

    def nothing_but_this_is_stored(self, why: str) -> None:
        expected = {
            number: (row.state, None if row.owner is None else self.processes[row.owner].owner, row.deliveries)
            for number, row in self.rows.items()
        }
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while (stored := self.read_table()) != expected:
            if time.monotonic() > give_up_at:
                numbers = sorted(stored.keys() | expected.keys())
                differences = {
                    number: (stored.get(number), expected.get(number))
                    for number in numbers
                    if stored.get(number) != expected.get(number)
                }
                raise AssertionError(f"{why}; message: (stored, expected) = {differences}")
            time.sleep(0.002)

    def read_table(self) -> dict[int, tuple[str, str | None, int]]:
        found = self.table.execute(TABLE).fetchall()
        # A message that waits for room under its concurrency key is as ready as any other, once there is some.
        stored = {
            number_in(payload): ("ready" if state == "blocked" else state, owner, times)
            for _, payload, state, owner, times in found
        }
        assert len(stored) == len(found), "a message is there twice"
        return stored

    def row_id(self, number: int) -> int:
        (id,) = [row[0] for row in self.table.execute(TABLE).fetchall() if number_in(row[1]) == number]
        return int(id)


def number_in(payload: bytes) -> int:
    return int(json.loads(payload)["args"][0])


def spelled(options: dict[str, Any]) -> dict[str, Any]:
    """The options as a message carries them."""
    plain = {name: value for name, value in options.items() if name != "concurrency"}
    if "concurrency" in options:
        plain["concurrency_key"], plain["concurrency_limit"] = options["concurrency"]
    return plain


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with a_zygote() as zygote:
        yield zygote


def walk(zygote: Zygote, *, walks: int, steps: int, start: int) -> Counter[str]:
    """Take this many random walks; the same start takes the same ones."""
    TALLY.clear()

    @seed(start)
    def model() -> Model:
        return Model(zygote)

    run_state_machine_as_test(
        model,
        settings=settings(
            max_examples=walks,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],  # to shrink a walk of real processes takes longer than to read it
        ),
    )
    print(f"start {start}: {dict(TALLY)}")
    return TALLY


def test_random_walks_of_several_processes_agree_with_a_dict(zygote: Zygote) -> None:
    tally = walk(zygote, walks=16, steps=50, start=20261122)
    assert tally["steps"] >= 500
    assert min(tally["claims"], tally["late answers"], tally["crashes"], tally["overdue"]) >= 10


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_many_more_random_walks_agree_too(zygote: Zygote) -> None:
    chosen = os.environ.get("SAYATHING_TEST_SEED")
    tally = walk(zygote, walks=100, steps=60, start=int(chosen) if chosen else int.from_bytes(os.urandom(4), "big"))
    assert tally["steps"] >= 3_000
