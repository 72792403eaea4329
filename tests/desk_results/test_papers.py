"""The papers of a year: an index of all, and those made of the office's words and the year's tables (MEASURE 5)."""

import io
import re
import shutil
from urllib.parse import quote

import pypdfium2
import pytest

from survey import db, schema
from survey.desk.papers import PAPERS
from survey.year import scoring, site, yearbook
from tally.number import fixed

from .conftest import EXAMPLES, Form
from .test_feedback import LONG, pages, year_of

GRADES = {"excellent": "优秀", "competent": "称职", "basic": "基本称职", "incompetent": "不称职"}


def address(name, banner=""):
    return f"/desk/papers/{name}" + (f"?banner={quote(banner)}" if banner else "")


def printed(desk, name, banner=""):
    answer = desk.client.get(f"/desk/paper{address(name, banner).removeprefix('/desk').replace(name, f'{name}.pdf', 1)}")
    assert answer.mimetype == "application/pdf", answer.get_data(as_text=True)[:2000]
    return answer.get_data()


def write(desk, name, banner="", status=200, **texts):
    fields = next(each for each in Form(desk.get(address(name, banner))).forms if "office" in each)
    answer = desk.post(address(name), fields | {"deed": "save"} | texts)
    assert answer.status_code == status
    return answer.get_data(as_text=True)


def test_the_index_leads_to_every_paper(office):
    page = office.get("/desk/papers")
    links = re.findall(r'<th scope="row"><a href="([^"]+)">([^<]+)', page)
    assert len(links) == len(set(links)) == 17
    for url, _title in links:
        office.get(url)
    for page in ("/desk/results", "/desk/decisions"):
        assert "/desk/papers" in office.get(page)


@pytest.mark.parametrize("name", PAPERS)
def test_what_the_office_writes_is_kept_printed_and_journalled(office, entries, desk_app, name):
    banner = desk_app.first if PAPERS[name].each_banner else ""
    texts = {field: f"示例{field}第一行\n第二行" for field in PAPERS[name].texts}
    said = write(office, name, banner, office="示例办公室", day="2019-03-05", **texts)
    assert "已保存" in said and all(each in said.replace("\r", "") for each in texts.values())
    text = "".join(pages(printed(office, name, banner)))
    assert str(PAPERS[name].title) in text and "示例办公室2019年3月5日" in text and "内脱贫室发〔2018〕8号" in text
    if name != "transfer":  # whose text is a list for the table
        assert all(f"示例{field}第一行" in text for field in texts) and text.count("第二行") == len(texts)
    (noted,) = entries(deed="wording.put")
    assert noted.account == "office" and noted.detail["after"]["day"] == "2019-03-05" and not any(noted.detail["before"].values())
    assert "没有改动" in write(office, name, banner)
    write(office, name, banner, **dict.fromkeys(texts, ""))
    assert f"示例{next(iter(texts))}" not in "".join(pages(printed(office, name, banner)))


def test_printing_keeps_what_was_just_written(office, desk_app):
    fields = next(each for each in Form(office.get(address("assessors-report", desk_app.first))).forms if "office" in each)
    answer = office.post(address("assessors-report"), fields | {"deed": "print", "duties": "刚写的话"})
    assert answer.mimetype == "application/pdf" and "刚写的话" in "".join(pages(answer.get_data()))
    assert "刚写的话" in office.get(address("assessors-report", desk_app.first))


def test_one_teams_words_are_not_anothers(office, desk_app):
    write(office, "assessors-report", desk_app.first, duties="只说甲队的话")
    assert "只说甲队的话" not in office.get(address("assessors-report", desk_app.second))
    assert f"{desk_app.first} ✓" in office.get(address("assessors-report"))
    every = pages(printed(office, "assessors-report"))
    teams = [text for text in every if "考核组汇报" in text and "工作总队" in text]
    assert len(teams) == len(desk_app.book["banners"]["banner"])
    (mine,) = [text for text in every if "只说甲队的话" in text]
    people = {name: home for _person, name, home, *_more in desk_app.book["people"]}
    assert all(name in mine for name, home in people.items() if home == desk_app.first)


def test_the_assessors_report_says_the_reckoned_scores(office, desk_app):
    text = "".join(pages(printed(office, "assessors-report", desk_app.first)))
    scores = {row.name: row.score for ranking in year_of(desk_app).outcome.rankings for row in ranking.rows if row.banner == desk_app.first}
    assert scores and all(f"{float(score):.2f}" in text for score in scores.values() if score is not None)


def test_the_dates_are_the_measures(office):
    text = "".join(pages(printed(office, "schedule")))
    for wanted in (
        "自查总结2019年1月5日（周末）四（一）", "年度核查2019年1月31日四（三）", "数据汇总2019年2月10日（周末）四（五）",
        "考核组汇报2019年2月28日四（八）",
    ):  # fmt: skip
        assert wanted in text


def test_the_circular_names_the_best_and_no_score(office, desk_app):
    text = "".join(pages(printed(office, "circular")))
    rows = [row for ranking in year_of(desk_app).outcome.rankings for row in ranking.rows]
    best = [row.name for row in rows if row.grade == "excellent"]
    assert best and all(name in text for name in best)
    assert not [row.score for row in rows if row.score is not None and f"{float(row.score):.2f}" in text]


def test_the_decision_says_every_deviation_with_its_reason(office, desk_app):
    ranking = year_of(desk_app).outcome.rankings[1]
    row = next(row for row in ranking.rows if row.grade == "competent")
    url = f"/desk/results/{ranking.sequence}/{row.key}"
    fields = next(each for each in Form(office.get(url)).forms if "reason" in each)
    office.post(url, fields | {"grade": "basic", "reason": "示例理由"})
    text = "".join(pages(printed(office, "decision")))
    assert f"{row.name}{row.banner}称职基本称职示例理由" in text


def test_proposals_list_the_best_and_the_lowest_people(office, desk_app):
    text = "".join(pages(printed(office, "proposals")))
    rows = [row for ranking in year_of(desk_app).outcome.rankings for row in ranking.rows if row.subject.person]
    first, _, last = text.partition("等次较低的人员")
    assert all(row.name in first for row in rows if row.grade == "excellent")
    assert all(row.name in last for row in rows if row.grade in ("basic", "incompetent"))
    assert "无所作为" in office.get(address("proposals"))


def test_files_go_to_the_unit_or_to_the_organisation_department(office, desk_app):
    (one, other) = list(desk_app.book["people"])[:2]
    write(office, "transfer", organisation=f"{one[0]}\n没有的人")
    text = "".join(pages(printed(office, "transfer")))
    _, *tables = text.split("考核结果签收")  # the last heads of each table
    assert "归入个人档案。自治区党委组织部姓名" in text and one[1] in tables[0] and other[1] not in tables[0]
    assert text.count(one[1]) == 1 and [other[1] in table for table in tables].count(True) == 1 and "移交人：" in text


def test_a_posting_of_two_years_is_their_scores_and_their_mean(office, desk_app, tmp_path):
    folder = shutil.copytree(EXAMPLES / "small", tmp_path / "earlier")
    for file, old, new in (("year.csv", "year,2018", "year,2017"), ("scores.csv", r",routine,[\d.]+", ",routine,71.25")):
        text, changed = re.subn(old, new, (folder / file).read_text(encoding="utf-8-sig"))
        assert changed
        (folder / file).write_text(text, encoding="utf-8")
    earlier, rules = yearbook.read(folder)
    with desk_app.app_context(), db.deed() as connection:
        site.take_in(connection, earlier, rules, by="cli")
    with desk_app.app_context(), db.reading() as connection:
        before = {row.key: row.score for ranking in scoring.reckoned(connection, 2017).outcome.rankings for row in ranking.rows}
    now = {row.key: row for ranking in year_of(desk_app).outcome.rankings for row in ranking.rows if row.subject.person}
    text = "".join(pages(printed(office, "tenure")))
    for key, row in now.items():
        mean = fixed((before[key] + row.score) / 2)
        assert before[key] != row.score and f"{row.name}" in text
        assert f"{fixed(before[key])}" in text and f"{fixed(row.score)}" in text and mean in text
    assert "2017年度2018年度年度平均分" in text


def test_what_is_missing_is_said(office, desk_app):
    office.save("/desk/entry/scores", {(desk_app.first, "第三方评估"): ""})
    assert "没有得分和等次" in office.get(address("assessors-report", desk_app.first))
    assert "没有得分和等次" not in office.get(address("schedule"))
    text = "".join(pages(printed(office, "assessors-report", desk_app.first)))
    assert "缺项" in text and "待定" in text


def test_a_paper_a_banner_or_a_day_that_is_none_is_told(office, desk_app):
    office.get("/desk/papers/nothing", status=404)
    assert office.client.get("/desk/paper/papers/nothing.pdf").status_code == 404
    assert "没有“示例无旗”的工作总队" in office.get(address("assessors-report", "示例无旗"), status=404)
    assert office.client.get(f"/desk/paper/papers/assessors-report.pdf?banner={quote('示例无旗')}").status_code == 404
    fields = next(each for each in Form(office.get(address("assessors-report", desk_app.first))).forms if "office" in each)
    assert office.post(address("assessors-report"), fields | {"banner": "示例无旗", "duties": "x"}).status_code == 404
    write(office, "schedule", status=422, day="2019-02-30")
    with desk_app.app_context(), db.reading() as connection:
        assert connection.execute(schema.wording.select()).all() == []


def test_the_longest_names_stay_on_the_sheet_and_a_demo_is_marked(office, desk_app):
    with desk_app.app_context(), db.deed() as connection:
        connection.execute(schema.cycle.update().values(demo=True, revision=schema.cycle.c.revision + 1))
        connection.execute(schema.person.update().where(schema.person.c.person == "P0001").values(name=LONG, unit=LONG * 4))
    for name in PAPERS:
        for page in pypdfium2.PdfDocument(io.BytesIO(printed(office, name))):
            text = page.get_textpage()
            boxes = [text.get_charbox(at) for at in range(text.count_chars())]
            assert "演示数据" in text.get_text_range(), name
            assert max(box[2] for box in boxes) < page.get_width() - 50, name


def test_papers_are_the_offices_and_the_viewer_reads_them(office, sign_in):
    write(office, "circular", situation="示例总体情况")
    viewer = sign_in("viewer")
    page = viewer.get(address("circular"))
    assert "示例总体情况" in page and "<textarea" not in page
    token = Form(viewer.get(address("circular"))).forms[0]["csrf_token"]
    assert viewer.post(address("circular"), {"csrf_token": token, "situation": "x"}).status_code == 403
    printed(viewer, "circular")
    for role in ("staff", "assessor", "teller"):
        sign_in(role).get("/desk/papers", status=403)
        sign_in(role).get(address("circular"), status=403)
