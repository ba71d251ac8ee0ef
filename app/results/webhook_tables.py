"""The tables of webhooks: where a task's end is told, what is told, and every attempt at it."""

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, Integer, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.webhooks import DeliveryState
from app.results.models import Base

_STATES = ", ".join(repr(state.value) for state in DeliveryState)


class WebhookRow(Base):
    __tablename__ = "webhooks"

    task_id: Mapped[str] = mapped_column(ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True)
    url: Mapped[str] = mapped_column(Text)


class DeliveryRow(Base):
    """`n` is the run of the task whose end it tells. `ticket` grows with every attempt that is asked for: only the
    newest one's message does anything."""

    __tablename__ = "deliveries"

    task_id: Mapped[str] = mapped_column(ForeignKey("webhooks.task_id", ondelete="CASCADE"), primary_key=True)
    n: Mapped[int] = mapped_column(Integer, primary_key=True)
    event: Mapped[str] = mapped_column(String(32))
    payload: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16))
    ticket: Mapped[int] = mapped_column(Integer)
    tries: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[int] = mapped_column(BigInteger)
    next_at: Mapped[int | None] = mapped_column(BigInteger)

    __table_args__ = (
        CheckConstraint(f"state IN ({_STATES})", name="state_is_known"),
        CheckConstraint("(next_at IS NOT NULL) = (state = 'pending')", name="pending_has_its_time"),
        CheckConstraint("n >= 1 AND ticket >= 1 AND tries >= 0", name="counts_are_whole"),
        Index(
            "ix_deliveries_next_at",
            "next_at",
            sqlite_where=text("next_at IS NOT NULL"),
            postgresql_where=text("next_at IS NOT NULL"),
        ),
    )


class DeliveryAttemptRow(Base):
    __tablename__ = "delivery_attempts"

    task_id: Mapped[str] = mapped_column(String(26), primary_key=True)
    n: Mapped[int] = mapped_column(Integer, primary_key=True)
    attempt: Mapped[int] = mapped_column(Integer, primary_key=True)
    at: Mapped[int] = mapped_column(BigInteger)
    duration_ms: Mapped[int] = mapped_column(Integer)
    status: Mapped[int | None] = mapped_column(Integer)
    error: Mapped[str | None] = mapped_column(Text)
    excerpt: Mapped[str | None] = mapped_column(Text)

    __table_args__ = (
        ForeignKeyConstraint(["task_id", "n"], ["deliveries.task_id", "deliveries.n"], ondelete="CASCADE"),
        CheckConstraint("status IS NOT NULL OR error IS NOT NULL", name="ended_somehow"),
    )


webhooks, deliveries, attempts = (
    Base.metadata.tables[name] for name in ("webhooks", "deliveries", "delivery_attempts")
)
