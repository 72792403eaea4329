"""Alembic's entry: runs the migrations on the engine the app hands in."""

from alembic import context

from survey import schema

engine = context.config.attributes["engine"]
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=schema.metadata)
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
