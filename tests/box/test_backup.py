"""Backup and restore: taken during voting, it holds ciphertexts and no key, and either database takes it in."""

import base64
import re
import zipfile

import pytest
from sqlalchemy import select

from survey import backup, db, journal
from survey.schema import box, slip

from .meeting import draft, opened


def test_a_backup_taken_during_voting_holds_no_key_and_restores(app, make_app, tmp_path):
    meeting = opened(app, slips=6, large=True)
    for at in range(3):
        meeting.vote(at)
    path = tmp_path / "b.zip"
    rows = backup.save(db.engine(), path, by="office")
    assert rows["box"] == 3 and rows["slip"] == 6 and path.stat().st_mode & 0o777 == 0o600
    content = b"".join(zipfile.ZipFile(path).read(name) for name in zipfile.ZipFile(path).namelist())
    for file in (meeting.instance / "keys").rglob("*"):
        if file.is_file() and file.name != "public":
            key = file.read_bytes()
            assert not any(each in content for each in (key, key.hex().encode(), base64.b64encode(key)))
    assert not re.search(rb'tasks\\?":\\?"(good|fairly_good|average|poor)', content)  # no mark, however it is quoted
    for code in meeting.codes:
        assert code.token.encode() not in content and code.code.encode() not in content
    other = {"sqlite": "postgresql", "postgresql": "sqlite"}[db.engine().dialect.name]
    again = make_app(other)
    with again.app_context():
        assert backup.load(db.engine(), path, by="office") == rows
        meeting.app = again
        with db.reading() as connection:
            assert journal.verify(connection) is None
            assert {bytes(r.qr) for r in connection.execute(select(slip))} and len(connection.execute(select(box)).all()) == 3
        meeting.vote(3)
        meeting.close()
        assert meeting.seal()["closing"]["returned"] == 4


def test_a_full_database_or_a_damaged_file_is_refused_and_nothing_changes(app, tmp_path):
    draft(app)
    path = tmp_path / "b.zip"
    backup.save(db.engine(), path, by="office")
    with pytest.raises(backup.NotABackup, match="--replace"):
        backup.load(db.engine(), path, by="office")
    damaged = tmp_path / "d.zip"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(damaged, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b'"unspent"', b'"spent"') if name == "slip.jsonl" else old.read(name))
    with pytest.raises(backup.NotABackup, match="slip"):
        backup.load(db.engine(), damaged, by="office", replace=True)
    with db.reading() as connection:
        assert len(connection.execute(select(slip)).all()) == 10
    backup.load(db.engine(), path, by="office", replace=True)


def test_a_restored_older_state_is_noticed(app, tmp_path):
    meeting = opened(app, slips=6)
    meeting.vote(0)
    path = tmp_path / "b.zip"
    backup.save(db.engine(), path, by="office")
    meeting.vote(1)
    backup.load(db.engine(), path, by="office", replace=True)
    assert [meeting.vote(at).status for at in (2, 3)] == ["stopped"] * 2  # the writer that runs has seen a later state
    with db.reading() as connection:
        assert len(connection.execute(select(slip).where(slip.c.state == "spent")).all()) == 1
    meeting.close()
    with pytest.raises(RuntimeError) as stop:
        meeting.seal()
    assert {each.check for each in stop.value.evidence} == {"mark"}
