"""How many tasks entered each state in each minute, and how many were in it then, kept by triggers.

A migration that rebuilds `tasks` or `transitions` on SQLite drops their triggers: it has to make them again.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_KEPT_MINUTES = 2 * 24 * 60

_NEWEST = "(SELECT {what} FROM task_minutes WHERE state = {state} ORDER BY minute DESC LIMIT 1)"


def _moved(state: str, entered: int, change: int, larger: str) -> str:
    """One state's row of the minute, or of its newest where the clock was set back: a change of its depth."""
    minute = _NEWEST.format(what="minute", state=state)
    depth = _NEWEST.format(what="depth", state=state)
    return f"""
    INSERT INTO task_minutes (state, minute, entered, depth)
    VALUES ({state}, {larger}(NEW.at / 60000, coalesce({minute}, 0)), {entered}, coalesce({depth}, 0) + {change})
    ON CONFLICT (state, minute) DO UPDATE
    SET entered = task_minutes.entered + {entered}, depth = task_minutes.depth + {change};
    """  # noqa: S608  # built of this file's own words


_FORGET = f"DELETE FROM task_minutes WHERE state = NEW.to_state AND minute < NEW.at / 60000 - {_KEPT_MINUTES};"  # noqa: S608  # a number
_DELETED = """
    UPDATE task_minutes SET depth = depth - 1
    WHERE state = OLD.state AND minute = (SELECT max(minute) FROM task_minutes WHERE state = OLD.state);
"""
_BACKFILL = """
INSERT INTO task_minutes (state, minute, entered, depth)
SELECT state, max(updated_at) / 60000, 0, count(*) FROM tasks GROUP BY state
"""


def upgrade() -> None:
    op.create_table(
        "task_minutes",
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("minute", sa.BigInteger(), nullable=False),
        sa.Column("entered", sa.Integer(), nullable=False),
        sa.Column("depth", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("state", "minute", name=op.f("pk_task_minutes")),
    )
    op.execute(_BACKFILL)
    if op.get_bind().dialect.name == "sqlite":
        _on_sqlite()
    else:
        _on_postgresql()


def _on_sqlite() -> None:
    entered, left = _moved("NEW.to_state", 1, 1, "max"), _moved("NEW.from_state", 0, -1, "max")
    op.execute(f"CREATE TRIGGER task_enters AFTER INSERT ON transitions BEGIN {entered} {_FORGET} END")
    op.execute(
        f"CREATE TRIGGER task_leaves AFTER INSERT ON transitions WHEN NEW.from_state IS NOT NULL BEGIN {left} END"
    )
    op.execute(f"CREATE TRIGGER task_goes AFTER DELETE ON tasks BEGIN {_DELETED} END")


def _on_postgresql() -> None:
    entered, left = _moved("NEW.to_state", 1, 1, "greatest"), _moved("NEW.from_state", 0, -1, "greatest")
    op.execute(f"""
    CREATE FUNCTION count_transition() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        {entered} {_FORGET}
        IF NEW.from_state IS NOT NULL THEN {left} END IF;
        RETURN NULL;
    END $$
    """)
    op.execute(
        f"CREATE FUNCTION count_deletion() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {_DELETED} RETURN NULL; END $$"
    )
    op.execute("CREATE TRIGGER task_moves AFTER INSERT ON transitions FOR EACH ROW EXECUTE FUNCTION count_transition()")
    op.execute("CREATE TRIGGER task_goes AFTER DELETE ON tasks FOR EACH ROW EXECUTE FUNCTION count_deletion()")
