"""Desks, seals, voters and the writer at the same moment: nobody loses what another did, and nobody waits for long."""

import os
import signal
import threading
import time

import pytest

from survey import db
from survey.box import casting, keys, opening, sealing, writer
from survey.paper import printing

from .meeting import opened
from .test_writer import prepared, writer_of


@pytest.fixture
def server(make_app):
    app = make_app("postgresql")
    with app.app_context():
        yield app


def beside(app, deed, *more):
    """A deed begun in a thread of its own; `join` gives what it said, or raises what it raised."""
    said = []

    def run():
        with app.test_request_context():
            try:
                said.append(deed(*more))
            except Exception as error:
                said.append(error)

    thread = threading.Thread(target=run)
    thread.start()

    def join():
        thread.join()
        if isinstance(said[0], Exception):
            raise said[0]
        return said[0]

    return join


def slowly(monkeypatch, module, name, seconds=0.6):
    """Makes a deed slow, and says when it is under way."""
    real, begun = getattr(module, name), threading.Event()

    def slow(*given, **more):
        begun.set()
        time.sleep(seconds)
        return real(*given, **more)

    monkeypatch.setattr(module, name, slow)
    return begun


def exchanged(app, meeting, at, medium=""):
    return printing.exchange(app, meeting.house, meeting.codes[at].token, medium=medium, by="teller", site="http://x")


def test_two_desks_that_replace_slips_both_stand_in_what_is_published(app, monkeypatch):
    meeting = opened(app, slips=12)
    meeting.vote(0)
    begun = slowly(monkeypatch, opening, "issued_root", 0.3)
    first = beside(app, exchanged, app, meeting, 1)
    begun.wait(5)
    second = beside(app, exchanged, app, meeting, 2)
    assert first() and second()
    assert meeting.house.published["more_slips"] == 4 and len(meeting.house.published["issued_roots"]) == 2
    meeting.close()
    assert meeting.seal()["closing"]["returned"] == 1


def test_a_slip_is_not_replaced_after_the_end(app):
    meeting = opened(app)
    meeting.vote(0)
    stale = meeting.house
    meeting.close()
    meeting.seal()
    with app.test_request_context(), pytest.raises(ValueError, match="已经结束"):
        printing.exchange(app, stale, meeting.codes[1].token, medium="", by="teller", site="http://x")


def test_a_slip_exchanged_while_it_is_cast_fails_nobody(app, monkeypatch):
    meeting = opened(app)
    store = writer.Store(app.extensions["engine"], meeting.instance)
    rows = prepared(meeting, monkeypatch, [(at, casting.new_nonce(meeting.name), 1) for at in range(5)])
    store.commit(rows[:1])
    begun = slowly(monkeypatch, opening, "issued_root")
    desk = beside(app, exchanged, app, meeting, 1, "paper")
    begun.wait(5)
    assert [each["status"] for each in store.commit(rows[1:])] == ["void", "cast", "cast", "cast"]
    assert desk()


@pytest.mark.parametrize("met", [True, False], ids=["a writer that knows the box", "one that meets it"])
def test_a_voiding_while_votes_come_fails_nobody(app, monkeypatch, met):
    meeting = opened(app)
    store = writer.Store(app.extensions["engine"], meeting.instance)
    rows = prepared(meeting, monkeypatch, [(at, casting.new_nonce(meeting.name), 1) for at in range(3)])
    if met:
        store.commit(rows[:1])
    begun = slowly(monkeypatch, sealing.slip, "void_unspent")

    def void():
        with db.deed() as connection:
            sealing.void(connection, meeting.instance, meeting.house, by="teller", reason="示例")

    office = beside(app, void)
    begun.wait(5)
    assert {each["status"] for each in store.commit([rows[1], rows[1], rows[2]])} == {"closed"}  # a copy: each is looked at alone
    office()
    assert list(keys.of(meeting.instance, meeting.name).folder.iterdir()) == []


@pytest.mark.parametrize("met", [True, False], ids=["a writer that knows the box", "one that meets it"])
@pytest.mark.parametrize("pause", [(sealing, "_drop_partitions"), (sealing.collections, "hold")], ids=["before its box", "in its box"])
def test_a_voiding_and_a_vote_never_wait_for_each_other(server, monkeypatch, met, pause):
    meeting = opened(server)
    store = writer.Store(server.extensions["engine"], meeting.instance)
    rows = prepared(meeting, monkeypatch, [(at, casting.new_nonce(meeting.name), 1) for at in range(3)])
    store.commit(rows[:1])
    if not met:
        store = writer.Store(server.extensions["engine"], meeting.instance)
    begun = slowly(monkeypatch, *pause)

    def void():
        with db.deed() as connection:
            sealing.void(connection, meeting.instance, meeting.house, by="teller", reason="示例")

    office = beside(server, void)
    begun.wait(5)
    said = {each["status"] for each in store.commit([rows[1], rows[1], rows[2]] if met else rows[1:])}
    assert said <= ({"cast", "again"} if pause[1] == "_drop_partitions" else {"closed"})  # before it, or after
    office()
    assert meeting.house.state == "void"


@pytest.mark.parametrize("end", ["seal", "void"])
def test_no_mark_comes_back_to_a_box_that_has_ended(app, monkeypatch, end):
    meeting = opened(app)
    store = writer.Store(app.extensions["engine"], meeting.instance)
    rows = prepared(meeting, monkeypatch, [(at, casting.new_nonce(meeting.name), 1) for at in range(7)])
    assert {each["status"] for each in store.commit(rows[:6])} == {"cast"}
    if end == "seal":
        meeting.close()
        meeting.seal()
    else:
        with db.deed() as connection:
            sealing.void(connection, meeting.instance, meeting.house, by="teller", reason="示例")
    assert store.commit(rows[6:]) == [{"status": "closed"}]  # handed over before the end
    assert [path.name for path in keys.of(meeting.instance, meeting.name).folder.glob("mark*")] == []


def test_a_phone_waits_once_for_a_stuck_box(app):
    meeting = opened(app)
    meeting.vote(0)
    client, token = app.test_client(), meeting.codes[1].token
    app.config["BOX_WAIT"] = 1.0
    os.kill(writer_of(meeting), signal.SIGSTOP)
    try:
        assert casting.look(meeting.name, token).status == "ready"
        began = time.monotonic()
        sent = {"slip": token, "nonce": casting.new_nonce(meeting.name)}
        answer = client.post(f"/v/{meeting.name}/cast", data=sent, headers={"Accept": "application/json"})
        assert answer.get_json()["status"] == "busy" and time.monotonic() - began < 1.7
    finally:
        os.kill(writer_of(meeting), signal.SIGCONT)


def test_receipts_that_wait_for_a_box_keep_no_form_back(server):
    meeting = opened(server)
    nonce = casting.new_nonce(meeting.name)
    meeting.vote(0, nonce=nonce)
    with db.engine().connect() as connection, connection.begin():
        connection.exec_driver_sql("LOCK TABLE box IN ACCESS EXCLUSIVE MODE")
        waiting = [beside(server, casting.held, meeting.name, nonce) for _ in range(2 * db.PLACES)]
        time.sleep(0.3)
        began = time.monotonic()
        assert casting.look(meeting.name, meeting.codes[1].token).status == "ready"
        assert time.monotonic() - began < 0.5
    assert all(join() for join in waiting)


def test_votes_go_on_while_a_seal_waits_for_who_reads_a_box(server):
    meeting, other = opened(server), opened(server, fresh=False)
    for at in range(6):
        meeting.vote(at)
    assert other.vote(0).status == "cast"
    meeting.close()
    with db.reading() as connection:  # as a backup, or a second seal's checks
        connection.exec_driver_sql("SELECT count(*) FROM box").scalar()
        seal = beside(server, meeting.seal)
        deadline = time.monotonic() + 10
        while not meeting.house.emptied:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        waits = []
        for at in range(1, 6):
            began = time.monotonic()
            assert other.vote(at).status == "cast"
            waits.append(time.monotonic() - began)
            time.sleep(0.2)
        assert max(waits) < 2
    assert seal()["closing"]["returned"] == 6
