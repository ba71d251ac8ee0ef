"""More audio formats; captions beside finished files."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

CHECK = "ck_items_format_is_known"
BEFORE = "format IN ('wav', 'mp3')"
AFTER = "format IN ('wav', 'mp3', 'flac', 'opus', 'aac', 'pcm', 'm4b')"


def upgrade() -> None:
    op.add_column("items", sa.Column("captions_sha256", sa.String(length=64), nullable=True))
    if op.get_bind().dialect.name == "sqlite":
        _widen_check_in_sqlite()
    else:
        op.drop_constraint(op.f(CHECK), "items", type_="check")
        op.create_check_constraint(op.f(CHECK), "items", AFTER)


def _widen_check_in_sqlite() -> None:
    """Edit the table's own text, as SQLite's page on ALTER TABLE describes for changes that touch no row.

    Building the table anew would drop the old one, and with foreign keys on that empties `texts` and `segments`.
    """
    connection = op.get_bind()
    version = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    try:
        changed = connection.exec_driver_sql(
            "UPDATE sqlite_master SET sql = replace(sql, ?, ?)"
            " WHERE type = 'table' AND name = 'items' AND instr(sql, ?) > 0",
            (BEFORE, AFTER, BEFORE),
        )
        if changed.rowcount != 1:
            raise RuntimeError("The table of items is not what the first version made.")
        connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    finally:
        connection.exec_driver_sql("PRAGMA writable_schema = OFF")
