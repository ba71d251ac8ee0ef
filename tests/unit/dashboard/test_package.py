"""The package from outside: what it exports, what it brings along, what it agrees on with the service."""

import hashlib
import re
from pathlib import Path

import pytest

import dashboard
from app.domain.states import FINISHED, MEANINGS
from dashboard import _values
from dashboard._static import StaticFiles


def test_what_is_exported_is_there():
    assert all(hasattr(dashboard, name) for name in dashboard.__all__)


def test_the_states_are_those_of_the_service():
    assert dict(dashboard.STATES) == {state.value: meaning for state, meaning in MEANINGS.items()}
    assert {state.value for state in FINISHED} == _values.FINISHED


def test_templates_and_static_files_lie_in_the_package():
    folder = Path(dashboard.__file__).parent
    assert {path.suffix for path in (folder / "templates").iterdir()} == {".html"}
    assert {path.suffix for path in (folder / "static").iterdir()} == {".css", ".js", ".svg", ""}


def test_each_file_of_others_is_listed_with_version_licence_and_its_hash():
    folder = Path(dashboard.__file__).parent / "static" / "vendor"
    table = (folder / "VENDORED.md").read_text()
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if "npm" in line]
    assert {name for name, *_ in rows} == {path.name for path in folder.iterdir()} - {"VENDORED.md"}
    for name, source, licence, digest in rows:
        assert re.match(r"npm \S+ \d+\.\d+\.\d+ \(", source)
        assert licence in {"MIT", "BSD-3-Clause"}
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    assert "://" not in table


@pytest.mark.parametrize(
    ("name", "media_type"),
    [("dashboard.css", "text/css"), ("live.js", "text/javascript"), ("icon.svg", "image/svg+xml")],
)
async def test_a_static_file_is_kept_by_the_browser_until_it_changes(client, name, media_type):
    address = StaticFiles().url(name)
    answer = await client.get(address)
    assert answer.headers["content-type"].startswith(media_type)
    assert "immutable" in answer.headers["cache-control"]
    again = await client.get(f"/dashboard/static/{name}", headers={"if-none-match": f'"x", W/{answer.headers["etag"]}'})
    assert (again.status_code, again.content, again.headers["cache-control"]) == (304, b"", "no-cache")


@pytest.mark.parametrize("name", ["..%2f__init__.py", "%2e%2e/_fake.py", "live.js%00", "", ".", "LIVE.JS"])
async def test_nothing_but_the_static_files_can_be_fetched(client, name):
    assert (await client.get(f"/dashboard/static/{name}")).status_code == 404


@pytest.mark.parametrize("name", [path.name for path in (Path(dashboard.__file__).parent / "static").glob("*.[jc]s*")])
def test_no_static_file_asks_another_host(name):
    content = (Path(dashboard.__file__).parent / "static" / name).read_text()
    assert "://" not in content
