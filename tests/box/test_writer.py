"""Nothing is lost: writer and app killed under load, a stuck writer, a full disk."""

import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import func, select

from survey import db
from survey.box import casting, writer
from survey.schema import box, slip

from .meeting import opened


@pytest.fixture(params=["sqlite", "postgresql"])
def app(request, make_app):
    app = make_app(request.param)
    with app.app_context():
        yield app


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


def persist(meeting, at):
    """A voter who sends the same answer until there is a word; what was said in the end."""
    nonce = casting.new_nonce(meeting.name)
    for _ in range(10):
        outcome = meeting.vote(at, nonce=nonce)
        if outcome.status != "busy":
            return outcome
    raise AssertionError("busy ten times")


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
                    os.kill(int(lock.read_text()), signal.SIGKILL)
        for thread in mine:
            thread.join()
    receipts, spent = stored(meeting)
    assert len(acknowledged) == rounds * 30 and set(said) <= {"cast", "again"}
    assert set(acknowledged) == receipts and spent == len(receipts)
    meeting.close()
    assert meeting.seal()["closing"]["returned"] == rounds * 30


def test_an_app_killed_under_load_has_acknowledged_nothing_that_is_not_stored(app, tmp_path):
    meeting = opened(app, slips=400)
    codes = tmp_path / "codes"
    codes.write_text("\n".join(each.token for each in meeting.codes))
    program = f"""
import sys, threading
from pathlib import Path
from app import create_app
from survey import db
from survey.box import casting, collection as collections
app = create_app({{"INSTANCE": {str(meeting.instance)!r}, "DATABASE_URL": {app.config["DATABASE_URL"]!r}}})
with app.app_context(), db.reading() as c:
    house = collections.get(c, {meeting.name!r}); form = collections.form(c, house)
reply, _ = form.read({{}})
codes = Path({str(codes)!r}).read_text().split()
def run(start):
    with app.app_context():
        for at in range(start, 400, 8):
            nonce = casting.new_nonce(house.collection)
            o = casting.cast(collection=house, form=form, reply=reply, nonce=nonce, slip=codes[at])
            if o.receipt: sys.stdout.write(o.receipt + "\\n"); sys.stdout.flush()
for t in range(8): threading.Thread(target=run, args=(t,)).start()
"""
    said = set()
    for _ in range(2):
        child = subprocess.Popen(
            [sys.executable, "-c", program],
            cwd=Path(__file__).parents[2],
            stdout=subprocess.PIPE,
            text=True,
        )
        first = child.stdout.readline()
        time.sleep(random.random() * 0.1)
        child.kill()
        said |= {line.strip() for line in [first, *child.stdout] if len(line) == 11}
        child.wait()
    assert said
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:  # the writer may still be storing what it was handed
        receipts, spent = stored(meeting)
        if meeting.vote(399).status and said <= receipts:
            break
    receipts, spent = stored(meeting)
    assert said <= receipts and spent == len(receipts)


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


def test_a_full_disk_is_an_honest_failure_and_the_slip_stays_unspent(make_app):
    app = make_app("sqlite")
    with app.app_context():
        meeting = opened(app)
        assert meeting.vote(0).status == "cast"
        pid = writer_of(meeting)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
        nonce = casting.new_nonce(meeting.name)
        assert meeting.vote(1, nonce=nonce).status == "busy"
        assert casting.look(meeting.name, meeting.codes[1].token).status == "ready"  # unspent
        receipts, spent = stored(meeting)
        assert len(receipts) == spent == 1 and writer_of(meeting) == pid
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
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
