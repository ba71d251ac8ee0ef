"""What the documentation tells people to type does what it says, against the service as it runs."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.support.documented import Block, Command, at, blocks, console
from tests.support.processes import PROJECT, Service, running_service
from tests.unit.books.epubs import epub, page

pytestmark = pytest.mark.integration

SECONDS = 60

PRELUDE = """
set -euo pipefail
curl() {
  case "$*" in
    */events*) command curl --fail --max-time 2 "$@" || test $? = 28;;  # it would go on
    *--fail-with-body*) command curl "$@";;                                          # excludes --fail
    *) command curl --fail "$@";;
  esac
}
ffplay() { test "$(wc -c)" -gt 1000; }                           # nobody listens here
sayathing() {
  case "$*" in
    "models pull"*) set -- models pull --help;;  # nothing is fetched here
    doctor*) set -- doctor --help;;              # test_cli_service.py has it look
  esac
  command sayathing "$@"
}
make() {
  grep -q "^$1:" "$PROJECT/Makefile"
  case "$1" in
    say) sayathing say -- "${2#TEXT=}";;
    run) python -c 'from app.settings import Settings; Settings.load()';;
  esac
}
"""

SHELL = [
    block
    for page in ("README.md", "docs/tutorial.md", "docs/clients.md", "docs/api.md")
    for block in blocks(page, "sh", "console")
    if "sat_" not in block.text  # keys are random; tests/unit/api/test_access.py shows them
]
PYTHON = [block for page in ("docs/clients.md", "docs/api.md") for block in blocks(page, "python")]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running_service(tmp_path_factory.mktemp("service"), SAYATHING_DURABILITY="normal") as service:
        yield service


@pytest.fixture(scope="module")
def task_id(service: Service) -> str:
    """A task that is finished."""
    return str(service.finished(service.post(text="Nothing is lost.")["task_id"])["task_id"])


@pytest.fixture
def environment(service: Service, tmp_path: Path) -> Mapping[str, str]:
    """That of somebody who has installed the service, and sits in a folder with something to read."""
    (tmp_path / "lesson.txt").write_text("Guten Morgen. Es geht nichts verloren.")
    (tmp_path / "book.epub").write_bytes(
        epub({"one.xhtml": page("<h1>One</h1><p>It was a dark and stormy night.</p>")})
    )
    return {
        **os.environ,
        **service.environment,
        "SAYATHING_PORT": str(service.port),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(PROJECT),
        "PROJECT": str(PROJECT),
    }


def run(program: list[str], environment: Mapping[str, str]) -> str:
    """What it prints."""
    ended = subprocess.run(
        program, env=environment, capture_output=True, text=True, check=False, timeout=SECONDS, stdin=subprocess.DEVNULL
    )
    assert ended.returncode == 0, f"{ended.stdout[-2000:]}\n{ended.stderr[-2000:]}"
    return ended.stdout


def files_of(folder: Path) -> list[Path]:
    return [path for path in folder.glob("*.*") if path.suffix in {".wav", ".mp3", ".m4b"}]


@pytest.mark.parametrize("block", SHELL, ids=str)
def test_a_documented_command_works(
    block: Block, service: Service, task_id: str, environment: Mapping[str, str], tmp_path: Path
) -> None:
    if block.language == "console":
        for command in console(block.text):
            output = run(["bash", "-c", PRELUDE + at(command.typed, service.url, task_id)], environment)
            assert command.is_answered_by(output), f"{command.typed}\n{output}"
    else:
        run(["bash", "-c", PRELUDE + at(block.text, service.url, task_id)], environment)
    assert all(path.stat().st_size > 1000 for path in files_of(tmp_path))


@pytest.mark.parametrize("block", PYTHON, ids=str)
def test_a_documented_python_program_works(
    block: Block, service: Service, task_id: str, environment: Mapping[str, str], tmp_path: Path
) -> None:
    run([sys.executable, "-W", "error", "-c", at(block.text, service.url, task_id)], environment)
    (sound,) = files_of(tmp_path)
    assert sound.stat().st_size > 1000


CLIENTS = [
    (block, program)
    for language, program in (("sh", ["bash", "-c"]), ("python", [sys.executable, "-W", "error", "-c"]))
    for block in blocks("docs/clients.md", language)
]


@pytest.mark.parametrize(("block", "program"), CLIENTS, ids=str)
@pytest.mark.parametrize("wrong", ["refused", "away"])
def test_a_documented_client_ends_where_it_is_not_answered_well(
    block: Block, program: list[str], wrong: str, service: Service, environment: Mapping[str, str], tmp_path: Path
) -> None:
    assert block.text.count("Nothing is lost.") == 1
    url = service.url if wrong == "refused" else "http://127.0.0.1:1"
    text = at(block.text, url, "").replace("Nothing is lost.", "").replace("letter", "nothing")
    ended = subprocess.run(
        [*program, text], env=environment, capture_output=True, text=True, check=False, timeout=SECONDS, cwd=tmp_path
    )
    assert ended.returncode != 0
    told = "/text" if block.language == "sh" else "text"
    assert (told if wrong == "refused" else "onnect") in ended.stderr
    assert not files_of(tmp_path)


@pytest.mark.parametrize(
    ("answer", "output", "fits"),
    [
        ('{"a":1,"b":2}', '{"b":7,"a":0}', True),
        ('{"a":1}', '{"a":1,"b":2}', False),
        ('{"a":"01K…", …}', '{"a":"01KX","b":2}', True),
        ('{"a":"01K…", …}', '{"z":"01KX","b":2}', False),
        ("", "whatever", True),
    ],
)
def test_an_answer_that_is_not_the_documented_one_is_told(answer: str, output: str, fits: bool) -> None:
    assert Command("", answer).is_answered_by(output) == fits
