"""Runs the steps on the connection, and in the transaction, of the store that asks for them."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
