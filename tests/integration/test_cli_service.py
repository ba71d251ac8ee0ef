"""`sayathing serve` and `say` as a person runs them: real processes, real speech, in an empty folder."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from broker import SQLiteBroker

pytestmark = pytest.mark.integration

DEADLINE_SECONDS = 90.0
MARK = "SAYATHING_TEST_MARK"
BOOK = " ".join(f"This is sentence {number} of a story in which nothing is ever lost." for number in range(5000))


def eventually(holds: Callable[[], object]) -> None:
    give_up_at = time.monotonic() + DEADLINE_SECONDS
    while not holds():
        assert time.monotonic() < give_up_at, "it did not come about in time"
        time.sleep(0.05)


class Shell:
    """Runs `sayathing` in one folder; every process that comes from it carries a mark in its environment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mark = uuid4().hex
        self.started: list[subprocess.Popen[str]] = []
        self.environment = {**os.environ, MARK: self.mark, "SAYATHING_PORT": str(free_port())}

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        with (self.folder / f"stderr-{len(self.started)}").open("w") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-m", "app.cli", *arguments],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                start_new_session=True,
            )
        self.started.append(process)
        return process

    def run(self, *arguments: str, given: str | None = None) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "app.cli", *arguments],
            cwd=self.folder,
            env=self.environment,
            input=given,
            capture_output=True,
            text=True,
            timeout=DEADLINE_SECONDS,
            check=False,
        )

    def stderr_of(self, process: "subprocess.Popen[str]") -> str:
        return (self.folder / f"stderr-{self.started.index(process)}").read_text()

    def serve(self, *arguments: str) -> "Served":
        return Served(self, self.start("serve", "--port", "0", "--json", *arguments))

    def processes(self) -> dict[int, str]:
        """The running processes that come from this shell, and their command lines."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if f"{MARK}={self.mark}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                    found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:  # it has just ended, or is somebody else's
                continue
        return found

    def claimed(self) -> int:
        broker = SQLiteBroker(self.folder / "data" / "sayathing.db", middleware=[])
        try:
            return len(broker.inspect.claimed())
        finally:
            broker.close()


class Served:
    """A running `sayathing serve`."""

    def __init__(self, shell: Shell, process: "subprocess.Popen[str]") -> None:
        self.shell = shell
        self.process = process
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, shell.stderr_of(process)
        self.url = json.loads(line)["url"]

    def workers(self) -> list[int]:
        """Process ids of the Dramatiq commands and the workers that they started."""
        return [pid for pid, command in self.shell.processes().items() if "dramatiq actors" in command]

    def begin_a_book(self) -> str:
        """Post a long text and wait until a worker is at it; the task's id."""
        accepted = httpx.post(f"{self.url}/api/tts", json={"text": BOOK}, timeout=30)
        assert accepted.status_code == 202, accepted.text
        task_id = str(accepted.json()["task_id"])
        eventually(lambda: self.task(task_id)["progress"]["segments_done"] > 0)
        return task_id

    def task(self, task_id: str) -> dict[str, dict[str, int]]:
        task: dict[str, dict[str, int]] = httpx.get(f"{self.url}/tasks/{task_id}", timeout=30).json()
        return task

    def cancel(self, task_id: str) -> dict[str, object]:
        task: dict[str, object] = httpx.post(f"{self.url}/tasks/{task_id}/cancel", timeout=30).json()
        return task

    def ended(self) -> int:
        """The exit status, once no process is left."""
        status = self.process.wait(DEADLINE_SECONDS)
        eventually(lambda: not self.shell.processes())
        return status


def fresh_shell(folder: Path) -> Iterator[Shell]:
    shell = Shell(folder)
    yield shell
    for pid in shell.processes():
        os.kill(pid, signal.SIGKILL)
    for process in shell.started:
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """Nothing that it starts outlives the test."""
    yield from fresh_shell(tmp_path)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One service for those tests that leave it running; each has to cancel what it leaves unfinished."""
    for shell in fresh_shell(tmp_path_factory.mktemp("served")):
        served = shell.serve("--workers", "1")
        shell.environment["SAYATHING_PORT"] = served.url.rpartition(":")[2]
        yield served


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_ctrl_c_during_synthesis_leaves_no_process_and_no_claimed_message(shell: Shell) -> None:
    served = shell.serve("--workers", "2")
    served.begin_a_book()
    eventually(shell.claimed)
    served.process.send_signal(signal.SIGINT)
    assert served.ended() == 0
    assert shell.claimed() == 0


def test_a_second_ctrl_c_leaves_no_process(shell: Shell) -> None:
    served = shell.serve("--workers", "1")
    served.begin_a_book()
    served.process.send_signal(signal.SIGINT)
    eventually(lambda: '"stopping"' in shell.stderr_of(served.process))
    served.process.send_signal(signal.SIGINT)
    assert served.ended() == 1


def test_a_killed_supervisor_leaves_no_process_and_no_claimed_message(shell: Shell) -> None:
    served = shell.serve("--workers", "1")
    served.begin_a_book()
    served.process.kill()
    assert served.ended() == -signal.SIGKILL
    assert shell.claimed() == 0


def test_killed_workers_are_replaced_and_the_task_goes_on(served: Served) -> None:
    task_id = served.begin_a_book()
    before = served.workers()
    assert len(before) == 2
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: len(set(served.workers()) - set(before)) == 2)
    done = served.task(task_id)["progress"]["segments_done"]
    eventually(lambda: served.task(task_id)["progress"]["segments_done"] > done)
    served.cancel(task_id)


def test_a_killed_api_comes_back_on_its_port_and_the_workers_stay(served: Served) -> None:
    workers = served.workers()
    (api,) = (pid for pid, command in served.shell.processes().items() if "app.cli.api_child" in command)
    os.kill(api, signal.SIGKILL)
    assert httpx.get(f"{served.url}/livez", timeout=DEADLINE_SECONDS).status_code == 200
    assert served.workers() == workers


def test_a_taken_port_is_told_in_one_line(shell: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = shell.run("serve", "--port", str(port))
    assert ended.returncode == 1
    assert re.fullmatch(
        rf"sayathing: Cannot listen on 127.0.0.1 port {port}: .*in use.*--port.*SAYATHING_PORT.*\n", ended.stderr
    )


@pytest.mark.parametrize("command", ["serve", "worker", "say hello"])
def test_a_bad_setting_is_told_in_one_line(shell: Shell, command: str) -> None:
    shell.environment["TTS_GENERATION_TIMEOUT"] = "soon"
    ended = shell.run(*command.split())
    assert ended.returncode == 2
    assert re.fullmatch(r"sayathing: TTS_GENERATION_TIMEOUT: .*\n", ended.stderr)
    assert ended.stdout == ""


def test_say_starts_a_service_for_itself_and_leaves_nothing_but_the_file(shell: Shell) -> None:
    ended = shell.run("say", "-", given="Nothing is lost.")
    assert ended.returncode == 0, ended.stderr
    path = Path(ended.stdout.splitlines()[-1])
    assert path.parent == shell.folder
    with wave.open(str(path)) as audio:
        assert audio.getnframes() / audio.getframerate() > 0.5
    assert not shell.processes()
    assert shell.claimed() == 0


def test_say_uses_the_running_service(served: Served) -> None:
    ended = served.shell.run("say", "Nothing is lost.", "-o", "out.mp3", "--json")
    assert ended.returncode == 0, ended.stderr
    task = json.loads(ended.stdout)
    assert task["path"] == str(served.shell.folder / "out.mp3")
    assert Path(task["path"]).stat().st_size == task["items"][0]["audio"]["bytes"]
    assert served.task(task["task_id"])["state"] == "completed"


def test_ctrl_c_on_say_leaves_the_task_with_the_service(served: Served, tmp_path: Path) -> None:
    (tmp_path / "book.txt").write_text(BOOK)
    saying = served.shell.start("say", "--file", str(tmp_path / "book.txt"), "--url", served.url)
    begun = f"{served.url}/tasks?state=processing"
    eventually(lambda: httpx.get(begun, timeout=30).json()["tasks"])
    task_id = httpx.get(begun, timeout=30).json()["tasks"][0]["task_id"]
    saying.send_signal(signal.SIGINT)
    assert saying.wait(DEADLINE_SECONDS) == 130
    assert f"sayathing tasks wait {task_id}" in served.shell.stderr_of(saying)
    assert not list(served.shell.folder.glob("*.wav"))
    assert served.cancel(task_id)["state"] == "cancelled"


def test_lists_waits_and_voices_of_a_running_service(served: Served) -> None:
    said = json.loads(served.shell.run("say", "One of many.", "--json").stdout)
    listed = json.loads(served.shell.run("tasks", "list", "--state", "completed", "--text", "many", "--json").stdout)
    assert [task["task_id"] for task in listed["tasks"]] == [said["task_id"]]
    assert served.shell.run("tasks", "wait", said["task_id"]).returncode == 0
    voices = json.loads(served.shell.run("voices", "--available", "--language", "de", "--json").stdout)["voices"]
    assert [voice["id"] for voice in voices] == ["espeak-de"]
    assert served.shell.run("tasks", "audio", said["task_id"], "-o", "many.mp3").returncode == 0
    assert (served.shell.folder / "many.mp3").stat().st_size > 1000


def test_what_a_service_refuses_is_told_in_the_command_lines_words(served: Served) -> None:
    for command, told in {
        "say hi --voice bob": "--voice: There is no voice 'bob'. `sayathing voices` lists them.",
        "say hi --speed 9": "--speed: ",
        "tasks show nope": "'nope' is not a task id. `sayathing tasks list` lists them.",
        "tasks show 01KAQ8J3Y3F3S1X7S6Q7M4M9ZT": "`sayathing tasks list` lists",
    }.items():
        ended = served.shell.run(*command.split())
        assert (ended.returncode, told in ended.stderr) == (2, True), ended.stderr
        assert not re.search(r"(GET|POST) /", ended.stderr)


def test_a_killed_say_takes_its_own_service_with_it(shell: Shell) -> None:
    saying = shell.start("say", "Nothing is lost.")
    eventually(lambda: any("dramatiq actors" in command for command in shell.processes().values()))
    saying.kill()
    eventually(lambda: not shell.processes())


def test_workers_alone_stop_in_order(shell: Shell) -> None:
    working = shell.start("worker", "--processes", "1", "--threads", "1")
    eventually(lambda: "worker_ready" in shell.stderr_of(working))
    working.send_signal(signal.SIGTERM)
    assert working.wait(DEADLINE_SECONDS) == 0
    assert not shell.processes()


def test_doctor_finds_a_fresh_folder_well(shell: Shell) -> None:
    ended = shell.run("doctor", "--json")
    assert ended.returncode == 0, ended.stdout
    verdicts = {check["name"]: check["verdict"] for check in json.loads(ended.stdout)["checks"]}
    assert verdicts["espeak"] == "ok"
    assert "fail" not in verdicts.values()
