"""Collecting, on both databases: what a voter is told is what was done."""

import os
import time
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import func, select, update

from survey import db
from survey.box import casting, keys, tally_table
from survey.box import collection as collections
from survey.schema import box, collection, slip

from .meeting import draft, opened


def numbers(meeting):
    """Spent slips and ballots, as the database has them."""
    with db.reading() as connection:
        spent = connection.execute(
            select(func.count()).where(slip.c.state == "spent", slip.c.collection == meeting.name)
        ).scalar_one()
        ballots = connection.execute(select(func.count()).select_from(box).where(box.c.collection == meeting.name)).scalar_one()
    return spent, ballots


def at_once(app, call, many, threads=64):
    """Runs a call many times in threads of their own, each inside the app's context."""

    def run(at):
        with app.app_context():
            return call(at)

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, range(many)))


def test_a_vote_is_cast_and_its_receipt_is_signed(app):
    meeting = opened(app)
    outcome = meeting.vote(0)
    assert outcome.status == "cast" and len(outcome.receipt) == 10 and len(outcome.signature) == 128
    assert numbers(meeting) == (1, 1) and casting.received(meeting.name) == 1


def test_a_second_vote_with_the_same_slip_is_refused(app):
    meeting = opened(app)
    assert meeting.vote(0).status == "cast"
    assert meeting.vote(0, seed=1).status == "already_used"
    assert meeting.vote(0, seed=1, slip_text=meeting.codes[0].code.lower()).status == "already_used"
    assert numbers(meeting) == (1, 1)


def test_the_same_answer_sent_again_is_a_success_with_the_same_receipt(app):
    meeting = opened(app)
    nonce = casting.new_nonce(meeting.name)
    first, again = meeting.vote(0, nonce=nonce), meeting.vote(0, nonce=nonce)
    assert (first.status, again.status) == ("cast", "again") and first.receipt == again.receipt
    assert meeting.vote(0, nonce=nonce, seed=3).status == "first_counts"
    assert meeting.vote(1, nonce=nonce).status == "bad_nonce"  # a used page, a fresh slip: a new form
    assert numbers(meeting) == (1, 1)


def test_before_opening_and_after_closing(app):
    meeting = draft(app)
    with app.app_context():
        look = casting.look(meeting.name, meeting.codes[0].code)
    assert look.status == "draft"
    assert (
        casting.cast(
            collection=meeting.house, form=meeting.form, reply=meeting.reply(), nonce="0" * 32, slip=meeting.codes[0].token
        ).status
        == "not_open"
    )


def test_after_closing_phones_are_refused_and_paper_still_enters(app):
    meeting = opened(app)
    nonce = casting.new_nonce(meeting.name)
    assert meeting.vote(0, nonce=nonce).status == "cast"
    meeting.close()
    assert meeting.vote(1).status in ("closed", "void")
    assert meeting.vote(0, nonce=nonce).status == "again"  # a copy that was late is still told the truth


def test_an_announced_end_refuses_phones_when_it_has_passed(app):
    meeting = opened(app)
    with db.deed() as connection:
        collections.change(connection, meeting.name, closes_at="2019-01-01T00:00:00+00:00")
    assert casting.look(meeting.name, meeting.codes[0].token).status == "closing"
    assert meeting.vote(0).status == "closed"


def test_what_a_vote_knows_of_a_collection_is_what_its_row_is_now(app):
    meeting = opened(app)
    for title in ("一", "二", "一"):  # back again is another version
        with db.deed() as connection:
            collections.change(connection, meeting.name, title="另一", large=True)
            collections.change(connection, meeting.name, title=title, large=title == "二")
        found = casting.look(meeting.name, meeting.codes[0].token).collection
        assert (found.title, found.large, found.form) == (title, title == "二", meeting.house.form)
        assert found == meeting.house
    with db.engine().connect() as connection:  # a change that was taken back was never there
        collections.change(connection, meeting.name, title="另一")
        connection.rollback()
    assert casting.look(meeting.name, meeting.codes[0].token).collection.title == "一"


def test_what_another_process_ended_a_moment_ago_may_show_its_page_and_takes_no_ballot(app, monkeypatch):
    meeting = opened(app)
    token = meeting.codes[0].token
    monkeypatch.setattr(collections, "MOMENT", 1000.0)
    assert casting.look(meeting.name, token).status == "ready"
    with db.deed() as connection:  # no deed of this process
        connection.execute(update(collection).values(state="closing"))
    assert casting.look(meeting.name, token).status == "ready"
    assert meeting.vote(0).status == "closed" and casting.received(meeting.name) == 0
    assert casting.look(meeting.name).status == "closing"
    assert casting.look(meeting.name, token).status == "closing"  # once it was seen, it is known


def test_what_this_process_ended_it_knows_at_once(app, monkeypatch):
    meeting = opened(app)
    monkeypatch.setattr(collections, "MOMENT", 1000.0)
    assert casting.look(meeting.name, meeting.codes[0].token).status == "ready"
    meeting.close()
    assert casting.look(meeting.name, meeting.codes[0].token).status == "closing"
    assert casting.look("X" * 300, meeting.codes[0].token).status == "unknown"


def test_a_slip_is_read_anew_however_often_its_collection_is_asked_for(app, monkeypatch):
    meeting = opened(app)
    monkeypatch.setattr(collections, "MOMENT", 1000.0)
    token = meeting.codes[0].token
    assert [casting.look(meeting.name, each).status for each in (token, token, "0" * len(token))] == ["ready", "ready", "unknown"]
    assert meeting.vote(0).status == "cast" and casting.look(meeting.name, token).status == "spent"


def test_a_key_another_process_destroyed_is_gone_a_moment_later(app, monkeypatch):
    meeting = opened(app)
    folder = meeting.instance / "keys" / meeting.name
    old = time.time_ns() - 5_000_000_000
    os.utime(folder, ns=(old, old))
    kept = keys.of(meeting.instance, meeting.name)
    assert kept.get("public") and keys.of(meeting.instance, meeting.name) is kept
    (folder / "public").unlink()
    monkeypatch.setattr(keys, "TRUST", 0.0)
    assert not keys.of(meeting.instance, meeting.name).has("public")
    os.utime(folder, ns=(old, old))
    monkeypatch.setattr(keys, "TRUST", 1000.0)
    assert keys.of(meeting.instance, meeting.name).get("mac")
    keys.Keys(folder).destroy("mac")  # a deed of this process is known at once
    assert not keys.of(meeting.instance, meeting.name).has("mac")


def test_an_unknown_code_and_a_paper_code_on_a_phone(app):
    meeting = opened(app)
    assert meeting.vote(0, slip_text="0" * 26).status == "unknown"
    assert meeting.vote(0, nonce="f" * 32 + "." + "0" * 16).status == "bad_nonce"


def test_64_threads_with_one_slip_make_one_ballot(app):
    meeting = opened(app)
    outcomes = at_once(app, lambda at: meeting.vote(0, seed=at).status, 64)
    assert sorted(outcomes) == ["already_used"] * 63 + ["cast"]
    assert numbers(meeting) == (1, 1)


def test_eight_identical_copies_are_eight_successes_and_one_ballot(app):
    meeting = opened(app)
    nonce = casting.new_nonce(meeting.name)
    outcomes = at_once(app, lambda at: meeting.vote(0, nonce=nonce, seed=5), 8, threads=8)
    assert {each.status for each in outcomes} == {"cast", "again"} and len({each.receipt for each in outcomes}) == 1
    assert numbers(meeting) == (1, 1)


def test_300_slips_at_once(app):
    meeting = opened(app, slips=300)
    assert set(at_once(app, lambda at: meeting.vote(at).status, 300)) == {"cast"}
    assert numbers(meeting) == (300, 300) and casting.received(meeting.name) == 300


def test_50_votes_racing_50_closings(app):
    meeting = opened(app, slips=50)
    outcomes = at_once(app, lambda at: meeting.close() if at % 2 else meeting.vote(at // 2).status, 100)
    closings, votes = set(outcomes[1::2]), outcomes[::2]
    assert len(closings) == 1
    assert set(votes) <= {"cast", "closed", "void"}
    assert numbers(meeting) == (votes.count("cast"),) * 2
    published = meeting.seal()
    assert published["closing"]["returned"] == votes.count("cast")


def test_a_link_takes_answers_up_to_its_cap(app):
    meeting = opened(app, kind="opinion", mode="link", slips=3)
    outcomes = [meeting.vote(0, seed=at, nonce=f"{at:032x}", voice="household").status for at in range(4)]
    assert outcomes == ["cast", "cast", "cast", "over_cap"]
    assert meeting.vote(0, seed=1, nonce=f"{1:032x}", voice="household").status == "again"


def test_a_sealed_meeting_counts_what_was_cast(app):
    meeting = opened(app, slips=20, voices=("leaders", "departments", "townships"))
    for at in range(18):
        assert meeting.vote(at).status == "cast"
    meeting.close()
    closing = meeting.seal()["closing"]
    assert (closing["returned"], closing["valid"], closing["spoiled"], closing["unspent"] + closing["void"]) == (18, 18, 0, 2)
    total = {}
    for at in range(18):
        for subject, per in meeting.reply(at).answers.items():
            for question, answer in per.items():
                key = (subject, question, answer)
                total[key] = total.get(key, 0) + 1
    counted = {}
    for subject, questions in closing["tally"].items():
        for question, voices in questions.items():
            for answers in voices.values():
                for answer, number in answers.items():
                    counted[subject, question, answer] = counted.get((subject, question, answer), 0) + number
    assert counted == total
    assert meeting.house.state == "sealed" and not list((meeting.instance / "keys" / meeting.name).iterdir())
    assert meeting.seal() == meeting.house.published  # sealing again changes nothing


def test_a_blank_ballot_is_spoiled(app):
    meeting = opened(app)
    empty, _ = meeting.form.read({})
    assert meeting.vote(0, reply=empty).status == "cast"
    meeting.vote(1)
    meeting.close()
    closing = meeting.seal()["closing"]
    assert (closing["returned"], closing["valid"], closing["spoiled"]) == (2, 1, 1)


def test_every_line_of_a_tally_adds_up_to_the_valid_ballots(app):
    meeting = opened(app, slips=7)
    for at in range(5):
        meeting.vote(at)
    for at in range(5, 7):
        meeting.vote(at, reply=meeting.reply(**{"q.P0.tasks": "good"}))
    meeting.close()
    meeting.seal()
    closing = meeting.house.published["closing"]
    found = {(t.subject, at): line for t in tally_table.tables(meeting.form, closing, "zh") for at, line in enumerate(t.lines)}
    assert len(found) == 15 and {line.total + line.blank + line.void for line in found.values()} == {7}
    assert [found["P0", at].blank for at in range(5)] == [0, 2, 2, 2, 2] and found["P1", 0].blank == 2
    page = app.test_client().get(f"/published/{meeting.name}").get_data(as_text=True)
    assert all(f'<th scope="col">{word}</th>' in page for word in ("有效", "弃权", "作废"))
