import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.api.health import AliveBody
from tests.support.processes import PROJECT
from tests.unit.cli.conftest import Sayathing
from tests.unit.cli.fake_service import TASK_ID, Answer, FakeService, task_document


def test_help_names_every_command(sayathing: Sayathing) -> None:
    ended = sayathing("--help")
    assert ended.status == 0
    for command in ("serve", "worker", "say", "tasks", "voices", "models", "doctor"):
        assert f"  {command} " in ended.out


def test_the_version_is_the_packages(sayathing: Sayathing) -> None:
    from importlib.metadata import version

    assert sayathing("--version").out == f"sayathing {version('sayathing')}\n"


@pytest.mark.parametrize(
    "arguments", ["nothing", "say --speed fast x", "tasks show", "serve --port 70000", "tasks list --limit 0"]
)
def test_wrong_use_ends_with_2(sayathing: Sayathing, arguments: str) -> None:
    ended = sayathing(*arguments.split())
    assert ended.status == 2
    assert ended.out == ""
    assert ended.err.splitlines()[-1].startswith("Error: ")


@pytest.mark.parametrize(
    "arguments", ["list", f"show {TASK_ID}", f"wait {TASK_ID}", f"cancel {TASK_ID}", f"retry {TASK_ID}"]
)
def test_tasks_without_a_service_end_with_3(sayathing: Sayathing, arguments: str) -> None:
    ended = sayathing("tasks", *arguments.split())
    assert ended.status == 3
    assert "sayathing serve" in ended.err


@pytest.mark.parametrize("command", ["--help", "say --help", "say hello --url http://127.0.0.1:1", "models list"])
def test_a_client_loads_no_server_and_no_hub(command: str) -> None:
    program = (
        "import sys; from app.cli import run; run(sys.argv[1:]); "
        "heavy = {'fastapi', 'starlette', 'sqlalchemy', 'dramatiq', 'huggingface_hub', 'httpx2'}; "
        "print({name.partition('.')[0] for name in sys.modules} & heavy)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, *command.split()], capture_output=True, text=True, check=True
    )
    assert ended.stdout.splitlines()[-1] == "set()"


def test_a_list_shows_each_task_and_where_to_go_on(service: FakeService, sayathing: Sayathing) -> None:
    long = task_document("processing")
    long["items"][0]["text"] = "word\n" * 100
    service.prepare("GET /tasks", Answer(body={"tasks": [long, task_document()], "next_cursor": "C1"}))
    ended = sayathing("tasks", "list", "--state", "completed", "--voice", "v", "--text", "t", "--url", service.url)
    heading, first, second = ended.out.splitlines()
    assert heading.split() == ["task", "state", "segments", "voice", "text"]
    assert first.split()[:5] == [TASK_ID, "processing", "1/2", "espeak-en-us", "word"]
    assert "Nothing is lost." in second
    assert "--cursor C1" in ended.err
    assert service.asked[-1][0] == "GET /tasks?state=completed&voice=v&q=t&limit=20"


def test_all_pages_are_one_list(service: FakeService, sayathing: Sayathing) -> None:
    service.prepare(
        "GET /tasks",
        Answer(body={"tasks": [task_document()], "next_cursor": "C1"}),
        Answer(body={"tasks": [task_document("pending")], "next_cursor": None}),
    )
    ended = sayathing("tasks", "list", "--all", "--json", "--url", service.url)
    assert json.loads(ended.out) == {"tasks": [task_document(), task_document("pending")], "next_cursor": None}
    assert [request for request, _ in service.asked][-1].endswith("cursor=C1")


@pytest.mark.parametrize("verb", ["show", "cancel", "retry"])
def test_one_task_is_shown_for_people_and_for_machines(service: FakeService, sayathing: Sayathing, verb: str) -> None:
    for path in ("cancel", "retry"):
        service.prepare(f"POST /tasks/{TASK_ID}/{path}", Answer(body=task_document()))
    shown = sayathing("tasks", verb, TASK_ID, "--url", service.url)
    assert shown.status == 0
    assert TASK_ID in shown.out
    assert "completed" in shown.out
    assert json.loads(sayathing("tasks", verb, TASK_ID, "--json", "--url", service.url).out) == task_document()


@pytest.mark.parametrize(("state", "status"), [("completed", 0), ("cancelled", 1), ("discarded", 1)])
def test_waiting_ends_as_the_task_does(service: FakeService, sayathing: Sayathing, state: str, status: int) -> None:
    service.prepare(
        f"GET /tasks/{TASK_ID}", Answer(body=task_document("processing")), Answer(body=task_document(state))
    )
    assert sayathing("tasks", "wait", TASK_ID, "--url", service.url).status == status


def test_a_state_that_forbids_the_move_ends_with_2(service: FakeService, sayathing: Sayathing) -> None:
    problem = {"detail": "A task that is completed cannot become cancelled."}
    service.prepare(f"POST /tasks/{TASK_ID}/cancel", Answer(409, problem))
    ended = sayathing("tasks", "cancel", TASK_ID, "--url", service.url)
    assert (ended.status, ended.err) == (2, f"sayathing: {problem['detail']}\n")


@pytest.mark.parametrize(
    "arguments", ["serve --port 0 --no-workers", "worker --processes 1", "keys list", "serve --host 0.0.0.0"]
)
def test_a_damaged_database_is_one_line_that_names_it(sayathing: Sayathing, arguments: str) -> None:
    Path("data").mkdir()
    Path("data/sayathing.db").write_text("garbage")
    ended = sayathing(*arguments.split())
    assert (ended.status, ended.out) == (1, "")
    assert ended.err.startswith("sayathing: The database data/sayathing.db is damaged")
    assert "docs/operations.md" in ended.err
    assert len(ended.err.splitlines()) == 1


def test_a_data_folder_that_is_a_file_is_named(sayathing: Sayathing) -> None:
    Path("data").touch()
    ended = sayathing("worker")
    assert (ended.status, "data is a file" in ended.err) == (1, True)


@pytest.mark.parametrize(("alive", "who"), [(200, "A SayAThing runs there"), (404, "Another program listens there")])
def test_a_taken_port_is_told_with_who_has_it_and_the_way_out(
    service: FakeService, sayathing: Sayathing, alive: int, who: str
) -> None:
    service.prepare("GET /livez", Answer(alive, AliveBody().model_dump() if alive == 200 else "nothing"))
    ended = sayathing("serve", "--no-workers", "--port", service.url.rpartition(":")[2])
    assert (ended.status, len(ended.err.splitlines())) == (1, 1)
    for told in (who, "--port", "SAYATHING_PORT"):
        assert told in ended.err


def test_voices_need_no_service(sayathing: Sayathing) -> None:
    ended = sayathing("voices", "--available", "--language", "de", "--json")
    assert [voice["id"] for voice in json.loads(ended.out)["voices"]] == ["espeak-de"]
    assert "af_heart" in sayathing("voices").out


def test_a_language_that_nobody_speaks_is_told_with_those_that_are(sayathing: Sayathing) -> None:
    ended = sayathing("voices", "--language", "xx")
    assert (ended.status, ended.out) == (0, "")
    assert "No voice speaks 'xx'" in ended.err
    assert " de," in ended.err
    assert json.loads(sayathing("voices", "--language", "xx", "--json").out) == {"voices": []}


def test_voices_of_a_service_are_its_own(service: FakeService, sayathing: Sayathing) -> None:
    one = {"id": "own", "name": "Own", "language": "en-US", "gender": None, "grade": "A", "engine": "x"}
    here, away = {**one, "available": True, "why_not": None}, {**one, "available": False, "why_not": "It is away."}
    service.prepare("GET /tts/voices", Answer(body={"voices": [here, away]}))
    assert json.loads(sayathing("voices", "--json", "--url", service.url).out)["voices"] == [here, away]
    ended = sayathing("voices", "--language", "EN", "--url", service.url)
    assert [line.split()[-1] for line in ended.out.splitlines()] == ["available", "yes", "no"]
    assert ended.err == "It is away.\n"


def test_a_bad_setting_is_named_by_the_doctor(sayathing: Sayathing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAYATHING_ENGINE", "piano")
    ended = sayathing("doctor", "--json")
    assert ended.status == 1
    (check,) = json.loads(ended.out)["checks"]
    assert (check["name"], check["verdict"]) == ("settings", "fail")
    assert "SAYATHING_ENGINE" in check["detail"]


def test_a_shell_completes_commands_and_options() -> None:
    def completed(words: str) -> list[str]:
        environment = {
            **os.environ,
            "_SAYATHING_COMPLETE": "complete_bash",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split(" ")) - 1),
        }
        program = [sys.executable, "-c", "import sys; sys.argv[0] = 'sayathing'; from app.cli import main; main()"]
        return subprocess.run(
            program, cwd=PROJECT, env=environment, capture_output=True, text=True, check=True
        ).stdout.split()

    assert completed("sayathing ta") == ["tasks"]
    assert "--format" in completed("sayathing say --f")
