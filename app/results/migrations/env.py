"""Alembic's entry point: runs over the connection, and in the transaction, that `migrate` hands in."""

from alembic import context

from app.results.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
