"""After the seal no order and no link is left in either database; before it, copies of every state show ciphertexts only."""

import sqlite3

import pytest
from sqlalchemy import text

from survey import db
from survey.box import casting, keys

from .meeting import opened

KEYS = {"slip": "qr", "receipt": "receipt", "fragment": "fragment", "comment": "comment"}


@pytest.fixture
def sealed_by(make_app):
    """Votes in a known order, seals, and tells the receipts in the order they came."""

    def run(kind, between=lambda: None):
        app = make_app(kind)
        context = app.app_context()
        context.push()
        meeting = opened(app, kind="opinion", slips=40, voices=("household",))
        order = []
        for at in range(30):
            given = {"q..words": f"留言{at}"} if at % 3 else {}
            reply, _ = meeting.form.read(
                {**{k: [v] for k, v in given.items()}, "q..team_satisfied": [first_answer(meeting, "team_satisfied")]}
            )
            order.append(meeting.vote(at, reply=reply).receipt)
            between()
        meeting.close()
        meeting.seal()
        return meeting, order, context

    contexts = []

    def remember(*args, **kw):
        meeting, order, context = run(*args, **kw)
        contexts.append(context)
        return meeting, order

    yield remember
    for context in contexts:
        context.pop()


def first_answer(meeting, question):
    """The id of a question's first option."""
    return next(i.question.options[0].id for i in meeting.form.items() if i.question.id == question)


def plain(value):
    return value if isinstance(value, bytes) else value.encode()


def test_sqlite_keeps_no_row_number_order_page_or_log(sealed_by, tmp_path):
    meeting, order = sealed_by("sqlite")
    path = tmp_path / "survey.db"
    db.engine().dispose()
    assert not any(p.exists() and p.stat().st_size for p in (tmp_path / "survey.db-wal", tmp_path / "survey.db-journal"))
    content = path.read_bytes()
    raw = sqlite3.connect(path)
    assert raw.execute("PRAGMA freelist_count").fetchone() == (0,)
    (page_size,) = raw.execute("PRAGMA page_size").fetchone()
    for table, key in KEYS.items():
        with pytest.raises(sqlite3.OperationalError):
            raw.execute(f"SELECT rowid FROM {table}")
        second = "code" if table == "slip" else key  # an index of its own
        rows = raw.execute(f"SELECT {key}, {second} FROM {table} WHERE collection=?", (meeting.name,)).fetchall()
        assert len(rows) >= 20
        pages = {}
        for name, other in rows:
            at = -1
            while (at := content.find(plain(name), at + 1)) >= 0:
                pages.setdefault(at // page_size, []).append((at, name, other))
        for page in pages.values():  # inside a page the cells stand in the order of random keys, whatever came first
            names, others = [name for _, name, _ in sorted(page)], [other for _, _, other in sorted(page)]
            assert any(each in (sorted(each), sorted(each, reverse=True)) for each in (names, others)), table
    assert raw.execute("SELECT count(*) FROM box").fetchone() == raw.execute("SELECT count(*) FROM remark").fetchone() == (0,)
    raw.close()


def test_postgresql_rows_share_one_transaction_and_stand_by_random_key(sealed_by):
    meeting, _ = sealed_by("postgresql")
    with db.reading() as connection:
        seen = set()
        for table, key in KEYS.items():
            rows = connection.execute(
                text(f"SELECT xmin::text, ctid::text, {key} AS key FROM {table} WHERE collection=:c ORDER BY {table}.ctid"),
                {"c": meeting.name},
            ).all()
            seen |= {row.xmin for row in rows}
            assert len(rows) >= 20
            names = [plain(bytes(r.key) if isinstance(r.key, memoryview) else r.key) for r in rows]
            assert names == sorted(names), table
        assert len(seen) == 1
        left = "SELECT count(*) FROM pg_class WHERE relname LIKE :n"
        assert connection.execute(text(left), {"n": f"%_{meeting.name.lower()}%"}).scalar() == 0


def test_copies_taken_after_every_vote_hold_no_mark_and_none_of_the_fragments(sealed_by, tmp_path):
    copies = []

    def copy():
        copies.append(b"".join(p.read_bytes() for p in sorted(tmp_path.glob("survey.db*"))))

    meeting, order = sealed_by("sqlite", copy)
    assert len(copies) == 30
    raw = sqlite3.connect(tmp_path / "survey.db")
    pieces = raw.execute("SELECT fragment, answers FROM fragment").fetchall()
    words = raw.execute("SELECT comment, text FROM comment").fetchall()
    raw.close()
    assert len(pieces) == 30 and len(words) == 20
    for content in copies:
        for name, answers in pieces:
            assert name not in content and answers.encode() not in content
        for name, said in words:
            assert name not in content and said.encode() not in content


def test_nothing_tells_which_fragments_were_one_ballot(make_app):
    app = make_app("sqlite")
    with app.app_context():
        meeting = opened(app, slips=30, people=4)
        for at in range(30):
            meeting.vote(at)
        meeting.close()
        meeting.seal()
        with db.reading() as connection:
            rows = connection.execute(text("SELECT fragment, subject FROM fragment ORDER BY fragment")).all()
    ids = [bytes(row.fragment) for row in rows]
    assert len(ids) == 120
    for at in range(13):  # no four bytes are shared: by chance once in a million runs of this test
        assert len({each[at : at + 4] for each in ids}) == 120
    beside = sum(one.subject == other.subject for one, other in zip(rows, rows[1:], strict=False))
    assert 8 < beside < 55  # a fourth of 119: neither ballot by ballot (0) nor subject by subject (116)


SHAPES = {
    "fragment": {"collection", "fragment", "subject", "voice", "answers"},
    "comment": {"collection", "comment", "question", "text"},
    "receipt": {"collection", "receipt"},
    "slip": {"collection", "qr", "code", "voice", "medium", "state"},
}


def test_the_tables_share_no_key_and_know_no_time_address_or_order(sealed_by):
    sealed_by("sqlite")
    with db.reading() as connection:
        for table, columns in SHAPES.items():
            assert set(connection.execute(text(f"SELECT * FROM {table} LIMIT 1")).mappings().one()) == columns


def test_every_ballot_has_the_same_length_whatever_it_says(make_app):
    app = make_app("sqlite")
    with app.app_context():
        meeting = opened(app, kind="opinion", slips=4, voices=("household",))
        empty, _ = meeting.form.read({})
        long, _ = meeting.form.read({"q..words": ["长" * 500], "q..team_satisfied": [first_answer(meeting, "team_satisfied")]})
        for at, reply in enumerate((empty, long, meeting.reply(3))):
            assert meeting.vote(at, reply=reply).status == "cast"
        with db.reading() as connection:
            assert len(set(connection.execute(text("SELECT length(ciphertext) FROM box")).scalars())) == 1
            assert len(set(connection.execute(text("SELECT length(ciphertext) FROM remark")).scalars())) == 1
            assert connection.execute(text("SELECT count(*) FROM remark")).scalar() == 3


def test_the_secret_key_lies_on_the_disk_only_wrapped(make_app):
    app = make_app("sqlite")
    with app.app_context():
        meeting = opened(app)
        store = keys.of(meeting.instance, meeting.name)
        secret = bytes(keys.unwrap(store, envelope=meeting.envelope))
        assert "secret.json" not in store._read, "a process keeps the wrapped key after it is destroyed"
        for file in meeting.instance.rglob("*"):
            if file.is_file():
                content = file.read_bytes()
                assert secret not in content and secret.hex().encode() not in content
                assert meeting.envelope.encode() not in content
        assert all(f.stat().st_mode & 0o077 == 0 for f in store.folder.iterdir())
        assert casting.received(meeting.name) == 0
