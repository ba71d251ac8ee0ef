"""Books: the items of a task as chapters of one file."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "books",
        sa.Column("task_id", sa.String(length=26), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=True),
        sa.Column("language", sa.String(length=64), nullable=True),
        sa.Column("chapters", sa.JSON(), nullable=False),
        sa.Column("starts", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("duration_seconds", sa.Float(), nullable=True),
        sa.Column("bytes", sa.BigInteger(), nullable=True),
        sa.Column("sample_rate", sa.Integer(), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.CheckConstraint(
            "(sha256 IS NULL) = (starts IS NULL) AND (sha256 IS NULL) = (bytes IS NULL)"
            " AND (sha256 IS NULL) = (duration_seconds IS NULL) AND (sha256 IS NULL) = (sample_rate IS NULL)",
            name=op.f("ck_books_bound_means_whole"),
        ),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name=op.f("fk_books_tasks"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("task_id", name=op.f("pk_books")),
    )
