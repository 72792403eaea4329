"""Nothing leaks: after a whole meeting through the pages, with forced errors, codes, addresses and agents stand nowhere."""

import logging
import re
from io import StringIO

import pytest
from sqlalchemy import inspect

from survey import db
from survey.box import casting
from survey.box import collection as collections
from survey.instrument import canonical
from survey.schema import metadata

from .meeting import opened

ADDRESS, AGENT = "203.0.113.77", "TelltaleBrowser/7.3"


@pytest.fixture(params=["sqlite", "postgresql"])
def app(request, make_app):
    app = make_app(request.param, TESTING=False, PROPAGATE_EXCEPTIONS=False)
    with app.app_context():
        yield app


def test_codes_receipts_addresses_and_agents_stand_in_no_log_page_file_or_table(app, tmp_path, monkeypatch, capfd):
    log = StringIO()
    handler = logging.StreamHandler(log)
    logging.getLogger().addHandler(handler)
    monkeypatch.setattr(logging.getLogger(), "level", logging.DEBUG)
    meeting = opened(app, slips=6)
    client = app.test_client()
    voter = {"environ_overrides": {"REMOTE_ADDR": ADDRESS}, "headers": {"User-Agent": AGENT}}
    receipts, nonces, pages = [], [], []
    for at in range(3):
        page = client.get(f"/v/{meeting.name}/{meeting.codes[at].token}", **voter).get_data(as_text=True)
        nonce = re.search(r'name="?nonce"? value="?([0-9a-f.]+)', page)[1]
        fields = {item.name: item.question.options[0].id for item in meeting.form.items()}
        sent = {**fields, "nonce": nonce, "slip": meeting.codes[at].token}
        script = {**voter, "headers": {**voter["headers"], "Accept": "application/json"}}
        answer = client.post(f"/v/{meeting.name}/cast", data=sent, **script)
        receipts.append(answer.json["receipt"])
        assert "Set-Cookie" not in answer.headers
        nonces.append(nonce.split(".")[0])
    assert len(receipts) == 3 and all(receipts)

    def break_down(*_, **__):
        raise RuntimeError("broken")

    with monkeypatch.context() as patch:  # forced errors: in the look-up, in the cast, in the database
        patch.setattr(casting, "look", break_down)
        pages.append(client.get(f"/v/{meeting.name}/{meeting.codes[3].token}", **voter))
        pages.append(client.post(f"/v/{meeting.name}/cast", data={"slip": meeting.codes[3].code, "nonce": "x"}, **voter))
    with monkeypatch.context() as patch:
        patch.setattr(casting.slips, "find", lambda connection, *a: connection.exec_driver_sql("SELECT nothing FROM nowhere"))
        patch.setattr(collections, "_LOOK", dict.fromkeys(collections._LOOK, "SELECT nothing FROM nowhere WHERE a = ? AND b = ?"))
        patch.setattr(collections, "_AGAIN", "SELECT nothing FROM nowhere WHERE a = ? AND b = ?")
        pages.append(client.get(f"/v/{meeting.name}/{meeting.codes[4].token}", **voter))
        pages.append(client.post("/", data={"code": meeting.codes[4].code}, **voter))
    assert {page.status_code for page in pages} == {500}
    meeting.close()
    meeting.seal()
    logging.getLogger().removeHandler(handler)
    with db.engine().connect() as connection:
        tables = inspect(connection).get_table_names()
        assert {table.name for table in metadata.tables.values()} - {"box", "remark"} <= set(tables)
        dump = repr([connection.exec_driver_sql(f'SELECT * FROM "{table}"').all() for table in tables]).encode()
    db.engine().dispose()
    files = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    said = log.getvalue().encode() + "".join(capfd.readouterr()).encode() + b"".join(page.data for page in pages)
    everywhere = files + said + dump
    for code in meeting.codes:
        assert code.token.encode() not in everywhere and code.code.encode() not in everywhere
    for nonce in nonces:
        assert nonce.encode() not in everywhere and bytes.fromhex(nonce) not in everywhere
    assert ADDRESS.encode() not in everywhere and AGENT.encode() not in everywhere
    for receipt in receipts:
        assert receipt.encode() not in said  # in the published list, and in nothing that was said


@pytest.mark.parametrize(
    ("words", "fits"),
    [
        ("字" * 500, True), ("字" * 501, False), ("😀" * 375, True), ("😀" * 376, False), ("a\n" * 249 + "a", True),
        ("\"\\" * 250, True), ("\x01" * 900 + "字", True), ("字\ud800", True),
    ],
)  # fmt: skip
def test_no_free_answer_is_longer_than_its_padding(app, words, fits):
    form = opened(app, kind="opinion", mode="link", slips=1, people=1).form
    [question] = form.text_questions()
    reply, faults = form.read({f"q..{question}": [words]})
    said = [fault.why for fault in faults if fault.name == f"q..{question}"]
    assert said == ([] if fits else ["too_long"])
    assert len(canonical(dict(reply.texts))) <= casting.remark_length(form.text_questions())
    assert not fits or "\x01" not in reply.texts[question]
