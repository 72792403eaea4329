"""Every fault is told, all of them at once, with table, row, column, value and what would be right."""

import sqlite3

import pytest
import xlsxwriter

from survey import translations
from survey.year import yearbook
from survey.year.yearbook import Faulty
from tests.year.conftest import EXAMPLES, PLAIN, faults, put


def test_the_plain_year_book_has_no_fault(plain):
    assert faults(plain) == []


def swap(table: str, old: str, new: str) -> dict[str, str]:
    assert old in PLAIN[table]
    return {table: PLAIN[table].replace(old, new, 1)}


def more(table: str, *rows: str) -> dict[str, str]:
    return {table: PLAIN[table] + "".join(f"{row}\n" for row in rows)}


CASES = {
    "a required table missing": (
        {"people": None},
        "people:1:: : 缺少这个表，请加上 人员 people",
    ),
    "no year": (swap("year", "year,2018\n", ""), "year:1:key: year: 缺少这一项"),
    "no measure": (
        swap("year", "measure,neimenggu-2018\n", ""),
        "year:1:key: measure: 缺少这一项",
    ),
    "an empty year": ({"year": "key,value\n"}, "year:1:key: measure: 缺少这一项"),
    "a year that is none": (
        swap("year", "year,2018", "year,一八"),
        "year:2:value: 一八: 应是四位的年份",
    ),
    "an unknown measure": (
        swap("year", "neimenggu-2018", "neimengu-2018"),
        "year:3:value: neimengu-2018: 没有这部办法，是不是 neimenggu-2018",
    ),
    "an unknown key": (
        more("year", "rankd_total,3"),
        "year:5:key: rankd_total: 没有这一项，是不是 ranked_total",
    ),
    "an unknown choice": (
        more("year", "choice.quota,ceil"),
        "year:5:key: choice.quota: 没有这一项",
    ),
    "a choice that cannot be": (
        more("year", "choice.quota_rounding,round"),
        "year:5:value: round: 没有这个选法，可用：floor、half_up、ceil",
    ),
    "too few points": (
        more("year", "choice.ballot_points,100/80/60"),
        "year:5:value: 100/80/60: 应是 4 个以 / 相连",
    ),
    "weights that do not sum": (
        more("year", "choice.group_weights,30/20/20/15/5"),
        "year:5:value: 30/20/20/15/5: 应是 5 个以 / 相连、合计 100",
    ),
    "a count that is none": (
        more("year", "choice.opinion_min_valid,x"),
        "year:5:value: x: 应是不小于",
    ),
    "no total though ranked": (
        swap("year", "ranked_total,2\n", ""),
        "year:1:key: ranked_total: 有旗县填了全区排名",
    ),
    "a total that is none": (
        swap("year", "ranked_total,2", "ranked_total,two"),
        "year:4:value: two: 应是正整数",
    ),
    "a rank over the total": (
        swap("banners", "national,1", "national,3"),
        "banners:2:poverty_rank: 3: 参加排名的只有 2 个",
    ),
    "a rank of zero": (
        swap("banners", "national,1", "national,0"),
        "banners:2:poverty_rank: 0: 应在 1 到",
    ),
    "a rank that is half": (
        swap("banners", "national,1", "national,1.5"),
        "banners:2:poverty_rank: 1.5: 应是整数",
    ),
    "a rank in words": (
        swap("banners", "national,1", "national,first"),
        "banners:2:poverty_rank: first: 应是正整数，或 无 none，或留空",
    ),
    "a banner twice": (
        more("banners", "示例甲旗,示例盟,national,"),
        "banners:4:banner: 示例甲旗: 与第 2 行重复",
    ),
    "an unknown level": (
        swap("banners", "regional", "region"),
        "banners:3:level: region: 没有这个值，是不是 自治区级 regional",
    ),
    "a person twice": (
        more("people", "P1,示例四,示例乙旗,member,,240,"),
        "people:5:person: P1: 与第 2 行重复",
    ),
    "a person of an unknown banner": (
        swap("people", "示例三,示例乙旗", "示例三,示例乙县"),
        "people:4:banner: 示例乙县: 表 banners 里没有这个旗县，是不是 示例乙旗",
    ),
    "an unknown position": (
        swap("people", "captain", "captian"),
        "people:2:position: captian: 没有这个值，是不是 队长 captain",
    ),
    "no name": (swap("people", "P1,示例一", "P1,"), "people:2:name: : 这一格不能空着"),
    "days with two places": (
        swap("people", "239.5", "239.55"),
        "people:3:days: 239.55: 小数最多 1 位",
    ),
    "more days than a year has": (
        swap("people", "241", "367"),
        "people:2:days: 367: 应在 0 到 366 之间",
    ),
    "days below nothing": (
        swap("people", "241", "-1"),
        "people:2:days: -1: 应在 0 到 366 之间",
    ),
    "days in words": (swap("people", "241", "全年"), "people:2:days: 全年: 应是一个数"),
    "an unknown sheet": (
        swap("points", "ledger", "legder"),
        "points:3:sheet: legder: 没有这个值，是不是 查阅台账 ledger",
    ),
    "an unknown item": (
        swap("points", "reduction", "reductoin"),
        "points:2:item: reductoin: 没有这个值，是不是 减贫计划完成率 reduction",
    ),
    "an item of another sheet": (
        swap("points", "reduction", "effects"),
        "points:2:item: effects: 没有这个值",
    ),
    "more points than the item has": (
        swap("points", "9.25", "10.01"),
        "points:2:points: 10.01: 应在 0 到 10 之间",
    ),
    "five decimal places": (
        swap("points", "9.25", "9.25001"),
        "points:2:points: 9.25001: 小数最多 4 位",
    ),
    "a visit without a village": (
        swap("points", "示例嘎查,effects", ",effects"),
        "points:4:unit: : 这张表按村打分，请填村名",
    ),
    "a village where none belongs": (
        swap("points", "ledger,,", "ledger,示例嘎查,"),
        "points:3:unit: 示例嘎查: 这张表不分村",
    ),
    "a team's sheet for a person": (
        swap("points", ",,ledger", ",P1,ledger"),
        "points:3:person: P1: ledger 只为总队填",
    ),
    "a point twice": (
        more("points", "示例甲旗,,indicators,,减贫计划完成率,9"),
        "points:6:item: 示例甲旗/indicators/reduction: 与第 2 行重复",
    ),
    "a score over 100": (
        swap("scores", "90", "100.01"),
        "scores:2:score: 100.01: 应在 0 到 100 之间",
    ),
    "a component that is computed": (
        swap("scores", "routine", "appraisal"),
        "scores:2:component: appraisal: 这一项由计算得出，不录入",
    ),
    "a component that is the team's": (
        swap("scores", ",,routine", ",P1,third_party"),
        "scores:2:person: P1: third_party 只为总队填",
    ),
    "supervision under another choice": (
        swap("scores", "routine", "supervision"),
        "scores:2:component: supervision: 所选办法不录入这一分",
    ),
    "no score": (
        swap("scores", "routine,90", "routine,"),
        "scores:2:score: : 这一格不能空着",
    ),
    "a score twice": (
        more("scores", "示例甲旗,,routine,90"),
        "scores:4:component: 示例甲旗/routine: 与第 2 行重复",
    ),
    "a person under another banner": (
        swap("scores", "示例甲旗,P1", "示例乙旗,P1"),
        "scores:3:banner: 示例乙旗: P1 属于 示例甲旗",
    ),
    "an unknown person": (
        swap("scores", "P1", "P11"),
        "scores:3:person: P11: 表 people 里没有这个编号，是不是 P1",
    ),
    "a person by name": (
        swap("scores", "P1", "示例一"),
        "scores:3:person: 示例一: 表 people 里没有这个编号，是不是 P1",
    ),
    "an unknown banner": (
        swap("grades", "示例甲旗,P1", "示列甲旗,P1"),
        "grades:2:banner: 示列甲旗: 表 banners 里没有这个旗县，是不是 示例甲旗",
    ),
    "an unknown letter": (swap("grades", "A2", "E1"), "grades:2:grade: E1: 没有这个值"),
    "an assessor twice": (
        more("grades", "示例甲旗,,考核员甲,C1"),
        "grades:4:assessor: 示例甲旗/考核员甲: 与第 3 行重复",
    ),
    "an unknown factor": (
        swap("factors", "exit_precise", "exit_precisely"),
        "factors:2:factor: exit_precisely: 没有这个值，是不是 退出精准 exit_precise",
    ),
    "a derived factor": (
        swap("factors", "exit_precise", "rank_top_5"),
        "factors:2:factor: rank_top_5: 没有这个值",
    ),
    "no evidence": (
        swap("factors", "precise,示例依据", "precise,"),
        "factors:2:evidence: : 这一格不能空着",
    ),
    "the banner's factor for a person": (
        swap("factors", ",,exit_precise", ",P1,exit_precise"),
        "factors:2:person: P1: exit_precise 只为总队填",
    ),
    "precise and imprecise": (
        more("factors", "示例甲旗,,exit_imprecise,示例依据"),
        "factors:4:factor: exit_imprecise: 与第 2 行的 exit_precise 互相排斥",
    ),
    "well and badly done": (
        more("factors", "示例甲旗,P1,office_tasks_good,示例依据"),
        "factors:4:factor: office_tasks_good: 与第 3 行的 office_tasks_poor 互相排斥",
    ),
    "a factor twice": (
        more("factors", "示例甲旗,,exit_precise,又一依据"),
        "factors:4:factor: 示例甲旗/exit_precise: 与第 2 行重复",
    ),
    "a ballot without a person": (
        more("ballots", "示例甲旗,2,households,,tasks,good"),
        "ballots:5:person: : 没有编号的票行只在 choice.team_appraisal 为 row 时才有",
    ),
    "an unknown mark": (
        swap("ballots", "void", "viod"),
        "ballots:3:grade: viod: 没有这个值，是不是 作废 void",
    ),
    "an unknown group": (
        swap("ballots", "households", "household"),
        "ballots:4:group: household: 没有这个值，是不是 贫困户代表 households",
    ),
    "a group merged with itself": (
        swap("ballots", "households", "leaders+leaders"),
        "ballots:4:group: leaders+leaders: 合并的类别",
    ),
    "no group under weights": (
        more("year", "choice.group_weights,20/20/20/20/20") | swap("ballots", "households", ""),
        "ballots:4:group: : 选了 choice.group_weights，每张票都要填类别",
    ),
    "a mark twice": (
        more("ballots", "示例甲旗,1,leaders,P1,tasks,poor"),
        "ballots:5:item: 示例甲旗/1/P1/tasks: 与第 2 行重复",
    ),
    "a mark twice, once in Chinese": (
        more("ballots", "示例甲旗,1,,P1,目标任务完成,差"),
        "ballots:5:item: 示例甲旗/1/P1/tasks: 与第 2 行重复",
    ),
    "an unknown question": (
        swap("opinions", "real_work", "realwork"),
        "opinions:2:question: realwork: 没有这个值，是不是 实干 real_work",
    ),
    "a team's question for a person": (
        swap("opinions", ",,real_work", ",P1,real_work"),
        "opinions:2:person: P1: real_work 问的是总队",
    ),
    "a person's question for the team": (
        swap("opinions", "P1,work", ",work"),
        "opinions:4:person: : work 问的是个人",
    ),
    "an answer of another question": (
        swap("opinions", "known,seen", "known,good"),
        "opinions:3:answer: good: 没有这个值",
    ),
    "an unknown answer": (
        swap("opinions", "unsure", "perhaps"),
        "opinions:4:answer: perhaps: 没有这个值",
    ),
    "an unknown respondent": (
        swap("opinions", "household", "householder"),
        "opinions:2:respondent: householder: 没有这个值，是不是 贫困户代表 household",
    ),
    "an answer twice": (
        more("opinions", "示例甲旗,示例嘎查,1,household,P1,known,stranger"),
        "opinions:6:question: 示例甲旗/示例嘎查/1/P1/known: 与第 3 行重复",
    ),
    "no response": (
        swap("opinions", "示例嘎查,1", "示例嘎查,"),
        "opinions:2:response: : 这一格不能空着",
    ),
    "an unknown column": (
        swap("people", "position", "postion"),
        "people:1:postion: postion: 没有这一列，是不是 职务 position",
    ),
    "a column missing": (
        swap("grades", "assessor", "person"),
        "grades:1:assessor: assessor: 缺少这一列，请加上表头 考核员 assessor",
    ),
    "a column twice": (
        swap("grades", "assessor", "person"),
        "grades:1:person: person: 这一列出现了两次",
    ),
    "a cell beyond the headings": (
        swap("scores", "routine,90", "routine,90,好"),
        "scores:2:5: 好: 这一格所在的列没有表头",
    ),
    "an unknown table": (
        {"ballot": "x\n"},
        "ballot:1:: ballot: 没有这个表，是不是 测评票 ballots",
    ),
    "a table twice": ({"人员": PLAIN["people"]}, "people:1:: 人员: 与 people 是同一个表"),
    "a number that became scientific": (
        swap("ballots", "示例甲旗,2", "示例甲旗,1.38E+10"),
        "ballots:4:ballot: 1.38E+10: 这一格被表格软件变成了科学计数",
    ),
    "a quotation mark left open": (
        swap("factors", "P1,office", 'P1,"office'),
        "factors:3:: : 从这一行起引号不成对",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("changed", "line"), CASES.values(), ids=CASES.keys())
def test_a_fault_is_told_where_it_stands(tmp_path, changed, line):
    found = faults(put(tmp_path / "book", **changed))
    assert any(each.startswith(line) for each in found), found


def test_all_faults_are_told_at_once_in_the_order_of_the_tables(tmp_path):
    changed = swap("people", "captain", "boss") | swap("scores", "90", "101")
    changed |= swap("ballots", "void", "x") | swap("banners", "national", "x")
    assert [line.split(": ")[0] for line in faults(put(tmp_path / "book", **changed))] == [
        "banners:2:level",
        "people:2:position",
        "scores:2:score",
        "ballots:3:grade",
    ]


def test_every_row_with_a_fault_is_told(tmp_path):
    rows = "".join(f"示例甲旗,{ballot},leaders,P9,tasks,good\n" for ballot in range(10, 40))
    lines = faults(put(tmp_path / "book", ballots=PLAIN["ballots"] + rows))
    assert [line.split(":")[1] for line in lines] == [str(row) for row in range(5, 35)]


def test_rows_are_numbered_as_an_editor_does(tmp_path):
    text = 'banner,person,factor,evidence\n\n示例甲旗,,solved_problems,"两行\n依据"\n\n示例甲旗,,nothing,示例依据\n'
    assert faults(put(tmp_path / "book", factors=text))[0].startswith("factors:6:factor: nothing: ")


def test_a_fault_is_one_line_whatever_stands_in_the_cell(tmp_path):
    text = 'banner,person,factor,evidence\n示例甲旗,,"两\n行",示例依据\n'
    assert faults(put(tmp_path / "book", factors=text))[0].startswith("factors:2:factor: 两 行: ")


def test_a_supervision_score_may_be_entered_where_that_is_chosen(tmp_path):
    scores = more("scores", "示例甲旗,P1,supervision,90", "示例甲旗,,supervision,91")
    changed = more("year", "choice.supervision,entered") | scores
    assert faults(put(tmp_path / "book", **changed)) == []


def test_a_ballot_may_rate_the_team_where_that_is_chosen(tmp_path):
    changed = more("year", "choice.team_appraisal,row") | more("ballots", "示例甲旗,2,households,,tasks,good")
    assert faults(put(tmp_path / "book", **changed)) == []


def test_merged_and_blank_groups_are_read(tmp_path):
    ballots = swap("ballots", "households", "departments+leaders")["ballots"] + "示例甲旗,3,,P1,tasks,good\n"
    folder = put(tmp_path / "book", ballots=ballots)
    assert faults(folder) == []
    book, _ = yearbook.read(folder)
    assert list(book["ballots"]["group"]) == ["leaders", "leaders", "leaders+departments", ""]


def test_optional_tables_and_columns_may_be_missing(tmp_path):
    people = "person,name,banner,position\nP1,示例一,示例甲旗,captain\n"
    absent = dict.fromkeys(("points", "scores", "grades", "factors", "ballots", "opinions"))
    folder = put(tmp_path / "book", people=people, **absent)
    assert faults(folder) == []
    book, _ = yearbook.read(folder)
    assert len(book["opinions"]) == 0
    assert list(book["people"]["days"]) == [""]


def test_what_is_no_year_book_is_said(tmp_path):
    broken = tmp_path / "book.xlsx"
    broken.write_bytes(b"PK\x03\x04 nothing")
    assert "这个文件读不出来" in "\n".join(faults(broken))
    broken = tmp_path / "book.db"
    broken.write_bytes(b"nothing at all" * 100)
    assert "这个文件读不出来" in "\n".join(faults(broken))
    (tmp_path / "empty").mkdir()
    assert [line.split(":")[0] for line in faults(tmp_path / "empty")] == ["year", "banners", "people"]
    with pytest.raises(yearbook.NotAYearBook):
        yearbook.read(tmp_path / "book.txt")


def test_a_fault_in_a_workbook_bears_the_row_excel_shows(tmp_path):
    path = tmp_path / "book.xlsx"
    with xlsxwriter.Workbook(path) as workbook:
        for name, text in PLAIN.items():
            page = workbook.add_worksheet(name)
            for at, line in enumerate(text.splitlines()):
                page.write_row(at + 2, 1, line.split(","))
        page = workbook.get_worksheet_by_name("grades")
        page.write(20, 1, "示例甲旗")
        page.write(20, 3, "考核员乙")
        page.write(20, 4, "E9")
        workbook.add_worksheet("Sheet1")
    assert faults(path) == ["grades:21:grade: E9: 没有这个值，可用：" + "、".join(f"{a}{b}" for a in "ABCD" for b in "123")]


def test_a_fault_in_a_database_bears_the_row_id(tmp_path):
    path = tmp_path / "book.sqlite"
    yearbook.write(yearbook.read(put(tmp_path / "book"))[0], path)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE scores SET score = '101' WHERE component = 'visits'")
        connection.execute("CREATE TABLE balots (x)")
    connection.close()
    found = faults(path)
    assert "scores:2:score: 101: 应在 0 到 100 之间" in found
    assert any(line.startswith("balots:1:: balots: 没有这个表，是不是 测评票 ballots") for line in found)


def test_every_remedy_has_its_english(tmp_path):
    catalog = translations.catalog()
    for changed, _ in CASES.values():
        with pytest.raises(Faulty) as faulty:
            yearbook.read(put(tmp_path / str(len(list(tmp_path.iterdir()))), **changed))
        for fault in faulty.value.faults:
            message = catalog.get(fault.remedy)
            assert message and message.string, fault.remedy
            told = fault.line(lambda text: str(catalog.get(text).string))
            assert told.startswith(f"{fault.table}:{fault.row}:{fault.column}: "), told
            assert "%(" not in told


def test_one_missing_table_is_not_said_of_every_row_that_needs_it(tmp_path):
    for path in (EXAMPLES / "small").iterdir():
        if path.name != "people.csv":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(Faulty) as fault:
        yearbook.read(tmp_path)
    assert str(fault.value.faults[0].remedy).startswith("缺少这个表") and len(fault.value.faults) < 20
