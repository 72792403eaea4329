"""The report to the leading group: every figure in it is the reckoning's, nothing undecided is said as decided (四（六）, 六（一）)."""

import io
from fractions import Fraction
from urllib.parse import quote

import pypdfium2

from survey import db, schema
from tally.number import fixed

from .conftest import Form
from .test_feedback import LONG, tied, year_of  # noqa: F401

REPORT = "/desk/decisions/report"
PAPER = "/desk/paper/report.pdf"


def pdf(desk, **said):
    """The paper as the page's form posts it, a text for each page without spaces."""
    fields = next(each for each in Form(desk.get(REPORT)).forms if "proposals" in each)
    answer = desk.client.post(PAPER, data=fields | said)
    assert answer.mimetype == "application/pdf", answer.get_data(as_text=True)
    return pypdfium2.PdfDocument(io.BytesIO(answer.get_data()))


def texts(document):
    return ["".join(page.get_textpage().get_text_range().split()) for page in document]


def test_the_annexes_are_the_five_rankings_with_every_component(office, desk_app):
    outcome, pages = year_of(desk_app).outcome, texts(pdf(office))
    for at, ranking in enumerate(outcome.rankings, 1):
        begins = [text.startswith(f"附件{at}：") for text in pages].index(True)
        ends = [text.startswith(f"附件{at + 1}：") for text in pages].index(True)
        annex = "".join(pages[begins:ends])
        found = [annex.index(f"{row.rank}{row.name}") for row in ranking.rows]
        assert found == sorted(found)  # best first
        for row in ranking.rows:
            assert all(fixed(value) in annex for value in (row.score, *row.components.values()) if value is not None), row.name
        assert f"共{ranking.size}个，优秀名额{ranking.excellent}个" in annex


def test_the_figures_are_the_reckonings(office, desk_app):
    outcome, text = year_of(desk_app).outcome, "".join(texts(pdf(office)))
    page = office.get(REPORT)
    for ranking in outcome.rankings:
        scores = [row.score for row in ranking.rows]
        best, last = ranking.rows[0], ranking.rows[-1]
        figures = f"{len(scores)}{fixed(sum(scores) / len(scores))}{fixed(max(scores))}{best.name}{fixed(min(scores))}{last.name}"
        assert f"得分{figures}" in text
        excellent = [row.name for row in ranking.rows if row.grade == "excellent"]
        assert f"{ranking.label.text('zh')}建议为优秀的{len(excellent)}个：{'、'.join(excellent)}。" in text
        assert fixed(sum(scores) / len(scores)) in page
    third = [row.components["third_party"] for row in outcome.ranking("team").rows]
    assert f"第三方评估20%{len(third)}{fixed(sum(third, Fraction()) / len(third))}{fixed(max(third))}" in text


def test_the_offices_words_stand_in_the_measures_order(office):
    said = {"achievements": "业绩一\n\n 业绩二", "analysis": "分析一", "problems": "问题一", "appraisal": "评价一", "proposals": "建议一"}
    document = pdf(office, office="示例办公室", day="2019-02-28", **said)
    text = "".join(texts(document))
    order = ["二、工作业绩业绩一业绩二", "三、指标数据分析分析一", "四、存在问题问题一", "五、综合评价评价一", "六、意见建议建议一"]
    found = [text.index(each) for each in (*order, "示例办公室2019年2月28日", "附件1：")]
    assert found == sorted(found)
    page = office.get(REPORT)
    assert 'target="_blank"' in page and "业绩一\n业绩二</textarea>" in page  # the page stays with what was written, and it is kept


def test_a_decision_is_told_with_its_reason_and_who_waits_is_open(office, tied):  # noqa: F811
    page, text = office.get(REPORT), "".join(texts(pdf(office)))
    assert all(f"{banner}：等次待决定" in page for banner in tied)
    assert text.count("待决定") == 2 and "工作总队建议为优秀的1个" in text and "没有：等次都按得分提出" not in text
    url = f"/desk/results/team/{quote(tied[1])}"
    office.post(url, Form(office.get(url)).with_(reason="") | {"grade": "excellent", "reason": "领导小组审议", "approver": "示例批准人"})
    text = "".join(texts(pdf(office)))
    assert "优秀领导小组审议示例批准人" in text and "工作总队建议为优秀的2个" in text and text.count("待决定") == 1


def test_more_than_the_quota_is_said_with_where_the_reason_stands(office, desk_app):
    row = year_of(desk_app).outcome.ranking("team").rows[-1]
    url = f"/desk/results/team/{quote(row.banner)}"
    assert "超过名额" not in "".join(texts(pdf(office)))
    office.post(url, Form(office.get(url)).with_(reason="") | {"grade": "excellent", "reason": "加大表彰", "approver": "示例批准人"})
    most = year_of(desk_app).outcome.ranking("team").excellent
    assert f"工作总队优秀{most + 1}名，超过名额{most}名，理由见附件6。" in "".join(texts(pdf(office)))
    assert "超过名额" in office.get(REPORT)


def test_what_is_missing_is_open_and_named(office, desk_app):
    office.save("/desk/entry/scores", {(desk_app.first, "第三方评估"): ""})
    text = "".join(texts(pdf(office)))
    assert f"–{desk_app.first}" in text and "缺第三方评估。" in text
    assert f"{desk_app.first}：缺第三方评估，没有得分和等次" in office.get(REPORT)


def test_a_demo_year_is_marked_and_the_longest_name_stays_on_the_sheet(office, desk_app):
    with desk_app.app_context(), db.deed() as connection:
        connection.execute(schema.cycle.update().values(demo=True))
        connection.execute(schema.person.update().where(schema.person.c.person == "P0001").values(name=LONG, unit=LONG * 2))
        connection.execute(schema.cycle.update().values(revision=schema.cycle.c.revision + 1))
    document = pdf(office)
    assert all("演示数据" in text for text in texts(document)) and LONG in "".join(texts(document))
    for page in document:
        text = page.get_textpage()
        boxes = [text.get_charbox(at) for at in range(text.count_chars())]
        assert max(box[2] for box in boxes) < page.get_width() - 30 and min(box[0] for box in boxes if box[2]) > 30


def test_the_report_is_for_the_office_and_the_viewer(sign_in):
    assert "考核报告" in sign_in("viewer").get(REPORT) and REPORT in sign_in("viewer").get("/desk/decisions")
    for role in ("staff", "assessor", "teller"):
        sign_in(role).get(REPORT, status=403)
