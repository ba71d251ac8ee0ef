"""OpenAI's official Node client against the service as it runs; `make test-node` installs it from the lock file."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.processes import PROJECT, running_service

pytestmark = pytest.mark.node

CLIENT = Path(__file__).parent
INSTALLED = PROJECT / ".cache" / "node"


def test_the_node_client_works_unchanged(tmp_path: Path) -> None:
    for name in ("package.json", "client.test.mjs"):
        shutil.copy(CLIENT / name, INSTALLED / name)
    with running_service(tmp_path, SAYATHING_DURABILITY="normal") as service:
        ended = subprocess.run(
            ["node", "--test", "client.test.mjs"],
            cwd=INSTALLED,
            env={**os.environ, "SAYATHING_URL": service.url},
            capture_output=True,
            text=True,
            check=False,
            timeout=150,
        )
    assert ended.returncode == 0, ended.stdout[-5000:] + ended.stderr[-2000:]
    assert "# pass 16" in ended.stdout or "ℹ pass 16" in ended.stdout, ended.stdout[-1000:]
