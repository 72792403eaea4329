"""Every language a questionnaire stands in can be chosen on the phone; buttons without a catalogue stay Chinese."""

import re

import pytest

from survey import db, questionnaire, xlsform
from tests.box.meeting import opened
from tests.phone.test_pages import Voter, marked
from tests.phone.test_xlsform import workbook

HEAD = ("type", "name", "label::中文 (zh)", "label::Mongolian (mn)", "label::Uyghur (ug)", "label::Klingon", "hint", "constraint", "constraint_message")
ROWS = [
    ("select_one yesno", "knows", "知道吗？", "Мэдэх үү?", "بىلەمسىز؟", "", "", "", ""),
    ("integer", "age", "多少岁？", "Хэдэн настай вэ?", "", "Hap?", "只填整数", ". >= 18", ""),
]
CHOICES = [("yesno", "yes", "是"), ("yesno", "no", "否")]


@pytest.fixture
def survey(app):
    with db.deed() as connection:
        questionnaire.add(connection, xlsform.read(workbook(ROWS, HEAD, CHOICES)))
    return opened(app, kind="opinion", mode="link", slips=9, people=1, instrument="xlsform:survey1")


def offered(voter):
    nav = voter.html.split("<nav")[1].split("</nav>")[0]
    return re.findall(r">([^<]+)</(?:button|a)>", nav)[:-1]


def test_every_language_of_the_questionnaire_is_offered(survey, app):
    voter = Voter(app)
    voter.get(f"/v/{survey.name}")
    assert offered(voter) == ["English", "klingon", "монгол", "ئۇيغۇرچە"] and 'lang="ug" dir="rtl"' in voter.html
    voter.get(f"/v/{survey.name}?lang=mn")
    assert offered(voter) == ["中文", "English", "klingon", "ئۇيغۇرچە"]
    ballot = opened(app, fresh=False)
    voter.get(f"/v/{ballot.name}/{ballot.codes[0].token}?lang=mn")
    assert offered(voter) == ["English"] and '<html lang="zh-CN"' in voter.html  # a language this one does not have


def test_what_is_asked_changes_and_says_its_language(survey, app):
    voter = Voter(app)
    voter.get(f"/v/{survey.name}?lang=mn")
    assert '<html lang="zh-CN"' in voter.html and '<span lang="mn">Мэдэх үү?</span>' in voter.html and "检查后提交" in voter.html
    assert "<span>是</span>" in voter.html and "<small>只填整数</small>" in voter.html  # not in Mongolian: Chinese, as the page
    voter.get(f"/v/{survey.name}?lang=en")
    assert '<html lang="en"' in voter.html and '<span lang="zh-CN">知道吗？</span>' in voter.html


def test_the_language_goes_along_to_the_receipt(survey, app):
    voter = Voter(app)
    form = voter.get(f"/v/{survey.name}?lang=mn").form("/check")
    assert form["fields"]["lang"] == ["mn"]
    check = voter.post(form["action"], {**form["fields"], "q..knows": "yes"})
    assert re.search(r'<button[^>]*lang="mn">Хэдэн настай вэ\?', voter.html)
    voter.post(check.form("/cast")["action"], check.form("/cast")["fields"])
    assert "已提交" in voter.html and f'href="/v/{survey.name}?lang=mn' in voter.html


def test_what_must_hold_is_told_in_the_questionnaires_own_words(app):
    with db.deed() as connection:
        questionnaire.add(connection, xlsform.read(workbook([(*ROWS[1][:8], "要满18岁")], HEAD, CHOICES)))
    survey = opened(app, kind="opinion", mode="link", slips=9, people=1, instrument="xlsform:survey1")
    voter = Voter(app)
    form = voter.get(f"/v/{survey.name}").form("/check")
    voter.post(form["action"], {**marked(form), "q..age": "17"})
    assert voter.status == 422 and voter.html.count("要满18岁</") == 2  # above and at its field


def test_a_language_is_changed_in_the_browser_and_nothing_is_lost(survey, site, phone):
    page = phone(320)
    page.goto(f"{site}/v/{survey.name}")
    page.wait_for_selector("html.js")
    page.locator("[name='q..knows'][value=yes]").check()
    page.locator("nav button[lang=mn]").click()
    page.wait_for_selector("html.js [lang=mn]")
    assert page.locator("legend span").inner_text() == "Мэдэх үү?" and page.locator("[name='q..knows'][value=yes]").is_checked()
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    page.locator("#next").click()
    page.locator("#go").click()
    assert "Хэдэн настай вэ?" in page.locator("#last").inner_text()
