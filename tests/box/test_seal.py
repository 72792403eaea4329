"""The seal: what is found when something was done to the box, what is left afterwards, and what anyone can check."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, inspect, select, update

from survey import db
from survey.box import collection as collections
from survey.box import fragment, keys, merkle, officers, opening, packing, publish, sealing, slip, verify
from survey.schema import account, box, receipt, remark
from survey.schema import fragment as fragment_table
from survey.schema import slip as slip_table

from .meeting import SCORED, SCRUTINEER, TELLER, draft, opened


@pytest.fixture
def voted(app):
    """A closed meeting with twelve ballots."""
    meeting = opened(app, slips=14, voices=("leaders", "departments"))
    for at in range(12):
        assert meeting.vote(at).status == "cast"
    meeting.close()
    return meeting


def rows_of(table, meeting):
    with db.reading() as connection:
        return connection.execute(select(table).where(table.c.collection == meeting.name)).mappings().all()


def flipped(sealed):
    """The same bytes with the last one changed: always another text, whatever that byte was."""
    return bytes(sealed)[:-1] + bytes([sealed[-1] ^ 1])


def alter(meeting):
    row = rows_of(box, meeting)[0]
    with db.deed() as c:
        c.execute(
            update(box)
            .where(box.c.collection == meeting.name, box.c.receipt == row["receipt"])
            .values(ciphertext=flipped(row["ciphertext"]))
        )


def remove(meeting):
    with db.deed() as c:
        c.execute(delete(box).where(box.c.collection == meeting.name, box.c.receipt == rows_of(box, meeting)[0]["receipt"]))


def swap(meeting):
    one, two = rows_of(box, meeting)[:2]
    with db.deed() as c:
        for row, other in ((one, two), (two, one)):
            c.execute(
                update(box)
                .where(box.c.collection == meeting.name, box.c.receipt == row["receipt"])
                .values(ciphertext=other["ciphertext"], mac=other["mac"])
            )


def copy(meeting):
    row = rows_of(box, meeting)[0]
    with db.deed() as c:
        c.execute(insert(box).values({**row, "receipt": "0000000000"}))


def stuff(meeting):
    """A ballot made with the public key, with the slip to go with it: only its MAC is wrong."""
    form = meeting.form
    sealed = keys.of(meeting.instance, meeting.name).seal(packing.Packing(form).pack("", {}))
    with db.deed() as c:
        row = {"collection": meeting.name, "receipt": "1111111111", "ciphertext": sealed, "mac": os.urandom(32), "tag": b""}
        c.execute(insert(box).values(row))
    change_slip(meeting, "unspent", state="spent")


def drop_with_slip(meeting):
    """A ballot taken out and its slip freed, so that the two counts still agree."""
    remove(meeting)
    change_slip(meeting, "spent", state="unspent")


def free(meeting):
    change_slip(meeting, "spent", state="unspent")


def change_slip(meeting, of_state, **values):
    qr = next(row["qr"] for row in rows_of(slip_table, meeting) if row["state"] == of_state)
    with db.deed() as c:
        c.execute(update(slip_table).where(slip_table.c.collection == meeting.name, slip_table.c.qr == qr).values(**values))


def free_and_vote_again(meeting):
    """A freed slip spent a second time through the front door, with a fresh page."""
    with db.deed() as c:
        store = keys.of(meeting.instance, meeting.name)
        at = next(at for at in range(12) if slip.find(c, store, meeting.name, meeting.codes[at].token).state == "spent")
        qr = store.slip_hash(meeting.codes[at].token)
        c.execute(
            update(slip_table).where(slip_table.c.collection == meeting.name, slip_table.c.qr == qr).values(state="unspent")
        )
    assert meeting.vote(at, seed=2, source="rescue").status == "cast"


def regroup(meeting):
    change_slip(meeting, "spent", voice="townships")


def change_remark(meeting):
    row = rows_of(remark, meeting)[0]
    with db.deed() as c:
        c.execute(
            update(remark).where(remark.c.remark == row["remark"]).values(ciphertext=flipped(row["ciphertext"]))
        )


def add_slip(meeting):
    with db.deed() as c:
        slip.make(c, keys.of(meeting.instance, meeting.name), meeting.name, voice="leaders", medium="phone", number=1)


@pytest.mark.parametrize(
    ("tamper", "named"),
    [
        (alter, "mac"), (remove, "mark"), (swap, "mac"), (copy, "mac"), (stuff, "mac"), (drop_with_slip, "mark"),
        (free, "slips"), (free_and_vote_again, "slips"), (add_slip, "issued"), (regroup, "issued"),
    ],
)  # fmt: skip
def test_tampering_before_the_seal_stops_it_and_is_named(voted, tamper, named):
    tamper(voted)
    with pytest.raises(sealing.Broken) as stop:
        voted.seal()
    assert named in {each.check for each in stop.value.evidence}
    assert voted.house.state == "closing" and not voted.house.emptied and rows_of(box, voted)  # everything is kept


def test_a_changed_remark_stops_the_seal_and_may_be_left_out(app):
    meeting = opened(app, kind="opinion", slips=8, voices=("household",))
    for at in range(6):
        assert meeting.vote(at).status == "cast"
    assert len(rows_of(remark, meeting)) == 6 and len({len(row["ciphertext"]) for row in rows_of(remark, meeting)}) == 1
    meeting.close()
    change_remark(meeting)
    with pytest.raises(sealing.Broken) as stop:
        meeting.seal()
    assert {each.check for each in stop.value.evidence} == {"remark"}
    closing = meeting.seal(accepted=["remark"], reason="两人核对后去掉这条留言")["closing"]
    assert closing["returned"] == 6 and closing["evidence"]


def test_a_missing_ballot_is_published_when_two_decide_to_seal_all_the_same(voted):
    remove(voted)
    with pytest.raises(officers.Refused):
        voted.seal(accepted=["mark", "slips"])
    closing = voted.seal(accepted=["mark", "slips"], reason="少一张，两人决定照计")["closing"]
    assert closing["returned"] == 11 and len(closing["evidence"]) == 2


def test_nothing_enters_once_the_seal_has_taken_the_ballots_out(voted, monkeypatch):
    def die(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(sealing, "compact", die)
        with pytest.raises(KeyboardInterrupt):
            voted.seal()
    assert voted.house.state == "closing" and voted.house.emptied
    assert voted.vote(12, source="rescue").status == "closed"
    assert voted.seal()["closing"]["returned"] == 12


def test_a_failing_row_may_be_left_out_by_decision_with_a_reason(voted):
    alter(voted)
    with pytest.raises(sealing.Broken) as stop:
        voted.seal()
    [bad] = [each for each in stop.value.evidence if each.check == "mac"]
    with pytest.raises(officers.Refused):
        voted.seal(without=bad.receipts)
    closing = voted.seal(without=bad.receipts, reason="两人核对后去掉")["closing"]
    assert (closing["returned"], closing["left_out"], closing["reason"]) == (11, 1, "两人核对后去掉")


def stop_writer(meeting):
    """Ends the writer of this instance, and waits until it is gone."""
    [lock] = (meeting.instance / "run").glob("writer-*.lock")
    pid = int(lock.read_text())
    os.kill(pid, signal.SIGKILL)
    with suppress(ProcessLookupError, PermissionError):
        for _ in range(200):
            if Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] == "Z":
                break
            time.sleep(0.01)


@contextmanager
def rolled_back(meeting, tmp_path):
    """Keeps a copy of the whole database, and puts it back behind the program's back afterwards."""
    engine = meeting.app.extensions["engine"]
    if engine.dialect.name == "sqlite":
        file = tmp_path / "survey.db"
        with engine.connect() as connection:
            connection.connection.dbapi_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        earlier = file.read_bytes()
        yield
        stop_writer(meeting)
        engine.dispose()
        for suffix in ("-wal", "-shm"):
            (tmp_path / f"survey.db{suffix}").unlink(missing_ok=True)
        file.write_bytes(earlier)
        return
    name = engine.url.database
    admin = db.make_engine(engine.url.set(database="postgres").render_as_string(hide_password=False))

    def now(*statements):
        stop_writer(meeting)
        engine.dispose()
        with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            left = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname IN (%s, %s)"
            connection.exec_driver_sql(left, (name, f"{name}_earlier"))
            for statement in statements:
                connection.exec_driver_sql(statement)

    now(f"CREATE DATABASE {name}_earlier TEMPLATE {name}")
    yield
    now(f"DROP DATABASE {name} WITH (FORCE)", f"ALTER DATABASE {name}_earlier RENAME TO {name}")
    admin.dispose()


def test_a_database_rolled_back_is_found(app, tmp_path):
    meeting = opened(app, slips=6)
    for at in range(3):
        meeting.vote(at)
    with rolled_back(meeting, tmp_path):
        assert meeting.vote(3).status == "cast"
    assert meeting.vote(4).status == "stopped"
    meeting.close()
    with pytest.raises(sealing.Broken) as stop:
        meeting.seal()
    assert {each.check for each in stop.value.evidence} == {"mark"}


def test_a_sealed_meeting_rolled_back_to_before_its_seal_cannot_be_sealed_again(app, tmp_path):
    meeting = opened(app, slips=8)
    for at in range(6):
        meeting.vote(at)
    meeting.close()
    with rolled_back(meeting, tmp_path):
        meeting.seal()
    assert meeting.house.state == "closing" and len(rows_of(box, meeting)) == 6
    with pytest.raises(sealing.Broken) as stop:  # the keys are gone: nothing can be opened, changed or added
        meeting.seal()
    assert {each.check for each in stop.value.evidence} == {"keys"}
    assert meeting.vote(6, source="rescue", nonce=f"{'0' * 32}.{'0' * 16}").status == "bad_nonce"


def test_wrong_passwords_open_nothing_and_the_envelope_does(voted):
    with pytest.raises(keys.WrongPassword):
        sealing.seal(db.engine(), voted.instance, voted.name, scored=SCORED, by="teller", teller=TELLER, scrutineer="not it")
    assert voted.house.state == "closing"
    published = sealing.seal(
        db.engine(), voted.instance, voted.name, scored=SCORED, by="teller", envelope=voted.envelope.lower()
    )
    assert published["closing"]["valid"] == 12


def test_after_the_seal_tampering_is_found(voted):
    voted.seal()
    with db.reading() as connection:
        assert sealing.read_back(connection, voted.house) is None
    pieces = rows_of(fragment_table, voted)
    for change in (
        delete(fragment_table).where(fragment_table.c.fragment == pieces[0]["fragment"]),
        update(fragment_table).where(fragment_table.c.fragment == pieces[0]["fragment"]).values(answers='{"tasks":"good"}'),
        insert(fragment_table).values({**pieces[0], "fragment": os.urandom(16)}),
        insert(receipt).values(collection=voted.name, receipt="ZZZZZZZZZZ"),
    ):
        with db.engine().connect() as connection, connection.begin() as transaction:
            connection.execute(change)
            assert sealing.read_back(connection, voted.house)
            transaction.rollback()


def sealed_rows(meeting, table):
    """The rows of a table of a sealed meeting."""
    return [dict(row) for row in rows_of(table, meeting)]


def change(table, key, row, **values):
    """An update of one row."""
    return update(table).where(table.c.collection == row["collection"], table.c[key] == row[key]).values(**values)


def gone(table, key, row):
    """The end of one row."""
    return delete(table).where(table.c.collection == row["collection"], table.c[key] == row[key])


def after_the_seal(pieces, receipts, slips):
    """Every tampering with a sealed meeting: its name, its statements, what `verify.py` says of it."""
    one = pieces[0]
    other = next(each for each in pieces if each["subject"] == one["subject"] and each["answers"] != one["answers"])
    spent, unspent = (next(each for each in slips if each["state"] == state) for state in ("spent", "void"))
    roots, receipt_root = "fragments root", "receipts root"
    swapped = [change(fragment_table, "fragment", a, answers=b["answers"]) for a, b in ((one, other), (other, one))]
    return [
        ("alter", [change(fragment_table, "fragment", one, answers=other["answers"])], roots),
        ("drop a fragment", [gone(fragment_table, "fragment", one)], roots),
        ("insert", [insert(fragment_table).values({**one, "fragment": os.urandom(16), "answers": '{"tasks":"good"}'})], roots),
        ("duplicate a leaf", [insert(fragment_table).values({**one, "fragment": os.urandom(16)})], roots),
        ("swap", swapped, roots),
        ("move to another group", [change(fragment_table, "fragment", one, voice="townships")], roots),
        ("forge a receipt", [insert(receipt).values(collection=one["collection"], receipt="ZZZZZZZZZZ")], receipt_root),
        ("remove a receipt", [gone(receipt, "receipt", receipts[0])], receipt_root),
        ("exchange a receipt", [change(receipt, "receipt", receipts[0], receipt="0000000000")], receipt_root),
        ("free a slip", [change(slip_table, "qr", spent, state="unspent")], "slips spent"),
        ("spend a slip", [change(slip_table, "qr", unspent, state="spent")], "slips spent"),
        ("move a slip to another group", [change(slip_table, "qr", spent, voice="townships")], "issued root"),
        ("remove a slip", [gone(slip_table, "qr", unspent)], "issued root"),
    ]  # fmt: skip


def test_after_the_seal_every_tampering_is_named_by_the_package(voted, tmp_path):
    voted.seal()
    everything = [sealed_rows(voted, table) for table in (fragment_table, receipt, slip_table)]
    for name, statements, named in after_the_seal(*everything):
        with db.engine().connect() as connection, connection.begin() as transaction:
            for statement in statements:
                assert connection.execute(statement).rowcount, name
            differences = write(tmp_path / "p", publish.package(connection, voted.house, with_fragments=True))
            transaction.rollback()
        assert any(named in each for each in differences), (name, differences)
    with db.reading() as connection:
        assert write(tmp_path / "p", publish.package(connection, voted.house, with_fragments=True)) == []


def test_a_published_record_rewritten_differs_from_the_rows(voted, tmp_path):
    voted.seal()
    house = voted.house
    closing = dict(house.published["closing"])
    for key, value in (("valid", 13), ("returned", 11), ("spent", 11), ("fragments_root", "0" * 64), ("receipts_root", "0" * 64)):
        with db.engine().connect() as connection, connection.begin() as transaction:
            collections.change(connection, voted.name, published={**house.published, "closing": {**closing, key: value}})
            changed = collections.get(connection, voted.name)
            assert write(tmp_path / "p", publish.package(connection, changed, with_fragments=True)), key
            transaction.rollback()


def write(folder, files):
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return list(verify.check(folder))


def test_the_package_verifies_and_every_change_of_it_is_printed(voted, tmp_path):
    voted.seal()
    with db.reading() as connection:
        files = publish.package(connection, voted.house, with_fragments=True)
        receipts = files["receipts.txt"].decode().split()
        assert publish.counted(connection, voted.house, receipts[0]) and not publish.counted(
            connection, voted.house, "0123456789"
        )
    assert write(tmp_path / "p", files) == []
    script = subprocess.run(
        [sys.executable, "-I", tmp_path / "p" / "verify.py", tmp_path / "p"], capture_output=True, text=True, check=False
    )
    assert script.returncode == 0 and "agrees" in script.stdout
    lines = files["fragments.csv"].decode().splitlines(keepends=True)
    for name, content in (
        ("receipts.txt", "\n".join(sorted([*receipts[1:], "7777777777"])).encode()),  # a forged receipt
        ("receipts.txt", "\n".join(receipts[1:]).encode()),
        ("fragments.csv", "".join(lines[:-1]).encode()),  # a dropped fragment
        ("fragments.csv", "".join([*lines, lines[1]]).encode()),  # a duplicated leaf
        ("slips.csv", files["slips.csv"].replace(b",leaders,", b",townships,", 1)),  # a slip moved to another group
        ("slips.csv", files["slips.csv"].replace(b",spent", b",unspent", 1)),
        ("tally.csv", files["tally.csv"].replace(b",good,", b",poor,", 1)),
        ("closing.json", files["closing.json"].replace(b'"valid": 12', b'"valid": 13')),
    ):
        assert write(tmp_path / "p", {**files, name: content}), name


@pytest.mark.parametrize("step", ["before_transaction", "after_transaction", "compacted", "keys"])
def test_a_seal_killed_at_any_step_is_finished_later(voted, step):
    url, instance = voted.app.config["DATABASE_URL"], str(voted.instance)
    killer = f"""
import os, signal
from survey.box import sealing, fragment, keys
def die(*a, **k): os.kill(os.getpid(), signal.SIGKILL)
step = {step!r}
if step == "before_transaction": sealing._replace_rows = die
if step == "after_transaction": sealing.compact = die
if step == "compacted": keys.Keys.destroy = die
if step == "keys":
    real = keys.Keys.destroy
    keys.Keys.destroy = lambda self, *n: (real(self, n[0]), die())
from survey import db
from pathlib import Path
scored, teller, scrutineer = frozenset({sorted(SCORED)!r}), {TELLER!r}, {SCRUTINEER!r}
engine = db.make_engine({url!r})
sealing.seal(engine, Path({instance!r}), {voted.name!r}, scored=scored, by="teller", teller=teller, scrutineer=scrutineer)
"""
    done = subprocess.run([sys.executable, "-c", killer], cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == -signal.SIGKILL
    assert voted.house.state == "closing"
    closing = voted.seal()["closing"]
    assert closing["valid"] == 12 and voted.house.state == "sealed"
    assert not rows_of(remark, voted) and not any((voted.instance / "keys" / voted.name).iterdir())
    with db.reading() as connection:
        assert sealing.read_back(connection, voted.house) is None


def test_void_destroys_box_and_keys_and_wants_a_reason(voted):
    with db.deed() as connection, pytest.raises(officers.Refused):
        sealing.void(connection, voted.instance, voted.house, by="teller", reason=" ")
    house = voted.house
    with db.deed() as connection:
        sealing.void(connection, voted.instance, house, by="teller", reason="人数不对")
    assert voted.house.state == "void" and not rows_of(box, voted)
    assert not any((voted.instance / "keys" / voted.name).iterdir())
    with pytest.raises(officers.Refused):
        voted.seal()


def test_more_returned_than_issued_voids_the_meeting(voted):
    with db.deed() as connection:
        collections.change(connection, voted.name, issued=11)
    with pytest.raises(sealing.Broken, match="收回票数多于发出票数"):
        voted.seal()


def test_audit_slips_are_compared_and_left_out_of_the_count(app):
    meeting = draft(app, slips=10)
    with db.deed() as connection:
        collections.change(connection, meeting.name, reasons={"audit_slips": "2"})
        opening.open_box(
            connection,
            meeting.instance,
            collections.get(connection, meeting.name),
            teller=TELLER,
            scrutineer=SCRUTINEER,
            by="teller",
            secure=True,
        )
    outcomes = [meeting.vote(at) for at in range(8)]
    meeting.close()
    with pytest.raises(officers.Refused):
        meeting.seal()
    noted = [
        sealing.Audit(slip=meeting.codes[0].code, receipt=outcomes[0].receipt, answers=meeting.reply(0).answers),
        sealing.Audit(slip=meeting.codes[1].code, receipt=outcomes[1].receipt, answers=meeting.reply(2).answers),
    ]
    closing = meeting.seal(audits=noted)["closing"]
    assert closing["audit"] == {"drawn": 2, "entered": 2, "equal": 1, "unequal": 1, "missing": ""}
    assert closing["returned"] == 6 and closing["spent"] == 8


def test_an_audit_slip_that_was_not_cast_stays_empty_with_a_reason(app):
    meeting = draft(app, slips=10)
    with db.deed() as connection:
        collections.change(connection, meeting.name, reasons={"audit_slips": "2"})
        house = collections.get(connection, meeting.name)
        opening.open_box(connection, meeting.instance, house, teller=TELLER, scrutineer=SCRUTINEER, by="teller", secure=True)
    outcomes = [meeting.vote(at) for at in range(8)]
    meeting.close()
    empty = sealing.Audit(slip=" ", receipt="", answers={})
    noted = [empty, sealing.Audit(slip=meeting.codes[0].code, receipt=outcomes[0].receipt, answers=meeting.reply(0).answers)]
    for wrong, words in (
        (noted, "写明原因"),
        ([empty, replace(noted[1], slip="0" * 10)], "验证票 2：没有这个测评码"),
        ([empty, replace(noted[1], slip=meeting.codes[9].code)], "验证票 2：这个测评码没有投过票"),
        ([empty, replace(noted[1], receipt="0" * 10)], "验证票 2：没有这个回执号"),
        ([noted[1], noted[1]], "验证票 2：这个回执号前面已经填过"),
    ):
        with pytest.raises(officers.Refused, match=words):
            meeting.seal(audits=wrong, missing="" if wrong is noted else "抽出的人没有到会")
    closing = meeting.seal(audits=noted, missing="抽出的人没有到会")["closing"]
    assert closing["audit"] == {"drawn": 2, "entered": 1, "equal": 1, "unequal": 0, "missing": "抽出的人没有到会"}
    assert closing["returned"] == 7 and closing["spent"] == 8


def test_officers_are_two_people_who_did_not_make_each_other(app):
    meeting = draft(app)
    with db.deed() as connection:
        store = keys.of(meeting.instance, meeting.name)
        assert officers.both(connection, meeting.house, store, teller=TELLER, scrutineer=SCRUTINEER) is None
        assert "监票人" in officers.both(connection, meeting.house, store, teller=TELLER, scrutineer="wrong password")
        connection.execute(update(account).where(account.c.account == "teller").values(created_by="scrutineer"))
        assert "对方" in officers.fault(connection, meeting.house)
        connection.execute(update(account).where(account.c.account == "teller").values(created_by="office"))
        collections.change(connection, meeting.name, scrutineer="teller")
        assert officers.fault(connection, collections.get(connection, meeting.name))


@given(
    numbers=st.dictionaries(
        st.sampled_from(["leaders", "departments", "townships", "village_teams", "households"]), st.integers(0, 40), min_size=1
    ),
    smallest=st.integers(2, 9),
)
@settings(max_examples=300, deadline=None)
def test_no_group_under_the_smallest_is_ever_told_apart(numbers, smallest):
    order = ["leaders", "departments", "townships", "village_teams", "households"]
    names = fragment.merged(numbers, smallest, order)
    shown = {}
    for voice, number in numbers.items():
        if number:
            shown[names[voice]] = shown.get(names[voice], 0) + number
    assert shown == {} or min(shown.values()) >= smallest or set(shown) == {""}
    # and by no difference of published numbers either: what is published are these sums and the whole
    assert all(number >= smallest for name, number in shown.items() if name)


def test_roots_are_those_of_rfc_6962():
    a, b, c = (merkle.leaf(x) for x in (b"a", b"b", b"c"))
    from hashlib import sha256

    low = sorted([a, b, c])
    pair = sha256(b"\x01" + low[0] + low[1]).digest()
    assert merkle.root([c, a, b]) == sha256(b"\x01" + pair + low[2]).digest()
    assert merkle.root([a]) == a and merkle.root([]) == sha256(b"").digest()
    assert len(merkle.short(merkle.root([a]).hex()).replace(" ", "")) == 20


def test_the_signature_under_a_receipt_is_checked_by_the_standard_library_alone(make_app):
    app = make_app("sqlite")
    with app.app_context():
        meeting = opened(app)
        outcome = meeting.vote(0)
        opening_json = meeting.house.published["opening"]
    assert verify.signed(opening_json, outcome.receipt, outcome.signature)
    assert not verify.signed(opening_json, "0000000000", outcome.signature)
    flipped = f"{int(outcome.signature[:2], 16) ^ 1:02x}{outcome.signature[2:]}"
    assert not verify.signed(opening_json, outcome.receipt, flipped)
    assert not verify.signed(opening_json, outcome.receipt, "zz")


def test_a_receipt_follows_from_the_page_alone_and_proves_no_choice(make_app):
    from hashlib import sha256

    receipts = []
    for seed in (0, 1):  # the same page in the same collection, two different choices
        app = make_app("sqlite")
        with app.app_context():
            meeting = opened(app, kind="opinion", mode="link", slips=3, fresh=seed == 0)
            outcome = meeting.vote(0, seed=seed, nonce="ab" * 16, voice="household")
            digest = int.from_bytes(sha256(b"\x00".join((b"receipt", meeting.name.encode(), b"ab" * 16))).digest())
            expected = "".join("0123456789ABCDEFGHJKMNPQRSTVWXYZ"[(digest >> (251 - 5 * at)) & 31] for at in range(10))
            assert outcome.receipt == expected
            assert verify.signed(meeting.house.published["opening"], outcome.receipt, outcome.signature)  # signs no mark
            meeting.close()
            meeting.seal()
            again = meeting.vote(0, seed=seed + 1, nonce="ab" * 16, voice="household")
            assert (again.status, again.signature) == ("again", None)  # after the seal no answer can be tried against it
            assert not {"tag", "nonce"} & {column.name for column in [*receipt.c, *fragment_table.c]}
            receipts.append(outcome.receipt)
    assert len(receipts) == 2


def test_a_trial_is_removed_with_all_that_is_in_it_and_a_real_meeting_is_not(app):
    meeting = opened(app, trial=True)
    meeting.vote(0)
    with db.deed() as connection:
        sealing.remove_trial(connection, meeting.instance, meeting.name)
    assert not rows_of(box, meeting) and not rows_of(slip_table, meeting) and meeting.house is None
    assert not any((meeting.instance / "keys" / meeting.name).iterdir())
    assert not [name for name in inspect(app.extensions["engine"]).get_table_names() if meeting.name.lower() in name.lower()]
    real = opened(app, fresh=False)
    with db.deed() as connection, pytest.raises(ValueError):
        sealing.remove_trial(connection, real.instance, real.name)
