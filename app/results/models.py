"""The tables of the results store. The rules that a row must keep are CHECKs here as well as code elsewhere."""

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from app.domain.audio_formats import AudioFormat
from app.domain.states import TaskState
from app.domain.tasks import Priority, SegmentKind, SegmentState

RowId = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers rows by itself only where the column is an INTEGER PRIMARY KEY."""


def one_of(
    column: str,
    values: type[TaskState] | type[AudioFormat] | type[SegmentKind] | type[SegmentState],
) -> str:
    return f"{column} IN ({', '.join(repr(value.value) for value in values)})"


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        }
    )


class TaskRow(Base):
    __tablename__ = "tasks"

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    state: Mapped[str] = mapped_column(String(16))
    owner: Mapped[str] = mapped_column(String(64), server_default="")
    priority: Mapped[int] = mapped_column(Integer)
    run: Mapped[int] = mapped_column(Integer, default=1)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    version: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[int] = mapped_column(BigInteger)
    updated_at: Mapped[int] = mapped_column(BigInteger)
    started_at: Mapped[int | None] = mapped_column(BigInteger)
    finished_at: Mapped[int | None] = mapped_column(BigInteger)
    error: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))

    __table_args__ = (
        CheckConstraint("length(id) = 26", name="id_is_a_ulid"),
        CheckConstraint(one_of("state", TaskState), name="state_is_known"),
        CheckConstraint(
            f"priority IN ({', '.join(str(int(p)) for p in Priority)})",
            name="priority_is_known",
        ),
        CheckConstraint("run >= 1 AND attempts >= 0 AND version >= 1", name="counts_are_whole"),
        CheckConstraint(
            "(finished_at IS NOT NULL) = (state IN ('completed', 'cancelled', 'discarded'))",
            name="finished_has_its_time",
        ),
        Index("ix_tasks_state_id", "state", "id"),
        Index("ix_tasks_updated_at_state", "updated_at", "state"),
        Index("ix_tasks_finished_at", "finished_at"),
        Index("ix_tasks_owner_id", "owner", "id"),
        Index(
            "ix_tasks_owner_state_id",
            "owner",
            "state",
            "id",
            sqlite_where=text("owner <> ''"),
            postgresql_where=text("owner <> ''"),
        ),
        Index(
            "ix_tasks_state_finished_at",
            "state",
            "finished_at",
            sqlite_where=text("finished_at IS NOT NULL"),
            postgresql_where=text("finished_at IS NOT NULL"),
        ),
    )


class ItemRow(Base):
    """One text of a task. The text itself lies in `texts`, so that counting segments rewrites a short row."""

    __tablename__ = "items"

    task_id: Mapped[str] = mapped_column(ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True)
    idx: Mapped[int] = mapped_column(Integer, primary_key=True)
    state: Mapped[str] = mapped_column(String(16))
    characters: Mapped[int] = mapped_column(Integer)
    voice: Mapped[str] = mapped_column(String(2000))
    speed: Mapped[float] = mapped_column(Float)
    volume: Mapped[float] = mapped_column(Float)
    format: Mapped[str] = mapped_column(String(8))
    item_metadata: Mapped[dict[str, Any]] = mapped_column("metadata", JSON)
    segments_total: Mapped[int] = mapped_column(Integer, default=0)
    segments_done: Mapped[int] = mapped_column(Integer, default=0)
    characters_done: Mapped[int] = mapped_column(Integer, default=0)
    audio_seconds: Mapped[float] = mapped_column(Float, default=0.0)
    takes: Mapped[int] = mapped_column(Integer, default=0)
    duration_seconds: Mapped[float | None] = mapped_column(Float)
    bytes: Mapped[int | None] = mapped_column(BigInteger)
    sample_rate: Mapped[int | None] = mapped_column(Integer)
    sha256: Mapped[str | None] = mapped_column(String(64))
    captions_sha256: Mapped[str | None] = mapped_column(String(64))
    lexicon_version: Mapped[str | None] = mapped_column(ForeignKey("lexicon_entries.version"))
    lexicon_name: Mapped[str | None] = mapped_column(String(64))
    lexicon_revision: Mapped[int | None] = mapped_column(Integer)
    dropped: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    error: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))

    __table_args__ = (
        CheckConstraint("idx >= 0", name="idx_is_whole"),
        CheckConstraint(one_of("state", TaskState), name="state_is_known"),
        CheckConstraint(one_of("format", AudioFormat), name="format_is_known"),
        CheckConstraint("characters >= 1", name="text_is_there"),
        CheckConstraint("speed BETWEEN 0.5 AND 2.0", name="speed_in_bounds"),
        CheckConstraint("volume BETWEEN 0.1 AND 2.0", name="volume_in_bounds"),
        CheckConstraint("segments_done BETWEEN 0 AND segments_total", name="done_within_total"),
        CheckConstraint(
            "state <> 'completed' OR (sha256 IS NOT NULL AND segments_total > 0 AND segments_done = segments_total"
            " AND characters_done = characters)",
            name="completed_means_complete",
        ),
        Index(
            "ix_items_lexicon_version",
            "lexicon_version",
            sqlite_where=text("lexicon_version IS NOT NULL"),
            postgresql_where=text("lexicon_version IS NOT NULL"),
        ),
    )


class TextRow(Base):
    __tablename__ = "texts"

    task_id: Mapped[str] = mapped_column(String(26), primary_key=True)
    idx: Mapped[int] = mapped_column(Integer, primary_key=True)
    text: Mapped[str] = mapped_column(Text)

    __table_args__ = (ForeignKeyConstraint(["task_id", "idx"], ["items.task_id", "items.idx"], ondelete="CASCADE"),)


class SegmentRow(Base):
    """A span of an item's text. `start_at` and `end_at` are offsets in characters, the end excluded."""

    __tablename__ = "segments"

    task_id: Mapped[str] = mapped_column(String(26), primary_key=True)
    item: Mapped[int] = mapped_column(Integer, primary_key=True)
    idx: Mapped[int] = mapped_column(Integer, primary_key=True)
    place: Mapped[int] = mapped_column(Integer)
    start_at: Mapped[int] = mapped_column(Integer)
    end_at: Mapped[int] = mapped_column(Integer)
    kind: Mapped[str] = mapped_column(String(8))
    content: Mapped[str] = mapped_column(Text)
    pause_seconds: Mapped[float] = mapped_column(Float, default=0.0)
    state: Mapped[str] = mapped_column(String(16))
    key: Mapped[str | None] = mapped_column(String(64))
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    audio_seconds: Mapped[float] = mapped_column(Float, default=0.0)
    pronunciations: Mapped[list[list[str]] | None] = mapped_column(JSON(none_as_null=True))

    __table_args__ = (
        ForeignKeyConstraint(["task_id", "item"], ["items.task_id", "items.idx"], ondelete="CASCADE"),
        CheckConstraint(one_of("kind", SegmentKind), name="kind_is_known"),
        CheckConstraint(one_of("state", SegmentState), name="state_is_known"),
        CheckConstraint("0 <= start_at AND start_at < end_at", name="span_is_not_empty"),
        CheckConstraint("pause_seconds BETWEEN 0 AND 60", name="pause_in_bounds"),
        CheckConstraint(
            "state <> 'rendered' OR kind <> 'speech' OR key IS NOT NULL",
            name="rendered_speech_has_audio",
        ),
    )


class BookRow(Base):
    """What binds a task's items into one file, and that file once it is there. `starts` has a number for each of the
    `chapters`: when it begins in the file, in seconds."""

    __tablename__ = "books"

    task_id: Mapped[str] = mapped_column(ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True)
    title: Mapped[str] = mapped_column(Text)
    author: Mapped[str | None] = mapped_column(Text)
    language: Mapped[str | None] = mapped_column(String(64))
    chapters: Mapped[list[str]] = mapped_column(JSON)
    starts: Mapped[list[float] | None] = mapped_column(JSON(none_as_null=True))
    duration_seconds: Mapped[float | None] = mapped_column(Float)
    bytes: Mapped[int | None] = mapped_column(BigInteger)
    sample_rate: Mapped[int | None] = mapped_column(Integer)
    sha256: Mapped[str | None] = mapped_column(String(64))

    __table_args__ = (
        CheckConstraint(
            "(sha256 IS NULL) = (starts IS NULL) AND (sha256 IS NULL) = (bytes IS NULL)"
            " AND (sha256 IS NULL) = (duration_seconds IS NULL) AND (sha256 IS NULL) = (sample_rate IS NULL)",
            name="bound_means_whole",
        ),
    )


class TransitionRow(Base):
    """Append-only: the history of every task, and the change log that followers read by id."""

    __tablename__ = "transitions"

    id: Mapped[int] = mapped_column(RowId, primary_key=True, autoincrement=True)
    task_id: Mapped[str] = mapped_column(ForeignKey("tasks.id", ondelete="CASCADE"), index=True)
    from_state: Mapped[str | None] = mapped_column(String(16))
    to_state: Mapped[str] = mapped_column(String(16))
    at: Mapped[int] = mapped_column(BigInteger)
    attempt: Mapped[int] = mapped_column(Integer)
    worker: Mapped[str | None] = mapped_column(String(255))
    detail: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)

    __table_args__ = (
        CheckConstraint(one_of("to_state", TaskState), name="to_state_is_known"),
        CheckConstraint(
            "from_state IS NULL OR " + one_of("from_state", TaskState),
            name="from_state_is_known",
        ),
        {"sqlite_autoincrement": True},
    )


class TaskMinuteRow(Base):
    """How many tasks entered a state in a minute since 1970, and how many were in it after that minute's last change.

    Triggers keep it (migration 0008), for two days and the newest row of each state for ever.
    """

    __tablename__ = "task_minutes"

    state: Mapped[str] = mapped_column(String(16), primary_key=True)
    minute: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    entered: Mapped[int] = mapped_column(Integer)
    depth: Mapped[int] = mapped_column(Integer)


class ApiKeyRow(Base):
    """A key that was made on the command line: its hash only. A revoked one stays, for its tasks are its own."""

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[int] = mapped_column(BigInteger)
    revoked_at: Mapped[int | None] = mapped_column(BigInteger)

    __table_args__ = (CheckConstraint("length(digest) = 64", name="digest_is_sha256"),)


class IdempotencyKeyRow(Base):
    """A client's own name for one request. The row goes with its task, and the key is free again then.

    The foreign key is looked at when the transaction ends: the key is taken first, the task is added after it.
    """

    __tablename__ = "idempotency_keys"

    owner: Mapped[str] = mapped_column(String(64), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    task_id: Mapped[str] = mapped_column(
        ForeignKey("tasks.id", ondelete="CASCADE", deferrable=True, initially="DEFERRED"), index=True
    )

    __table_args__ = (
        CheckConstraint("length(key) BETWEEN 1 AND 255", name="key_in_bounds"),
        CheckConstraint("length(digest) = 64", name="digest_is_sha256"),
    )


class LexiconEntriesRow(Base):
    """The entries of a lexicon by their hash: a stored lexicon's, and those that tasks are spoken with."""

    __tablename__ = "lexicon_entries"

    version: Mapped[str] = mapped_column(String(64), primary_key=True)
    entries: Mapped[list[list[str]]] = mapped_column(JSON)

    __table_args__ = (CheckConstraint("length(version) = 64", name="version_is_a_hash"),)


class LexiconRow(Base):
    """A lexicon that has a name. `revision` counts its changes."""

    __tablename__ = "lexicons"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    revision: Mapped[int] = mapped_column(Integer)
    version: Mapped[str] = mapped_column(ForeignKey("lexicon_entries.version"), index=True)
    entry_count: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[int] = mapped_column(BigInteger)
    updated_at: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (
        CheckConstraint("length(name) >= 1", name="name_is_there"),
        CheckConstraint("revision >= 1 AND entry_count >= 0", name="counts_are_whole"),
    )


(
    tasks,
    items,
    texts,
    segments,
    books,
    transitions,
    task_minutes,
    api_keys,
    idempotency_keys,
    lexicon_entries,
    lexicons,
) = (
    Base.metadata.tables[name]
    for name in (
        "tasks",
        "items",
        "texts",
        "segments",
        "books",
        "transitions",
        "task_minutes",
        "api_keys",
        "idempotency_keys",
        "lexicon_entries",
        "lexicons",
    )
)
"""The tables themselves: the store's statements are built on them once, at import."""
