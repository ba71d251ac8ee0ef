"""The JavaScript that the documentation shows, run by Node against the service as it runs."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.node.test_openai_node import INSTALLED
from tests.support.documented import Block, at, blocks
from tests.support.processes import Service, running_service

pytestmark = pytest.mark.node

PROGRAMS = [block for page in ("docs/clients.md", "docs/api.md") for block in blocks(page, "js", "javascript")]

SHOW = "\nif (typeof audio !== 'undefined') fs.writeFileSync('speech.wav', Buffer.from(audio));\n"
"""What a program does with the sound that it has in the end."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running_service(tmp_path_factory.mktemp("service"), SAYATHING_DURABILITY="normal") as service:
        yield service


@pytest.mark.parametrize("block", PROGRAMS, ids=str)
def test_a_documented_javascript_program_works(block: Block, service: Service, tmp_path: Path) -> None:
    (tmp_path / "node_modules").symlink_to(INSTALLED / "node_modules")
    program = at(block.text, service.url, "") + SHOW
    if "node:fs" not in program:
        program = 'import fs from "node:fs";\n' + program
    (tmp_path / "program.mjs").write_text(program)
    ended = subprocess.run(
        ["node", "program.mjs"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    (sound,) = (path for path in tmp_path.glob("speech.*"))
    assert sound.stat().st_size > 1000
