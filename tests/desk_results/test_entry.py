"""Grids: typed, pasted, imported; every fault beside its cell; every save one entry of the journal."""

import io
import re
from urllib.parse import quote

import pytest
import xlsxwriter

from survey import db
from survey import entry as entering

from .conftest import Form


def kept(app, kind, banner):
    with app.app_context(), db.reading() as connection:
        return entering.read(connection, kind, 2018, banner)


def workbook(rows, sheet="Sheet1"):
    stream = io.BytesIO()
    with xlsxwriter.Workbook(stream, {"in_memory": True}) as book:
        page = book.add_worksheet(sheet)
        for at, row in enumerate(rows):
            page.write_row(at, 0, row)
    stream.seek(0)
    return stream


def test_a_typed_score_is_kept_and_journalled_once_with_before_and_after(office, desk_app, entries):
    before = kept(desk_app, "score", desk_app.first).get((desk_app.first, "", "routine"), "")
    page = office.save("/desk/entry/scores", {(desk_app.first, "日常督查"): "８８．５０", (desk_app.first, "第三方评估"): "77"})
    assert "已保存，改了 2 格" in page
    assert kept(desk_app, "score", desk_app.first)[desk_app.first, "", "routine"] == "88.5"
    noted = entries(deed="score.enter")
    assert len(noted) == 1 and noted[0].account == "office"
    assert noted[0].detail["before"]["routine"] == before and noted[0].detail["after"]["routine"] == "88.5"


def test_saving_unchanged_changes_nothing(office, entries):
    assert "没有改动" in office.save("/desk/entry/scores", {})
    assert not entries(deed="score")


@pytest.mark.parametrize(
    ("typed", "said"),
    [("101", "应在 0 到 100 之间"), ("-1", "应在 0 到 100 之间"), ("好", "应是数字"), ("88.12345", "小数最多 4 位")],
)
def test_a_fault_stands_at_its_cell_and_nothing_is_saved(office, desk_app, typed, said):
    before = kept(desk_app, "score", desk_app.first)
    page = office.save(
        "/desk/entry/scores", {(desk_app.first, "日常督查"): typed, (desk_app.second, "日常督查"): "66"}, status=422
    )
    name = office.cell(page, desk_app.first, "日常督查")
    assert said in re.search(rf'id="{re.escape(name)}-fault">([^<]*)', page)[1]
    assert f'value="{typed}"' in page and 'value="66"' in page, "what was typed stays"
    assert kept(desk_app, "score", desk_app.first) == before


def test_a_block_pasted_from_excel_is_shown_first_and_saved_after(office, desk_app):
    block = f"旗县\t第三方评估\t日常督查\r\n{desk_app.first}\t81\t82\r\n{desk_app.second}\t83\t84\r\n"
    page = office.paste("/desk/entry/scores", block)
    assert "还没有保存" in page and page.count('<td class="new">') == 4
    assert kept(desk_app, "score", desk_app.second).get((desk_app.second, "", "routine")) != "84"
    answer = office.post("/desk/entry/scores", Form(page).with_(deed="save"))
    assert "改了 4 格" in answer.get_data(as_text=True)
    assert kept(desk_app, "score", desk_app.second)[desk_app.second, "", "routine"] == "84"


def test_a_block_without_headings_stands_in_the_grids_order(office, desk_app):
    page = office.paste("/desk/entry/ranks", f"{desk_app.first}\t3\n{desk_app.second}\t无\n")
    assert 'value="3"' in page and 'value="无"' in page


def test_a_faulty_block_tells_every_fault(office, desk_app):
    wrong = desk_app.first[:-1] + "县"
    block = f"旗县\t日常督查\t分数\n{desk_app.first}\t101\t\n{wrong}\t50\t\n{desk_app.first}\t60\t\n"
    page = office.paste("/desk/entry/scores", block, status=422)
    assert "应在 0 到 100 之间" in page
    assert f"第 3 行“{wrong}”不在本表里，是不是“{desk_app.first}”？" in page
    assert "第 4 行与第 2 行是同一个" in page
    assert "表头“分数”不认识" in page


def test_an_exported_grid_comes_back_unchanged_and_with_a_change(office, desk_app):
    import python_calamine

    for name in ("scores", "person_scores", "days", "ranks", "indicators", "factors"):
        url = f"/desk/entry/{name}"
        fields = Form(office.get(url)).with_(deed="import")
        page = office.post(url, {**fields, "file": (io.BytesIO(office.bytes(f"{url}.xlsx")), "grid.xlsx")})
        assert page.status_code == 200, (name, page.get_data(as_text=True)[:3000])
        assert '<td class="new">' not in page.get_data(as_text=True), name
    sheet = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(office.bytes("/desk/entry/days.xlsx")))
    rows = sheet.get_sheet_by_index(0).to_python()
    rows[1][rows[0].index("派驻天数")] = 199.5
    fields = Form(office.get("/desk/entry/days")).with_(deed="import")
    page = office.post("/desk/entry/days", {**fields, "file": (workbook(rows), "days.xlsx")}).get_data(as_text=True)
    assert page.count('<td class="new">') == 1 and 'value="199.5"' in page


def test_a_table_of_a_year_book_fills_its_grid(office, desk_app):
    rows = [["旗县", "编号", "表", "村", "项目", "得分"], [desk_app.first, "", "指标考核", "", "减贫计划完成率", 7.25]]
    rows.append([desk_app.first, "", "查阅台账", "", "工作记录", 3])
    fields = Form(office.get("/desk/entry/indicators")).with_(deed="import")
    page = office.post("/desk/entry/indicators", {**fields, "file": (workbook(rows, "分项打分"), "a.xlsx")}).get_data(
        as_text=True
    )
    assert 'value="7.25"' in page and "不在本表里" not in page


def test_a_file_that_is_no_workbook_is_refused_in_words(office):
    fields = Form(office.get("/desk/entry/scores")).with_(deed="import")
    answer = office.post("/desk/entry/scores", {**fields, "file": (io.BytesIO(b"not a workbook"), "a.xlsx")})
    assert answer.status_code == 422 and "读不出来" in answer.get_data(as_text=True)


def test_what_somebody_else_changed_meanwhile_is_not_overwritten(office, desk_app):
    page = office.get("/desk/entry/scores")
    old = Form(page).with_(deed="save")
    cell = office.cell(page, desk_app.first, "日常督查")
    office.save("/desk/entry/scores", {(desk_app.first, "日常督查"): "61"})
    answer = office.post("/desk/entry/scores", {**old, office.cell(page, desk_app.second, "日常督查"): "62"})
    assert answer.status_code == 200 and kept(desk_app, "score", desk_app.first)[desk_app.first, "", "routine"] == "61"
    answer = office.post("/desk/entry/scores", {**old, cell: "63"})
    assert answer.status_code == 422 and "别人把这一格改成了“61”" in answer.get_data(as_text=True)


def test_rates_become_points(office, desk_app):
    """减贫计划完成率 97.5 % of 10; growth 8 of 10 asked for; a fall of −1; precision 99, 98, 97 % of 15."""
    row = desk_app.first
    office.save(
        "/desk/entry/rates",
        {
            (row, "减贫计划完成率（%）"): "97.5", (row, "人均纯收入增幅"): "8", (row, "增幅目标"): "10",
            (row, "贫困发生率降幅"): "-1", (row, "降幅目标"): "2",
            (row, "识别精准率（%）"): "99", (row, "帮扶精准率（%）"): "98", (row, "退出精准率（%）"): "97",
        },
    )  # fmt: skip
    points = {key[4]: value for key, value in kept(desk_app, "point", row).items() if key[2] == "indicators"}
    assert (points["reduction"], points["income"], points["incidence"], points["precision"]) == ("9.75", "8", "0", "14.7")
    assert 'value="97.5"' in office.get("/desk/entry/rates")
    office.save("/desk/entry/indicators", {(row, "减贫计划完成率"): "5"})
    assert (row, "", "reduction.rate") not in kept(desk_app, "rate", row), "a rate the points no longer follow from is gone"
    assert (row, "", "income.actual") in kept(desk_app, "rate", row)


def test_half_a_rate_is_a_fault(office, desk_app):
    page = office.save("/desk/entry/rates", {(desk_app.first, "人均纯收入增幅"): "8"}, status=422)
    assert "同一指标的几项要一起填" in page
    page = office.save(
        "/desk/entry/rates", {(desk_app.first, "人均纯收入增幅"): "8", (desk_app.first, "增幅目标"): "0"}, status=422
    )
    assert "目标要大于0" in page


def person_of(app, at=0):
    return next(row for row in app.book["people"] if row[2] == app.first and row[3] == "captain")


def test_an_assessor_gives_letters_but_not_to_the_own_unit(sign_in, desk_app):
    assessor = sign_in("assessor")
    url = f"/desk/entry/letters?banner={quote(desk_app.first)}"
    person, name, _banner, _position, unit, *_ = person_of(desk_app)
    page = assessor.get(url)
    assert "您的派出单位" in page and "<select id=" not in page.split("<tbody>")[1], "no letter before the unit is known"
    assessor.post("/desk/entry/assessors", Form(page).with_(unit="") | {"unit": unit})
    refused = assessor.save(url, {(name, "示例assessor"): "A1"}, status=422)
    assert "应当回避（D-09）" in refused
    other = next(row for row in desk_app.book["people"] if row[2] == desk_app.first and row[4] != unit)
    assessor.save(url, {(other[1], "示例assessor"): "B2", (desk_app.first, "示例assessor"): "A3"})
    letters = kept(desk_app, "grade", desk_app.first)
    assert letters[desk_app.first, other[0], "assessor"] == "B2" and letters[desk_app.first, "", "assessor"] == "A3"


def test_there_are_twelve_letters(sign_in, desk_app):
    office = sign_in("office")
    office.post(
        "/desk/entry/assessors",
        Form(office.get("/desk/entry/assessors")).with_(unit="") | {"assessor": "示例丙", "unit": "示例单位"},
    )
    page = office.get(f"/desk/entry/letters?banner={quote(desk_app.first)}")
    cell = office.cell(page, desk_app.first, "示例丙")
    options = re.search(rf'<select id="{re.escape(cell)}".*?</select>', page, re.S)[0]
    assert re.findall(r'value="([A-D][1-3])"', options) == [a + b for a in "ABCD" for b in "123"]


def test_a_unit_is_not_taken_back_after_letters_to_it(office, desk_app):
    person, name, _banner, _position, unit, *_ = person_of(desk_app)
    fields = Form(office.get("/desk/entry/assessors")).with_(unit="")
    office.post("/desk/entry/assessors", fields | {"assessor": "示例丙", "unit": "别的单位"})
    office.save(f"/desk/entry/letters?banner={quote(desk_app.first)}", {(name, "示例丙"): "A1"})
    answer = office.post("/desk/entry/assessors", fields | {"assessor": "示例丙", "unit": unit})
    assert answer.status_code == 422 and name in answer.get_data(as_text=True)


def test_factors_want_evidence_and_exclude_each_other(office, desk_app):
    url = f"/desk/entry/factors?banner={quote(desk_app.second)}"
    label, evidence = "识别精准 / 识别不精准", "依据：识别精准 / 识别不精准"
    row = desk_app.second
    office.save(url, {(row, label): "", (row, evidence): ""})
    assert "请写明依据" in office.save(url, {(row, label): "identification_precise"}, status=422)
    office.save(url, {(row, label): "identification_precise", (row, evidence): "示例文件一"})
    office.save(url, {(row, label): "identification_imprecise", (row, evidence): "示例文件二"})
    found = {
        key[2]: value
        for key, value in kept(desk_app, "factor", row).items()
        if key[1] == "" and key[2].startswith("identification")
    }
    assert found == {"identification_imprecise": "示例文件二"}, "never both"
    person = next(each for each in desk_app.book["people"] if each[2] == row)
    assert f'aria-label="{person[1]} {label}"' not in office.get(url), "the banner's factors stand in the team's line (D-18)"
    page = office.paste(url, f"姓名\t{label}\t{evidence}\n{person[1]}\t识别精准\t示例\n", status=422)
    assert "这一项不是给这一行的" in page


def test_days_and_ranks(office, desk_app, entries):
    person = person_of(desk_app)
    assert "已保存" in office.save("/desk/entry/days", {(person[1], "派驻天数"): "240.5"})
    assert "小数最多 1 位" in office.save("/desk/entry/days", {(person[1], "派驻天数"): "240.25"}, status=422)
    office.save("/desk/entry/ranks", {(desk_app.first, "全区排名"): "无"})
    assert entries(deed="rank.enter")[0].detail["after"] == "none"
    office.save("/desk/entry/ranks", {(desk_app.first, "全区排名"): "0"}, status=422)
    office.save("/desk/entry/ranks", {(desk_app.first, "全区排名"): "2.5"}, status=422)


def test_villages_drawn_are_the_rows_of_the_visits(office, desk_app):
    banner = quote(desk_app.first)
    office.post(
        f"/desk/draw/{banner}",
        Form(office.get(f"/desk/draw/{banner}")).with_(seed="") | {"seed": "2019012", "announced": "示例公告"},
    )
    url = f"/desk/entry/visits?banner={banner}"
    page = office.get(url)
    village = re.findall(r"<th scope=\"row\">(示例\S+?村)<", page)
    assert len(village) >= 8
    office.save(url, {(village[0], "脱贫工作成效"): "28", (village[0], "识别帮扶脱贫"): "35.5", (village[0], "工作表现"): "30"})
    assert kept(desk_app, "point", desk_app.first)[desk_app.first, "", "visits", village[0], "precision"] == "35.5"
    assert "应在 0 到 30 之间" in office.save(url, {(village[0], "工作表现"): "30.5"}, status=422)


def test_who_may_enter_what(sign_in, desk_app):
    first, second = quote(desk_app.first), quote(desk_app.second)
    assessor, staff, viewer = sign_in("assessor"), sign_in("staff"), sign_in("viewer")
    assert 'value="save"' in assessor.get("/desk/entry/ledger") and 'value="save"' not in assessor.get("/desk/entry/scores")
    assert desk_app.second not in assessor.get("/desk/entry/ledger"), "an assessor sees the assigned banner only"
    assessor.get(f"/desk/entry/ledger?banner={second}", status=404)
    page = staff.get(f"/desk/entry/scores?banner={first}")
    assert desk_app.first in page and 'value="save"' not in page
    staff.get(f"/desk/entry/scores?banner={second}", status=404)
    staff.get(f"/desk/entry/scores.xlsx?banner={second}", status=404)
    assert 'value="save"' not in viewer.get("/desk/entry/scores")
    token = re.search(r'name="csrf_token" value="([^"]+)"', assessor.get("/desk/entry"))[1]
    assert assessor.post("/desk/entry/scores", {"csrf_token": token, "deed": "save"}).status_code == 403
    sign_in("teller").get("/desk/entry", status=403)


def test_a_final_year_is_closed(office, desk_app):
    from sqlalchemy import update

    from survey.schema import cycle

    fields = Form(office.get("/desk/entry/scores")).with_(deed="save")
    with desk_app.app_context(), db.deed() as connection:
        connection.execute(update(cycle).values(state="final"))
    assert office.post("/desk/entry/scores", fields).status_code == 403
    with desk_app.app_context(), db.deed() as connection, pytest.raises(ValueError, match="定稿"):
        entering.save(connection, "score", 2018, desk_app.first, {("", "routine"): "1"}, by="office")
