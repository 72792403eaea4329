"""Signing in, links, passwords and accounts: what each ends and what it leaves."""

import re
from datetime import UTC, datetime, timedelta

from argon2 import PasswordHasher
from sqlalchemy import select, update

from survey import access, clock, db, journal
from survey.schema import account as table
from survey.schema import session as sessions
from tests.desk.office import PASSWORDS, Person, account, sign_in


def session_cookie(person):
    return next((c.value for c in person.client._cookies.values() if c.key == access.COOKIE), None)


def test_the_session_id_changes_at_sign_in_and_the_old_one_is_dead(people):
    person = sign_in(people.app, "viewer")
    first = session_cookie(person)
    person.get("/desk/sign-in")
    person.fill("/sign-in", account="viewer", password=PASSWORDS["viewer"])
    second = session_cookie(person)
    assert first and second and first != second
    thief = Person(people.app)
    thief.client.set_cookie(access.COOKIE, first)
    assert "/desk/sign-in" in thief.client.get("/desk/results").location


def test_a_change_of_password_ends_every_other_session(people):
    here, there = sign_in(people.app, "viewer"), sign_in(people.app, "viewer")
    here.get("/desk/password")
    assert "密码已改" in here.fill("/password", now=PASSWORDS["viewer"], password="a-new-password", again="a-new-password").text
    assert here.client.get("/desk/results").status_code == 200
    assert there.client.get("/desk/results").status_code == 302
    wrong = Person(people.app)
    wrong.get("/desk/sign-in")
    wrong.fill("/sign-in", 403, account="viewer", password=PASSWORDS["viewer"])


def test_sign_out_is_a_post_and_ends_the_session(people):
    assert people.viewer.client.get("/desk/sign-out").status_code == 405
    people.viewer.get("/desk/password")
    people.viewer.fill("/sign-out")
    assert people.viewer.client.get("/desk/results").status_code == 302
    with people.app.app_context(), db.reading() as connection:
        assert not connection.execute(select(sessions).where(sessions.c.account == "viewer")).first()


def test_a_wrong_password_makes_the_account_wait_and_no_other(people):
    person = Person(people.app)
    for _ in range(5):
        person.get("/desk/sign-in")
        page = person.fill("/sign-in", 403, account="viewer", password="wrong-password")
    assert "请等" in page.text
    person.get("/desk/sign-in")
    page = person.fill("/sign-in", 403, account="viewer", password=PASSWORDS["viewer"])  # right, but too soon
    assert "这次没有核对" in page.text
    person.get("/desk/sign-in")
    person.fill("/sign-in", account="staff", password=PASSWORDS["staff"])  # the same address, another account
    with people.app.app_context(), db.deed() as connection:
        past = (datetime.now(UTC) - timedelta(seconds=1)).isoformat(timespec="seconds")
        connection.execute(update(table).where(table.c.account == "viewer").values(wait_until=past))
    sign_in(people.app, "viewer")


def test_a_wait_is_over_at_the_moment_a_password_is_looked_at_again(people):
    with people.app.app_context(), db.deed() as connection:
        connection.execute(update(table).where(table.c.account == "viewer").values(wait_until=clock.now(), failures=5))
        assert access.waiting(connection, "viewer") == 0 and access.verify(connection, "viewer", PASSWORDS["viewer"])


def test_tries_are_bounded_by_account_with_a_plain_page(people, monkeypatch):
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)  # all tries fall into one minute, also on a slow machine
    monkeypatch.setattr(access, "NOBODY", cheap.hash("nobody's password"))
    person = Person(people.app)
    token = person.get("/desk/sign-in").form("/sign-in").filled()["csrf_token"]
    data = {"csrf_token": token, "account": "nobody", "password": "x"}
    codes = [person.client.post("/desk/sign-in", data=data).status_code for _ in range(61)]  # a slow run may cross a minute
    assert codes[:30] == [403] * 30 and 429 in codes[30:]
    other = person.client.post("/desk/sign-in", data={**data, "account": "viewer", "password": PASSWORDS["viewer"]})
    assert other.status_code == 302


def test_a_link_is_spent_by_choosing_a_password_not_by_looking(desk):
    with desk.app.app_context(), db.deed() as connection:
        access.create(connection, name="new", title="新", roles={"viewer"}, password=access.unusable(), by="office")
        secret = access.invite(connection, "new")
    preview, holder = Person(desk.app), Person(desk.app)
    preview.get(f"/desk/welcome/{secret}")
    preview.get(f"/desk/welcome/{secret}")
    holder.get(f"/desk/welcome/{secret}")
    assert (
        "两次输入的密码不一样" in holder.fill(f"/welcome/{secret}", 422, password="long-enough-1", again="long-enough-2").text
    )
    assert "密码至少10个字符" in holder.fill(f"/welcome/{secret}", 422, password="short", again="short").text
    holder.fill(f"/welcome/{secret}", password="long-enough-1", again="long-enough-1")
    assert "已经用过或已过期" in preview.get(f"/desk/welcome/{secret}", 410).text


def test_accounts_are_made_reset_and_disabled_and_all_of_it_is_in_the_journal(desk):
    viewer = account(desk.office, desk.app, "viewer", ["viewer"])
    assert viewer.client.get("/desk/password").status_code == 200
    desk.office.get("/desk/accounts/viewer")
    desk.office.fill("/accounts/viewer", title="示例查看", roles=["viewer", "assessor"])
    assert viewer.client.get("/desk/password").status_code == 200
    desk.office.get("/desk/accounts")
    desk.office.fill("/accounts/viewer/link")
    assert viewer.client.get("/desk/password").status_code == 302
    desk.office.get("/desk/accounts/viewer")
    desk.office.fill("/accounts/viewer", disabled="y")
    person = Person(desk.app)
    person.get("/desk/sign-in")
    person.fill("/sign-in", 403, account="viewer", password=PASSWORDS["viewer"])
    with desk.app.app_context(), db.reading() as connection:
        deeds = [each.deed for each in journal.entries(connection, subject="viewer")]
        found = access.find(connection, "viewer")
    assert {"account.create", "account.password", "account.sign_in", "account.change", "account.reset"} <= set(deeds)
    assert found.reset_by == "office" and found.disabled


def test_the_last_office_account_stays(desk):
    desk.office.get("/desk/accounts/office")
    assert "最后一个管理办公室账号" in desk.office.fill("/accounts/office", 422, roles=["office"], disabled="y").text
    assert "最后一个管理办公室账号" in desk.office.fill("/accounts/office", 422, roles=["viewer"]).text
    assert "至少选一项职责" in desk.office.fill("/accounts/office", 422, roles=[]).text


def test_sign_in_leads_on_only_inside_the_desk(people):
    for then in ("https://evil.example/desk/", "//evil.example/desk", "/v/ABC", "/desk\\@evil.example", "javascript:alert(1)"):
        person = Person(people.app)
        token = person.get("/desk/sign-in").form("/sign-in").filled()["csrf_token"]
        data = {"csrf_token": token, "account": "viewer", "password": PASSWORDS["viewer"]}
        assert person.client.post("/desk/sign-in", query_string={"then": then}, data=data).location == "/desk/"
    person = Person(people.app)
    person.get("/desk/journal")
    assert re.search(r"then=[^ ]*journal", person.page.form("/sign-in").action)


def test_the_language_is_switched_by_a_post_and_kept(people):
    person = people.viewer
    person.get("/desk/password")
    page = person.fill("/language", lang="en")
    assert 'lang="en"' in page.html and person.page.url == "/desk/password"
    assert 'lang="zh-CN"' in person.fill("/language", lang="zh").html
