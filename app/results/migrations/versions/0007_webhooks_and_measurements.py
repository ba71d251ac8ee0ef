"""Webhooks: where the end of a task is told, what is told, and every attempt at it. And what workers have measured."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "webhooks",
        sa.Column("task_id", sa.String(length=26), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name=op.f("fk_webhooks_tasks"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("task_id", name=op.f("pk_webhooks")),
    )
    op.create_table(
        "deliveries",
        sa.Column("task_id", sa.String(length=26), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("event", sa.String(length=32), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("ticket", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "state IN ('pending', 'delivered', 'failed', 'gone')", name=op.f("ck_deliveries_state_is_known")
        ),
        sa.CheckConstraint(
            "(next_at IS NOT NULL) = (state = 'pending')", name=op.f("ck_deliveries_pending_has_its_time")
        ),
        sa.CheckConstraint("n >= 1 AND ticket >= 1 AND tries >= 0", name=op.f("ck_deliveries_counts_are_whole")),
        sa.ForeignKeyConstraint(
            ["task_id"], ["webhooks.task_id"], name=op.f("fk_deliveries_webhooks"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("task_id", "n", name=op.f("pk_deliveries")),
    )
    op.create_index(
        "ix_deliveries_next_at",
        "deliveries",
        ["next_at"],
        sqlite_where=sa.text("next_at IS NOT NULL"),
        postgresql_where=sa.text("next_at IS NOT NULL"),
    )
    op.create_table(
        "delivery_attempts",
        sa.Column("task_id", sa.String(length=26), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("excerpt", sa.Text(), nullable=True),
        sa.CheckConstraint("status IS NOT NULL OR error IS NOT NULL", name=op.f("ck_delivery_attempts_ended_somehow")),
        sa.ForeignKeyConstraint(
            ["task_id", "n"],
            ["deliveries.task_id", "deliveries.n"],
            name=op.f("fk_delivery_attempts_deliveries"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("task_id", "n", "attempt", name=op.f("pk_delivery_attempts")),
    )
    op.create_table(
        "measurements",
        sa.Column("metric", sa.String(length=64), nullable=False),
        sa.Column("labels", sa.String(length=255), nullable=False),
        sa.Column("cell", sa.String(length=32), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("metric", "labels", "cell", name=op.f("pk_measurements")),
    )
