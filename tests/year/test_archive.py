"""The year as one file: reckoned again, recounted, checked and searched with nothing but SQLite."""

import hashlib
import json
import sqlite3

import pytest
from sqlalchemy import insert

from survey import access, db, entry, journal, schema
from survey.year import archive
from tests.box.meeting import BANNER, draft, opened
from tests.desk.office import sign_in
from tests.year.conftest import EXAMPLES, NAMES, expected, holds


@pytest.fixture
def flask(app):
    return lambda *arguments: app.test_cli_runner().invoke(args=[str(argument) for argument in arguments])


def sealed(app, *, votes=6, **more):
    """A sealed meeting of a few ballots."""
    meeting = opened(app, slips=votes, **more)
    for at in range(votes):
        assert meeting.vote(at).status == "cast"
    meeting.close()
    meeting.seal()
    return meeting


def kept(tmp_path):
    with db.reading() as connection:
        archive.write(connection, 2018, tmp_path / "2018.db")
    return sqlite3.connect(tmp_path / "2018.db")


@pytest.mark.parametrize("name", NAMES)
def test_an_archive_is_a_year_book_and_is_reckoned_again(app, flask, tmp_path, name):
    assert flask("year", "import", EXAMPLES / name).exit_code == 0
    year, path = expected(name)["year"], tmp_path / "kept.db"
    done = flask("year", "archive", path, "--year", year)
    assert done.exit_code == 0, done.output
    assert [file.name for file in tmp_path.glob("kept*")] == ["kept.db"]
    again = json.loads(flask("score", path, "--json").stdout)
    assert holds(expected(name), again) == []
    file = sqlite3.connect(path)
    for sequence, rows in again["sequences"].items():
        found = file.execute("SELECT subject, name, score, rank FROM archive_result WHERE sequence = ?", (sequence,)).fetchall()
        assert sorted(found) == sorted((row["subject"], row["name"], row["score"], row["rank"]) for row in rows)
    top = "SELECT r.score, s.value FROM archive_result r JOIN archive_step s USING (sequence, subject) WHERE s.number = 1"
    assert all(score == value for score, value in file.execute(top))
    assert file.execute("PRAGMA foreign_key_check").fetchall() == []
    loose = "SELECT name FROM pragma_table_list WHERE type = 'table' AND schema = 'main' AND name NOT LIKE 'sqlite%' AND NOT strict"
    assert file.execute(loose).fetchall() == []


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_what_a_box_published_is_kept_and_the_ballots_are_recounted(make_app, tmp_path, kind):
    app = make_app(kind)
    with app.app_context():
        meeting = sealed(app, votes=7)
        file = kept(tmp_path)
        house = meeting.house
        with db.reading() as connection:
            receipts = {row.receipt for row in connection.execute(schema.receipt.select())}
            entries = [digest for _entry, digest in journal.chained(connection)]
    row = file.execute("SELECT collection, state, tallied, issued_root, receipts_root, fragments_root FROM archive_collection").fetchall()
    opening, closing = house.published["opening"], house.published["closing"]
    assert row == [(meeting.name, "sealed", 1, opening["issued_root"], closing["receipts_root"], closing["fragments_root"])]
    assert {receipt for (receipt,) in file.execute("SELECT receipt FROM archive_receipt")} == receipts and len(receipts) == 7
    assert file.execute("SELECT sum(count) FROM archive_tally WHERE question = 'tasks' AND subject = 'P0'").fetchone() == (7,)
    assert [digest for (digest,) in file.execute("SELECT hash FROM archive_journal ORDER BY entry")] == entries
    assert file.execute("SELECT * FROM archive_recount").fetchall() == []
    changed = "UPDATE ballots SET grade = CASE grade WHEN 'poor' THEN 'good' ELSE 'poor' END WHERE rowid = 1"
    assert file.execute(changed).rowcount == 1
    assert len(file.execute("SELECT * FROM archive_recount").fetchall()) == 2


def test_a_checksum_tells_a_changed_table(app, tmp_path):
    with app.app_context():
        sealed(app)
        file = kept(tmp_path)

    def sums():
        for name, rows, digest in file.execute("SELECT name, rows, sha256 FROM archive_checksum").fetchall():
            keys = [column for column, at in file.execute("SELECT name, pk FROM pragma_table_info(?) WHERE pk ORDER BY pk", (name,))]
            lines = file.execute(f'SELECT * FROM "{name}" ORDER BY {", ".join(chr(34) + key + chr(34) for key in keys)}').fetchall()
            text = "".join(json.dumps(list(line), ensure_ascii=False, separators=(",", ":")) + "\n" for line in lines)
            yield name, len(lines) == rows and hashlib.sha256(text.encode()).hexdigest() == digest

    found = dict(sums())
    assert all(found.values()) and {"ballots", "people", "archive_result", "archive_step", "archive_tally", "archive_journal"} <= set(found)
    file.execute("UPDATE archive_result SET score = '99.99' WHERE subject = 'P0'")
    assert [name for name, right in sums() if not right] == ["archive_result"]


def test_decisions_and_what_no_year_book_holds_are_kept_and_steps_are_found_by_their_words(app, tmp_path):
    with app.app_context():
        sealed(app)
        with db.deed() as connection:
            entry.decide(connection, 2018, BANNER, "P0", entry.Decision(grade="competent", reason="示例理由", approver="示例甲"), by="office")
            entry.put_assessor(connection, 2018, "考核员甲", "示例厅", by="office")
            connection.execute(
                insert(schema.material).values(cycle=2018, material="M1", banner=BANNER, person="P0", title="述职报告", content=b"%PDF-1.7")
            )
        file = kept(tmp_path)
    assert file.execute("SELECT decided, reason, approver FROM archive_result WHERE subject = 'P0'").fetchall() == [("competent", "示例理由", "示例甲")]
    assert file.execute("SELECT assessor, unit FROM archive_assessor").fetchall() == [("考核员甲", "示例厅")]
    assert file.execute("SELECT title, content FROM archive_material").fetchall() == [("述职报告", b"%PDF-1.7")]
    found = file.execute("SELECT DISTINCT label FROM archive_step WHERE rowid IN (SELECT rowid FROM archive_step_fts WHERE archive_step_fts MATCH '总结测评')")
    assert "总结测评" in {label for (label,) in found}
    (digest, text), = file.execute("SELECT sha256, text FROM archive_rule").fetchall()
    (named,), = file.execute("SELECT value FROM archive_about WHERE key = 'rules_sha256'").fetchall()
    assert hashlib.sha256(text.encode()).hexdigest() == digest == named


def test_a_year_or_a_place_that_is_none_writes_nothing(app, flask, tmp_path):
    assert flask("year", "import", EXAMPLES / "small").exit_code == 0
    assert flask("year", "archive", tmp_path / "a.db", "--year", "2001").exit_code == 2
    assert flask("year", "archive", tmp_path / "a.csv", "--year", "2018").exit_code == 2
    assert flask("year", "archive", tmp_path / "none" / "a.db", "--year", "2018").exit_code == 2
    assert flask("year", "export", tmp_path / "none" / "a.db", "--year", "2018").exit_code == 2
    assert not list(tmp_path.glob("a*"))


def test_the_office_alone_takes_it_from_the_desk(make_app):
    app = make_app("sqlite")
    with app.app_context():
        draft(app)
        with db.deed() as connection:
            for role in ("office", "viewer"):
                access.create(connection, name=role, title=role, roles={role}, password=f"{role}-password", by="cli")
    office, viewer = sign_in(app, "office"), sign_in(app, "viewer")
    assert "下载归档文件" in office.get("/desk/cycle").text and "下载归档文件" not in viewer.get("/desk/cycle").text
    answer = office.client.get("/desk/cycle/archive.db")
    assert answer.data.startswith(b"SQLite format 3\x00") and "archive-2018.db" in answer.headers["Content-Disposition"]
    assert viewer.client.get("/desk/cycle/archive.db").status_code == 403
