"""A meeting through the desk's pages: prepared, figures by two people, opened, voted, closed, sealed, counted."""

import re
from pathlib import Path

from survey import access, db
from survey.box import collection as collections
from survey.box import keys, slip
from tests.box.meeting import BANNER, SCRUTINEER, TELLER, roster
from tests.phone.test_pages import Voter, marked

PASSWORDS = {"teller_password": TELLER, "scrutineer_password": SCRUTINEER}


class Person:
    """One signed-in account that fills forms in."""

    def __init__(self, app, account, password):
        self.client = app.test_client()
        self.token = ""
        self.get("/desk/sign-in")
        self.post("/desk/sign-in", account=account, password=password)

    def get(self, path, code=200):
        response = self.client.get(path)
        assert response.status_code == code, (path, response.status_code)
        html = response.get_data(as_text=True)
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', html)
        self.token = found[1] if found else self.token
        return html

    def post(self, path, **fields):
        response = self.client.post(path, data={"csrf_token": self.token, **fields}, follow_redirects=True)
        return response.get_data(as_text=True)


def test_a_meeting_from_draft_to_seal(make_app):
    app = make_app()
    with app.app_context(), db.deed() as connection:
        roster(connection)
        access.create(connection, name="office", title="办公室", roles={"office"}, password="office-password", by="cli")
    office, teller, scrutineer = (
        Person(app, "office", "office-password"), Person(app, "teller", TELLER), Person(app, "scrutineer", SCRUTINEER),
    )  # fmt: skip
    office.get("/desk/meetings/new")
    page = office.post("/desk/meetings/new", banner=BANNER, kind="appraisal", mode="slips", instrument="opinion", title="总结测评会")
    name = re.search(r"/desk/meeting/([0-9A-Z]{8})", page)[1]
    url = f"/desk/meeting/{name}"
    assert "还没有印测评码" in page and "请先指定计票人和监票人" in page
    page = office.post(f"{url}/prepare", teller="teller", scrutineer="scrutineer", held_on="2019-01-10", delivered_on="2019-01-09")
    assert "送达不足三天" in page
    with app.app_context(), db.deed() as connection:
        codes = slip.make(connection, keys.of(Path(app.config["INSTANCE"]), name), name, voice="leaders", medium="phone", number=8)
    teller.get(url)
    assert "等另一人" in teller.post(f"{url}/figures", expected="8", present="8", issued="8")
    scrutineer.get(url)
    assert "已生效" in scrutineer.post(f"{url}/figures", expected="8", present="8", issued="8")
    refused = teller.post(f"{url}/open", **{**PASSWORDS, "scrutineer_password": "wrong-password"})
    assert "监票人的密码不对" in refused
    assert "送达不足三天" in teller.post(f"{url}/open", **PASSWORDS)
    page = teller.post(f"{url}/open", **PASSWORDS, **{"reason.materials": "雪天路断"})
    assert "备用码只显示这一次" in page
    voter = Voter(app)
    for code in codes[:6]:
        form = voter.get(f"/v/{name}/{code.token}").form("/check")
        check = voter.post(form["action"], marked(form))
        voter.post(check.form("/cast")["action"], check.form("/cast")["fields"])
        assert "已提交" in voter.html
    count = teller.client.get(f"{url}/count")
    assert count.json["received"] == 6
    assert teller.client.get(f"{url}/count", headers={"If-None-Match": count.headers["ETag"]}).status_code == 304
    teller.post(f"{url}/close", minutes="0", **PASSWORDS)
    page = teller.post(f"{url}/seal", **PASSWORDS)
    assert "已封箱，结果已公布" in page and "计票结果" in page and "100.0%" in page
    with app.app_context(), db.reading() as connection:
        assert collections.get(connection, name).state == "sealed"
    assert teller.client.get(f"{url}/package.zip").status_code == 200
    assert "明细指纹" in teller.get(f"{url}/projector")
    assert office.post(f"{url}/close", **PASSWORDS) and office.client.post(f"{url}/close").status_code in (400, 403)
