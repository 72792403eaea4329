"""The three forms are equal, and a hand-made file is read as the hand meant it."""

import sqlite3
from pathlib import Path

import pytest
import python_calamine
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from survey.year import yearbook
from survey.year.yearbook import Book, folder
from survey.year.yearbook.tables import Kind, tables
from tests.year.conftest import EXAMPLES, NAMES, PLAIN, faults, put, records, table

FORMS = ("again", "book.xlsx", "book.db", "book.sqlite")


def read(path: Path) -> dict[str, list[tuple[str, ...]]]:
    return records(yearbook.read(path)[0])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", NAMES)
def test_the_three_forms_hold_the_same_rows(tmp_path, name, form):
    book, _ = yearbook.read(EXAMPLES / name)
    yearbook.write(book, tmp_path / form)
    assert read(tmp_path / form) == records(book)


@pytest.mark.parametrize("name", NAMES)
def test_an_example_written_as_csv_is_the_same_file(tmp_path, name):
    yearbook.write(yearbook.read(EXAMPLES / name)[0], tmp_path)
    for path in EXAMPLES.joinpath(name).glob("*.csv"):
        assert table(tmp_path.joinpath(path.name).read_text("utf-8")) == table(path.read_text("utf-8")), path.name


def test_a_workbook_is_written_in_chinese_with_numbers_as_numbers(tmp_path, plain):
    yearbook.write(yearbook.read(plain)[0], tmp_path / "book.xlsx")
    with python_calamine.load_workbook(tmp_path / "book.xlsx") as workbook:
        assert workbook.sheet_names == ["年度", "旗县", "人员", "分项打分", "录入分", "综合评价", "加减分", "测评票", "民意调查"]
        assert workbook.get_sheet_by_name("人员").to_python()[:2] == [
            ["编号", "姓名", "旗县", "职务", "派出单位", "派驻天数", "应派驻天数"],
            ["P1", "示例一", "示例甲旗", "队长", "示例厅", 241.0, ""],
        ]
        assert workbook.get_sheet_by_name("旗县").to_python()[2] == ["示例乙旗", "示例盟", "自治区级", "无"]
        visit = workbook.get_sheet_by_name("分项打分").to_python()[4]
        assert visit == ["示例甲旗", "P1", "实地查访", "示例嘎查", "识别帮扶脱贫", 38.5]


def test_a_database_is_strict_and_in_ids(tmp_path, plain):
    yearbook.write(yearbook.read(plain)[0], tmp_path / "book.db")
    with sqlite3.connect(tmp_path / "book.db") as connection:
        made = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'table'").fetchall()
        assert [name for name, _ in made] == list(PLAIN)
        assert all(sql.endswith("STRICT") for _, sql in made)
        assert connection.execute("SELECT position, days FROM people WHERE person = 'P2'").fetchall() == [("member", "239.5")]
    connection.close()


CHINESE = {
    "年度": "项,值\nyear,2018\nmeasure,neimenggu-2018\nranked_total,2\n",
    "旗县": "全区排名,盟市,旗县,级别\n１,示例盟,示例甲旗,国家级\n无,示例盟,示例乙旗,自治区级\n",
    "人员": (
        "姓名,编号,旗县,职务,派出单位,派驻天数,应派驻天数\n示例一, P1 ,示例甲旗,队长,示例厅,２４１,\n"
        "示例二,Ｐ２,示例甲旗　,成员,,239．5,248.0\n示例三,P3,示例乙旗,联络员,示例厅,,\n"
    ),
    "分项打分": (
        "旗县,编号,表,村,项目,得分\n示例甲旗,,指标考核,,减贫计划完成率,9.250\n示例甲旗,,查阅台账,,工作记录,１２.5\n"
        "示例甲旗,P1,实地查访,示例嘎查,脱贫工作成效,29\n示例甲旗,P1,实地查访,示例嘎查,识别帮扶脱贫,38.5\n"
    ),
    "录入分": "旗县,编号,组成,得分\n示例甲旗,,日常督查,090\n示例甲旗,P1,实地查访,88.25\n",
    "综合评价": "旗县,编号,考核员,等次\n示例甲旗,P1,考核员甲,a2\n示例甲旗,,考核员甲,Ｂ１\n",
    "加减分": "旗县,编号,因素,依据\n示例甲旗,,退出精准,示例依据\n示例甲旗,P1,交办任务差,示例依据\n",
    "测评票": (
        "旗县,票,类别,编号,项目,等次\n示例甲旗,1,旗县领导,P1,目标任务完成,好\n示例甲旗,1,旗县领导,P1,总体评价,作废\n"
        "示例甲旗,2,贫困户代表,P1,目标任务完成,差\n"
    ),
    "民意调查": (
        "旗县,村,答卷,身份,编号,问题,答案\n示例甲旗,示例嘎查,1,贫困户代表,,实干,好\n示例甲旗,示例嘎查,1,贫困户代表,P1,认识,见过\n"
        "示例甲旗,示例嘎查,1,贫困户代表,P1,干事实在,说不清\n示例甲旗,示例嘎查,1,贫困户代表,,aware,heard\n"
    ),
}


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: text.encode(),
        lambda text: text.encode("utf-8-sig"),
        lambda text: text.encode("gb18030"),
        lambda text: text.replace("\n", "\r\n").encode("gb18030"),
        lambda text: text.replace("\n", "\r").encode(),
        lambda text: text.encode("utf-16"),
        lambda text: (text + ",,,\n\n \n").encode(),
        lambda text: "".join(f"{line},,\n" for line in text.splitlines()).encode(),
        lambda text: "".join(f'"{line.replace(",", chr(34) + "," + chr(34))}"\n' for line in text.splitlines()).encode(),
    ],
    ids=["utf-8", "bom", "gb18030", "gb18030 crlf", "cr", "utf-16", "blank rows", "blank columns", "quoted"],
)
def test_chinese_headings_and_values_full_width_signs_and_any_column_order(tmp_path, plain, encode):
    for name, text in CHINESE.items():
        (tmp_path / f"{name}.csv").write_bytes(encode(text))
    assert read(tmp_path) == read(plain)


def test_long_tables_are_the_same_in_any_order(tmp_path):
    """Rows of one ballot need not stand together: read paper by paper or cell by cell, the rows are the same."""
    changed = {}
    for name in ("ballots", "opinions"):
        heading, *rows = (EXAMPLES / "small" / f"{name}.csv").read_text("utf-8").splitlines()
        changed[name] = "\n".join([heading, *sorted(rows, key=lambda row: row[::-1])]) + "\n"
    for path in EXAMPLES.joinpath("small").glob("*.csv"):
        (tmp_path / path.name).write_text(changed.get(path.stem) or path.read_text("utf-8"), "utf-8")
    straight, shuffled = yearbook.read(EXAMPLES / "small")[0], yearbook.read(tmp_path)[0]
    assert straight["ballots"].given is not None
    assert shuffled["ballots"].given is None
    assert records(shuffled) == records(straight)
    assert shuffled["ballots"].counts == straight["ballots"].counts
    assert shuffled["opinions"].counts == straight["opinions"].counts


def test_excel_gives_numbers_as_floats_and_merged_cells_once(tmp_path):
    path = tmp_path / "book.xlsx"
    with xlsxwriter.Workbook(path) as workbook:
        for name, text in (PLAIN | dict.fromkeys(("people", "points", "scores", "grades", "factors", "opinions"), "")).items():
            page = workbook.add_worksheet(name)
            for at, line in enumerate(text.splitlines()):
                for place, cell in enumerate(line.split(",")):
                    page.write_string(at, place, cell.replace("P1", "13800000001"))
        people = workbook.get_worksheet_by_name("people")
        people.write_row(0, 0, ["编号", "姓名", "旗县", "职务", "派驻天数"])
        people.write_row(1, 0, [13800000001, "示例一", "示例甲旗", "队长", 239.5])
        people.write_row(2, 0, [13800000002, "示例二", "", "成员", 240])
        people.merge_range(1, 2, 2, 2, "示例甲旗")
        scores = workbook.get_worksheet_by_name("scores")
        scores.write_row(0, 0, ["旗县", "编号", "组成", "得分"])
        scores.write_row(1, 0, ["示例甲旗", 13800000001, "实地查访", 88.1])
        scores.write_row(2, 0, ["", 13800000002, "实地查访", 8e-2])
        scores.merge_range(1, 0, 2, 0, "示例甲旗")
        scores.write_blank(30, 3, None, workbook.add_format({"bold": True}))
    assert faults(path) == []
    found = read(path)
    assert found["people"] == [
        ("13800000001", "示例一", "示例甲旗", "captain", "", "239.5", ""),
        ("13800000002", "示例二", "示例甲旗", "member", "", "240", ""),
    ]
    assert [row[1:] for row in found["scores"]] == [("13800000001", "visits", "88.1"), ("13800000002", "visits", "0.08")]


def test_a_text_id_that_went_through_a_spreadsheet_finds_its_person(tmp_path):
    changed = {name: text.replace("P1,", "13800000001.0,") for name, text in PLAIN.items() if name != "people"}
    folder_path = put(tmp_path / "book", **changed, people=PLAIN["people"].replace("P1,", "13800000001,"))
    assert faults(folder_path) == []
    assert "13800000001" in yearbook.read(folder_path)[0]["scores"]["person"]


def test_an_id_of_eighteen_digits_that_excel_rounded_is_refused(tmp_path):
    path = tmp_path / "book.xlsx"
    with xlsxwriter.Workbook(path) as workbook:
        page = workbook.add_worksheet("people")
        page.write_row(0, 0, ["编号", "姓名", "旗县", "职务"])
        page.write_row(1, 0, [150102199001011234, "示例一", "示例甲旗", "队长"])
    assert any(line.startswith("people:2:person: 1.501022e+17: 这一格被表格软件变成了科学计数") for line in faults(path))


def test_a_computed_cell_with_a_long_tail_is_refused_not_rounded(tmp_path):
    path = tmp_path / "book.xlsx"
    with xlsxwriter.Workbook(path) as workbook:
        page = workbook.add_worksheet("scores")
        page.write_row(0, 0, ["旗县", "编号", "组成", "得分"])
        page.write_row(1, 0, ["示例甲旗", "", "日常督查", 88.88888888888889])
    assert any(each.startswith("scores:2:score: 88.8888888888888") and "小数最多 4 位" in each for each in faults(path))


# Texts of which every spreadsheet would make something else.
FORMULAS = ["=1+1", "+86", "-1", "@sum", "'=1", "''quoted", "＝1", "-2+3", "'", "1,2", 'a"b', "=cmd|' /C calc'!A0"]


@pytest.mark.parametrize("form", FORMS)
def test_text_that_looks_like_a_formula_comes_back_as_it_was(tmp_path, plain, form):
    book, rulebook = yearbook.read(plain)
    rows = [("示例甲旗", "", "solved_problems", text) for text in FORMULAS]
    evidence = {name: list(rows) for name, rows in book.tables.items()}
    for at, row in enumerate(rows):
        evidence["banners"].append((f"旗{at}", "", "", ""))
        evidence["factors"].append((f"旗{at}", *row[1:]))
    made = Book.of(tables(rulebook), evidence)
    yearbook.write(made, tmp_path / form)
    assert read(tmp_path / form) == records(made)


def test_no_cell_of_a_csv_export_is_a_formula(tmp_path, plain):
    book, rulebook = yearbook.read(plain)
    evidence = {name: list(rows) for name, rows in book.tables.items()}
    evidence["factors"] = [("示例甲旗", "", "solved_problems", "=1+1"), ("示例乙旗", "", "solved_problems", "-5")]
    folder.write(Book.of(tables(rulebook), evidence), tmp_path / "out")
    cells = [row[3] for row in table((tmp_path / "out" / "factors.csv").read_text("utf-8"))]
    assert cells == ["evidence", "'=1+1", "-5"]


def test_a_workbook_writes_no_formula(tmp_path, plain):
    book, rulebook = yearbook.read(plain)
    evidence = {name: list(rows) for name, rows in book.tables.items()}
    evidence["factors"] = [("示例甲旗", "", "solved_problems", "=1+1")]
    yearbook.write(Book.of(tables(rulebook), evidence), tmp_path / "book.xlsx")
    with python_calamine.load_workbook(tmp_path / "book.xlsx") as workbook:
        assert workbook.get_sheet_by_name("加减分").to_python()[1][3] == "=1+1"


# ---- any rows ------------------------------------------------------------------------------------------------------

RULES = yearbook.rulebook(yearbook.DEFAULT_MEASURE)
TABLES = {each.id: each for each in tables(RULES)}
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Cf", "Zs", "Zl", "Zp")), min_size=1, max_size=8)
IDS = st.text("ABxyz019旗甲-_'=+@/，、", min_size=1, max_size=6).filter(lambda text: not text.replace(".", "").isdigit())
NUMBERS = st.decimals(min_value=0, max_value=5, places=4).map(lambda number: f"{number.normalize():f}")


def cells(table_id: str, column_id: str) -> st.SearchStrategy[str]:
    column = TABLES[table_id].column(column_id)
    if column.kind is Kind.CODE:
        return st.sampled_from(list(column.codes))
    return WORDS if column.kind is Kind.TEXT else NUMBERS if column.kind is Kind.NUMBER else IDS


@st.composite
def books(draw: st.DrawFn) -> Book:
    """A year book without faults: any words, any marks, each key once."""
    banners = draw(st.lists(IDS, min_size=1, max_size=3, unique=True))
    people = draw(st.lists(IDS, min_size=1, max_size=4, unique=True))
    homes = {person: draw(st.sampled_from(banners)) for person in people}
    home = st.sampled_from(people).map(lambda person: (homes[person], person))
    days = st.sampled_from(["", "0", "239.5", "240", "366"])
    ranks = st.sampled_from(["", "none", "1", "9"])
    maybe = st.just("") | WORDS
    rows: dict[str, list[tuple[str, ...]]] = {
        "year": [("year", "2018"), ("measure", RULES.id), ("ranked_total", "9")],
        "banners": [
            (each, draw(maybe), draw(st.just("") | cells("banners", "level")), draw(ranks)) for each in banners
        ],
        "people": [
            (each, draw(WORDS), homes[each], draw(cells("people", "position")), draw(maybe), draw(days), draw(days))
            for each in people
        ],
    }

    def some(name: str, *parts: st.SearchStrategy[object]) -> None:
        made = draw(st.lists(st.tuples(*parts), max_size=6))
        flat = [tuple(cell for part in record for cell in (part if isinstance(part, tuple) else (part,))) for record in made]
        order = [column.id for column in TABLES[name].columns]
        key = [order.index(column) for column in TABLES[name].key]
        rows[name] = list({tuple(record[place] for place in key): record for record in flat}.values())

    some("scores", home, st.sampled_from(["routine", "visits"]), NUMBERS)
    some("grades", home, IDS, cells("grades", "grade"))
    some("factors", home, st.sampled_from(["solved_problems", "office_tasks_good"]), WORDS)
    some("points", home, st.just("visits"), IDS, st.sampled_from(["effects", "precision", "conduct"]), NUMBERS)
    group = st.sampled_from(["", "leaders", "leaders+households"])
    marks = st.tuples(home, IDS, group, cells("ballots", "item"), cells("ballots", "grade"))
    some("ballots", marks.map(lambda m: (m[0][0], m[1], m[2], m[0][1], m[3], m[4])))
    answered = st.tuples(home, st.just("") | IDS, IDS, st.sampled_from(["", "household"]), st.sampled_from(["work", "help"]))
    some(
        "opinions",
        st.tuples(answered, st.sampled_from(["good", "unsure", "void"])).map(
            lambda m: (m[0][0][0], m[0][1], m[0][2], m[0][3], m[0][0][1], m[0][4], m[1])
        ),
    )
    return Book.of(tables(RULES), rows)


@pytest.mark.parametrize("form", FORMS[:3])
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(book=books())
def test_any_rows_come_back_from_every_form(tmp_path, form, book):
    yearbook.write(book, tmp_path / form)
    assert read(tmp_path / form) == records(book)
