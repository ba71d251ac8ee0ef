"""What `sayathing doctor` looks at in the databases."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Literal

from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

import app.results
from app.cli.errors import CommandFailed
from app.cli.files import make_writable
from app.cli.findings import Finding
from app.publishing import HOUSE_QUEUE
from app.results import Database
from app.settings import Settings
from broker import BrokerError, DatabaseCorrupt, SQLiteBroker

LOCK_SECONDS = 5.0

STILL_MINUTES = 5
"""A queue that moves finishes something within it; a segment may take half a minute."""

_RESTORE = "Stop the service and restore a backup (docs/operations.md)."


def check_database(settings: Settings) -> Finding:
    """Does the results store open, is its schema ours, is it whole?"""
    name = "database"
    url = settings.results_url
    try:
        make_writable(settings.broker_path.parent)
    except CommandFailed as error:
        return Finding(
            name, "fail", f"{error}.", "Correct SAYATHING_DATABASE_URL, or give this user rights to the folder."
        )
    if not settings.broker_path.is_file():
        return Finding(name, "ok", "there is none yet; the first start makes it")
    scripts = ScriptDirectory(str(Path(app.results.__file__).parent / "migrations"))
    database = Database(url)
    try:
        with database.read() as store:
            schema = store.connection.scalar(text("SELECT version_num FROM alembic_version"))
            verdict = store.connection.scalar(text("PRAGMA quick_check(1)"))
    except SQLAlchemyError as error:
        reason = str(error.__cause__ or error).splitlines()[0]
        return Finding(name, "fail", f"it does not open: {reason}.", _RESTORE)
    finally:
        database.close()
    if verdict != "ok":
        return Finding(name, "fail", f"it is damaged: {verdict}.", _RESTORE)
    if schema != scripts.get_current_head():
        known = {script.revision for script in scripts.walk_revisions()}
        advice = "The next start brings it up to date." if schema in known else "Install the version that wrote it."
        return Finding(name, "warn" if schema in known else "fail", f"its schema is {schema}.", advice)
    if (held := _why_not_written(settings.broker_path)) is not None:
        return Finding(
            name,
            "fail",
            f"nothing can be written: {held}.",
            f"`fuser -v {settings.broker_path}` names who has it open; end what is not SayAThing, and see whose file it is.",
        )
    return Finding(name, "ok", f"it is whole, at schema {schema}")


def _why_not_written(path: Path) -> str | None:
    """Take the write lock and let it go. Writers of ours hold it for some milliseconds."""
    with closing(sqlite3.connect(path, timeout=LOCK_SECONDS, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
        except sqlite3.OperationalError as error:
            return str(error)
    return None


def check_queue(path: Path) -> Finding:
    """Does the broker answer, does anybody work, does the queue move, was anything given up?"""
    name = "queue"
    if not path.is_file():
        return Finding(name, "ok", "there is none yet; the first start makes it")
    broker = SQLiteBroker(path, middleware=[])
    try:
        depths = broker.inspect.queues()
        moving = {rate.queue for rate in broker.inspect.rates(STILL_MINUTES) if rate.finished}
        workers = sum(worker.alive for worker in broker.inspect.workers())
    except DatabaseCorrupt:
        return Finding(name, "fail", "it is in the database, which is damaged.", "See what is said of that.")
    except BrokerError as error:
        reason = str(error).rstrip(".")
        return Finding(name, "fail", f"it does not answer: {reason}.", "See what is said of the database.")
    finally:
        broker.close()
    # The next round of housekeeping is always scheduled, and waits for nobody.
    waiting = sum(depth.ready + depth.scheduled for depth in depths if depth.queue != HOUSE_QUEUE)
    claimed = sum(depth.claimed for depth in depths)
    dead = sum(depth.dead for depth in depths)
    detail = f"{waiting} waiting, {claimed} at work, {dead} given up, {workers} workers alive"
    if not workers:
        verdict: Literal["warn", "fail"] = "fail" if waiting or claimed else "warn"
        advice = "Start workers with `sayathing worker`, or all with `sayathing serve`."
        return Finding(name, verdict, f"{detail}.", advice)
    if paused := [depth.queue for depth in depths if depth.paused]:
        return Finding(name, "warn", f"{detail}; paused: {', '.join(paused)}.", "Resume them at /dashboard/queues.")
    still = (depth.oldest_ready_age_seconds or 0.0 for depth in depths if depth.queue not in moving)
    oldest = max(still, default=0.0)
    if oldest > 60 * STILL_MINUTES:
        return Finding(
            name,
            "fail",
            f"{detail}; nothing was finished for {STILL_MINUTES} minutes, and the oldest waits for {oldest / 60:.0f}.",
            "The workers' log says what they wait for, /dashboard/workers what they hold. Stop them and start them again: "
            "nothing is lost.",
        )
    if dead:
        advice = "/dashboard/dead says why, and sends them again once that is mended."
        return Finding(name, "warn", f"{detail}.", advice)
    return Finding(name, "ok", detail)
