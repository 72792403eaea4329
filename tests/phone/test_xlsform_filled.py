"""A questionnaire from a workbook, filled in on a phone: relevant, constraint, select_multiple; with a network and without."""

import pytest

from survey import db, questionnaire, xlsform
from tests.box.meeting import opened
from tests.phone.test_script import ask, ballots, mark, send
from tests.phone.test_xlsform import GOOD, HEAD, workbook


@pytest.fixture
def survey(app):
    rows = [(*row, "要满18岁，不到120岁" if row[1] == "age" else "") for row in GOOD]
    with db.deed() as connection:
        questionnaire.add(connection, xlsform.read(workbook(rows, (*HEAD, "constraint_message"))))
    return opened(app, kind="opinion", mode="link", slips=9, people=1, instrument="xlsform:survey1", smallest_group=1)


def open_form(page, site, survey):
    page.goto(f"{site}/v/{survey.name}")
    page.wait_for_selector("html.js")
    return page


def go_on(page):
    page.locator("#next").click()


def fill(page, *, age):
    """Everything, by one who knows and wishes for a road."""
    mark(page, "q..knows", "yes")
    go_on(page)
    mark(page, "q..wishes", "roads")
    mark(page, "q..wishes", "water")
    go_on(page)
    page.locator("[name='q..age']").fill(age)
    go_on(page)
    page.locator("[name='q..score']").fill("7")
    go_on(page)
    assert "谢谢" in ask(page).inner_text() and page.locator("#at").is_hidden()  # a note is no question
    go_on(page)
    page.locator("[name='q..words']").fill("路灯修好了")
    page.locator("#go").click()


def test_what_does_not_apply_is_not_asked(survey, site, phone):
    page = open_form(phone(), site, survey)
    mark(page, "q..knows", "no")
    go_on(page)
    assert ask(page).get_attribute("id") == "q..age"  # no wishes of one who knows nothing
    page.locator("[name='q..age']").fill("61")
    go_on(page)
    assert ask(page).get_attribute("id") == "q..thanks"  # and no score of one above sixty
    page.locator("#back").click()
    page.locator("[name='q..age']").fill("60")
    go_on(page)
    assert ask(page).get_attribute("id") == "q..score"


def test_what_must_hold_is_told_at_its_screen_in_the_workbooks_words(survey, site, phone):
    page = open_form(phone(), site, survey)
    fill(page, age="17")
    assert ask(page).get_attribute("id") == "q..age" and ask(page).locator(".why").inner_text() == "要满18岁，不到120岁"
    assert page.evaluate("document.activeElement.name") == "q..age"
    page.locator("[name='q..age']").fill("18")
    while page.locator("#next").is_visible():
        go_on(page)
    page.locator("#go").click()
    assert "都选好了" in page.locator("#last").inner_text()


def test_what_is_required_leads_to_its_screen(survey, site, phone):
    page = open_form(phone(), site, survey)
    while page.locator("#next").is_visible():
        go_on(page)
    page.locator("#go").click()
    assert ask(page).get_attribute("id") == "q..knows" and "请填这一项" in ask(page).inner_text()


@pytest.mark.parametrize("network", [True, False])
def test_filled_and_sent_or_kept_and_sent_later(survey, site, phone, network):
    page = open_form(phone(), site, survey)
    page.context.set_offline(not network)
    fill(page, age="45")
    send(page)
    if not network:
        page.wait_for_selector("text=还没上传 1 份，已上传 0 份")
        page.locator("#last button:has-text('下一位填写')").click()
        assert not page.locator("input:checked").count() and ask(page).get_attribute("id") == "q..knows"
        mark(page, "q..knows", "no")
        while page.locator("#next").is_visible():
            go_on(page)
        page.locator("#go").click()
        send(page)
        page.wait_for_selector("text=还没上传 2 份")
        assert ballots() == 0
        page.context.set_offline(False)
    page.wait_for_selector("text=已上传 1 份" if network else "text=还没上传 0 份，已上传 2 份")
    survey.close()
    tally = survey.seal()["closing"]["tally"][""]
    assert tally["knows"] == {"": {"yes": 1} if network else {"yes": 1, "no": 1}}
    assert tally["wishes"] == {"": {"roads": 1, "water": 1}}


def test_a_hidden_answer_given_before_is_not_sent(survey, site, phone):
    page = open_form(phone(), site, survey)
    fill(page, age="45")
    page.locator("#last button").first.click()  # back
    while page.locator("#back").is_visible():
        page.locator("#back").click()
    mark(page, "q..knows", "no")
    while page.locator("#next").is_visible():
        go_on(page)
    page.locator("#go").click()
    with page.expect_request("**/cast") as sent:
        send(page)
    assert "q..wishes" not in sent.value.post_data and "q..knows=no" in sent.value.post_data
