"""The notice of a person's result: score, grade, review and signature on one page, no rank, nothing undecided (六（三）)."""

from urllib.parse import quote

from sqlalchemy import update

from survey import db, schema
from tally.number import fixed

from .test_feedback import LONG, pages, year_of

PERSONAL = "/desk/decisions/personal"
PAPER = "/desk/paper/personal.pdf"


def row_of(app, person):
    return next(row for ranking in year_of(app).outcome.rankings for row in ranking.rows if row.key == person)


def test_one_person_reads_score_grade_review_and_where_to_sign_on_one_page(office, desk_app):
    row = row_of(desk_app, "P0001")
    said = f"office={quote('示例办公室')}&limit={quote('2019年4月1日以前')}&phone=0471-0000000&day=2019-03-05"
    (text,) = pages(office.bytes(f"{PAPER}?person=P0001&{said}"))
    assert f"{row.name}同志：" in text and f"驻{row.banner}工作总队，队长" in text and "2018年度" in text
    assert f"考核得分{fixed(row.score)}" in text and "考核等次优秀" in text
    assert "可以在公务员法和公务员考核规定写明的期限内申请复核" in text and "第三十八条" in text
    assert "复核期限：2019年4月1日以前受理部门：示例办公室电话：0471-0000000" in text
    assert "2019年3月5日" in text and "本人签字：" in text
    assert "名次" not in text and "待定" not in text and "演示数据" not in text


def test_a_team_and_a_sequence_print_a_page_a_person_in_the_rosters_order(office, desk_app):
    rows = year_of(desk_app).outcome.ranking("captain").rows
    found = pages(office.bytes(f"{PAPER}?sequence=captain"))
    assert len(found) == len(rows)
    assert [row.name for row in rows] != [row.name for text in found for row in rows if f"{row.name}同志" in text]
    assert all(sum(f"{row.name}同志" in text for text in found) == 1 for row in rows)
    team = pages(office.bytes(f"{PAPER}?banner={quote(desk_app.first)}"))
    assert len(team) == 6 and all(f"驻{desk_app.first}工作总队" in text for text in team)
    assert len(pages(office.bytes(f"{PAPER}?banner={quote(desk_app.first)}&sequence=member"))) == 3


def test_the_page_says_whose_they_are_and_prints_nobody_unasked(office, desk_app):
    page = office.get(PERSONAL)
    assert "请先选一个总队或者一个序列" in page and "通知 PDF" not in page
    page = office.get(f"{PERSONAL}?banner={quote(desk_app.first)}")
    assert "6 人的通知 PDF" in page and 'name="person" value="P0001"' in page and "名次" not in page.replace("不写名次", "")
    answer = office.client.get(PAPER)
    assert answer.mimetype == "text/html" and "请先选一个总队或者一个序列" in answer.get_data(as_text=True)
    assert f"{PERSONAL}?person=P0001" in office.get("/desk/results/captain/P0001")
    assert PERSONAL in office.get("/desk/decisions") and "/desk/decisions/feedback" in office.get("/desk/decisions")


def test_without_a_score_the_notice_says_open_and_is_no_result(office, desk_app):
    office.save("/desk/entry/scores", {(desk_app.first, "第三方评估"): ""})
    row = row_of(desk_app, "P0001")
    page = office.get(f"{PERSONAL}?person=P0001")
    assert f"{row.banner} {row.name} 队长：缺督导组考核得分，没有得分和等次" in page
    (text,) = pages(office.bytes(f"{PAPER}?person=P0001"))
    assert "考核得分缺项考核等次待定" in text and "本件不作为考核结果" in text
    other = row_of(desk_app, next(row.key for row in year_of(desk_app).outcome.ranking("captain").rows if row.score))
    (text,) = pages(office.bytes(f"{PAPER}?person={other.key}"))
    assert "待定" not in text and "不作为考核结果" not in text


def test_a_demo_year_is_marked_and_the_longest_name_and_lines_keep_to_one_page(office, desk_app):
    with desk_app.app_context(), db.deed() as connection:
        connection.execute(update(schema.person).where(schema.person.c.person == "P0001").values(name=LONG, unit=LONG * 3))
        connection.execute(update(schema.cycle).values(demo=True, revision=schema.cycle.c.revision + 1))
    (text,) = pages(office.bytes(f"{PAPER}?person=P0001&office={quote('示例办公室' * 5)}&limit={quote('一' * 60)}"))
    assert f"{LONG}同志" in text and "演示数据" in text and "本人签字：" in text


def test_whoever_is_not_there_is_told(office):
    for asked, told in (
        ("person=P9999", "本年度名册里没有“P9999”这个人"),
        (f"banner={quote('示例丙旗')}", "本年度没有“示例丙旗”的工作总队"),
        ("sequence=team", "没有“team”这个序列"),
    ):
        assert told in office.get(f"{PERSONAL}?{asked}", status=404)
        assert told in office.get(f"{PAPER}?{asked}", status=404)
    assert office.client.get(f"{PAPER}?person=P0001&day=2019-02-30").status_code == 422


def test_the_notices_are_for_the_office_and_the_viewer(sign_in):
    assert "个人结果通知" in sign_in("viewer").get(PERSONAL)
    for role in ("staff", "assessor", "scrutineer"):
        sign_in(role).get(f"{PAPER}?person=P0001", status=403)
