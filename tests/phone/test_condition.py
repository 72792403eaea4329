"""Beside a conditional question stands in words when it is to be answered; the numbers are the paper's."""

import pytest
from flask_babel import refresh

from survey import condition, instrument, xlsform
from survey.instrument import Form, Rated, say
from survey.paper import sheet
from tests.box.meeting import opened
from tests.phone.test_xlsform import HEAD, workbook


@pytest.mark.parametrize(
    ("relevant", "chinese", "english"),
    [
        ("${knows} = 'yes'", "仅当第 1 题选了“是”，才填写。", "Only if you chose “是” in question 1."),
        ("${knows} != 'no'", "仅当第 1 题没选“否”，才填写。", "Only if you did not choose “否” in question 1."),
        ("selected(${wishes}, 'roads') or ${age} > 60", "仅当第 2 题选了“修路”，或者第 3 题大于 60，才填写。", None),
        ("${age} = 18", "仅当第 3 题等于 18，才填写。", "Only if question 3 is 18."),
        (
            "${age} >= 18 and ${age} < 60",
            "仅当第 3 题不小于 18，并且第 3 题小于 60，才填写。",
            "Only if question 3 is at least 18 and question 3 is less than 60.",
        ),
        ("not(${age} <= 60)", "仅当并非第 3 题不大于 60，才填写。", "Only if it is not so that question 3 is at most 60."),
        ("${knows} = ''", "仅当第 1 题没有答，才填写。", "Only if question 1 is not answered."),
        ("${knows} = 'yes' and (${age} > 60 or ${wishes} != '')", "仅当第 1 题选了“是”，并且（第 3 题大于 60，或者并非第 2 题没有答），才填写。", None),
    ],
)
def test_a_condition_in_words(app, relevant, chinese, english):
    rows = [
        ("select_one yesno", "knows", "知道吗？", "Do you know?", "", "", "", ""),
        ("select_multiple help", "wishes", "盼什么？", "What do you wish?", "", "", "", ""),
        ("integer", "age", "多少岁？", "How old?", "", "", "", ""),
        ("text", "words", "还想说？", "Anything else?", "", relevant, "", ""),
    ]
    form = Form(instrument=xlsform.read(workbook(rows, HEAD)), people=())
    part = form.instrument.parts[0]
    assert words(app, form, part.questions[3].show_if, "zh") == chinese
    assert english is None or words(app, form, part.questions[3].show_if, "en") == english


def words(app, form, show_if, language):
    with app.test_request_context(f"/?lang={language}"):
        refresh()
        return condition.words(form, form.instrument.parts[0], [show_if], lambda text: say(text, language))


def test_the_numbers_are_the_papers():
    people = (Rated(id="P0", name="示例甲"), Rated(id="P1", name="示例乙"))
    form = Form(instrument=instrument.load("opinion"), people=people)
    assert [form.numbers.get(each) for each in (("manner", "filled"), ("team", "aware"), ("people", "work"), ("closing", "words"))] == [
        None, "1", "10.2", "12",
    ]  # fmt: skip
    plan = sheet.plan(form, collection="00000000", language="zh", ask_voice=False)
    printed = {block.question: block.number for block in plan.blocks if isinstance(block, sheet.Asked | sheet.Space) and block.number}
    expected = {question: number if part == "people" else f"{number}." for (part, question), number in form.numbers.items() if question}
    assert printed == expected
    assert "10. 您认识这些同志吗？" in [line for block in plan.blocks if isinstance(block, sheet.Words) for line in block.lines]


def test_a_condition_stands_beside_its_question_until_the_script_hides_it(app, site, phone):
    survey = opened(app, kind="opinion", mode="link", slips=4, people=2)
    page = phone(script=False)
    page.goto(f"{site}/v/{survey.name}")
    assert page.locator("[id='q..visited'] .when").text_content() == "仅当第 1 题没选“不知道”，才填写。"
    assert page.locator("[data-s=P1] > .when").text_content() == "仅当第 1 题没选“不知道”，才填写。"
    assert page.locator("[id='q.P1.work'] .when").text_content() == "仅当第 10.1 题没选“不认识”，才填写。"
    assert page.locator("[id='q..aware'] legend").text_content().startswith("1.")
    page.goto(f"{site}/v/{survey.name}?lang=en")
    assert page.locator("[id='q..visited'] .when").text_content() == "Only if you did not choose “No” in question 1."
    page = phone()
    page.goto(f"{site}/v/{survey.name}")
    page.wait_for_selector("html.js")
    assert not page.locator(".when:visible, .no:visible").count()
    page.locator("#next").click()
    page.locator("#next").click()
    assert not page.locator(".when:visible, .no:visible").count()
