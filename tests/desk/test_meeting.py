"""A meeting at the desk, from draft to seal, and what is refused on the way."""

import io
import json
import re
from pathlib import Path

import pytest

from survey import db
from survey.box import collection as collections
from survey.box import keys, officers, sealing
from tests.desk.office import BANNER, PASSWORDS, both, sign_in, welcome
from tests.phone.test_pages import Voter, marked


def vote(desk, codes):
    """Voters with these slips, through the phone's pages."""
    voter = Voter(desk.app)
    for code in codes:
        form = voter.get(f"/v/{desk.name}/{code.token}").form("/check")
        check = voter.post(form["action"], marked(form))
        voter.post(check.form("/cast")["action"], check.form("/cast")["fields"])
        assert "已提交" in voter.html


def house(desk):
    with desk.app.app_context(), db.reading() as connection:
        return collections.get(connection, desk.name)


def deeds(desk):
    with desk.app.app_context(), db.reading() as connection:
        from survey import journal

        return [each.deed for each in journal.entries(connection, subject=desk.name)]


def test_the_journal_speaks_in_words_and_beijing_time(opened):
    opened.office.get("/desk/meetings")
    with opened.app.app_context(), db.deed() as c:
        from survey import journal

        journal.record(
            c, account="office", deed="account.create", subject="examiner", at="2019-01-09T23:30:00+00:00", roles=["assessor", "viewer"], banner=""
        )
        journal.record(c, account="office", deed="collection.announce", subject=opened.name, closes_at="2019-01-09T22:15:00+00:00")
        journal.record(c, account="office", deed="slip.print", subject=opened.name, medium="paper", counts={"leaders": 3}, voided=0)
    page = opened.office.get("/desk/journal").text
    assert "2019-01-10 07:30:00" in page and "2019-01-09" not in page
    assert "考核组、查看结果" in page and "纸票" in page and "2019-01-10 06:15:00" in page
    assert re.search(rf"打印测评码\s*[^\s0-9]\S*\s*{opened.name}", page)  # a meeting by its title
    assert not re.search(r"[\[{]&#34;|[\[{]\"|true|false|null", page)


def test_a_meeting_from_draft_to_the_tally(opened):
    assert len(opened.envelope.replace(" ", "")) == 30
    vote(opened, opened.codes[:6])
    page = opened.teller.get(opened.url)
    assert "正在投票" in page.text
    opened.teller.fill("/close", minutes="0", **both())
    page = opened.teller.fill("/seal", **both())
    assert "已封箱，结果已公布" in page.text and "计票结果" in page.text
    assert re.search(r"收回\s*6", page.text) and re.search(r"有效\s*6", page.text)
    assert house(opened).state == "sealed"
    projector = opened.office.get(f"{opened.url}/projector")
    assert "明细指纹" in projector.text and "收回" in projector.text
    assert "退出" not in projector.text and "名册" not in projector.text  # a hall sees the meeting, not who works here
    assert opened.teller.client.get(f"{opened.url}/package.zip").status_code == 200
    assert {
        "collection.draft",
        "collection.change",
        "collection.figures",
        "collection.open",
        "collection.close",
        "collection.seal",
    } <= set(deeds(opened))


def test_figures_hold_only_when_both_enter_the_same(meeting):
    meeting.teller.get(meeting.url)
    assert "等另一人" in meeting.teller.fill("/figures", expected="12", present="10", issued="10").text
    assert house(meeting).expected is None
    meeting.scrutineer.get(meeting.url)
    assert "不一样" in meeting.scrutineer.fill("/figures", expected="12", present="9", issued="10").text
    assert house(meeting).present is None
    assert "已生效" in meeting.scrutineer.fill("/figures", expected="12", present="10", issued="10").text
    assert (house(meeting).expected, house(meeting).present, house(meeting).issued) == (12, 10, 10)
    assert "不能多于" in meeting.scrutineer.fill("/figures", expected="5", present="10", issued="10").text


def test_the_office_cannot_enter_figures_nor_open(meeting):
    page = meeting.office.get(meeting.url)
    token = page.form("/prepare").filled()["csrf_token"]
    for deed in ("figures", "open", "close", "seal"):
        assert meeting.office.client.post(f"{meeting.url}/{deed}", data={"csrf_token": token, **both()}).status_code == 403
    assert house(meeting).state == "draft"


def test_half_present_opens_only_with_a_reason(meeting):
    for officer in (meeting.teller, meeting.scrutineer):
        officer.get(meeting.url)
        officer.fill("/figures", expected="20", present="10", issued="10")
    page = meeting.teller.get(meeting.url)
    assert "到会人数没有超过应到人数的一半" in page.text
    assert "没有办成" in meeting.teller.fill("/open", 422, **both()).text
    assert house(meeting).state == "draft"
    meeting.teller.fill("/open", **both(), **{"reason.quorum": "大雪封路，经请示同意"})
    assert house(meeting).state == "open" and house(meeting).reasons["quorum"] == "大雪封路，经请示同意"


def test_materials_delivered_three_days_before_need_no_reason_two_days_do(meeting):
    meeting.office.get(meeting.url)
    assert "送达不足三天" not in meeting.office.fill("/prepare", delivered_on="2019-01-07").text
    assert "送达不足三天" in meeting.office.fill("/prepare", delivered_on="2019-01-08").text


def test_no_opening_over_http_outside_this_machine_without_a_reason(meeting):
    for officer in (meeting.teller, meeting.scrutineer):
        officer.get(meeting.url)
        officer.fill("/figures", expected="12", present="10", issued="10")
    meeting.app.config["PUBLIC_URL"] = "http://192.168.1.5:8000"
    meeting.teller.get(meeting.url)
    assert "HTTPS" in meeting.teller.fill("/open", 422, **both()).text
    meeting.teller.fill("/open", **both(), **{"reason.https": "会场没有外网"})
    with meeting.app.app_context(), db.reading() as connection:
        from survey import journal

        entry = next(each for each in journal.entries(connection) if each.deed == "collection.open")
        assert {entry.detail["teller"], entry.detail["scrutineer"]} == {"teller", "scrutineer"}
    assert entry.detail["reasons"]["https"] == "会场没有外网"


def test_a_wrong_password_of_either_opens_nothing(meeting):
    for officer in (meeting.teller, meeting.scrutineer):
        officer.get(meeting.url)
        officer.fill("/figures", expected="12", present="10", issued="10")
    for wrong in ("teller_password", "scrutineer_password"):
        meeting.teller.get(meeting.url)
        assert "密码不对，请再试一次" in meeting.teller.fill("/open", 422, **both(**{wrong: "not-the-password"})).text
    for _ in range(8):  # the wait is short at first: a slow machine needs more tries
        page = meeting.teller.fill("/open", 422, **both(scrutineer_password="not-the-password"))
        if "没有核对" in page.text:
            break
    assert "监票人刚输错太多次，这次没有核对" in page.text  # and the teller, who was right, is not blamed
    assert house(meeting).state == "draft"


def test_the_live_count_is_a_304_while_nothing_comes(opened):
    first = opened.teller.client.get(f"{opened.url}/count")
    assert first.json["received"] == 0
    again = opened.teller.client.get(f"{opened.url}/count", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304 and not again.data
    vote(opened, opened.codes[:1])
    later = opened.teller.client.get(f"{opened.url}/count", headers={"If-None-Match": first.headers["ETag"]})
    assert later.status_code == 200 and later.json["received"] == 1


def test_a_damaged_slip_is_replaced_by_two(opened):
    opened.teller.get(opened.url)
    page = opened.teller.fill("/replace", code=opened.codes[0].code.lower(), **both())
    assert page.html.count("<svg") == 2 and "只显示这一次" in page.text
    voter = Voter(opened.app)
    voter.get(f"/v/{opened.name}/{opened.codes[0].token}")
    assert "作废" in voter.html
    new = re.findall(r'class="envelope"><code>([0-9A-Z ]+)<', page.html)
    assert len(new) == 2
    with opened.app.app_context(), db.reading() as connection:
        assert collections.counts(connection, opened.name).made == 12
    assert "collection.open" in deeds(opened) and "slip.replace" in deeds(opened)


def test_a_rescue_file_counts_once(opened):
    """As the phone writes it: the fields it would have posted."""
    voter = Voter(opened.app)
    form = voter.get(f"/v/{opened.name}/{opened.codes[0].token}").form("/check")
    fields = marked(form)
    answers = {name: value if isinstance(value, list) else [value] for name, value in fields.items() if name.startswith("q.")}
    item = {
        "collection": opened.name,
        "nonce": fields["nonce"][0],
        "slip": opened.codes[0].token,
        "voice": "",
        "fields": answers,
    }
    file = ("rescue.json", json.dumps({"rescue": 1, "answers": [item, {**item, "collection": "ELSEWH0R"}]}).encode())
    opened.teller.get(opened.url)
    page = opened.teller.fill("/rescue", file=file)
    assert "收进 1 份" in page.text and "属于别的会议" in page.text
    assert "收进 0 份，早已收到 1 份" in opened.teller.fill("/rescue", file=file).text
    assert "不是手机导出" in opened.teller.fill("/rescue", 422, file=("x.json", b"{}")).text


def test_an_announced_end_closes_and_seals(opened):
    vote(opened, opened.codes[:6])
    opened.teller.get(opened.url)
    assert "已宣布" in opened.teller.fill("/close", minutes="5", **both()).text
    count = opened.teller.client.get(f"{opened.url}/count").json
    assert count["phase"] == "open" and count["closes_at"]
    with opened.app.app_context(), db.deed() as connection:
        collections.change(connection, opened.name, closes_at="2019-01-10T08:00:00+00:00")
    page = opened.teller.get(opened.url)
    assert "已结束投票" in page.text
    assert "已封箱" in opened.teller.fill("/seal", **both()).text


def test_before_the_seal_no_page_and_no_file_gives_a_result(opened):
    vote(opened, opened.codes[:6])
    for phase in ("open", "closing"):
        office = opened.office.client
        for file in (f"{opened.url}/package.zip", f"/published/{opened.name}/package.zip"):
            assert office.get(file).status_code == 404
        for file in ("tally.pdf", "tally.xlsx"):
            assert office.get(f"/desk/paper/{opened.name}/{file}").status_code == 404
        for page in (opened.url, f"{opened.url}/projector", f"/published/{opened.name}"):
            assert "计票结果" not in office.get(page).get_data(as_text=True)
        shown = json.loads(office.get("/desk/results.json").get_data(as_text=True))["sequences"]
        assert {row["components"]["appraisal"] for rows in shown.values() for row in rows} == {None}
        opened.teller.get(opened.url)
        if phase == "open":
            secrets = {"teller": PASSWORDS["teller"], "scrutineer": PASSWORDS["scrutineer"]}
            with opened.app.app_context(), pytest.raises(officers.Refused):
                sealing.seal(db.engine(), Path(opened.app.config["INSTANCE"]), opened.name, scored=frozenset(), by="teller", **secrets)
            opened.teller.fill("/close", minutes="0", **both())
    assert house(opened).state == "closing"


def reset(opened, name, password):
    """The office resets an officer's password, who then chooses another."""
    opened.office.get("/desk/accounts")
    page = opened.office.fill(f"/accounts/{name}/link")
    welcome(opened.app, page.html.split("/desk/welcome/")[1].split("<")[0].strip(), password)


def test_a_reset_password_needs_the_envelope(opened):
    vote(opened, opened.codes[:6])
    opened.teller.get(opened.url)
    opened.teller.fill("/close", minutes="0", **both())
    reset(opened, "scrutineer", "another-password")
    opened.teller.get(opened.url)
    new = both(scrutineer_password="another-password")
    assert "备用码" in opened.teller.fill("/seal", 422, **new).text
    assert house(opened).state == "closing"
    assert "现在的密码" in opened.teller.fill("/seal", 422, **both(), envelope=opened.envelope).text
    assert "已封箱" in opened.teller.fill("/seal", **new, envelope=opened.envelope).text


def test_with_one_password_reset_both_may_close_and_void_for_nothing_is_opened(opened):
    vote(opened, opened.codes[:6])
    reset(opened, "scrutineer", "another-password")
    opened.teller.get(opened.url)
    new = both(scrutineer_password="another-password")
    assert "密码不对" in opened.teller.fill("/close", 422, minutes="0", **both()).text
    assert "已结束投票" in opened.teller.fill("/close", minutes="0", **new).text
    assert "备用码" in opened.teller.fill("/seal", 422, **new).text
    assert "已作废" in opened.teller.fill("/void", reason="信封找不到", **new).text
    assert house(opened).state == "void"
    assert not any((Path(opened.app.config["INSTANCE"]) / "keys" / opened.name).iterdir())


def test_with_both_passwords_reset_the_envelope_says_who_is_there(opened):
    reset(opened, "scrutineer", "another-password")
    reset(opened, "teller", "a-third-password")
    opened.teller = sign_in(opened.app, "teller", password="a-third-password")
    opened.teller.get(opened.url)
    new = {"teller_password": "a-third-password", "scrutineer_password": "another-password"}
    assert "备用码" in opened.teller.fill("/void", 422, reason="重来", **new).text
    assert "备用码不对" in opened.teller.fill("/void", 422, reason="重来", envelope="0" * 30, **new).text
    assert house(opened).state == "open"
    assert "已作废" in opened.teller.fill("/void", reason="重来", envelope=opened.envelope, **new).text


def test_a_failed_check_stops_the_seal_and_shows_the_evidence(opened):
    vote(opened, opened.codes[:6])
    opened.teller.get(opened.url)
    opened.teller.fill("/close", minutes="0", **both())
    with opened.app.app_context(), db.deed() as connection:
        connection.exec_driver_sql(
            "UPDATE slip SET state='unspent' WHERE qr = (SELECT qr FROM slip WHERE state='spent' LIMIT 1)"
        )
    page = opened.teller.fill("/seal", 422, **both())
    assert "检查记录" in page.text and "有码被改回未用" in page.text
    assert house(opened).state == "closing"
    assert "要写明原因" in opened.teller.fill("/seal", 422, **both(), accepted=["slips"]).text
    opened.teller.get(opened.url)
    page = opened.teller.fill("/seal", 422, **both())
    page = opened.teller.fill("/seal", **both(), accepted=["slips"], seal_reason="经两人核对，属误操作")
    assert "已封箱" in page.text


def test_more_returned_than_issued_voids(opened):
    vote(opened, opened.codes[:6])
    for officer in (opened.teller, opened.scrutineer):
        officer.get(opened.url)
        officer.fill("/figures", expected="12", present="10", issued="5")
    opened.teller.get(opened.url)
    opened.teller.fill("/close", minutes="0", **both())
    assert "收回票数多于发出票数，本次测评无效" in opened.teller.fill("/seal", 422, **both()).text
    opened.teller.get(opened.url)
    assert "已作废" in opened.teller.fill("/void", reason="收回多于发出", **both()).text
    assert house(opened).state == "void"


def test_issued_over_present_needs_a_reason(opened):
    vote(opened, opened.codes[:6])
    for officer in (opened.teller, opened.scrutineer):
        officer.get(opened.url)
        officer.fill("/figures", expected="12", present="9", issued="10")
    opened.teller.get(opened.url)
    opened.teller.fill("/close", minutes="0", **both())
    assert "发出票数多于实到人数" in opened.teller.fill("/seal", 422, **both()).text
    opened.teller.get(opened.url)
    opened.teller.fill("/figures", reason="一人领票后离场")
    assert "已封箱" in opened.teller.fill("/seal", **both()).text
    assert house(opened).published["closing"]["reasons"]["issued"] == "一人领票后离场"


def test_audit_slips_are_compared_and_taken_out(meeting):
    meeting.office.get(meeting.url)
    meeting.office.fill("/prepare", audit_slips="1")
    for officer in (meeting.teller, meeting.scrutineer):
        officer.get(meeting.url)
        officer.fill("/figures", expected="12", present="10", issued="10")
    meeting.teller.get(meeting.url)
    meeting.teller.fill("/open", **both())
    vote(meeting, meeting.codes[:6])
    voter = Voter(meeting.app)
    form = voter.get(f"/v/{meeting.name}/{meeting.codes[6].token}").form("/check")
    noted = marked(form)
    check = voter.post(form["action"], noted)
    voter.post(check.form("/cast")["action"], check.form("/cast")["fields"])
    receipt = re.search(r"\b[0-9A-HJKMNP-TV-Z]{5}[ -]?[0-9A-HJKMNP-TV-Z]{5}\b", re.sub(r"<[^>]+>", " ", voter.html))[0]
    meeting.teller.get(meeting.url)
    meeting.teller.fill("/close", minutes="0", **both())
    marks = {
        f"audit0.{name}": value[0] if isinstance(value, list) else value
        for name, value in noted.items()
        if name.startswith("q.")
    }
    wrong = meeting.teller.fill("/seal", status=422, slip0=meeting.codes[6].code, receipt0=receipt, **marks, **both(teller_password="no"))
    kept = wrong.form("/seal").filled()
    assert kept["slip0"] == meeting.codes[6].code and kept["receipt0"] == receipt and all(kept[name] == marks[name] for name in marks)
    page = meeting.teller.fill("/seal", **both())
    assert "验证票 1 张，相符 1 张" in page.text
    assert house(meeting).published["closing"]["returned"] == 6


def test_a_trial_is_purged_with_its_keys(people):
    office = people.office
    office.get("/desk/meetings/new")
    office.fill("/meetings/new", banner=BANNER, kind="opinion", mode="link", cap="5", trial="y")
    name = office.page.url.rsplit("/", 1)[1]
    office.fill("/prepare", teller="teller", scrutineer="scrutineer")
    people.teller.get(f"/desk/meeting/{name}")
    people.teller.fill("/open", **both())
    from pathlib import Path

    store = keys.of(Path(people.app.config["INSTANCE"]), name)
    assert store.has("secret.json")
    office.get(f"/desk/meeting/{name}")
    assert "已清除" in office.fill("/purge").text
    assert not any(each.is_file() for each in store.folder.iterdir())
    office.get(f"/desk/meeting/{name}", 404)


def test_a_real_meeting_is_never_purged(meeting):
    token = meeting.office.get(meeting.url).form("/prepare").filled()["csrf_token"]
    meeting.office.client.post(f"{meeting.url}/purge", data={"csrf_token": token})
    assert house(meeting) is not None


def test_a_link_has_a_cap_and_an_appraisal_has_none(people):
    office = people.office
    office.get("/desk/meetings/new")
    assert "最多收多少份" in office.fill("/meetings/new", 422, banner=BANNER, kind="opinion", mode="link").text
    office.get("/desk/meetings/new")
    assert "请用测评码" in office.fill("/meetings/new", 422, banner=BANNER, kind="appraisal", mode="link", cap="9").text


def test_materials_are_pdf_and_open_before_the_vote(meeting):
    office = meeting.office
    office.get(f"/desk/materials/{BANNER}")
    assert "只收 PDF" in office.fill(f"/materials/{BANNER}", 422, file=("a.pdf", b"MZ not a pdf")).text
    assert "已上传" in office.fill(f"/materials/{BANNER}", person="P0001", file=("述职.pdf", b"%PDF-1.7 example")).text
    link = next(each for each in office.page.links if each.endswith(".pdf"))
    assert office.client.get(link).data == b"%PDF-1.7 example"
    voter = Voter(meeting.app)
    voter.get(f"/v/{meeting.name}/materials")
    assert "述职报告" in voter.html
    office.fill("/remove")
    assert office.client.get(link).status_code == 404


def test_staff_of_a_banner_see_only_their_own(meeting):
    staff = meeting.staff
    assert BANNER in staff.get("/desk/meetings").text and "示例县" not in staff.page.text
    staff.get(meeting.url)
    meeting.office.get("/desk/meetings/new")
    meeting.office.fill("/meetings/new", banner="示例县", kind="appraisal", mode="slips")
    other = meeting.office.page.url
    for url in (other, f"{other}/count", f"{other}/projector", "/desk/roster/示例县", "/desk/materials/示例县"):
        assert staff.client.get(url).status_code == 404, url
    token = staff.get(meeting.url).form("/prepare").filled()["csrf_token"]
    for deed in ("prepare", "void", "replace", "purge"):
        assert staff.client.post(f"{other}/{deed}", data={"csrf_token": token, "reason": "x"}).status_code in (403, 404)
    upload = {"csrf_token": token, "file": (io.BytesIO(b"%PDF-1.7"), "a.pdf")}
    assert staff.client.post("/desk/materials/示例县", data=upload).status_code == 404


def test_staff_cannot_name_the_officers(meeting):
    form = meeting.staff.get(meeting.url).form("/prepare")
    assert "teller" not in form.names()
    data = form.filled() | {"teller": "scrutineer", "scrutineer": "teller"}
    meeting.staff.client.post(f"{meeting.url}/prepare", data=data)
    assert (house(meeting).teller, house(meeting).scrutineer) == ("teller", "scrutineer")


def test_two_sittings_of_a_banner_stand_side_by_side(meeting):
    meeting.office.get(meeting.url)
    link = next(each for each in meeting.office.page.links if "/meetings/new?" in each)
    page = meeting.office.get(link)
    assert page.form("/meetings/new").filled()["banner"] == BANNER
    meeting.office.fill("/meetings/new", title="第二场")
    assert meeting.office.get("/desk/meetings").text.count(BANNER) >= 2
    assert "总结测评会" in meeting.viewer.get(meeting.url).text
