"""The feedback to a team: its own results and nobody else's, no rank unless asked, nothing undecided said as decided (六（二）)."""

import io
from fractions import Fraction
from urllib.parse import quote

import pypdfium2
import pytest
from sqlalchemy import update

from survey import db, schema
from survey.year import scoring
from tally.number import fixed

from .conftest import Form

FEEDBACK = "/desk/decisions/feedback"
PAPER = "/desk/paper/feedback.pdf"
LONG = "巴雅尔孟和额尔德尼图雅"


def pages(pdf):
    """The text of each page, without spaces."""
    return ["".join(page.get_textpage().get_text_range().split()) for page in pypdfium2.PdfDocument(io.BytesIO(pdf))]


def year_of(app):
    with app.app_context(), db.reading() as connection:
        return scoring.reckoned(connection, 2018)


def form(desk, banner):
    """What the page's form of the paper posts; its box is not ticked."""
    found = next(each for each in Form(desk.get(f"{FEEDBACK}?banner={quote(banner)}")).forms if "office" in each)
    assert found.pop("rank") and found["banner"] == banner
    return found


def printed(desk, banner, **said):
    """The paper as the page's form posts it."""
    fields = form(desk, banner)
    answer = desk.client.post(PAPER, data=fields | said)
    assert answer.mimetype == "application/pdf", answer.get_data(as_text=True)
    return pages(answer.get_data())


@pytest.fixture
def tied(office, desk_app):
    """Two teams tied across the quota: the team after the last excellent one is raised to its very score (D-24)."""
    rows = year_of(desk_app).outcome.ranking("team").rows
    last, next_ = rows[1], rows[2]
    raised = next_.components["routine"] + (last.score - next_.score) / Fraction(20, 100)
    office.save("/desk/entry/scores", {(next_.banner, "日常督查"): fixed(raised)})
    again = year_of(desk_app).outcome.ranking("team").rows
    assert [row.decision_needed for row in again[:4]] == [False, True, True, False]
    return last.banner, next_.banner


def test_a_team_reads_its_own_components_and_its_own_people(office, desk_app):
    outcome = year_of(desk_app).outcome
    text = "".join(printed(office, desk_app.first, office="示例办公室", day="2019-03-05", strengths="合作社\n有成效"))
    team = next(row for row in outcome.ranking("team").rows if row.banner == desk_app.first)
    for value in (team.score, *team.components.values()):
        assert fixed(value) in text
    assert "指标考核" + fixed(team.components["indicators"]) + "30%" in text
    for person, name, banner, _position, unit, *_days in desk_app.book["people"]:
        assert (f"{name}{unit}" in text) == (banner == desk_app.first), name
        own = next(row for ranking in outcome.rankings for row in ranking.rows if row.key == person)
        assert banner != desk_app.first or fixed(own.score) in text
    assert "合作社有成效" in text and "示例办公室" in text and "2019年3月5日" in text
    assert "名次" not in text and "列第" not in text and "待定" not in text and "演示数据" not in text


def test_the_rank_is_printed_only_where_it_is_asked_for(office, desk_app):
    ranking = year_of(desk_app).outcome.ranking("team")
    rank = next(row.rank for row in ranking.rows if row.banner == desk_app.first)
    page = office.get(f"{FEEDBACK}?banner={quote(desk_app.first)}")
    assert 'name="rank"' in page and "checked" not in page and "列第" not in page
    text = "".join(printed(office, desk_app.first, rank="yes"))
    assert f"在{ranking.size}个总队中列第{rank}名" in text and "同职务名次" in text


def test_its_people_stand_in_the_rosters_order(office, desk_app):
    outcome = year_of(desk_app).outcome
    ranked = [row for row in outcome.ranking("member").rows if row.banner == desk_app.first]
    members, roster = [row.name for row in ranked], [row.name for row in sorted(ranked, key=lambda row: row.key)]
    assert roster != members, "this banner's order by rank would say nothing"
    text = "".join(printed(office, desk_app.first))
    assert sorted(members, key=text.index) == roster


def test_all_teams_in_one_file_each_begins_a_page_and_says_only_its_own(office, desk_app):
    found = printed(office, "", strengths="只说一个总队的话")
    banners = desk_app.book["banners"]["banner"]
    begins = [text for text in found if "考核结果反馈通知" in text]
    assert len(begins) == len(banners)
    for text in begins:
        named = [banner for banner in banners if f"驻{banner}工作总队" in text]
        assert len(named) == 1 and f"驻{named[0]}工作总队·1" in text  # its pages are counted from one
    assert "只说一个总队的话" not in "".join(found)
    printed(office, desk_app.first, strengths="只说一个总队的话")
    assert "只说一个总队的话" in office.get(f"{FEEDBACK}?banner={quote(desk_app.first)}")  # it is kept
    assert [f"驻{desk_app.first}工作总队：" in text for text in printed(office, "") if "只说一个总队的话" in text] == [True]
    assert 'name="strengths"' not in office.get(FEEDBACK)


def test_a_grade_that_waits_for_a_decision_is_open_until_it_is_decided(office, tied):
    banner = tied[1]
    page = office.get(f"{FEEDBACK}?banner={quote(banner)}")
    assert f"{banner}：等次待决定" in page
    text = "".join(printed(office, banner))
    assert "等次：待定。" in text and "还没有决定" in text
    url = f"/desk/results/team/{quote(banner)}"
    office.post(url, Form(office.get(url)).with_(reason="") | {"grade": "excellent", "reason": "领导小组审议"})
    assert "等次待决定" not in office.get(f"{FEEDBACK}?banner={quote(banner)}")
    text = "".join(printed(office, banner))
    assert "等次：优秀。" in text and "待定" not in text


def test_what_is_missing_is_named_and_no_grade_is_made_up(office, desk_app):
    office.save("/desk/entry/scores", {(desk_app.first, "第三方评估"): ""})
    page = office.get(FEEDBACK)
    assert f"{desk_app.first}：缺第三方评估，没有得分和等次" in page
    text = "".join(printed(office, desk_app.first))
    assert "考核得分：缺项，等次：待定。缺第三方评估。" in text
    # its people rest on the team's score: all of them wait too (D-01)
    assert text.count("待定") == 1 + 6 + 1 and "优秀" not in text and "称职" not in text


def test_only_the_first_of_what_is_lacking_are_named(office, desk_app):
    office.save("/desk/entry/scores", {(banner, "第三方评估"): "" for banner in desk_app.book["banners"]["banner"]})
    page = office.get(FEEDBACK)
    assert page.count("没有得分和等次") == 10 and "另有 46 个" in page  # eight teams and their 48 people


def test_a_demo_year_is_marked_and_the_longest_name_stays_on_the_sheet(office, desk_app):
    with desk_app.app_context(), db.deed() as connection:
        connection.execute(update(schema.cycle).values(demo=True))
        connection.execute(update(schema.person).where(schema.person.c.person == "P0001").values(name=LONG, unit=LONG * 3))
        connection.execute(update(schema.cycle).values(revision=schema.cycle.c.revision + 1))
    fields = form(office, desk_app.first)
    pdf = pypdfium2.PdfDocument(io.BytesIO(office.client.post(PAPER, data=fields).get_data()))
    assert all("演示数据" in page.get_textpage().get_text_range() for page in pdf)
    assert LONG in "".join("".join(page.get_textpage().get_text_range().split()) for page in pdf)
    for page in pdf:
        text = page.get_textpage()
        boxes = [text.get_charbox(at) for at in range(text.count_chars())]
        assert max(box[2] for box in boxes) < page.get_width() - 50 and min(box[0] for box in boxes if box[2]) > 50


def test_a_banner_or_a_day_that_is_none_is_told(office, desk_app):
    assert "本年度没有“示例丙旗”的工作总队" in office.get(f"{FEEDBACK}?banner={quote('示例丙旗')}", status=404)
    fields = form(office, desk_app.first)
    answer = office.client.post(PAPER, data=fields | {"banner": "示例丙旗"})
    assert answer.status_code == 404 and "本年度没有“示例丙旗”的工作总队" in answer.get_data(as_text=True)
    assert office.client.post(PAPER, data=fields | {"day": "2019-02-30"}).status_code == 422


def test_the_feedback_is_for_the_office_and_the_viewer(sign_in):
    assert "反馈通知" in sign_in("viewer").get(FEEDBACK)
    for role in ("staff", "assessor", "teller"):
        sign_in(role).get(FEEDBACK, status=403)
