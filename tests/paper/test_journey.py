"""From print to count: printed by the desk, marked, scanned, read, settled, cast, sealed; the counts are what was drawn."""

import io
from collections import Counter

import numpy as np
import pikepdf
import pytest
from PIL import Image

from bench import paper_simulate as simulate
from survey import db, job
from survey.box import collection as collections
from survey.box import fragment
from survey.paper import batch, printing, reading
from tests.paper import desk
from tests.paper.desk import client, open_box

VOICES = ("leaders", "departments")


def scanner_pdf(pictures):
    """Pictures as a scanner would send them."""
    images = [Image.fromarray(each) for each in pictures]
    out = io.BytesIO()
    images[0].save(out, "PDF", save_all=True, append_images=images[1:], resolution=200)
    return out.getvalue()


def layouts(meeting):
    with db.reading() as connection:
        return printing.layouts(connection, meeting.house)


def drawn(meeting, pages, seed, awkward=0.25):
    """Each page marked and scanned, and what was meant, by field name a sheet."""
    known, rng = layouts(meeting), np.random.default_rng(seed)
    scans, meant = [], {}
    for page in pages:
        read = reading.read(page, known, meeting.name)
        assert read.refused is None
        marked, truth = simulate.fill_in(page, known[read.layout], read.number, rng, awkward)
        meant.setdefault(read.code.replace("-", ""), {}).update({batch.field_name(s, q): d for (s, q), d in truth.items()})
        scans.append(simulate.degrade(marked, "scan", rng))
    return scans, meant


def answers_of(meant):
    """What a person with the paper in hand would say: two marks void a cell."""
    return {name: ("void",) if d.kind in ("double",) else tuple(d.options) for name, d in meant.items()}


def batches(meeting):
    return batch.all_of(meeting.instance, meeting.name)


def settle(browser, meeting, name, meant):
    """Settles every open field with what was drawn, as a second account does."""
    page = browser.get(f"/desk/paper/{meeting.name}/batch/{name}/review")
    assert page.status_code == 200
    found = batch.get(meeting.instance, meeting.name, name)
    with db.reading() as connection:
        pile = batch.collate(connection, meeting.instance, meeting.house, found, meeting.form)
    data = {f"{s.code}/{field}": list(answers_of(meant[s.code])[field] or ("-",)) for s in pile.sheets for field in s.open}
    if data:
        assert browser.post(f"/desk/paper/{meeting.name}/batch/{name}/review", data=data).status_code == 302
    return len(data)


def cast(browsers, meeting, name, number, **more):
    for browser in browsers:
        browser.post(f"/desk/paper/{meeting.name}/batch/{name}/total", data={"total": number})
    return browsers[0].post(f"/desk/paper/{meeting.name}/batch/{name}/cast", data=more)


@pytest.fixture(params=["sqlite", "postgresql"])
def desk_app(request, make_app):
    app = make_app(request.param, WTF_CSRF_ENABLED=False, PUBLIC_URL="https://example.org")
    with app.app_context():
        yield app


def upload(browser, meeting, *files):
    answer = browser.post(
        f"/desk/paper/{meeting.name}/read", data={"scans": [(io.BytesIO(data), name) for name, data in files]},
        content_type="multipart/form-data",
    )  # fmt: skip
    assert answer.status_code == 302, answer.text
    name = answer.headers["Location"].rsplit("/", 1)[1]
    with db.reading() as connection:
        started = job.of_subject(connection, f"{meeting.name} {name}")[0]
    job.wait(started.job)
    return name


def test_a_vote_on_paper(desk_app):
    meeting = desk.draft(desk_app)
    office, teller, scrutineer = (client(desk_app, who) for who in ("office", "teller", "scrutineer"))
    pdf = desk.printed(office, meeting.name, "ballots", leaders=3, departments=2)
    phones = desk.printed(office, meeting.name, "slips", leaders=3)
    assert len(pikepdf.open(io.BytesIO(phones)).pages) == 1
    open_box(desk_app, meeting)
    pages = simulate.printed(pdf)
    assert len(pages) == 5
    scans, meant = drawn(meeting, pages[:4], seed=7)
    twice = [scans[0]]
    blank = np.full((2300, 1650), 250, np.uint8)
    name = upload(teller, meeting, ("a.pdf", scanner_pdf([*scans[::-1], *twice, blank])))
    page = teller.get(f"/desk/paper/{meeting.name}/batch/{name}").text
    assert "这是一张空白页" in page and "同一张" in page
    refusal = teller.post(f"/desk/paper/{meeting.name}/batch/{name}/review", data={}, follow_redirects=True).text
    assert "要请另一个账号来定夺" in refusal
    assert settle(scrutineer, meeting, name, meant) > 0
    spoiled = sorted(meant)[0]
    assert (
        scrutineer.post(
            f"/desk/paper/{meeting.name}/batch/{name}/sheet/{spoiled}", data={"deed": "spoil", "why": "signed"}
        ).status_code
        == 302
    )
    wrong = cast([teller, scrutineer], meeting, name, 3)
    assert wrong.status_code == 302 and not counted(meeting)
    done = cast([teller, scrutineer], meeting, name, 4)
    assert done.status_code == 200 and "已投箱" in done.text
    assert counted(meeting) == 4 and not batches(meeting)
    again = upload(teller, meeting, ("b.pdf", scanner_pdf(scans[:1])))
    assert "已经计过，不再计" in teller.get(f"/desk/paper/{meeting.name}/batch/{again}").text
    meeting.close()
    closing = meeting.seal()["closing"]
    assert (closing["returned"], closing["valid"], closing["spoiled"]) == (4, 3, 1)
    with db.reading() as connection:
        found = fragment.tally(fragment.of(connection, meeting.name))
    expected = Counter()
    for code, fields in meant.items():
        if code != spoiled:
            for field, values in answers_of(fields).items():
                for value in values:
                    expected[field, value] += 1
    got = Counter()
    for subject, questions in found.items():
        for question, voices in questions.items():
            for answers in voices.values():
                for value, number in answers.items():
                    got[f"q.{subject}.{question}", value] += number
    assert got == expected
    record = office.get(f"/desk/paper/{meeting.name}/tally.pdf")
    assert record.mimetype == "application/pdf"
    slips = {(each["medium"], each["group"]): each for each in closing["slips"]}
    assert slips["paper", "leaders"]["spent"] + slips["paper", "departments"]["spent"] == 4


def test_a_reading_cut_off_is_begun_anew_after_a_restart(desk_app, monkeypatch):
    meeting = desk.draft(desk_app)
    office, teller = client(desk_app, "office"), client(desk_app, "teller")
    pdf = desk.printed(office, meeting.name, "ballots", leaders=2)
    open_box(desk_app, meeting)
    scans, meant = drawn(meeting, simulate.printed(pdf), seed=3)

    def cut_off(*args, **kw):
        raise SystemExit  # as a killed process: nothing after it runs, the row stays "running"

    with monkeypatch.context() as patch:
        patch.setattr(reading, "read", cut_off)
        name = upload(teller, meeting, ("a.pdf", scanner_pdf(scans)))
    with db.reading() as connection:
        (started,) = job.of_subject(connection, f"{meeting.name} {name}")
    assert started.state == "running" and batch.get(meeting.instance, meeting.name, name).state == "reading"
    assert job.resume(desk_app) == 1
    job.wait(started.job)
    found = batch.get(meeting.instance, meeting.name, name)
    assert found.state == "open" and {each.code.replace("-", "") for each in found.scans} == set(meant)


def counted(meeting):
    with db.reading() as connection:
        return collections.counts(connection, meeting.name).spent
