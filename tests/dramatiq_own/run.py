"""Run Dramatiq's own tests against our broker and backends.

They are under the LGPL and in no wheel: they are fetched from Dramatiq's source distribution when they are run, and
never kept in this repository. Version and hash are those of uv.lock. pip fetches it, so that whatever index this
machine is set up with is used.

    run.py UV [PYTEST'S ARGUMENTS]

Parameters:
  UV: How uv is called here; it brings pip.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent.parent
CACHE = PROJECT / ".cache" / "dramatiq-own"

#: Under the names that they have beside Dramatiq's tests. A conftest of that name here would be read by our own tests.
OUR_FILES = {"fixtures.py": "conftest.py", "common.py": "common.py", "facade.py": "facade.py"}

#: Fewer than this were not run in earnest: a fixture was renamed, or a file could not be read.
FEWEST = 121
FEWEST_ON_OURS = 109

#: What takes one of these runs on our broker or backends; the rest tests Dramatiq's own parts beside them.
OURS = {"stub_broker", "result_backend", "rate_limiter_backend"}


@dataclass(frozen=True)
class Source:
    """A source distribution as the lock file names it."""

    version: str
    file: str
    sha256: str


def locked() -> Source:
    lock = tomllib.loads((PROJECT / "uv.lock").read_text())
    (package,) = [package for package in lock["package"] if package["name"] == "dramatiq"]
    algorithm, _, digest = package["sdist"]["hash"].partition(":")
    assert algorithm == "sha256", f"uv.lock has a hash of another kind: {algorithm}"
    return Source(package["version"], package["sdist"]["url"].rpartition("/")[2], digest)


def matches(path: Path, source: Source) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == source.sha256


def fetched(source: Source, uv: str) -> Path:
    """The distribution's file, from the cache or from the index."""
    path = CACHE / source.file
    if matches(path, source):
        return path
    path.unlink(missing_ok=True)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as wanted:
        wanted.write(f"dramatiq=={source.version} --hash=sha256:{source.sha256}\n")
        wanted.flush()
        download = ["download", "--quiet", "--no-deps", "--no-binary=dramatiq", "--require-hashes"]
        answer = subprocess.run(
            [
                uv,
                "tool",
                "run",
                "--quiet",
                "--python",
                sys.executable,
                "pip",
                *download,
                "-r",
                wanted.name,
                "-d",
                CACHE,
            ],
            check=False,
        )
    if answer.returncode != 0:
        raise SystemExit(f"{source.file} could not be fetched: Dramatiq's own tests need it, see pip's words above.")
    if not matches(path, source):
        raise SystemExit(f"{path} is not the file that uv.lock names.")
    return path


def laid_out(archive: Path) -> Path:
    """A folder with Dramatiq's tests and our files beside them."""
    folder = CACHE / "tests"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with tarfile.open(archive) as packed:
        for member in packed.getmembers():
            name = Path(member.name)
            if member.isfile() and name.parent.name == "tests" and len(name.parts) == 3:
                content = packed.extractfile(member)
                assert content is not None
                (folder / name.name).write_bytes(content.read())
    for ours, name in OUR_FILES.items():
        shutil.copy(HERE / ours, folder / name)
    (folder / "__init__.py").touch()
    return folder


class Tally:
    """Counts how each test ended; its `call` alone, unless something before or after it went wrong."""

    def __init__(self) -> None:
        self.outcomes: dict[str, str] = {}
        self.on_ours: set[str] = set()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.on_ours = {item.nodeid for item in session.items if OURS & set(getattr(item, "fixturenames", ()))}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or not report.passed:
            self.outcomes[report.nodeid] = report.outcome


def main(uv: str, arguments: list[str]) -> int:
    CACHE.mkdir(parents=True, exist_ok=True)
    folder = laid_out(fetched(locked(), uv))
    # Theirs bring no settings for pytest, and ours are not meant for them.
    settings = folder / "pytest.ini"
    settings.write_text("[pytest]\ntimeout = 120\nasyncio_default_fixture_loop_scope = function\n")
    tally = Tally()
    sys.path.insert(0, str(PROJECT))
    code = pytest.main(
        ["-c", str(settings), "--rootdir", str(folder), "-p", "no:cacheprovider", "-ra", *arguments, str(folder)],
        plugins=[tally],
    )
    ran = {name for name, outcome in tally.outcomes.items() if outcome != "skipped"}
    on_ours = ran & tally.on_ours
    print(f"ran {len(ran)} tests of Dramatiq's own, {len(on_ours)} of them on our broker or backends")
    if code == 0 and not arguments and (len(ran) < FEWEST or len(on_ours) < FEWEST_ON_OURS):
        print(f"That is too few: there are {FEWEST} at least, {FEWEST_ON_OURS} of them on ours.", file=sys.stderr)
        return 1
    return int(code)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1], sys.argv[2:]))
