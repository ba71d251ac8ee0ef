"""Lexicons, and which of them a text is spoken with."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ITS_ENTRIES = "lexicon_entries.version"


def upgrade() -> None:
    op.create_table(
        "lexicon_entries",
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("entries", sa.JSON(), nullable=False),
        sa.CheckConstraint("length(version) = 64", name=op.f("ck_lexicon_entries_version_is_a_hash")),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_lexicon_entries")),
    )
    op.create_table(
        "lexicons",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("entry_count", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("length(name) >= 1", name=op.f("ck_lexicons_name_is_there")),
        sa.CheckConstraint("revision >= 1 AND entry_count >= 0", name=op.f("ck_lexicons_counts_are_whole")),
        sa.ForeignKeyConstraint(["version"], [ITS_ENTRIES], name=op.f("fk_lexicons_lexicon_entries")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lexicons")),
    )
    op.create_index(op.f("ix_lexicons_version"), "lexicons", ["version"], unique=False)
    op.add_column(
        "items",
        sa.Column(
            "lexicon_version",
            sa.String(length=64),
            sa.ForeignKey(ITS_ENTRIES, name=op.f("fk_items_lexicon_entries")),
            nullable=True,
        ),
        inline_references=True,  # SQLite adds a foreign key with its column, or not at all
    )
    op.add_column("items", sa.Column("lexicon_name", sa.String(length=64), nullable=True))
    op.add_column("items", sa.Column("lexicon_revision", sa.Integer(), nullable=True))
    used = sa.text("lexicon_version IS NOT NULL")
    op.create_index("ix_items_lexicon_version", "items", ["lexicon_version"], sqlite_where=used, postgresql_where=used)
    op.add_column("segments", sa.Column("pronunciations", sa.JSON(none_as_null=True), nullable=True))
