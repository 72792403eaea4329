"""The database: one engine an app, one transaction a deed.

SQLite: WAL with full synchronisation (one fdatasync a commit), secure_delete, temporary data in memory; every write
transaction begins immediately, so two deeds never deadlock half-way. PostgreSQL: the same calls, the server's own rules.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from alembic import command
from alembic.config import Config
from flask import Flask, current_app
from sqlalchemy import Connection, Engine, create_engine, event, inspect

MIGRATIONS = Path(__file__).parent / "migrations"


def make_engine(url: str) -> Engine:
    """An engine for `sqlite:///path` or `postgresql://…` (psycopg 3). Values never appear in its errors."""
    if url.startswith(("postgres://", "postgresql://")):
        url = "postgresql+psycopg://" + url.split("://", 1)[1]
    engine = create_engine(
        url, hide_parameters=True, pool_size=16, max_overflow=48, pool_timeout=10, pool_pre_ping=not url.startswith("sqlite")
    )
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _sqlite_pragmas)
        event.listen(engine, "begin", _sqlite_begin)
    return engine


def _sqlite_pragmas(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun below, not by the driver
    for pragma in (
        "busy_timeout=10000",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "secure_delete=ON",
        "temp_store=MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _sqlite_begin(connection: Connection) -> None:
    reads = connection.get_execution_options().get("reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def engine() -> Engine:
    """The current app's engine."""
    found: Engine = current_app.extensions["engine"]
    return found


@contextmanager
def deed(on: Engine | None = None) -> Iterator[Connection]:
    """One write transaction: committed at the end, rolled back whole on any error."""
    with (on or engine()).begin() as connection:
        yield connection


@contextmanager
def reading(on: Engine | None = None) -> Iterator[Connection]:
    """One consistent view for reading."""
    with (on or engine()).connect().execution_options(reads=True) as connection, connection.begin():
        yield connection


# ---- what every vote reads ---------------------------------------------------------------------------------------------

# Idle connections, used by one thread at a time. Not of a thread: a server's own threads keep nothing between two requests.
_idle: WeakKeyDictionary[Engine, list[Any]] = WeakKeyDictionary()


def look_up(query: str, *values: object) -> Sequence[Any] | None:
    """The first row of one plain SELECT (`?` for a value), on a connection that only reads, outside any transaction.

    For the few reads of every vote: without pool, transaction and statement objects it costs a tenth of `reading`.
    """
    on = engine()
    idle = _idle.setdefault(on, [])
    for again in (True, False):
        try:
            connection = idle.pop()
        except IndexError:
            connection = _plain(on)
        try:
            row: Sequence[Any] | None = connection.execute(_spelled(query, on.dialect.name), values).fetchone()
        except on.dialect.loaded_dbapi.OperationalError:  # the server was restarted: once more, on a new connection
            connection.close()
            idle.clear()
            if not again:
                raise
            continue
        idle.append(connection)
        return row
    return None


def _plain(on: Engine) -> Any:
    arguments, options = on.dialect.create_connect_args(on.url)
    if on.dialect.name == "sqlite":
        options["check_same_thread"] = False
    connection: Any = on.dialect.loaded_dbapi.connect(*arguments, **options)
    if on.dialect.name == "sqlite":
        _sqlite_pragmas(connection, None)
        connection.execute("PRAGMA query_only=ON")
    else:
        connection.autocommit = True
        connection.read_only = True
    return connection


@lru_cache(maxsize=64)
def _spelled(query: str, dialect: str) -> str:
    return query if dialect == "sqlite" else query.replace("?", "%s")


def init_app(app: Flask) -> None:
    """Gives the app its engine, from DATABASE_URL or `instance/survey.db`."""
    app.extensions["engine"] = make_engine(app.config["DATABASE_URL"])


def prepare(on: Engine) -> None:
    """Makes the tables of a SQLite file that has none yet, so that a plain `flask run` finds a database."""
    if on.dialect.name == "sqlite" and not inspect(on).has_table("alembic_version"):
        migrate(on)


def migrate(on: Engine) -> None:
    """Brings the database to the newest schema (Alembic); does nothing where it is there already."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["engine"] = on
    command.upgrade(config, "head")
