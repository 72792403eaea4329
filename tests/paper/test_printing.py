"""Printed codes: each is decoded again, kept nowhere, and a job interrupted or started twice leaves no stray slip."""

import json
import threading
from io import BytesIO

import numpy as np
import pikepdf
import pypdfium2
import pytest
import zxingcpp

from survey import db, job, journal
from survey.box import casting, slip
from survey.box import collection as collections
from survey.paper import batch, house, printing, slips
from survey.paper.geometry import stamp
from tests.box import meeting
from tests.box.meeting import SCRUTINEER, TELLER
from tests.paper import desk
from tests.paper.desk import client, finish, open_box


def began(app):
    """An app inside its context."""
    with app.app_context():
        yield app


@pytest.fixture
def desk_app(make_app):
    yield from began(make_app("sqlite", WTF_CSRF_ENABLED=False, PUBLIC_URL="https://example.org"))


@pytest.fixture(params=["sqlite", "postgresql"])
def either_app(request, make_app):
    """What prints codes, on both databases."""
    yield from began(make_app(request.param, WTF_CSRF_ENABLED=False, PUBLIC_URL="https://example.org"))


def seen(pdf, sharp=6.0):
    """Every page as (decoded texts, words)."""
    with pypdfium2.PdfDocument(pdf) as document:
        for page in document:
            picture = np.ascontiguousarray(page.render(scale=sharp * 25.4 / 72, grayscale=True).to_numpy().squeeze())
            codes = [each.text for each in zxingcpp.read_barcodes(picture, formats=zxingcpp.BarcodeFormat.QRCode)]
            yield codes, page.get_textpage().get_text_range()


@pytest.mark.parametrize("large", [False, True])
def test_every_printed_code_is_decoded_again(large):
    tickets = [slips.Ticket(address=f"https://example.org/v/DEMX2345/{n:026}", code=f"{n:010}") for n in range(23)]
    heading = slips.Heading(title="总结测评会", banner="示例旗", group="成员单位", site="https://example.org", large=large)
    pages = list(seen(slips.pdf(tickets, heading, str)))
    assert sorted(code for codes, _words in pages for code in codes) == [each.address for each in tickets]
    words = " ".join(words for _codes, words in pages)
    assert all(slips.shown(each.code) in words for each in tickets)
    assert [code for codes, _words in pages for code in codes] != [each.address for each in tickets], "not shuffled"


def test_slips_lead_to_a_ballot_and_paper_codes_do_not(either_app):
    meeting = desk.draft(either_app)
    office = client(either_app, "office")
    phones = list(seen(desk.printed(office, meeting.name, "slips", leaders=3, departments=2)))
    sheets = list(seen(desk.printed(office, meeting.name, "ballots", leaders=2)))
    addresses = [code for codes, _words in phones for code in codes]
    assert len(set(addresses)) == 5 and all(each.startswith(f"https://example.org/v/{meeting.name}/") for each in addresses)
    open_box(either_app, meeting)
    assert {casting.look(meeting.name, each.rsplit("/", 1)[1]).status for each in addresses} == {"ready"}
    for codes, _words in sheets:
        said = stamp(codes[0])
        assert said is not None and said.collection == meeting.name
        assert casting.look(meeting.name, said.code).status == "desk_only"
        assert casting.look(meeting.name, said.code, desk=True).status == "ready"


def test_a_file_of_codes_is_encrypted_and_gone_with_the_opening(either_app):
    meeting = desk.draft(either_app)
    office = client(either_app, "office")
    found = finish(office.post(f"/desk/paper/{meeting.name}/print/slips", data={"n.leaders": 2}))
    kept = job.vault(either_app).folder / f"{found.job}.result"
    assert kept.stat().st_mode & 0o777 == 0o600 and not kept.read_bytes().startswith(b"%PDF")
    assert b"leaders" in found.given["counts"].__repr__().encode() and "token" not in json.dumps(dict(found.given))
    assert office.get(f"/desk/paper/job/{found.job}/result.pdf").data.startswith(b"%PDF")
    with db.deed() as connection:
        collections.change(connection, meeting.name, opened_on="2999-01-01T00:00:00+00:00", state="open")
    answer = office.get(f"/desk/paper/job/{found.job}/result.pdf", follow_redirects=True)
    assert "这份文件已经删除" in answer.text and not kept.exists()


def test_a_second_click_starts_nothing(either_app):
    meeting = desk.draft(either_app)
    office = client(either_app, "office")
    data = {"n.leaders": 4, "once": "0123456789abcdef"}
    first = finish(office.post(f"/desk/paper/{meeting.name}/print/slips", data=data))
    second = finish(office.post(f"/desk/paper/{meeting.name}/print/slips", data=data))
    assert first.job == second.job
    with db.reading() as connection:
        assert collections.counts(connection, meeting.name).made == 4


def test_an_interrupted_job_voids_its_slips_and_makes_new_ones(either_app, monkeypatch):
    meeting = desk.draft(either_app)
    office = client(either_app, "office")
    gate = threading.Event()

    def cut_off(*args, **kw):
        gate.set()
        raise SystemExit  # as a killed process: nothing after it runs, the row stays "running"

    whole = slips.write
    monkeypatch.setattr(slips, "write", cut_off)
    answer = office.post(f"/desk/paper/{meeting.name}/print/slips", data={"n.leaders": 3})
    name = answer.headers["Location"].rsplit("/", 1)[1]
    job.wait(name)
    assert gate.is_set()
    with db.reading() as connection:
        assert job.get(connection, name).state == "running"
        assert collections.counts(connection, meeting.name).unspent == 3
    monkeypatch.setattr(slips, "write", whole)
    assert job.resume(either_app) == 1
    job.wait(name)
    with db.reading() as connection:
        counts, found = collections.counts(connection, meeting.name), job.get(connection, name)
    assert (found.state, counts.unspent, counts.void) == ("done", 3, 3)
    addresses = [code for codes, _words in seen(job.result(either_app, name)) for code in codes]
    with db.reading() as connection:
        keys = printing.key_store.of(meeting.instance, meeting.name)
        states = [slip.find(connection, keys, meeting.name, each.rsplit("/", 1)[1]).state for each in addresses]
    assert states == ["unspent"] * 3


def test_after_opening_more_slips_need_both_passwords(either_app):
    meeting = desk.draft(either_app)
    office = client(either_app, "office")
    desk.printed(office, meeting.name, "slips", leaders=2)
    open_box(either_app, meeting)
    refused = office.post(
        f"/desk/paper/{meeting.name}/print/slips", data={"n.leaders": 1, "teller": TELLER}, follow_redirects=True
    )
    assert "密码不对" in refused.text
    data = {"n.leaders": 1, "teller": TELLER, "scrutineer": SCRUTINEER}
    finish(office.post(f"/desk/paper/{meeting.name}/print/slips", data=data))
    assert meeting.house.published["more_slips"] == 1


def test_an_exchange_voids_the_phone_slip(either_app):
    meeting = desk.draft(either_app)
    office = client(either_app, "office")
    (codes, _words), *_rest = seen(desk.printed(office, meeting.name, "slips", leaders=1))
    open_box(either_app, meeting)
    token = codes[0].rsplit("/", 1)[1]
    data = {"to": "paper", "code": token, "teller": TELLER, "scrutineer": SCRUTINEER}
    answer = office.post(f"/desk/paper/{meeting.name}/exchange", data=data)
    assert answer.mimetype == "application/pdf"
    ((sheet_codes, _words),) = seen(answer.data)
    assert casting.look(meeting.name, token).status == "void"
    assert casting.look(meeting.name, stamp(sheet_codes[0]).code, desk=True).status == "ready"
    again = office.post(f"/desk/paper/{meeting.name}/exchange", data=data, follow_redirects=True)
    assert "已经作废" in again.text


@pytest.mark.parametrize(
    ("form", "told"),
    [({"n.leaders": ""}, "请填写要印多少张"), ({"n.leaders": "x"}, "整数"), ({"n.leaders": 20001}, "整数")],
)
def test_wrong_numbers_are_told(desk_app, form, told):
    meeting = desk.draft(desk_app)
    answer = client(desk_app, "office").post(f"/desk/paper/{meeting.name}/print/slips", data=form, follow_redirects=True)
    assert told in answer.text


def test_posters_and_sheets_for_the_assessors(desk_app):
    meeting = desk.draft(desk_app)
    office = client(desk_app, "office")
    for size, width in (("A4", 595), ("A3", 842)):
        answer = office.get(f"/desk/paper/{meeting.name}/poster.pdf?size={size}")
        with pikepdf.open(BytesIO(answer.data)) as pdf:
            assert len(pdf.pages) == 1 and round(float(pdf.pages[0].MediaBox[2])) == width
        ((codes, _words),) = seen(answer.data)
        assert codes == [f"https://example.org/v/{meeting.name}"]
    for path in ("key.pdf", "specimen.pdf"):
        assert office.get(f"/desk/paper/{meeting.name}/{path}").mimetype == "application/pdf"
    ((_codes, words),) = seen(office.get("/desk/paper/assessors.pdf?banner=示例旗").data)
    assert "示例0" in words and "A1" in words
    for sheet in ("indicators", "ledger", "visits"):
        assert office.get(f"/desk/paper/points/{sheet}.pdf?banner=示例旗").mimetype == "application/pdf"
    assert office.get("/desk/paper/points/none.pdf?banner=示例旗").status_code == 404


def test_the_self_made_codes_of_a_link_prove_themselves(desk_app):
    keys = printing.key_store.of(house.instance(), "DEMX2345")
    keys.make("slip")
    code = printing.self_made(keys)
    other = ("0" if code[-1] != "0" else "1").join([code[:-1], ""])
    assert printing.is_self_made(keys, code) and not printing.is_self_made(keys, other)
    assert batch.link_nonce(keys, code) == batch.link_nonce(keys, printing.dashed(code).lower())


def test_codes_printed_at_the_servers_own_screen_lead_to_where_phones_find_it(make_app, monkeypatch):
    from survey.desk.address import site

    app = make_app("sqlite")
    monkeypatch.setenv("REACH", "http://192.0.2.7:8000")
    for host, leads in (("127.0.0.1:8000", "http://192.0.2.7:8000"), ("localhost:8000", "http://192.0.2.7:8000"), ("example.org", "http://example.org")):
        with app.test_request_context(base_url=f"http://{host}/"):
            assert site() == leads
    app.config["PUBLIC_URL"] = "https://example.org"
    with app.test_request_context(base_url="http://127.0.0.1:8000/"):
        assert site() == "https://example.org"


def test_the_default_questionnaire_can_be_printed_in_english_too(desk_app):
    survey = meeting.draft(desk_app, kind="opinion", mode="link", slips=4, people=6)
    with desk_app.test_request_context():
        assert [printing.lay_out(survey.house, "", language) for language in ("zh", "en")]


def test_sheets_printed_for_a_link_are_journalled(desk_app):
    survey = meeting.draft(desk_app, kind="opinion", mode="link", slips=4)
    desk.printed(client(desk_app, "office"), survey.name, "ballots", **{"": 2})
    with db.reading() as connection:
        (noted,) = journal.entries(connection, deed="slip.print")
    assert noted.subject == survey.name and noted.detail["medium"] == "paper" and sum(noted.detail["counts"].values()) == 2
