"""Keying without a scanner: two accounts, neither sees the other's, what differs gets a third look; and refused uploads."""

import io

import pytest

from survey import db, job
from survey.box import collection as collections
from survey.box import fragment, slip
from survey.box import keys as key_store
from survey.paper import batch, cast, house, printing
from tests.paper import desk
from tests.paper.desk import client, open_box


@pytest.fixture
def desk_app(make_app):
    app = make_app("sqlite", WTF_CSRF_ENABLED=False, PUBLIC_URL="https://example.org")
    with app.app_context():
        yield app


def paper_codes(meeting, number):
    """Sheets' codes as if printed."""
    with db.deed() as connection:
        keys = key_store.of(meeting.instance, meeting.name)
        made = slip.make(connection, keys, meeting.name, voice="leaders", medium="paper", number=number)
    return [each.code for each in made]


def sheet(meeting, code, mark="good", **other):
    fields = {item.name: mark for item in meeting.form.items() if item.question.kind == "one"}
    return {"code": code, **fields, **other}


def begin(browser, meeting):
    answer = browser.post(f"/desk/paper/{meeting.name}/keying")
    return answer.headers["Location"].rsplit("/", 2)[1]


def test_two_accounts_key_and_a_third_look_settles(desk_app):
    meeting = desk.draft(desk_app, people=2)
    one, two, third = (client(desk_app, who) for who in ("teller", "scrutineer", "office"))
    same, differs, signed, once = paper_codes(meeting, 4)
    open_box(desk_app, meeting)
    name = begin(one, meeting)
    key = f"/desk/paper/{meeting.name}/batch/{name}/key"
    base = f"/desk/paper/{meeting.name}/batch/{name}"
    for browser in (one, two):
        browser.post(key, data=sheet(meeting, same.lower()))
        browser.post(key, data=sheet(meeting, signed, spoiled="signed"))
    one.post(key, data=sheet(meeting, differs))
    two.post(key, data=sheet(meeting, differs, **{"q.P0.tasks": "poor", "q.P1.overall": "-"}))
    one.post(key, data=sheet(meeting, once))
    one.post(key, data=sheet(meeting, once))  # again by the same account: still keyed once
    page = third.get(base).text
    assert "等第二个账号录入" in page and "对照定夺" in page
    assert "好" in third.get(f"{base}/compare/{differs}").text
    assert third.get(f"{base}/compare/{once}").status_code == 404, "nobody sees a first keying before the second"
    for typist in (one, two):
        assert "请另一个账号对照定夺" in typist.get(base).text
        assert typist.get(f"{base}/compare/{differs}").status_code == 302
        told = typist.post(
            f"{base}/compare/{differs}", data={"q.P0.tasks": "good", "q.P1.overall": "good"}, follow_redirects=True
        )
        assert "没有录过它的账号" in told.text
        assert typist.post(f"{base}/sheet/{differs}", data={"deed": "spoil", "why": "signed"}).status_code == 400
    assert batch.get(meeting.instance, meeting.name, name).decided == {}
    third.post(f"{base}/compare/{differs}", data={"q.P0.tasks": "void", "q.P1.overall": "-"})
    for browser in (one, two):
        browser.post(f"{base}/total", data={"total": 3})
    blocked = one.post(f"{base}/cast", follow_redirects=True).text
    assert "还有没定下来的票" in blocked
    two.post(key, data=sheet(meeting, once, mark="poor"))
    two.post(f"{base}/sheet/{once}", data={"deed": "aside", "reason": "纸破了，另录"})
    assert "请两个账号各自点清" in one.get(base).text, "a change makes both count again"
    for browser in (one, two):
        browser.post(f"{base}/total", data={"total": 3})
    assert "已投箱" in one.post(f"{base}/cast").text
    assert batch.all_of(meeting.instance, meeting.name) == []
    meeting.close()
    closing = meeting.seal()["closing"]
    assert (closing["returned"], closing["valid"], closing["spoiled"]) == (3, 2, 1)
    with db.reading() as connection:
        tally = fragment.tally(fragment.of(connection, meeting.name))
    assert sum_of(tally, "P0", "tasks") == {"good": 1, "void": 1}
    assert sum_of(tally, "P1", "overall") == {"good": 1}
    page = third.get(f"/desk/paper/{meeting.name}/tally.xlsx")
    assert page.data[:2] == b"PK"


def test_where_there_is_no_third_account_the_first_typist_settles(desk_app):
    meeting = desk.draft(desk_app, people=2)
    one, two = (client(desk_app, who) for who in ("teller", "scrutineer"))
    (code,) = paper_codes(meeting, 1)
    open_box(desk_app, meeting)
    base = f"/desk/paper/{meeting.name}/batch/{begin(one, meeting)}"
    one.post(f"{base}/key", data=sheet(meeting, code))
    two.post(f"{base}/key", data=sheet(meeting, code, **{"q.P0.tasks": "poor"}))
    assert "由先录的人" in two.post(f"{base}/compare/{code}", data={"q.P0.tasks": "poor"}, follow_redirects=True).text
    assert "已记下" in one.post(f"{base}/compare/{code}", data={"q.P0.tasks": "poor"}, follow_redirects=True).text
    client(desk_app, "office")
    assert "没有录过它的账号" in one.post(f"{base}/compare/{code}", data={"q.P0.tasks": "good"}, follow_redirects=True).text


def sum_of(tally, subject, question):
    found = {}
    for answers in tally[subject][question].values():
        for mark, number in answers.items():
            found[mark] = found.get(mark, 0) + number
    return found


def test_what_the_desk_does_not_accept(desk_app):
    meeting = desk.draft(desk_app, people=2)
    one = client(desk_app, "teller")
    with db.deed() as connection:
        keys = key_store.of(meeting.instance, meeting.name)
        (phone,) = slip.make(connection, keys, meeting.name, voice="leaders", medium="phone", number=1)
    open_box(desk_app, meeting)
    key = f"/desk/paper/{meeting.name}/batch/{begin(one, meeting)}/key"
    assert "不是纸票" in one.post(key, data=sheet(meeting, phone.code), follow_redirects=True).text
    wrong = one.post(key, data=sheet(meeting, "0123456789"))
    assert wrong.status_code == 422 and "不是本场发出的票" in wrong.text  # the marks are there still, and the code to mend
    assert 'value="0123456789"' in wrong.text and wrong.text.count(" checked>") == len(sheet(meeting, "")) - sum(
        not name.startswith("q.") for name in sheet(meeting, "")
    )
    (paper,) = paper_codes(meeting, 1)
    asked = one.post(key, data={"code": paper})
    assert asked.status_code == 422 and "一项也没有录" in asked.text
    assert "已录入" in one.post(key, data={"code": paper, "empty": "1"}, follow_redirects=True).text
    assert one.post(key, data=sheet(meeting, "0123456789", spoiled="torn")).status_code == 400
    assert one.get("/desk/paper/NOTHERE1").status_code == 404
    assert desk_app.test_client().get(f"/desk/paper/{meeting.name}").status_code == 302


def test_a_draft_on_disk_says_nothing(desk_app):
    meeting = desk.draft(desk_app, people=2)
    one = client(desk_app, "teller")
    (code,) = paper_codes(meeting, 1)
    open_box(desk_app, meeting)
    name = begin(one, meeting)
    one.post(f"/desk/paper/{meeting.name}/batch/{name}/key", data=sheet(meeting, code))
    store = batch.vault(meeting.instance, meeting.name, name)
    raw = (store.folder / "batch").read_bytes()
    assert code.encode() not in raw and b"q.P0" not in raw
    assert (store.folder / "batch").stat().st_mode & 0o777 == 0o600
    for path in meeting.instance.glob("survey.db*"):
        assert b"q.P0" not in path.read_bytes()


def test_a_cast_cut_short_counts_nothing_twice(desk_app, monkeypatch):
    meeting = desk.draft(desk_app, people=2)
    one, two = client(desk_app, "teller"), client(desk_app, "scrutineer")
    codes = paper_codes(meeting, 2)
    open_box(desk_app, meeting)
    name = begin(one, meeting)
    for browser in (one, two):
        for code in codes:
            browser.post(f"/desk/paper/{meeting.name}/batch/{name}/key", data=sheet(meeting, code))
    for browser in (one, two):
        browser.post(f"/desk/paper/{meeting.name}/batch/{name}/total", data={"total": 2})

    class Killed(BaseException):
        pass

    def killed(*args, **kw):
        raise Killed

    real = cast.journal.record
    monkeypatch.setattr(cast.journal, "record", killed)
    with pytest.raises(Killed):
        cast.cast(desk_app, meeting.house, name, form=meeting.form, by="teller", keep=False)
    monkeypatch.setattr(cast.journal, "record", real)
    made = cast.cast(desk_app, meeting.house, name, form=meeting.form, by="teller", keep=False)
    assert dict(made.statuses) == {"again": 2} and made.counted == 2
    with db.reading() as connection:
        assert collections.counts(connection, meeting.name).spent == 2


@pytest.mark.parametrize(
    ("name", "content", "status", "told"),
    [
        ("a.heic", b"\x00\x00\x00\x18ftypheic" + b"\x00" * 40, 415, "HEIC"),
        ("a.docx", b"PK\x03\x04" + b"\x00" * 40, 415, "不是 PDF、JPEG 或 PNG"),
        ("a.pdf", b"", 415, "是空文件"),
    ],
)
def test_uploads_that_cannot_be_read_are_told(desk_app, name, content, status, told):
    meeting = desk.draft(desk_app, people=2)
    paper_codes(meeting, 1)
    open_box(desk_app, meeting)
    one = client(desk_app, "teller")
    answer = one.post(
        f"/desk/paper/{meeting.name}/read", data={"scans": (io.BytesIO(content), name)}, content_type="multipart/form-data"
    )
    assert answer.status_code == status and told in answer.text
    assert batch.all_of(meeting.instance, meeting.name) == []


def test_broken_files_and_too_many_are_told(desk_app):
    meeting = desk.draft(desk_app, people=2)
    paper_codes(meeting, 1)
    one = client(desk_app, "teller")
    path = f"/desk/paper/{meeting.name}/read"
    early = one.post(path, data={"scans": (io.BytesIO(b"%PDF-1.4"), "a.pdf")}, content_type="multipart/form-data")
    assert early.status_code == 409 and "开箱以后" in early.text
    open_box(desk_app, meeting)
    many = {"scans": [(io.BytesIO(b"%PDF-1.4"), f"{n}.pdf") for n in range(501)]}
    assert one.post(path, data=many, content_type="multipart/form-data").status_code == 413
    assert one.post(path, data={}, content_type="multipart/form-data").status_code == 400
    answer = one.post(path, data={"scans": (io.BytesIO(b"%PDF-1.4 broken"), "a.pdf")}, content_type="multipart/form-data")
    name = answer.headers["Location"].rsplit("/", 1)[1]
    with db.reading() as connection:
        job.wait(job.of_subject(connection, f"{meeting.name} {name}")[0].job)
    assert "打不开" in one.get(f"/desk/paper/{meeting.name}/batch/{name}").text


def test_what_was_never_cast_ends_with_the_seal(desk_app):
    meeting = desk.draft(desk_app, people=2)
    one = client(desk_app, "teller")
    (code,) = paper_codes(meeting, 1)
    open_box(desk_app, meeting)
    name = begin(one, meeting)
    one.post(f"/desk/paper/{meeting.name}/batch/{name}/key", data=sheet(meeting, code))
    meeting.close()
    meeting.seal()
    assert not batch.vault(meeting.instance, meeting.name, name).key.exists()  # by the seal itself: drafts can be read no more
    page = one.get(f"/desk/paper/{meeting.name}")
    assert "统计表 PDF" in page.text and name not in page.text
    assert not batch.vault(meeting.instance, meeting.name, name).folder.exists()
    assert not batch.vault(meeting.instance, meeting.name, name).key.exists()


def test_scans_can_be_kept_for_the_envelope(desk_app):
    meeting = desk.draft(desk_app, people=2)
    made = batch.new(house.instance(), meeting.name, kind="scan", account="teller", made_on="2019-01-10")
    store = batch.vault(house.instance(), meeting.name, made.batch)
    store.put("page0", b"\xff\xd8a picture")
    scan = batch.Scan(
        picture="page0",
        file="a.jpg",
        page=1,
        refused="blank_page",
        collection="",
        code="",
        number=0,
        of=0,
        landscape=False,
        pose=(),
    )
    code = cast.seal(house.instance(), meeting.house, made.model_copy(update={"scans": (scan,)}))
    assert cast.sealed_of(house.instance(), meeting.name) == [made.batch]
    assert b"a picture" in cast.unseal(house.instance(), meeting.name, made.batch, f"{code[:5]}-{code[5:]}".lower())
    with pytest.raises(ValueError):
        cast.unseal(house.instance(), meeting.name, made.batch, "0" * 30)


def test_a_link_survey_counts_a_sheet_once(desk_app):
    meeting = desk.draft(desk_app, people=2)
    with db.deed() as connection:
        name = collections.draft(connection, cycle=2018, banner="示例旗", kind="opinion", mode="link", title="民意调查", cap=50)
        collections.change(connection, name, teller="teller", scrutineer="scrutineer")
    survey = type(meeting)(desk_app, name)
    open_box(desk_app, survey)
    keys = key_store.of(survey.instance, name)
    code = printing.self_made(keys)
    one, two = client(desk_app, "teller"), client(desk_app, "scrutineer")
    for turn in range(2):
        pile = begin(one, survey)
        data = {"code": code, "voice": "household"}
        first = next(i for i in survey.form.items() if i.question.id == "real_work")
        data[first.name] = first.question.options[0].id
        for browser in (one, two):
            told = browser.post(f"/desk/paper/{name}/batch/{pile}/key", data=data, follow_redirects=True).text
            if turn:
                assert "已经计过，不再计" in told
        if not turn:
            for browser in (one, two):
                browser.post(f"/desk/paper/{name}/batch/{pile}/total", data={"total": 1})
            assert "已投箱" in one.post(f"/desk/paper/{name}/batch/{pile}/cast").text
    with db.reading() as connection:
        assert collections.counts(connection, name).spent == 1
