"""What many tests share: an app on an instance of its own, on SQLite or on a private PostgreSQL."""

import os
import shutil
import subprocess
import tempfile
import uuid
from pathlib import Path

import pytest

from app import create_app
from survey import db

pytest_plugins = ["tests.browser"]

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1:]


@pytest.fixture(scope="session")
def postgres():
    """The address of a private PostgreSQL, reached through a socket of its own; gone with the session."""
    assert BINARIES, "PostgreSQL is needed: apt-get install postgresql"
    folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))
    as_user = []
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
        as_user = ["runuser", "-u", "postgres", "--"]
    tool = BINARIES[0]
    quiet = {"check": True, "stdout": subprocess.DEVNULL, "cwd": "/"}
    subprocess.run([*as_user, tool / "initdb", "-D", folder / "data", "-U", "tester", "-A", "trust", "-E", "UTF8", "--no-sync"], **quiet)
    options = f"-k {folder} -c listen_addresses='' -c max_connections=200 -c fsync=off -c max_locks_per_transaction=256"
    subprocess.run([*as_user, tool / "pg_ctl", "-D", folder / "data", "-l", folder / "log", "-w", "-o", options, "start"], **quiet)
    yield f"postgresql://tester@/{{}}?host={folder}"
    subprocess.run([*as_user, tool / "pg_ctl", "-D", folder / "data", "-m", "immediate", "stop"], **quiet)
    shutil.rmtree(folder, ignore_errors=True)


def database(kind, tmp_path, request):
    """The URL of a fresh database."""
    if kind == "sqlite":
        return f"sqlite:///{tmp_path / 'survey.db'}"
    address = request.getfixturevalue("postgres")
    name = f"t{uuid.uuid4().hex[:12]}"
    admin = db.make_engine(address.format("postgres"))
    with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    admin.dispose()
    return address.format(name)


@pytest.fixture
def make_app(tmp_path, request):
    """Makes apps on one instance: `make_app("sqlite")`, `make_app("postgresql")`, with a migrated database."""
    made = []

    def make(kind="sqlite", **config):
        url = config.pop("DATABASE_URL", None) or database(kind, tmp_path, request)
        app = create_app({"INSTANCE": str(tmp_path), "DATABASE_URL": url, "TESTING": True, **config})
        with app.app_context():
            db.migrate(db.engine())
        made.append(app)
        return app

    yield make
    for app in made:
        app.extensions["engine"].dispose()


@pytest.fixture
def app(make_app):
    """An app on SQLite, its database empty, inside its context."""
    app = make_app("sqlite")
    with app.app_context():
        yield app
