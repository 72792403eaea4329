"""The respondent's way without a script, by what the HTML offers."""

import re
from html.parser import HTMLParser

import pytest
from flask_babel import refresh
from sqlalchemy import func, select

from survey import db
from survey.box import collection as collections
from survey.schema import box
from tests.box.meeting import draft, opened


class Forms(HTMLParser):
    """The forms of a page: action, hidden and chosen fields, radio names with their values."""

    def __init__(self, html):
        super().__init__()
        self.forms, self.text, self.h1 = [], [], 0
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        if tag == "h1":
            self.h1 += 1
        if tag == "form":
            self.forms.append({"action": a.get("action", ""), "fields": {}, "radios": {}})
        if tag == "input" and self.forms and a.get("name"):
            form = self.forms[-1]
            if a.get("type") == "radio":
                form["radios"].setdefault(a["name"], []).append(a["value"])
            if a.get("type") not in ("radio", "checkbox") or "checked" in a:
                form["fields"].setdefault(a["name"], []).append(a.get("value", ""))

    def handle_data(self, data):
        self.text.append(data)

    def form(self, ending):
        return next(f for f in self.forms if f["action"].endswith(ending))


class Voter:
    """A phone that keeps no cookie and follows the pages."""

    def __init__(self, app):
        self.client = app.test_client(use_cookies=False)

    def get(self, path, **kw):
        refresh()  # the tests' own app context keeps a locale from one request to the next; a server's does not
        return self._read(self.client.get(path, **kw))

    def post(self, path, fields):
        refresh()
        return self._read(self.client.post(path, data=fields))

    def _read(self, response):
        assert "Set-Cookie" not in response.headers
        self.status, self.html = response.status_code, response.get_data(as_text=True)
        return Forms(self.html)


@pytest.fixture
def meeting(app):
    return opened(app)


@pytest.fixture
def voter(app, meeting):
    return Voter(app)


def ballots():
    with db.reading() as connection:
        return connection.execute(select(func.count()).select_from(box)).scalar_one()


def marked(form, choose=0):
    return {**form["fields"], **{name: values[choose] for name, values in form["radios"].items()}}


def test_from_a_typed_code_to_the_receipt(meeting, voter):
    entry = voter.get("/").forms[0]
    code = meeting.codes[0].code
    page = voter.post(entry["action"], {"code": f" {code[:5].lower()} - {code[5:].replace('0', 'o')} "})
    check = voter.post(*_post(page.form("/check")))
    assert "都选好了" in voter.html and ballots() == 0
    receipt = voter.post(check.form("/cast")["action"], check.form("/cast")["fields"])
    assert voter.status == 200 and "已提交，谢谢" in voter.html and ballots() == 1
    assert re.search(r"[0-9A-Z]{5}-[0-9A-Z]{5}", voter.html) and '<img class="qr" src="data:image/png;base64,' in voter.html
    assert "较好" not in voter.html and receipt.h1 == 1  # no mark on the receipt
    voter.post(check.form("/cast")["action"], check.form("/cast")["fields"])
    assert "已提交，谢谢" in voter.html and ballots() == 1  # the button pressed twice
    voter.post("/", {"code": code})
    assert "已经用过" in voter.html


def _post(form, choose=0):
    return form["action"], marked(form, choose)


def test_a_scanned_slip_with_blanks_names_them(meeting, voter):
    form = voter.get(f"/v/{meeting.name}/{meeting.codes[0].token}").form("/check")
    fields = marked(form)
    fields.pop("q.P1.service")
    check = voter.post(form["action"], fields)
    assert "还有 1 项没有选" in voter.html and "示例1" in voter.html
    back = voter.post(form["action"] + "?back=1", check.form("/cast")["fields"]).form("/check")
    assert back["fields"]["q.P0.tasks"] == ["good"] and "q.P1.service" not in back["fields"]


def test_what_is_chosen_on_the_check_page_stays_on_the_way_back(meeting, voter):
    form = voter.get(f"/v/{meeting.name}/{meeting.codes[0].token}").form("/check")
    voter.post(form["action"], marked(form))
    check = voter.post(form["action"] + "?lang=en&size=large", marked(form))
    assert '<html lang="en" class="large">' in voter.html
    voter.post(form["action"] + "?back=1", check.form("/cast")["fields"])
    assert '<html lang="en" class="large">' in voter.html


def test_an_empty_ballot_is_warned_of(meeting, voter):
    form = voter.get(f"/v/{meeting.name}/{meeting.codes[0].token}").form("/check")
    voter.post(form["action"], form["fields"])
    assert "您一项都没有选，提交后算废票。" in voter.html


def test_two_pages_differ_in_the_nonce_only(meeting, voter):
    path = f"/v/{meeting.name}/{meeting.codes[0].token}"
    voter.get(path)
    one = voter.html
    voter.get(path)
    nonce = re.compile(r'name="nonce" value="([0-9a-f.]{49})"')
    assert nonce.search(one)[1] != nonce.search(voter.html)[1]
    assert nonce.sub("", one) == nonce.sub("", voter.html)


def test_a_wrong_code_is_told_and_kept(meeting, voter):
    voter.post("/", {"code": "ABCDE12345"})
    assert voter.status == 422 and "没有这个测评码" in voter.html and 'value="ABCDE12345"' in voter.html


def test_a_foreign_option_comes_back_at_its_field(meeting, voter):
    form = voter.get(f"/v/{meeting.name}/{meeting.codes[0].token}").form("/check")
    voter.post(form["action"], {**marked(form), "q.P0.tasks": "splendid"})
    assert voter.status == 422 and 'href="#q.P0.tasks"' in voter.html and voter.html.count("没有这个选项，请重选。") == 2


def test_not_open_yet_closed_and_unknown_are_told(app):
    meeting = draft(app)
    voter = Voter(app)
    voter.get(f"/v/{meeting.name}/{meeting.codes[0].token}")
    assert "测评还没有开始" in voter.html
    voter.get("/v/NOSUCH00")
    assert voter.status == 404
    with db.deed() as connection:
        collections.change(connection, meeting.name, state="void")
    voter.get(f"/v/{meeting.name}/{meeting.codes[0].token}")
    assert "已作废" in voter.html


def test_closed_while_the_form_was_open(meeting, voter):
    form = voter.get(f"/v/{meeting.name}/{meeting.codes[0].token}").form("/check")
    meeting.close()
    check = voter.post(form["action"], marked(form))
    voter.post(check.form("/cast")["action"], check.form("/cast")["fields"])
    assert "已经结束" in voter.html or "作废" in voter.html
    assert ballots() == 0


def test_a_survey_that_ended_does_not_speak_of_a_meeting(app):
    meeting = opened(app, kind="opinion", mode="link", slips=5)
    meeting.close()
    voter = Voter(app)
    voter.get(f"/v/{meeting.name}")
    assert "这次调查已经结束" in voter.html and "测评已经" not in voter.html
    voter.get(f"/v/{meeting.name}?lang=en")
    assert "This survey has ended" in voter.html


def test_a_survey_by_link_asks_the_identity_and_skips_strangers(app):
    meeting = opened(app, kind="opinion", mode="link", slips=5, smallest_group=1)
    voter = Voter(app)
    page = voter.get(f"/v/{meeting.name}")
    assert "原文件附件4正文缺失" in voter.html
    form = page.form("/check")
    fields = marked(form)
    fields.pop("voice")
    voter.post(form["action"], fields)
    assert voter.status == 422 and 'href="#voice"' in voter.html
    fields |= {"voice": "household", "q.P0.known": "stranger", "q..wishes": ["income", "roads"], "q..words": "谢谢"}
    check = voter.post(form["action"], fields)
    voter.post(check.form("/cast")["action"], check.form("/cast")["fields"])
    assert "已提交" in voter.html
    meeting.close()
    tally = meeting.seal()["closing"]["tally"]
    assert tally["P0"] == {"known": {"household": {"stranger": 1}}} and tally[""]["wishes"]["household"] == {"income": 1, "roads": 1}


def test_english_and_large_on_every_page(meeting, voter):
    voter.get("/?lang=en&size=large")
    assert 'class="large"' in voter.html and "Enter" in voter.html
    path = f"/v/{meeting.name}/{meeting.codes[0].token}?lang=en&size=large"
    form = voter.get(path).form("/check")
    assert form["fields"]["lang"] == ["en"] and "Fairly good" in voter.html
    check = voter.post(form["action"], marked(form))
    assert 'class="large"' in voter.html
    voter.post(check.form("/cast")["action"], check.form("/cast")["fields"])
    assert 'lang="en"' in voter.html and 'class="large"' in voter.html


def test_a_first_visit_weighs_at_most_15_kb(app):
    meeting = opened(app, people=8)
    client = app.test_client()
    sizes = [
        len(client.get(path, headers={"Accept-Encoding": "gzip"}).get_data())
        for path in (f"/v/{meeting.name}/{meeting.codes[0].token}",)
    ]  # fmt: skip
    sizes.append(len(client.get("/phone.js", headers={"Accept-Encoding": "gzip"}).get_data()))
    assert sum(sizes) <= 15 * 1024, sizes


def test_the_public_page_looks_a_receipt_up(meeting, voter):
    outcome = [meeting.vote(at) for at in range(6)][0]
    voter.get(f"/published/{meeting.name}")
    assert "封箱以后在这里公布结果" in voter.html
    meeting.close()
    meeting.seal()
    voter.post(f"/published/{meeting.name}", {"receipt": outcome.receipt.lower()})
    assert "这张票已计入" in voter.html and "收回 6 张" in voter.html
    voter.post(f"/published/{meeting.name}", {"receipt": "0000000000"})
    assert "没有查到" in voter.html
    assert voter.client.get(f"/published/{meeting.name}/package.zip").status_code == 200


def test_a_code_at_a_link_s_address_is_told_to_be_none(app):
    meeting = opened(app, kind="opinion", mode="link", slips=5)
    voter = Voter(app)
    for ask in (
        lambda: voter.get(f"/v/{meeting.name}/0000000000000000000000000A"),
        lambda: voter.post(f"/v/{meeting.name}", {"code": "ABCDE12345"}),
    ):
        ask()
        assert voter.status == 404 and "没有这个测评码或网址" in voter.html
