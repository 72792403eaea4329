"""Nothing is lost: writer and app killed under load, a stuck writer, a full disk."""

import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from unittest.mock import Mock

import pytest
from sqlalchemy import func, select, update

from survey import backup, db
from survey.box import casting, keys, mark, writer
from survey.schema import box, received, slip

from .meeting import opened


def writer_of(meeting):
    """The process id of the writer that runs now."""
    [lock] = (meeting.instance / "run").glob("writer-*.lock")
    return int(lock.read_text())


def stored(meeting):
    """The receipts in the box, and how many slips are spent."""
    with db.reading() as connection:
        receipts = set(connection.execute(select(box.c.receipt).where(box.c.collection == meeting.name)).scalars())
        at = (slip.c.collection == meeting.name, slip.c.state == "spent")
        return receipts, connection.execute(select(func.count()).select_from(slip).where(*at)).scalar_one()


def caught(meeting, monkeypatch, *votes):
    """The rows these votes would hand to the writer."""
    handed = []
    with monkeypatch.context() as here:
        here.setattr(writer, "store", lambda url, instance, rows, **_more: handed.extend(rows) or [{"status": "busy"}] * len(rows))
        for at in votes:
            meeting.vote(at)
    return handed


def persist(meeting, at):
    """A voter who sends the same answer until there is a word; what was said in the end."""
    nonce = casting.new_nonce(meeting.name)
    for _ in range(10):
        outcome = meeting.vote(at, nonce=nonce)
        if outcome.status != "busy":
            return outcome
    raise AssertionError("busy ten times")


def test_an_acknowledgement_comes_after_mark_and_ballot_are_on_the_disk(app, monkeypatch):
    meeting = opened(app)
    handed = caught(meeting, monkeypatch, 0)
    engine = app.extensions["engine"]
    settings = {"sqlite": {"synchronous": 2, "journal_mode": "wal"}, "postgresql": {"synchronous_commit": "on"}}
    asks = {"sqlite": "PRAGMA %s", "postgresql": "SHOW %s"}[engine.dialect.name]
    store, synced = writer.Store(engine, meeting.instance), []
    real = os.fdatasync

    def slow(handle):
        real(handle)
        time.sleep(0.3)  # the statements have long run
        with app.app_context():
            synced.append(stored(meeting)[1])

    monkeypatch.setattr(os, "fdatasync", slow)
    assert store.commit(handed) == [{"status": "cast"}]
    assert synced == [0, 0]  # a first mark twice (before it has its name, and after), while nobody sees the ballot yet
    with engine.connect() as connection:  # and the commit itself waits for the disk: FULL in WAL is one fdatasync a commit
        for name, value in settings[engine.dialect.name].items():
            assert connection.exec_driver_sql(asks % name).scalar() == value


def test_a_mark_counts_what_was_stored_not_what_was_tried(app, monkeypatch):
    meeting = opened(app)
    handed = caught(meeting, monkeypatch, 0, 1, 0)
    store = writer.Store(app.extensions["engine"], meeting.instance)
    assert [each["status"] for each in store.commit(handed)] == ["cast", "cast", "already_used"]
    with db.reading() as connection:
        held = writer.stored(connection, meeting.name)
    assert held.ballots == 2 and mark.read(mark.path(meeting.instance / "keys" / meeting.name)) == (held, held)
    assert [each["status"] for each in store.commit(handed[:1])] == ["again"]
    assert mark.read(mark.path(meeting.instance / "keys" / meeting.name)) == (held, held)


def test_where_a_voiding_was_cut_off_no_ballot_is_taken(app):
    meeting = opened(app, mode="link", kind="opinion")
    voice = meeting.form.instrument.voices[0].id
    keys.of(meeting.instance, meeting.name).destroy(*keys.NAMES)  # and killed before its commit: the state is still open
    outcome = meeting.vote(0, voice=voice, nonce=f"{7:032x}")
    assert (outcome.status, outcome.receipt) == ("closed", None) and stored(meeting) == (set(), 0)


def test_a_first_mark_that_was_cut_off_stops_nothing(app, monkeypatch):
    meeting = opened(app)
    handed = caught(meeting, monkeypatch, 0)
    store = writer.Store(app.extensions["engine"], meeting.instance)
    with monkeypatch.context() as broken:
        broken.setattr(os, "pwrite", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            store.commit(handed)
    store.forget()
    assert store.commit(handed) == [{"status": "cast"}]
    assert not list((meeting.instance / "keys" / meeting.name).glob(".mark-*"))


def test_a_writer_knows_its_last_commit_whatever_other_hosts_left(app, monkeypatch):
    meeting = opened(app)
    handed = caught(meeting, monkeypatch, 0, 1, 2, 3)
    engine = app.extensions["engine"]

    def commit(host, row):
        with monkeypatch.context() as here:
            here.setattr(mark, "host", lambda: host)
            return writer.Store(engine, meeting.instance).commit([row])[0]["status"]

    def cut_off(*_args, **_more):
        """A confirmation that never came: its writer was killed after the commit."""

    with monkeypatch.context() as killed:
        killed.setattr(mark, "write", cut_off)
        assert commit("one", handed[0]) == "cast"
        assert commit("two", handed[1]) == "cast"
        assert commit("two", handed[1]) == "again"  # its mark still says: perhaps one more
    assert [commit("two", handed[2]), commit("one", handed[3])] == ["cast", "cast"]
    with db.reading() as connection:
        held = writer.stored(connection, meeting.name)
    assert held.ballots == 4 and mark.agrees(held, mark.states(meeting.instance / "keys" / meeting.name))


def test_a_commit_the_server_still_makes_is_waited_for(make_app):
    app = make_app("postgresql")
    with app.app_context():
        meeting = opened(app)
        nonces = [casting.new_nonce(meeting.name) for _ in range(4)]
        assert meeting.vote(0, nonce=nonces[0]).status == "cast"
        said = []

        def standby(name):
            """A standby the server waits for at each commit stands for a slow disk."""
            with db.engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql(f"ALTER SYSTEM SET synchronous_standby_names='{name}'")
                connection.exec_driver_sql("SELECT pg_reload_conf()")

        def voter():
            with app.app_context():
                said.append(persist(meeting, 1).status)

        standby("nobody")
        try:
            time.sleep(0.3)
            one = threading.Thread(target=voter)
            one.start()
            time.sleep(0.5)
            os.kill(writer_of(meeting), signal.SIGKILL)
            time.sleep(1.5)  # the answer is sent again, to a new writer
        finally:
            standby("")
        one.join()
        assert said[0] in ("cast", "again") and meeting.vote(2, nonce=nonces[2]).status == "cast"
        os.kill(writer_of(meeting), signal.SIGKILL)
        time.sleep(0.2)
        assert meeting.vote(3, nonce=nonces[3]).status == "cast"
        meeting.close()
        assert meeting.seal()["closing"]["returned"] == 4


def test_after_an_error_nobody_gets_the_answer_of_another(app, monkeypatch):
    meeting = opened(app)
    assert meeting.vote(0).status == "cast"
    with monkeypatch.context() as broken:
        broken.setattr(writer, "_receive", Mock(side_effect=MemoryError))
        with pytest.raises(MemoryError):
            meeting.vote(1)
    assert meeting.vote(0).status == "already_used"
    assert meeting.vote(2).status == "cast"


def test_where_the_disk_takes_no_mark_nothing_is_stored(app, monkeypatch):
    meeting = opened(app)
    handed = caught(meeting, monkeypatch, 0)
    store = writer.Store(app.extensions["engine"], meeting.instance)
    with monkeypatch.context() as broken:
        broken.setattr(os, "fdatasync", Mock(side_effect=OSError(28, "No space left on device")))
        with pytest.raises(OSError):
            store.commit(handed)
    store.forget()
    assert stored(meeting) == (set(), 0)
    assert store.commit(handed) == [{"status": "cast"}]


def test_a_writer_killed_twenty_times_under_load_loses_nothing(app):
    rounds = 20 if app.extensions["engine"].dialect.name == "sqlite" else 6
    meeting = opened(app, slips=rounds * 30)
    acknowledged, said = [], []

    def voters(mine):
        with app.app_context():
            for at in mine:
                outcome = persist(meeting, at)
                said.append(outcome.status)
                acknowledged.append(outcome.receipt)

    for turn in range(rounds):
        mine = [threading.Thread(target=voters, args=(range(turn * 30 + t, turn * 30 + 30, 6),)) for t in range(6)]
        for thread in mine:
            thread.start()
        time.sleep(random.random() * 0.05)
        if turn or (meeting.instance / "run").exists():
            for lock in (meeting.instance / "run").glob("writer-*.lock"):
                if lock.read_text():
                    with suppress(ProcessLookupError):  # it is being replaced already
                        os.kill(int(lock.read_text()), signal.SIGKILL)
        for thread in mine:
            thread.join()
    receipts, spent = stored(meeting)
    assert len(acknowledged) == rounds * 30 and set(said) <= {"cast", "again"}
    assert set(acknowledged) == receipts and spent == len(receipts)
    meeting.close()
    assert meeting.seal()["closing"]["returned"] == rounds * 30


NURSERY = """
import os, random, sys, threading
from pathlib import Path
from unittest.mock import Mock
from app import create_app
from survey import db
from survey.box import casting, collection as collections
instance, url, name = sys.argv[1:4]
codes = Path(sys.argv[4]).read_text().split()

def vote():
    app = create_app({"INSTANCE": instance, "DATABASE_URL": url})
    with app.app_context(), db.reading() as c:
        house = collections.get(c, name)
        form = collections.form(c, house)
    reply, _ = form.read({})
    def run(mine):
        with app.app_context():
            for code in mine:
                nonce = casting.new_nonce(name)
                outcome = casting.cast(collection=house, form=form, reply=reply, nonce=nonce, slip=code)
                if outcome.receipt:
                    os.write(1, (outcome.receipt + "\\n").encode())
    random.seed()
    random.shuffle(codes)
    for at in range(8):
        threading.Thread(target=run, args=(codes[at::8],)).start()

for line in sys.stdin:  # one app a line, born from what is imported already
    if not (child := os.fork()):
        vote()
        break
    os.write(1, f"app {child}\\n".encode())
    os.waitpid(child, 0)
    os.write(1, b"gone\\n")
"""


def test_app_and_writer_killed_twenty_times_under_load_have_acknowledged_nothing_that_is_not_stored(app, tmp_path):
    rounds = 20 if app.extensions["engine"].dialect.name == "sqlite" else 6
    meeting = opened(app, slips=rounds * 100)
    codes = tmp_path / "codes"
    codes.write_text("\n".join(each.token for each in meeting.codes))
    nursery = subprocess.Popen(
        [sys.executable, "-c", NURSERY, meeting.instance, app.config["DATABASE_URL"], meeting.name, codes],
        cwd=Path(__file__).parents[2], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
    )  # fmt: skip
    said, heard = set(), 0
    for turn in range(rounds):
        nursery.stdin.write("vote\n")
        kinds = ("app", "writer", "both")[turn % 3]
        before, child = len(said), 0
        for line in nursery.stdout:
            word, _, rest = line.strip().partition(" ")
            if word == "gone":
                break
            if word == "app":
                child = int(rest)
                continue
            said.add(word)
            if len(said) == before + 3 + turn % 5:  # in the middle of it
                if kinds != "app":
                    os.kill(writer_of(meeting), signal.SIGKILL)
                if kinds == "writer":
                    time.sleep(0.05)  # another writer begins for the app that lives on
                os.kill(child, signal.SIGKILL)
        heard += len(said) > before
    nursery.stdin.close()
    nursery.wait()
    assert heard == rounds
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and not said <= stored(meeting)[0]:  # a writer may still store what it was handed
        time.sleep(0.1)
    last = next(at for at, code in enumerate(meeting.codes) if casting.look(meeting.name, code.token).status == "ready")
    said.add(persist(meeting, last).receipt)
    receipts, spent = stored(meeting)
    assert said <= receipts and spent == len(receipts)
    meeting.close()
    assert meeting.seal()["closing"]["returned"] == spent


def test_a_stuck_writer_is_told_in_time_and_nothing_counts_twice(app):
    meeting = opened(app)
    assert meeting.vote(0).status == "cast"
    app.config["BOX_WAIT"] = 0.5
    nonce = casting.new_nonce(meeting.name)
    os.kill(writer_of(meeting), signal.SIGSTOP)
    try:
        began = time.monotonic()
        outcome = meeting.vote(1, nonce=nonce)
        assert outcome.status == "busy" and outcome.receipt is None and time.monotonic() - began < 5
    finally:
        os.kill(writer_of(meeting), signal.SIGCONT)
    app.config["BOX_WAIT"] = 8.0
    assert meeting.vote(1, nonce=nonce).status in ("cast", "again")
    receipts, spent = stored(meeting)
    assert len(receipts) == spent == 2


@contextmanager
def full_file(meeting):
    """The writer may make no file longer."""
    pid = writer_of(meeting)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
    yield
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


@contextmanager
def full_server(_meeting):
    """What a server says that cannot extend a table's file."""
    with db.deed() as connection:
        connection.exec_driver_sql(
            "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$"
        )
        connection.exec_driver_sql("CREATE TRIGGER full_disk BEFORE INSERT ON box FOR EACH ROW EXECUTE FUNCTION full_disk()")
    yield
    with db.deed() as connection:
        connection.exec_driver_sql("DROP TRIGGER full_disk ON box")


def test_a_full_disk_is_an_honest_failure_and_the_slip_stays_unspent(app):
    meeting = opened(app)
    assert meeting.vote(0).status == "cast"
    pid, nonce = writer_of(meeting), casting.new_nonce(meeting.name)
    with (full_file if app.extensions["engine"].dialect.name == "sqlite" else full_server)(meeting):
        assert meeting.vote(1, nonce=nonce).status == "busy"
        assert casting.look(meeting.name, meeting.codes[1].token).status == "ready"  # unspent
        receipts, spent = stored(meeting)
        assert len(receipts) == spent == 1 and writer_of(meeting) == pid
    assert meeting.vote(1, nonce=nonce).status == "cast"
    meeting.close()
    assert meeting.seal()["closing"]["returned"] == 2


def test_there_is_never_a_second_writer(app):
    meeting = opened(app)
    meeting.vote(0)
    second = subprocess.run(
        [sys.executable, "-m", "survey.box.writer"],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "WRITER_DATABASE_URL": app.config["DATABASE_URL"], "WRITER_INSTANCE": str(meeting.instance)},
        timeout=60,
        check=False,
    )
    assert second.returncode == 0  # it found the lock held and went
    assert meeting.vote(1).status == "cast"


def test_a_writer_of_another_database_is_not_met(make_app):
    one = make_app("sqlite")
    with one.app_context():
        opened(one).vote(0)
    assert writer._name("sqlite:///a") != writer._name("sqlite:///b")


def prepared(meeting, monkeypatch, votes):
    """The rows of votes (slip, nonce, seed) as they would be handed to the writer."""
    rows = []
    with monkeypatch.context() as patch:
        patch.setattr(writer, "store", lambda _url, _instance, given, **_: rows.extend(given) or [{"status": "busy"}] * len(given))
        for at, nonce, seed in votes:
            meeting.vote(at, nonce=nonce, seed=seed)
    return rows


def test_one_bad_row_takes_no_other_of_its_group_with_it(app, monkeypatch):
    meeting = opened(app, slips=8)
    a, b, c, d, e = (casting.new_nonce(meeting.name) for _ in range(5))
    votes = [
        (0, a, 1), (1, b, 1),  # plain
        (0, c, 1),  # a slip twice in one group
        (2, a, 1),  # a nonce of another slip
        (0, a, 1), (1, b, 2),  # a copy, and other content under the same nonce
        (3, d, 1), (4, e, 1),  # plain
    ]  # fmt: skip
    store = writer.Store(app.extensions["engine"], meeting.instance)
    answers = [each["status"] for each in store.commit(prepared(meeting, monkeypatch, votes))]
    assert answers == ["cast", "cast", "already_used", "again", "again", "first_counts", "cast", "cast"]
    f, g = (casting.new_nonce(meeting.name) for _ in range(2))
    later = [(5, f, 1), (3, g, 1), (6, b, 1), (6, g, 1)]  # plain, a spent slip, a nonce used before on an unspent slip, plain
    answers = [each["status"] for each in store.commit(prepared(meeting, monkeypatch, later))]
    assert answers == ["cast", "already_used", "again", "cast"]
    h, i = (casting.new_nonce(meeting.name) for _ in range(2))
    twice = prepared(meeting, monkeypatch, [(7, h, 1), (7, i, 1)])  # nothing else is wrong with the two
    assert [each["status"] for each in store.commit(twice)] == ["cast", "already_used"]
    store.forget()
    receipts, spent = stored(meeting)
    assert len(receipts) == spent == 7
    meeting.close()
    assert meeting.seal()["closing"]["returned"] == 7


def test_a_ballot_refused_at_the_last_moment_leaves_its_slip_unspent(app, monkeypatch):
    meeting = opened(app)
    nonce = casting.new_nonce(meeting.name)
    store = writer.Store(app.extensions["engine"], meeting.instance)
    assert store.commit(prepared(meeting, monkeypatch, [(0, nonce, 1)])) == [{"status": "cast"}]
    real, asked = store._known, []
    monkeypatch.setattr(  # as if another host stored the receipt just after it was asked for
        writer.Store, "_known", lambda self, group, ballot: asked.append(ballot) or (real(group, ballot) if len(asked) != 1 else None)
    )
    later = prepared(meeting, monkeypatch, [(1, nonce, 1), (2, casting.new_nonce(meeting.name), 1)])
    assert [each["status"] for each in store.commit(later)] == ["again", "cast"]
    receipts, spent = stored(meeting)
    assert len(receipts) == spent == 2


def test_what_is_rolled_back_in_one_box_is_counted_once_in_another(app, monkeypatch):
    one, other = opened(app), opened(app, fresh=False)
    store = writer.Store(app.extensions["engine"], one.instance)
    rows = prepared(one, monkeypatch, [(0, casting.new_nonce(one.name), 1)])
    rows += prepared(other, monkeypatch, [(0, casting.new_nonce(other.name), seed) for seed in (1, 2)])
    assert [each["status"] for each in store.commit(rows)] == ["cast", "cast", "already_used"]
    assert casting.received(one.name) == casting.received(other.name) == 1
    store.forget()  # marks and database are compared anew
    for meeting in (one, other):
        assert store.commit(prepared(meeting, monkeypatch, [(1, casting.new_nonce(meeting.name), 1)])) == [{"status": "cast"}]


def test_a_closing_between_two_tries_of_a_group_is_seen(app, monkeypatch):
    meeting = opened(app)
    store = writer.Store(app.extensions["engine"], meeting.instance)
    assert store.commit(prepared(meeting, monkeypatch, [(0, casting.new_nonce(meeting.name), 1)])) == [{"status": "cast"}]
    rows = prepared(meeting, monkeypatch, [(0, casting.new_nonce(meeting.name), 1), (1, casting.new_nonce(meeting.name), 1)])
    begin, begun = writer.Group.begin, []

    def begins(group):
        begun.append(group)
        if len(begun) == 2:
            meeting.close()
        return begin(group)

    monkeypatch.setattr(writer.Group, "begin", begins)
    assert [each["status"] for each in store.commit(rows)] == ["closed", "closed"] and len(begun) == 2
    receipts, spent = stored(meeting)
    assert len(receipts) == spent == 1


def test_threads_that_wait_are_spoken_for_together_and_one_that_gives_up_holds_no_other(monkeypatch, tmp_path):
    groups, slow = [], threading.Event()

    def conversed(self, rows, until):
        groups.append([row["at"] for row in rows])
        if len(groups) == 1:
            slow.wait(5)
        if len(groups) == 2:
            return None  # no answer in this one's time
        return [{"status": str(row["at"])} for row in rows]

    monkeypatch.setattr(writer._Line, "_conversed", conversed)
    said = {}

    def ask(at, wait=5.0):
        try:
            said[at] = writer.store("sqlite:///x", tmp_path, [{"at": at}], wait=wait)[0]["status"]
        except writer.Busy:
            said[at] = "busy"

    threads = [threading.Thread(target=ask, args=(0,))]
    threads[0].start()
    while not groups:
        time.sleep(0.01)
    threads += [threading.Thread(target=ask, args=(at, 0.2 if at == 3 else 5.0)) for at in range(1, 6)]
    for thread in threads[1:]:
        thread.start()
    threads[3].join()  # it gave up, while the first still speaks
    assert said == {3: "busy"}
    slow.set()
    for thread in threads:
        thread.join()
    [unheard] = {1, 2, 4, 5} - {at for at in said if said[at] == str(at)}
    assert said == {at: str(at) for at in range(6)} | {3: "busy", unheard: "busy"}
    assert groups[0] == [0] and sorted(groups[1]) == [1, 2, 4, 5] and sorted(groups[2]) == sorted({1, 2, 4, 5} - {unheard})


@pytest.mark.parametrize("off", [1, 5, -1])
def test_a_counter_that_was_changed_stops_its_box_and_no_other(app, monkeypatch, off):
    meeting, healthy = opened(app, slips=8), opened(app, slips=8, fresh=False)
    rows = prepared(meeting, monkeypatch, [(at, casting.new_nonce(meeting.name), at) for at in range(6)])
    sound = prepared(healthy, monkeypatch, [(at, casting.new_nonce(healthy.name), at) for at in range(3)])
    store = writer.Store(app.extensions["engine"], meeting.instance)
    assert store.commit([rows[0], rows[1], sound[0]]) == [{"status": "cast"}] * 3
    file = mark.path(meeting.instance / "keys" / meeting.name)
    before = mark.read(file)
    with db.deed() as connection:
        connection.execute(update(received).where(received.c.collection == meeting.name).values(received=received.c.received + off))
    assert store.commit([rows[2]]) == [{"status": "stopped"}]
    assert store.commit([rows[3], sound[1]]) == [{"status": "stopped"}, {"status": "cast"}]
    anew = writer.Store(app.extensions["engine"], meeting.instance)
    assert anew.commit([rows[4], sound[2]]) == [{"status": "stopped"}, {"status": "cast"}]
    assert mark.read(file)[0] == before[0]  # what was rolled back is in no mark
    with db.reading() as connection:
        assert mark.agrees(writer.stored(connection, meeting.name), mark.states(file.parent))


def test_a_database_put_back_stops_every_host(make_app, monkeypatch, tmp_path):
    app = make_app("postgresql")
    with app.app_context():
        meeting = opened(app, slips=8)
        rows = prepared(meeting, monkeypatch, [(at, casting.new_nonce(meeting.name), at) for at in range(6)])
        stores = {host: writer.Store(app.extensions["engine"], meeting.instance) for host in ("one", "other")}

        def cast(host, at):
            monkeypatch.setattr(mark, "host", lambda: host)
            return stores[host].commit([rows[at]])[0]["status"]

        assert [cast("one", 0), cast("other", 1)] == ["cast", "cast"]
        backup.save(db.engine(), tmp_path / "b.zip", by="office")
        assert cast("one", 2) == "cast"
        backup.load(db.engine(), tmp_path / "b.zip", by="office", replace=True)  # the other host's ballots are all there
        assert [cast("other", 3), cast("one", 4), cast("other", 5)] == ["stopped"] * 3


def test_a_file_put_in_the_databases_place_is_noticed_by_the_writer_that_runs(make_app, monkeypatch, tmp_path):
    app = make_app("sqlite")
    with app.app_context():
        meeting = opened(app, slips=8)
        rows = prepared(meeting, monkeypatch, [(at, casting.new_nonce(meeting.name), at) for at in range(4)])
        store = writer.Store(db.make_engine(app.config["DATABASE_URL"]), meeting.instance)
        assert store.commit([rows[0]]) == [{"status": "cast"}]
        path = Path(app.config["DATABASE_URL"].removeprefix("sqlite:///"))
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copy(path, tmp_path / "old.db")
        assert store.commit([rows[1]]) == [{"status": "cast"}]
        db.engine().dispose()
        os.replace(tmp_path / "old.db", path)
        for name in ("-wal", "-shm"):
            Path(f"{path}{name}").unlink(missing_ok=True)
        assert store.commit([rows[2]]) == [{"status": "stopped"}]
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("SELECT count(*) FROM box").fetchone() == (1,)
