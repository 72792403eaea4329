"""The plain look-ups of every vote."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from survey import db

MINE = "FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"


@pytest.fixture
def server(make_app):
    app = make_app("postgresql")
    with app.app_context():
        yield app
        db.engine().dispose()


def looked(app, number):
    """Answers of many threads at once."""

    def one(at):
        with app.app_context():
            return db.look_up("SELECT ?::text, pg_sleep(0.02)::text", str(at))[0]

    with ThreadPoolExecutor(24) as threads:
        return list(threads.map(one, range(number)))


def test_many_threads_share_few_connections(server):
    db.engine().dispose()
    assert looked(server, 60) == [str(at) for at in range(60)]
    with db.reading() as connection:
        assert 1 <= connection.exec_driver_sql(f"SELECT count(*) {MINE}").scalar() <= db.PLACES


def test_a_server_that_was_restarted_is_asked_anew(server):
    looked(server, 24)
    with db.reading() as connection:
        connection.exec_driver_sql(f"SELECT pg_terminate_backend(pid) {MINE}").all()
    time.sleep(0.2)
    assert looked(server, 24) == [str(at) for at in range(24)]


def test_a_query_that_fails_costs_no_connection(server):
    for _ in range(db.PLACES + 1):
        with pytest.raises(db.engine().dialect.loaded_dbapi.Error):
            db.look_up("SELECT 1/0 WHERE ? = ''", "")
    assert looked(server, 4) == ["0", "1", "2", "3"]
