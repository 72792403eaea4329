"""The migrations build the very tables the code is written for, on both databases."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from survey import db, schema


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_migrations_and_tables_agree(make_app, kind):
    app = make_app(kind)
    with app.app_context(), db.engine().connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []


def test_secret_rows_have_no_row_number(make_app):
    app = make_app()
    with app.app_context(), db.engine().connect() as connection:
        for table in ("slip", "box", "remark", "receipt", "fragment", "comment"):
            text = connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE name=?", (table,)).scalar()
            assert "WITHOUT ROWID" in text, table
            names = {column["name"] for column in inspect(connection).get_columns(table)}
            assert not names & {"at", "time", "created", "address", "agent", "session", "source", "seq", "number"}, table


@pytest.mark.parametrize("table", ["box", "remark"])
def test_each_box_can_be_dropped_whole_on_postgresql(make_app, table):
    app = make_app("postgresql")
    with app.app_context(), db.engine().connect() as connection:
        kind = connection.exec_driver_sql("SELECT relkind FROM pg_class WHERE relname=%s", (table,)).scalar()
        assert kind in ("p", b"p")
