"""What `sayathing doctor` looks at in the databases."""

from pathlib import Path

from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

import app.results
from app.cli.findings import Finding
from app.results import Database
from app.settings import Settings
from broker import BrokerError, SQLiteBroker


def check_database(settings: Settings) -> Finding:
    """Does the results store open, is its schema ours, is it whole?"""
    name = "database"
    url = settings.results_url
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).is_file():
        return Finding(name, "ok", "there is none yet; the first start makes it")
    scripts = ScriptDirectory(str(Path(app.results.__file__).parent / "migrations"))
    database = Database(url)
    try:
        with database.read() as store:
            schema = store.connection.scalar(text("SELECT version_num FROM alembic_version"))
            is_sqlite = store.connection.dialect.name == "sqlite"
            verdict = store.connection.scalar(text("PRAGMA quick_check(1)")) if is_sqlite else "ok"
    except SQLAlchemyError as error:
        reason = str(error.__cause__ or error).splitlines()[0]
        return Finding(name, "fail", f"it does not open: {reason}.", "Stop the service and restore a backup.")
    finally:
        database.close()
    if verdict != "ok":
        return Finding(name, "fail", f"it is damaged: {verdict}.", "Stop the service and restore a backup.")
    if schema != scripts.get_current_head():
        known = {script.revision for script in scripts.walk_revisions()}
        advice = "The next start brings it up to date." if schema in known else "Install the version that wrote it."
        return Finding(name, "warn" if schema in known else "fail", f"its schema is {schema}.", advice)
    return Finding(name, "ok", f"it is whole, at schema {schema}")


def check_queue(path: Path) -> Finding:
    """Does the broker answer, does anybody work, was anything given up?"""
    name = "queue"
    if not path.is_file():
        return Finding(name, "ok", "there is none yet; the first start makes it")
    broker = SQLiteBroker(path, middleware=[])
    try:
        depths = broker.inspect.queues()
        workers = sum(worker.alive for worker in broker.inspect.workers())
    except BrokerError as error:
        return Finding(name, "fail", f"it does not answer: {error}.")
    finally:
        broker.close()
    waiting = sum(depth.ready + depth.scheduled for depth in depths)
    claimed = sum(depth.claimed for depth in depths)
    dead = sum(depth.dead for depth in depths)
    detail = f"{waiting} waiting, {claimed} at work, {dead} given up, {workers} workers alive"
    if not workers:
        return Finding(
            name, "warn", f"{detail}.", "Start workers with `sayathing worker`, or all with `sayathing serve`."
        )
    return Finding(name, "ok", detail)
