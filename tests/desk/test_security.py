"""Who may open what, and what guards each deed: every route is looked at, none is listed by hand."""

import io
import zipfile
from pathlib import Path

import pytest

from survey import access, db, journal
from survey.schema import journal as journal_table
from tests.desk.office import BANNER, PASSWORDS, Person

TABLE = Path(__file__).parents[2] / "docs" / "routes.md"
CHANGING = {"POST", "PUT", "PATCH", "DELETE"}


def routes(app):
    """(rule, method, who) of every route but static files."""
    found = []
    for rule in app.url_map.iter_rules():
        if not rule.endpoint.endswith("static"):
            who = app.view_functions[rule.endpoint].who
            found += [(rule.rule, method, who) for method in sorted(rule.methods - {"HEAD", "OPTIONS"})]
    return sorted(found)


def table(app):
    """The routes as one readable table."""
    roles = list(access.ROLES)
    lines = [
        "# Who may open what",
        "",
        "Every route and the roles that may open it; a test compares this table with the app. `respondent` routes are without",
        "account and cookie: a post there is guarded by slip or link and nonce. Every other post is guarded by a CSRF token.",
        "Staff, tellers and scrutineers of one banner see that banner's material only; other addresses answer 404.",
        "",
        "| route | method | anyone | respondent | " + " | ".join(roles) + " |",
        "|---|---|---|---|" + "---|" * len(roles),
    ]
    for rule, method, who in routes(app):
        marks = ["✓" if name in who else "" for name in ("public", "respondent", *roles)]
        lines.append(f"| `{rule}` | {method} | " + " | ".join(marks) + " |")
    return "\n".join(lines) + "\n"


def test_the_table_of_routes_is_true(desk):
    """Written anew with `UPDATE=1`, as the table says what is."""
    import os

    if os.environ.get("UPDATE"):
        TABLE.parent.mkdir(exist_ok=True)
        TABLE.write_text(table(desk.app), encoding="utf-8")
    assert TABLE.read_text(encoding="utf-8") == table(desk.app)


def test_every_deed_of_the_desk_is_refused_without_its_token(people):
    """As a signed-in office that is lured elsewhere: the browser sends the cookies, but no token."""
    refused = 0
    for rule, method, who in routes(people.app):
        if method in CHANGING and "respondent" not in who:
            url = rule
            for part in (
                "collection",
                "name",
                "banner",
                "person",
                "material",
                "sequence",
                "subject",
                "secret",
                "medium",
                "code",
                "job",
            ):
                url = url.replace(f"<{part}>", "x")
            answer = people.office.client.open(url.replace("<int:at>", "1").replace("<int:row>", "1"), method=method)
            assert answer.status_code == 400, (rule, answer.status_code)
            refused += 1
    assert refused >= 30


def test_the_respondents_posts_are_these_and_they_get_no_cookie(desk):
    posts = [rule for rule, method, who in routes(desk.app) if method in CHANGING and who == ("respondent",)]
    assert set(posts) <= {
        "/", "/v/<collection>", "/v/<collection>/check", "/v/<collection>/cast", "/v/<collection>/receipt", "/diag",
        "/v/<collection>/materials", "/published/<collection>",
    }, posts  # fmt: skip
    client = desk.app.test_client()
    for rule in posts:
        answer = client.post(rule.replace("<collection>", "00000000"), data={})
        assert "Set-Cookie" not in answer.headers, rule
    assert "Set-Cookie" not in client.get("/no-such-page").headers


def test_no_route_opens_to_an_account_without_its_role(people):
    """Each account tries every page; those not its own answer 403 (or 404 where the material is another's)."""
    for name in access.ROLES:
        person = getattr(people, name)
        for rule, method, who in routes(people.app):
            if method == "GET" and "<" not in rule and not {"public", "respondent"} & set(who):
                code = person.client.get(rule).status_code
                assert (code == 403) == (name not in who), (name, rule, code)


def test_without_an_account_every_page_leads_to_sign_in(year):
    for rule, method, who in routes(year.app):
        if method == "GET" and not {"public", "respondent"} & set(who):
            url = rule.replace("int:", "")
            for part in ("at", "row"):
                url = url.replace(f"<{part}>", "1")
            answer = year.app.test_client().get(url.replace("<", "").replace(">", ""))
            assert answer.status_code == 302 and "/desk/sign-in" in answer.location, rule


def test_headers_of_every_face(year):
    for client, url in (
        (year.office.client, "/desk/roster"),
        (year.app.test_client(), "/"),
        (year.app.test_client(), "/desk/sign-in"),
    ):
        headers = client.get(url).headers
        assert "default-src 'none'" in headers["Content-Security-Policy"] and "unsafe" not in headers["Content-Security-Policy"]
        assert headers["Referrer-Policy"] == "no-referrer" and "no-store" in headers["Cache-Control"]
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_cookies_are_out_of_reach_of_scripts_and_other_sites(people):
    person = Person(people.app)
    person.get("/desk/sign-in")
    data = person.page.form("/sign-in").filled(account="viewer", password=PASSWORDS["viewer"])
    answer = person.client.post("/desk/sign-in", data=data)
    cookie = next(each for each in answer.headers.getlist("Set-Cookie") if each.startswith("desk=") and "Expires" not in each)
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie
    over_tls = person.client.post("/desk/sign-in", data=data, base_url="https://localhost")
    assert over_tls.status_code in (302, 400)


@pytest.mark.parametrize(("url", "code"), [("/desk/nothing", 404), ("/nothing", 404), ("/desk/sign-out", 405)])
def test_error_pages_are_pages(year, url, code):
    page = year.office.get(url, code)
    assert len(page.headings) == 1 and "Traceback" not in page.html and "werkzeug" not in page.html.lower()


def test_an_error_shows_nothing_of_what_was_sent(year):
    app = year.app
    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.testing = False
    app.extensions["engine"].dispose()
    with db_gone(app):
        for url in ("/desk/roster", "/v/00000000/SECRETCODESECRETCODESECRE0"):
            answer = year.office.client.get(url)
            assert answer.status_code in (500, 503)
            assert "SECRETCODE" not in answer.text and "<h1>" in answer.text and "sqlite" not in answer.text.lower()


class db_gone:
    """A database that cannot be read."""

    def __init__(self, app):
        self.app, self.kept = app, app.extensions["engine"]

    def __enter__(self):
        self.app.extensions["engine"] = db.make_engine("sqlite:////nonexistent/folder/survey.db")

    def __exit__(self, *_):
        self.app.extensions["engine"] = self.kept


def test_uploads_are_bounded_with_a_plain_answer(year):
    office = year.office
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("people.csv", b"0" * 60_000_000)
    many = io.BytesIO()
    with zipfile.ZipFile(many, "w") as archive:
        for at in range(700):
            archive.writestr(f"{at}.csv", "x")
    for content, words in (
        (bomb.getvalue(), "展开后太大"),
        (many.getvalue(), "展开后太大"),
        (b"PK\x03\x04 not a zip", "读不出来"),
    ):
        for page in ("/desk/cycle/import", "/desk/roster/import"):
            office.get(page)
            assert words in office.fill("/import", 422, file=("a.zip", content)).text
    office.get("/desk/roster/import")
    assert "请上传" in office.fill("/import", 422, file=("a.exe", b"MZ")).text
    assert year.app.config["MAX_CONTENT_LENGTH"] <= 64 * 1024 * 1024
    year.app.config["MAX_CONTENT_LENGTH"] = 1000
    office.get("/desk/roster/import")
    assert "文件太大" in office.fill("/import", 413, file=("a.csv", b"x" * 5000)).text


def test_a_zip_cannot_write_elsewhere(year):
    evil = io.BytesIO()
    with zipfile.ZipFile(evil, "w") as archive:
        archive.writestr("../../../../tmp/escaped-from-zip.csv", "姓名,旗县\n")
    year.office.get("/desk/roster/import")
    year.office.fill("/import", 422, file=("a.zip", evil.getvalue()))
    assert not Path("/tmp/escaped-from-zip.csv").exists()


def test_the_journal_shows_before_and_after_and_that_it_holds(year):
    office = year.office
    office.get(f"/desk/roster/{BANNER}")
    office.fill(f"/roster/{BANNER}", league="另一盟")
    page = office.get("/desk/journal?deed=banner")
    assert "示例盟 → 另一盟" in page.text and "没有被改动过" in page.text
    assert "登录" not in page.text.split("谁在什么时候")[1]
    with year.app.app_context(), db.deed() as connection:
        connection.execute(journal_table.update().where(journal_table.c.entry == 3).values(detail='{"forged":true}'))
    assert "第 3 条被改动过" in office.get("/desk/journal").text


def test_the_journals_export_runs_no_formula(year):
    with year.app.app_context(), db.deed() as connection:
        journal.record(connection, account="office", deed="person.put", subject="=HYPERLINK(1)", value="=1+1")
    content = year.office.client.get("/desk/journal.xlsx").data
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml").decode()
        assert "<f>" not in sheet and "=HYPERLINK(1)" in archive.read("xl/sharedStrings.xml").decode()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_nul_is_no_fault_of_ours(make_app, kind):
    client = make_app(kind).test_client()
    token = "A" * 26
    for path in ("/v/AB%00CDEFG", f"/v/AB%00CDEFG/{token}", "/published/AB%00", "/desk/meeting/A%00", "/v/A/%00"):
        assert client.get(path).status_code in (302, 404), path
    assert client.get("/desk/sign-in?then=%00").status_code == 400
    for path in ("/desk/sign-in", "/v", "/v/ABCDEFGH", "/v/ABCDEFGH/cast", "/v/ABCDEFGH/receipt"):
        answer = client.post(path, data={"name": "a\0", "password": "b\0", "code": "A\0", "slip": f"A\0{token[2:]}", "nonce": "\0"})
        assert answer.status_code in (400, 404, 422), path
