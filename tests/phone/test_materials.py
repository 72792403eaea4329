"""述职 materials: read before voting, from any person's page, and back to that page with the marks as they were."""

import pytest

from survey import db, roster
from survey.roster import Material
from tests.box.meeting import BANNER, opened
from tests.phone.test_script import mark, mark_person, slip_page

PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF"


@pytest.fixture
def meeting(app):
    found = opened(app)
    with db.deed() as connection:
        for name, title in (("m1", "工作总队述职报告"), ("m2", "示例1述职报告")):
            new = Material(material=name, banner=BANNER, person="", title=title, size=len(PDF))
            roster.add_material(connection, 2018, new, PDF, by="office")
    return found


def test_from_a_person_to_the_materials_and_back_to_that_person(meeting, site, phone):
    page = slip_page(phone(), site, meeting)
    mark_person(page, 0)
    page.locator("#next").click()
    mark(page, "q.P1.tasks", "poor")
    page.locator("button:has-text('看述职材料')").click()
    link = page.locator("a:has-text('示例1述职报告')")
    answer = page.request.get(site + link.get_attribute("href"))
    assert answer.body() == PDF and answer.headers["content-type"] == "application/pdf"
    with page.context.expect_page():
        link.click()  # beside the ballot, which stays
    page.bring_to_front()
    page.locator("button:has-text('回到测评页')").click()
    page.wait_for_selector("html.js .step:visible")
    assert "第 2 位，共 3 位" in page.locator(".step:visible").inner_text()
    assert page.locator("[name='q.P1.tasks'][value=poor]").is_checked() and page.locator("[name='q.P0.overall'][value=good]").is_checked()


def test_the_phones_back_leads_to_that_person_too(meeting, site, phone):
    page = slip_page(phone(), site, meeting)
    page.locator("#next").click()
    mark(page, "q.P1.tasks", "poor")
    page.locator("button:has-text('看述职材料')").click()
    page.locator("a:has-text('示例1述职报告')").wait_for()
    page.go_back()
    page.wait_for_selector("html.js .step:visible")
    assert "第 2 位，共 3 位" in page.locator(".step:visible").inner_text()
    assert page.locator("[name='q.P1.tasks'][value=poor]").is_checked()


def test_without_a_script_the_marks_go_along(meeting, site, phone):
    page = phone(script=False)
    page.goto(f"{site}/v/{meeting.name}/{meeting.codes[0].token}")
    page.locator("[name='q.P2.tasks'][value=good]").check(force=True)
    page.locator("button:has-text('看述职材料')").click()
    page.locator("button:has-text('回到测评页')").click()
    assert page.locator("[name='q.P2.tasks'][value=good]").is_checked()


def test_another_banners_materials_are_not_shown(app, meeting):
    client = app.test_client()
    assert client.get(f"/v/{meeting.name}/materials/m1").status_code == 200
    assert client.get(f"/v/{meeting.name}/materials/m3").status_code == 404
    other = opened(app, kind="opinion", mode="link", slips=2, fresh=False)
    assert client.get(f"/v/{other.name}/materials/m1").status_code == 200  # the same banner's survey
