"""The schema of the results store, brought up to date at every start."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from app.results.database import Database

_ADVISORY_LOCK = 0x5A7A7418
"""PostgreSQL's name for "somebody migrates": any number that nobody else uses."""


class NewerSchema(Exception):
    """The results store was made by a later version of SayAThing than this one."""


def migrate(database: Database) -> None:
    """Bring the tables up to date. Safe when several processes start at once: one migrates, the others wait.

    Raises:
      NewerSchema: the store is ahead of this code.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    scripts = ScriptDirectory.from_config(config)
    with database.write() as store:
        connection = store.connection
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})")
        revision = _revision(connection)
        if revision == scripts.get_current_head():
            return
        if revision is not None and revision not in {script.revision for script in scripts.walk_revisions()}:
            raise NewerSchema(
                f"The database is at schema {revision}, which this version of SayAThing does not know. "
                "Install the version that wrote it, or a later one."
            )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
