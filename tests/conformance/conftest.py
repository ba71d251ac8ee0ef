import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from app.results import Database, migrate

POSTGRESQL_URL = os.environ.get("SAYATHING_TEST_POSTGRESQL_URL", "postgresql://postgres@127.0.0.1:5432/postgres")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.services)])
def results_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty results store, on each database that the store supports."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'results.db'}"
        return
    name = f"sayathing_test_{uuid4().hex[:12]}"
    with psycopg.connect(POSTGRESQL_URL, autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}"')
    yield POSTGRESQL_URL.rsplit("/", 1)[0] + f"/{name}"
    with psycopg.connect(POSTGRESQL_URL, autocommit=True) as server:
        server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def database(results_url: str) -> Iterator[Database]:
    database = Database(results_url)
    migrate(database)
    yield database
    database.close()
