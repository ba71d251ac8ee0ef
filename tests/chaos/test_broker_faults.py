"""Whatever goes wrong around the broker: the error says what, nothing is lost, and work goes on once it is put right."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import shutil
import sqlite3
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from dramatiq.errors import QueueJoinTimeout

from broker import DatabaseUnavailable, SchemaTooNew, SQLiteBroker
from broker._errors import DatabaseCorrupt, DatabaseFull, DatabaseLocked, DatabaseReadOnly
from tests.chaos.broker_programs.children import send_and_finish, send_through
from tests.chaos.broker_programs.puppet import Clocks, message_of
from tests.chaos.broker_programs.zygote import Raised, Strings, Zygote, a_zygote, stopped
from tests.support.processes import until

pytestmark = pytest.mark.integration

NOBODY = 65_534


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with a_zygote() as zygote:
        yield zygote


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "queue.db"


@pytest.fixture
def make_broker(path: Path) -> Iterator[Callable[..., SQLiteBroker]]:
    made: list[SQLiteBroker] = []

    def make(path: Path = path, **settings: Any) -> SQLiteBroker:
        broker = SQLiteBroker(path, **{"durability": "normal", "middleware": [], **settings})
        broker.declare_queue("default")
        made.append(broker)
        return broker

    yield make
    for broker in made:
        with suppress(DatabaseUnavailable):
            broker.close()


@pytest.fixture
def clocks(tmp_path: Path) -> Clocks:
    return Clocks(tmp_path / "clocks")


@pytest.fixture
def small_disk(tmp_path: Path, zygote: Zygote) -> Iterator[Path]:
    """A disk of four megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        zygote.kill_all()
        if subprocess.run(["umount", str(folder)], check=False).returncode:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


def read(path: Path, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(path, timeout=30, isolation_level=None)
    try:
        return connection.execute(sql, parameters).fetchall()
    finally:
        connection.close()


def is_empty(path: Path) -> bool:
    return not read(path, "SELECT 1 FROM broker_messages")


def assert_is_sound(path: Path) -> None:
    assert read(path, "PRAGMA integrity_check") == [("ok",)]


def drain(broker: SQLiteBroker, *, threads: int = 8) -> list[Any]:
    """Claim and finish all there is; the first argument of each message, in order."""
    consumer = broker.consume("default", prefetch=2 * threads, timeout=1)
    got = []
    while (delivery := next(consumer)) is not None:
        got.append(delivery.args[0])
        consumer.ack(delivery)
    consumer.close()
    return got


class Notes:
    """What the actors noted in a journal."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()

    def of(self, word: str) -> Counter[str]:
        lines = [line.split() for line in self.path.read_text().splitlines()]
        return Counter(number for noted, number in lines if noted == word)


def start_worker(zygote: Zygote, path: Path, notes: Notes, log: Path, **settings: Any) -> Strings:
    worker = zygote.puppet()
    worker.do("log_to", str(log))
    worker.do("be_impatient")
    worker.do("start_worker", str(path), str(notes.path), **settings)
    return worker


# ----- a worker that stands still


@pytest.mark.parametrize("housekeeper", ["the stopped one", "another"])
def test_a_worker_stopped_past_its_deadline_finishes_nothing_a_second_time(
    zygote: Zygote, tmp_path: Path, path: Path, make_broker: Callable[..., SQLiteBroker], housekeeper: str
) -> None:
    notes = {name: Notes(tmp_path / f"{name}.notes") for name in ("slow", "quick", "other")}
    log, gate = tmp_path / "slow.log", tmp_path / "gate"
    if housekeeper == "another":
        bystander = zygote.puppet()
        bystander.do("open", str(path), queues=("other",))
        bystander.do("consume", "other")
    sender = make_broker()
    slow = start_worker(zygote, path, notes["slow"], log, threads=1, claim_seconds=0.5)
    until(lambda: sender.inspect.workers())
    sender.enqueue(message_of("m", actor="sends_on", kwargs={"gate": str(gate)}))
    until(lambda: notes["slow"].of("begin")["m"])
    slow.pause()
    quick = start_worker(zygote, path, notes["quick"], tmp_path / "quick.log", threads=1, claim_seconds=600)
    until(lambda: notes["quick"].of("begin")["m"], seconds=20)
    slow.go_on()
    Path(f"{gate}.{slow.pid}").touch()
    until(lambda: "no longer ours" in log.read_text())
    assert notes["slow"].of("end") == {"m": 1}, "its actor ended late, and nobody could help that"
    (claim,) = sender.inspect.claimed()
    assert claim.owner in {worker.owner for worker in sender.inspect.workers() if worker.pid == quick.pid}
    gate.touch()
    until(lambda: is_empty(path))
    sender.enqueue(message_of("last"))
    until(lambda: is_empty(path))
    assert notes["slow"].of("end") + notes["quick"].of("end") == {"m": 2, "after-m": 1, "last": 1}
    for worker in (slow, quick):
        worker.do("stop_worker")
    zygote.kill_all()


def test_a_process_stopped_within_a_transaction_holds_the_others_up_no_longer_than_they_said(
    zygote: Zygote, path: Path, make_broker: Callable[..., SQLiteBroker]
) -> None:
    sender = make_broker(busy_timeout_seconds=0.2)
    sender.setup()
    stopping = zygote.puppet()
    stopping.do("die_at", 0)
    stopping.do("open", str(path))
    stopping.do("setup")
    stopping.do("stop_in_a_transaction")
    stopping.send("enqueue", "slow")
    until(lambda: stopped(stopping.pid))
    with pytest.raises(DatabaseLocked, match=str(path)):
        sender.enqueue(message_of("refused"))
    with pytest.raises(DatabaseLocked):
        sender.consume("default")
    stopping.go_on()
    stopping.answer()
    sender.enqueue(message_of("late"))
    assert drain(sender) == ["slow", "late"]
    stopping.kill()


# ----- no room on the disk


def test_a_full_disk_loses_nothing_and_work_goes_on_once_there_is_room(
    zygote: Zygote, tmp_path: Path, small_disk: Path, make_broker: Callable[..., SQLiteBroker]
) -> None:
    path, notes = small_disk / "queue.db", Notes(tmp_path / "notes")
    sender = make_broker(path)
    worker = start_worker(zygote, path, notes, tmp_path / "log")
    numbers = itertools.count()
    stored, refused = set[str](), dict[str, DatabaseFull]()

    def send() -> None:
        number = str(next(numbers))
        actor = ("work", "sends_on", "fails_once")[int(number) % 3]
        try:
            sender.enqueue(message_of(number, actor=actor, kwargs={"milliseconds": 1}, padding="x" * 2_000))
        except DatabaseFull as error:
            refused[number] = error
        else:
            stored.add(number)

    for _ in range(20):
        send()
    fill(small_disk / "ballast")
    while len(refused) < 30:
        send()
        assert len(stored) < 5_000, "the disk is not full"
    (small_disk / "ballast").unlink()
    for _ in range(20):
        send()
    until(lambda: is_empty(path))
    followers = {f"after-{number}" for number in stored if int(number) % 3 == 1}
    assert notes.of("end").keys() == stored | followers
    assert len(refused) == 30
    assert all(str(path) in str(error) and "room" in str(error) and not error.permanent for error in refused.values())
    assert_is_sound(path)
    worker.do("stop_worker")


def test_a_disk_that_is_full_of_the_queues_own_log_empties_itself(
    zygote: Zygote, tmp_path: Path, small_disk: Path, make_broker: Callable[..., SQLiteBroker]
) -> None:
    path, notes, gate = small_disk / "queue.db", Notes(tmp_path / "notes"), tmp_path / "gate"
    sender = make_broker(path)
    worker = start_worker(zygote, path, notes, tmp_path / "log", threads=1)
    sender.enqueue(message_of("held", actor="sends_on", kwargs={"gate": str(gate)}))
    until(lambda: notes.of("begin")["held"])
    worker.pause()  # while nobody moves the log, it can only grow
    with pytest.raises(DatabaseFull):
        for number in range(1, 2_000):
            sender.inspect.limit("other", number)
    gate.touch()
    worker.go_on()
    until(lambda: is_empty(path))
    assert notes.of("end").keys() == {"held", "after-held"}
    assert_is_sound(path)
    worker.do("stop_worker")


def fill(ballast: Path) -> None:
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)


# ----- a disk or a file that must not be written


def remount(folder: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", str(folder)], check=True)


def test_a_read_only_disk_is_named_and_work_goes_on_once_it_can_be_written(
    small_disk: Path, make_broker: Callable[..., SQLiteBroker]
) -> None:
    path = small_disk / "queue.db"
    broker = make_broker(path)
    broker.enqueue(message_of(1))
    broker.close()
    remount(small_disk, "ro")
    for call in (
        broker.setup,
        lambda: broker.enqueue(message_of(2)),
        lambda: broker.consume("default"),
        lambda: broker.inspect.pause("default"),
    ):
        with pytest.raises(DatabaseReadOnly, match=str(path)):
            call()
    remount(small_disk, "rw")
    broker.enqueue(message_of(3))
    assert drain(broker) == [1, 3]


@pytest.mark.parametrize("guarded", ["file", "folder"])
def test_a_user_who_may_not_write_is_told_so(
    zygote: Zygote, tmp_path: Path, make_broker: Callable[..., SQLiteBroker], guarded: str
) -> None:
    if os.geteuid():
        pytest.skip("only root can become another user")
    folder = Path("/tmp") / f"sayathing-{os.getpid()}-{guarded}"
    folder.mkdir(mode=0o777)
    try:
        path = folder / "queue.db"
        broker = make_broker(path)
        broker.enqueue(message_of(1))
        broker.close()
        shutil.rmtree(folder / "queue.db-run", ignore_errors=True)
        for place in (folder, *folder.iterdir()):
            os.chown(place, NOBODY, NOBODY)
        (path if guarded == "file" else folder).chmod(0o555)
        user = zygote.puppet()
        user.do("become", NOBODY)
        user.do("open", str(path))
        with pytest.raises(Raised) as raised:
            user.do("enqueue", 2)
        assert raised.value.names[0] == "DatabaseReadOnly", raised.value
        assert str(path) in raised.value.text
        # SQLite gave the files beside it the file's own mode.
        for place in (folder, *folder.glob("queue.db*")):
            place.chmod(0o755)
        user.do("enqueue", 3)
        user.do("consume")
        assert [user.do("next")[1] for _ in range(2)] == [1, 3]
        user.kill()
    finally:
        shutil.rmtree(folder)


# ----- a lock that another program keeps


def test_a_lock_kept_by_another_program_is_named_and_work_goes_on_after_it(
    zygote: Zygote, tmp_path: Path, path: Path, make_broker: Callable[..., SQLiteBroker]
) -> None:
    notes, log = Notes(tmp_path / "notes"), tmp_path / "log"
    sender = make_broker(busy_timeout_seconds=0.05)
    worker = start_worker(zygote, path, notes, log, busy_timeout_seconds=0.05)
    other = zygote.puppet()
    gate = tmp_path / "gate"
    for number in ("a", "b"):
        sender.enqueue(message_of(number, actor="sends_on", kwargs={"gate": str(gate)}))
    until(lambda: len(notes.of("begin")) == 2)
    other.do("lock", str(path))
    with pytest.raises(DatabaseLocked, match=str(path)):
        sender.enqueue(message_of("refused"))
    with pytest.raises(DatabaseLocked):
        sender.inspect.pause("default")
    assert sender.inspect.queues()[0].claimed == 2, "reading needs no lock"
    gate.touch()
    until(lambda: len(notes.of("end")) == 2)
    until(lambda: "locked" in log.read_text())
    other.do("unlock")
    sender.enqueue(message_of("c"))
    until(lambda: is_empty(path))
    assert notes.of("end") == {"a": 1, "b": 1, "after-a": 1, "after-b": 1, "c": 1}
    worker.do("stop_worker")
    zygote.kill_all()


# ----- a damaged file


def spoil_the_header(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(os.urandom(100))


def spoil_all_but_the_header(path: Path) -> None:
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(size - 4096))


def spoil_the_pages_in_the_middle(path: Path) -> None:
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 4 // 4096 * 4096)
        file.write(os.urandom(size // 2))


def cut_in_half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def cut_in_the_first_page(path: Path) -> None:
    os.truncate(path, 1000)


def replace_by_a_text(path: Path) -> None:
    path.write_text("This is no database. " * 1000)


DAMAGES = [
    spoil_the_header,
    spoil_all_but_the_header,
    spoil_the_pages_in_the_middle,
    cut_in_half,
    cut_in_the_first_page,
    replace_by_a_text,
]


def put_in_place(good: Path, path: Path) -> None:
    """What the documentation tells people to do."""
    for suffix in ("-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    shutil.copy(good, f"{path}.new")
    os.replace(f"{path}.new", path)


def file_with_messages(broker: SQLiteBroker, path: Path, count: int) -> Path:
    """Send so many messages, and keep a copy of the file."""
    for number in range(count):
        broker.enqueue(message_of(number, padding="x" * 1_500))
    broker.close()
    assert not Path(f"{path}-wal").exists()
    return Path(shutil.copy(path, f"{path}.good"))


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_named_and_a_sound_one_in_its_place_will_do(
    path: Path, make_broker: Callable[..., SQLiteBroker], damage: Callable[[Path], None]
) -> None:
    broker = make_broker()
    good = file_with_messages(broker, path, 100)
    damage(path)
    with pytest.raises(DatabaseCorrupt, match=str(path)) as raised:
        drain(broker)
    assert "sound" in str(raised.value), "it does not say what to do"
    with suppress(DatabaseCorrupt):
        broker.close()
    put_in_place(good, path)
    assert drain(broker) == list(range(100))


def test_a_worker_that_found_a_damaged_file_goes_on_with_a_sound_one(
    zygote: Zygote, tmp_path: Path, path: Path, make_broker: Callable[..., SQLiteBroker]
) -> None:
    notes, log = Notes(tmp_path / "notes"), tmp_path / "log"
    good = file_with_messages(make_broker(), path, 20)
    spoil_the_header(path)
    worker = start_worker(zygote, path, notes, log)
    until(lambda: f"{path} is damaged" in log.read_text())
    put_in_place(good, path)
    until(lambda: len(notes.of("end")) == 20)
    until(lambda: is_empty(path))
    worker.do("stop_worker")
    zygote.kill_all()


def test_a_file_of_a_newer_program_is_left_alone(path: Path, make_broker: Callable[..., SQLiteBroker]) -> None:
    broker = make_broker()
    broker.enqueue(message_of(1))
    broker.close()
    ((version,),) = read(path, "SELECT version FROM broker_schema")
    read(path, "UPDATE broker_schema SET version = ?", version + 1)
    before = path.read_bytes()
    for call in (broker.setup, lambda: broker.enqueue(message_of(2)), lambda: broker.consume("default")):
        with pytest.raises(SchemaTooNew, match=f"{version + 1}.*{version}"):
            call()
    broker.close()
    assert path.read_bytes() == before
    read(path, "UPDATE broker_schema SET version = ?", version)
    assert drain(broker) == [1]


# ----- clocks


@pytest.mark.parametrize("jump", [3600.0, -3600.0])
def test_a_wall_clock_that_jumps_ends_no_claim(
    make_broker: Callable[..., SQLiteBroker], clocks: Clocks, jump: float
) -> None:
    holder, other = make_broker(**clocks.settings()), make_broker(**clocks.settings())
    holder.enqueue(message_of("held"))
    holder.enqueue(message_of("overdue", time_limit=1))
    consumer = holder.consume("default", prefetch=4, timeout=1)
    held, overdue = next(consumer), next(consumer)
    assert held is not None
    assert overdue is not None
    clocks.move(wall=jump)
    clocks.move(monotonic=31)
    # The housekeeper has been there as soon as the other claim is free.
    until(lambda: other.inspect.queues()[0].claimed == 1)
    assert drain(other) == ["overdue"]
    consumer.ack(overdue)
    consumer.ack(held)
    until(lambda: other.inspect.queues()[0].claimed == 0)
    assert drain(other) == []


def test_a_scheduled_message_runs_at_its_wall_time_wherever_the_clock_jumps(
    make_broker: Callable[..., SQLiteBroker], clocks: Clocks
) -> None:
    broker = make_broker(**clocks.settings())
    broker.enqueue(message_of("in ten minutes"), delay=600_000)
    clocks.move(wall=-3600)
    clocks.move(monotonic=700)
    assert drain(broker) == []
    clocks.move(wall=3600 + 599)
    assert drain(broker) == []
    clocks.move(wall=1)
    assert drain(broker) == ["in ten minutes"]


def test_a_consumer_that_waits_hears_of_a_clock_that_jumps_forward(
    make_broker: Callable[..., SQLiteBroker], clocks: Clocks
) -> None:
    broker = make_broker(**clocks.settings())
    broker.enqueue(message_of("in an hour"), delay=3_600_000)
    consumer = broker.consume("default", prefetch=2, timeout=600_000)
    got: list[Any] = []
    thread = threading.Thread(target=lambda: got.append(next(consumer)), daemon=True)
    thread.start()
    clocks.move(wall=3601)
    until(lambda: got, seconds=20)
    assert got[0].args == ("in an hour",)
    thread.join()


# ----- between "nothing there" and the wait


@pytest.mark.parametrize("sender_is", ["the same broker", "another broker"])
@pytest.mark.parametrize("statement", [1, 2])
def test_an_enqueue_between_nothing_there_and_the_wait_is_not_slept_through(
    make_broker: Callable[..., SQLiteBroker], monkeypatch: pytest.MonkeyPatch, sender_is: str, statement: int
) -> None:
    """The message is stored just after a statement of the consumer that found nothing had its answer."""
    waiting = threading.local()
    sent = threading.Event()

    class Watched(sqlite3.Connection):
        def execute(self, *arguments: Any) -> sqlite3.Cursor:
            cursor = super().execute(*arguments)
            if getattr(waiting, "statements", None) is not None and not self.in_transaction:
                waiting.statements += 1
                if waiting.statements == statement:
                    thread = threading.Thread(target=sender.enqueue, args=[message_of(1)])
                    thread.start()
                    thread.join()
                    sent.set()
            return cursor

    connect = sqlite3.connect
    monkeypatch.setattr(
        sqlite3, "connect", lambda *arguments, **options: connect(*arguments, **options, factory=Watched)
    )
    broker = make_broker()
    sender = broker if sender_is == "the same broker" else make_broker()
    consumer = broker.consume("default", prefetch=2, timeout=600_000)
    got: list[Any] = []

    def wait() -> None:
        broker.inspect.queues()  # the thread's connection is open from here on
        waiting.statements = 0
        got.append(next(consumer))

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    if not sent.wait(2):
        # The consumer waits already, having made fewer statements than that.
        sender.enqueue(message_of(1))
    until(lambda: got, seconds=20)
    assert got[0].args == (1,)
    thread.join()


# ----- much, and many


def test_a_hundred_thousand_waiting_messages_are_no_obstacle(
    path: Path, make_broker: Callable[..., SQLiteBroker]
) -> None:
    count = 100_000
    broker = make_broker()
    for _ in range(10):
        broker.enqueue_many([message_of(number) for number in range(count // 10)])
    broker.close()
    consumer = broker.consume("default", prefetch=16, timeout=1)
    for number in range(50):
        delivery = next(consumer)
        assert delivery is not None
        assert delivery.args == (number,)
        consumer.ack(delivery)
    consumer.close()
    broker.close()
    (depth,) = broker.inspect.queues()
    assert (depth.ready, depth.claimed, depth.dead) == (count - 50, 0, 0)
    with pytest.raises(QueueJoinTimeout):
        broker.join("default", timeout=10)
    broker.flush("default")
    broker.join("default", timeout=10)
    assert is_empty(path)


def test_two_brokers_of_one_process_share_the_file(make_broker: Callable[..., SQLiteBroker]) -> None:
    one, two = make_broker(), make_broker()
    for number in range(20):
        (one, two)[number % 2].enqueue(message_of(number))
    consumers = [broker.consume("default", prefetch=8, timeout=1) for broker in (one, two)]
    got = []
    for consumer in itertools.cycle(consumers):
        delivery = next(consumer)
        if delivery is None and len(got) >= 20:
            break
        if delivery is not None:
            got.append(delivery.args[0])
            consumer.ack(delivery)
    assert sorted(got) == list(range(20))
    one.close()
    two.enqueue(message_of("alone"))
    assert drain(two) == ["alone"]
    one.enqueue(message_of("again"))
    assert drain(one) == ["again"]


def test_sixteen_threads_may_use_one_broker_at_once(path: Path, make_broker: Callable[..., SQLiteBroker]) -> None:
    broker = make_broker()
    consumer = broker.consume("default", prefetch=32, timeout=1)
    pulling = threading.Lock()
    got: list[Any] = []

    def use(name: int) -> None:
        for number in range(20):
            broker.enqueue(message_of(f"{name}-{number}"))
            with pulling:  # Dramatiq has one thread per consumer, and acks from many
                delivery = next(consumer)
            broker.inspect.queues()
            if delivery is not None:
                got.append(delivery.args[0])
                consumer.ack(delivery)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(use, range(16)))
    consumer.close()
    assert sorted(got + drain(broker)) == sorted(f"{name}-{number}" for name in range(16) for number in range(20))
    until(lambda: is_empty(path))


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_children_of_multiprocessing_work_beside_a_living_parent(
    path: Path, make_broker: Callable[..., SQLiteBroker], method: str
) -> None:
    context = multiprocessing.get_context(method)
    parent = make_broker()
    consumer = parent.consume("default", prefetch=2, timeout=1)
    parent.enqueue(message_of("parent's"))
    held = next(consumer)
    assert held is not None
    answers = context.Queue()
    children = [context.Process(target=send_and_finish, args=(path, name, answers)) for name in ("x", "y")]
    if method == "fork":
        # A child may also go on with the broker it inherited.
        children.append(context.Process(target=send_through, args=(parent, "inherited")))
    for child in children:
        child.start()
    done = [number for _ in range(2) for number in answers.get(timeout=60)]
    for child in children:
        child.join(60)
        assert child.exitcode == 0
    answers.close()
    answers.join_thread()
    (claim,) = parent.inspect.claimed()
    assert claim.message_id == held.message_id, "a child has freed or answered what its parent holds"
    consumer.ack(held)
    rest = drain(parent)
    expected = [f"{name}-{number}" for name in ("x", "y") for number in range(10)]
    assert sorted(done + rest) == sorted(expected + (["inherited"] if method == "fork" else []))
    until(lambda: is_empty(path))
