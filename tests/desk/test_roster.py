"""Rosters and year books by upload: what comes in, what is told beside its row, and that nothing is saved with a fault."""

import io
import zipfile
from pathlib import Path

import pytest

from survey import db, roster
from survey.year import yearbook
from tests.desk.office import BANNER, ROSTER

SMALL = Path(__file__).parents[1] / "examples" / "small"


def people(desk):
    with desk.app.app_context(), db.reading() as connection:
        return {each.name: each for each in roster.people(connection, 2018)}


def upload(desk, content, called="人员.csv", status=200):
    desk.office.get("/desk/roster/import")
    return desk.office.fill("/roster/import", status, file=(called, content))


def test_people_come_in_by_chinese_headings_and_keep_their_numbers(year):
    found = people(year)
    assert [found[name].position for name in ("示例甲", "示例乙", "示例丙", "示例丁")] == [
        "captain",
        "deputy",
        "member",
        "captain",
    ]
    assert found["示例乙"].days == "241.5" and found["示例丙"].days is None
    upload(year, ROSTER.replace("250", "251").encode())
    again = people(year)
    assert again["示例甲"].days == "251" and again["示例甲"].person == found["示例甲"].person and len(again) == 4


def test_faults_stand_beside_their_rows_and_nothing_is_saved(year):
    rows = (
        "示例戌,示例旗,组长,200",
        ",示例旗,成员,",
        "示例己,示例棋,成员,400",
        "示例庚,示例旗,成员,10",
        "示例庚,示例旗,成员,11",
    )
    wrong = "姓名,旗县,职务,派驻天数\n" + "\n".join(rows)
    page = upload(year, wrong.encode(), status=422)
    for words in ("组长", "没有这个值", "这一格不能空着", "示例棋", "名册里没有这个旗县", "与第 5 行同旗县、同名、同职务"):
        assert words in page.text, words
    assert "什么也没有保存" in page.text and len(people(year)) == 4


def test_a_workbook_of_three_tables_goes_out_and_comes_back(year):
    office = year.office
    office.get(f"/desk/roster/{BANNER}/villages")
    assert "第 2 行" in office.fill("/villages", 422, villages="示例镇 示例一村\n只有一个词").text
    office.fill("/villages", villages="示例镇 示例一村\n示例苏木\t示例二嘎查\n")
    book = office.client.get("/desk/roster.xlsx").data
    assert "已录入 2 个旗县、4 人、2 个嘎查村" in upload(year, book, "名册.xlsx").text


def test_the_preset_adds_the_57_banners_once(year):
    for _ in range(2):
        year.office.get("/desk/roster")
        year.office.fill("/roster/preset")
    with year.app.app_context(), db.reading() as connection:
        banners = roster.banners(connection, 2018)
        assert len(banners) == 57 + 2 and sum(each.level == "national" for each in banners) >= 31
        before = roster.get_cycle(connection, 2018).revision
    assert "可可以力更镇" in year.office.get("/desk/roster/武川县/villages").text
    year.office.get(f"/desk/roster/{BANNER}")
    year.office.fill(f"/roster/{BANNER}", poverty_rank="7")
    with year.app.app_context(), db.reading() as connection:
        assert roster.get_cycle(connection, 2018).revision == before + 1


def test_what_something_hangs_on_is_not_removed(year):
    year.office.get(f"/desk/roster/{BANNER}")
    assert "还有人员" in year.office.fill(f"/roster/{BANNER}/remove").text
    year.office.get(f"/desk/roster/{BANNER}")
    year.office.fill("/person/P0003/remove")
    assert "示例丙" not in people(year)


def test_choices_are_settled_before_the_first_box_opens(opened):
    page = opened.office.get("/desk/cycle/choices")
    assert "不能再改" in page.text
    data = page.form("/cycle/choices").filled(**{"choice.grades": "95/75/65"})
    opened.office.client.post("/desk/cycle/choices", data=data)
    with opened.app.app_context(), db.reading() as connection:
        assert roster.get_cycle(connection, 2018).choices == {}


def test_a_choice_that_cannot_be_is_told_and_one_that_can_is_kept(year):
    year.office.get("/desk/cycle/choices")
    page = year.office.fill("/cycle/choices", 422, **{"choice.ballot_points": "100/80/60"})
    assert "还不能保存" in page.text
    year.office.fill("/cycle/choices", **{"choice.ballot_points": "97/87/77/67"})
    with year.app.app_context(), db.reading() as connection:
        assert roster.get_cycle(connection, 2018).choices == {"ballot_points": "97/87/77/67"}


def packed(form, folder):
    """The example year as an upload."""
    if form == "csv":
        return [(path.name, path.read_bytes()) for path in sorted(SMALL.glob("*.csv"))]
    if form == "zip":
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            for path in SMALL.glob("*.csv"):
                archive.write(path, f"small/{path.name}")
        return ("small.zip", stream.getvalue())
    book, _rules = yearbook.read(SMALL)
    path = folder / f"small.{form}"
    yearbook.write(book, path)
    return (path.name, path.read_bytes())


@pytest.mark.parametrize("form", ["csv", "zip", "xlsx", "db"])
def test_a_year_book_comes_in_whole_in_each_form(desk, tmp_path, form):
    desk.office.get("/desk/cycle/import")
    page = desk.office.fill("/cycle/import", file=packed(form, tmp_path))
    assert "年度已导入" in page.text
    assert desk.office.client.get("/desk/results").status_code == 200
    desk.office.get("/desk/cycle/import")
    assert "已经有了" in desk.office.fill("/cycle/import", 422, file=packed(form, tmp_path)).text


def test_a_year_book_with_faults_leaves_nothing(desk, tmp_path):
    files = packed("csv", tmp_path)
    spoiled = [
        (name, content.replace(b",captain,", b",captian,") if name == "people.csv" else content) for name, content in files
    ]
    desk.office.get("/desk/cycle/import")
    page = desk.office.fill("/cycle/import", 422, file=spoiled)
    assert "captian" in page.text and "什么也没有保存" in page.text and "people" in page.text
    with desk.app.app_context(), db.reading() as connection:
        assert roster.cycles(connection) == []
