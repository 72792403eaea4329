"""The database: one engine an app, one transaction a deed.

SQLite: WAL with full synchronisation (one fdatasync a commit), secure_delete, temporary data in memory; every write
transaction begins immediately, so two deeds never deadlock half-way. PostgreSQL: the same calls, the server's own rules.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from queue import Empty, SimpleQueue
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
        "page_size=2048",  # a ballot changes two leaves at random places: half the bytes to the log
        "busy_timeout=10000",
        "journal_mode=WAL",
        "synchronous=FULL",
        "wal_autocheckpoint=24000",  # 48 MB: a leaf that changed often is copied back once, so that a full box is as fast as an empty one
        "foreign_keys=ON",
        "secure_delete=ON",
        "temp_store=MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _sqlite_begin(connection: Connection) -> None:
    reads = connection.get_execution_options().get("reads", False)
    driver: Any = connection.connection
    driver.execute("BEGIN" if reads else "BEGIN IMMEDIATE")


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


class _File:
    """A connection to SQLite that only reads."""

    def __init__(self, on: Engine) -> None:
        arguments, options = on.dialect.create_connect_args(on.url)
        options["check_same_thread"] = False
        self._connection: sqlite3.Connection = on.dialect.loaded_dbapi.connect(*arguments, **options)
        _sqlite_pragmas(self._connection, None)
        self._connection.execute("PRAGMA query_only=ON")

    def first(self, query: str, values: Sequence[str | bytes]) -> Sequence[Any] | None:
        """The first row, or None."""
        row: Sequence[Any] | None = self._connection.execute(query, values).fetchone()
        return row

    def close(self) -> None:
        """Closes it."""
        self._connection.close()


class _Server:
    """A connection to PostgreSQL that only reads. Each query is prepared once and asked through libpq itself: a fifth of a
    cursor's cost."""

    def __init__(self, on: Engine) -> None:
        from psycopg import connect
        from psycopg.adapt import Transformer

        arguments, options = on.dialect.create_connect_args(on.url)
        self._connection = connect(*arguments, **options, autocommit=True)
        self._connection.execute("SET default_transaction_read_only = on")
        self._values = Transformer(self._connection)
        self._prepared: dict[str, bytes] = {}

    def first(self, query: str, values: Sequence[str | bytes]) -> Sequence[Any] | None:
        """The first row, or None. A text with a NUL, which this database cannot hold, is found nowhere."""
        if any("\0" in value for value in values if isinstance(value, str)):
            return None
        server = self._connection.pgconn
        name = self._prepared.get(query)
        if name is None:
            name = str(len(self._prepared)).encode()
            self._checked(server.prepare(name, _numbered(query)))
            self._prepared[query] = name
        given = [value if isinstance(value, bytes) else value.encode() for value in values]
        found = self._checked(server.exec_prepared(name, given, [1] * len(given), 1))  # 1: binary, both ways
        self._values.set_pgresult(found)
        row: Sequence[Any] | None = self._values.load_row(0, tuple) if found.ntuples else None
        return row

    def close(self) -> None:
        """Closes it."""
        self._connection.close()

    def _checked(self, result: Any) -> Any:
        from psycopg import OperationalError, pq

        if result.status not in (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK):
            raise OperationalError(result.error_message.decode(errors="replace"))
        return result


PLACES = 4  # connections of a process that only read, however many threads it has; as many for those that may wait
# Each place holds an idle connection, or none yet. Not of a thread: a server's own threads keep nothing between two requests.
_places: WeakKeyDictionary[Engine, dict[bool, SimpleQueue[_File | _Server | None]]] = WeakKeyDictionary()


def look_up(query: str, *values: str | bytes, waits: bool = False) -> Sequence[Any] | None:
    """The first row of one plain SELECT (`?` for a value), on a connection that only reads, outside any transaction.

    For the few reads of every vote: without pool, transaction and statement objects it costs a tenth of `reading`. One that `waits`
    (it reads a box, which a seal may be about to drop) takes no place from the others.
    """
    on = engine()
    places = _places.setdefault(on, {}).get(waits) or _places[on].setdefault(waits, _empty_places())
    for again in (True, False):
        connection, kept = places.get(), None
        try:
            connection = connection or (_File(on) if on.dialect.name == "sqlite" else _Server(on))
            row = connection.first(query, values)
            kept = connection
        except on.dialect.loaded_dbapi.OperationalError:  # the server was restarted: once more, on a new connection
            for old in (connection, *_taken(places)):
                if old:
                    old.close()
            if not again:
                raise
        else:
            return row
        finally:
            places.put(kept)
    return None


def _empty_places() -> "SimpleQueue[_File | _Server | None]":
    places: SimpleQueue[_File | _Server | None] = SimpleQueue()
    for _ in range(PLACES):
        places.put(None)
    return places


def _taken(places: "SimpleQueue[_File | _Server | None]") -> list[_File | _Server]:
    """The idle connections, out of their places."""
    found = []
    for _ in range(PLACES):
        with suppress(Empty):
            if connection := places.get_nowait():
                found.append(connection)
            places.put(None)
    return found


@lru_cache(maxsize=64)
def _numbered(query: str) -> bytes:
    """A query's `?` as libpq numbers them: $1, $2, …"""
    first, *rest = query.split("?")
    return "".join((first, *(f"${at}{part}" for at, part in enumerate(rest, 1)))).encode()


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
