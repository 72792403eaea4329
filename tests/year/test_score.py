"""`flask score`: the examples come out exactly, in every form; faults, wrong usage, files."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import python_calamine
from click.testing import CliRunner

from survey import cli
from survey.year import gather, yearbook
from tally.facts import Subject
from tests.year.conftest import EXAMPLES, NAMES, PLAIN, expected, holds, put

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(autouse=True)
def in_chinese(monkeypatch):
    monkeypatch.setenv("LANGUAGE", "zh")


def score(*arguments: object):
    """Runs the command in this process."""
    return CliRunner().invoke(cli.score, [str(argument) for argument in arguments])


@pytest.mark.parametrize("form", [None, "again", "book.xlsx", "book.db"])
@pytest.mark.parametrize("name", NAMES)
def test_an_example_comes_out_exactly_in_every_form(tmp_path, name, form):
    path = EXAMPLES / name
    if form:
        path = tmp_path / form
        yearbook.write(yearbook.read(EXAMPLES / name)[0], path)
    run = score(path, "--json")
    assert run.exit_code == 0
    assert run.stderr == ""
    assert holds(expected(name), json.loads(run.stdout)) == []


def test_flask_finds_the_command_by_itself_and_touches_nothing(tmp_path):
    environment = os.environ | {"INSTANCE": str(tmp_path / "instance"), "DATABASE_URL": "postgresql://nowhere.invalid/none"}
    command = [sys.executable, "-m", "flask", "score", EXAMPLES / "edges", "--json"]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True)
    assert run.stderr == b""
    assert holds(expected("edges"), json.loads(run.stdout)) == []
    assert not list(tmp_path.iterdir())


def test_scoring_needs_neither_the_pages_nor_the_database():
    code = (
        "import sys; sys.argv = ['flask', 'score', 'tests/examples/edges', '--json']\n"
        "from flask.cli import main\ntry: main()\nexcept SystemExit: pass\n"
        "heavy = ('sqlalchemy', 'flask_wtf', 'weasyprint', 'python_calamine', 'xlsxwriter')\n"
        "print([name for name in heavy if name in sys.modules], file=sys.stderr)"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stderr == "[]\n"


def test_faults_go_to_standard_error_one_a_line_and_nothing_is_written(tmp_path):
    people = PLAIN["people"].replace("captain", "boss").replace("member", "boss")
    folder = put(tmp_path / "book", people=people)
    run = score(folder, "--json", "--out", tmp_path / "result.json")
    assert run.exit_code == 1
    assert run.stdout == ""
    assert [line.split(": ")[0] for line in run.stderr.splitlines()] == ["people:2:position", "people:3:position"]
    assert not (tmp_path / "result.json").exists()


def test_faults_are_told_in_english_where_the_terminal_is(tmp_path, monkeypatch):
    monkeypatch.setenv("LANGUAGE", "en_GB:en")
    run = score(put(tmp_path / "book", people=PLAIN["people"].replace("captain", "boss")))
    assert run.stderr.startswith("people:2:position: boss: no such value; one of: 队长 captain")


EDGES = EXAMPLES / "edges"


@pytest.mark.parametrize("arguments", [[], ["nowhere"], ["README.md"], [EDGES, "--out", "x.pdf"], [EDGES, "--explain", "无人"]])
def test_wrong_usage_is_status_2(arguments, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "README.md").write_text("no year book")
    run = score(*arguments)
    assert run.exit_code == 2
    assert run.stdout == ""


def test_the_result_as_a_file(tmp_path):
    run = score(EXAMPLES / "holes", "--out", tmp_path / "result.json")
    assert (run.exit_code, run.stdout) == (0, "")
    assert holds(expected("holes"), json.loads((tmp_path / "result.json").read_text("utf-8"))) == []


def test_the_result_as_a_workbook(tmp_path):
    assert score(EXAMPLES / "edges", "--out", tmp_path / "result.xlsx").exit_code == 0
    wanted = expected("edges")["sequences"]["captain"]
    with python_calamine.load_workbook(tmp_path / "result.xlsx") as workbook:
        assert workbook.sheet_names == ["工作总队", "队长", "副队长", "联络员", "成员", "所用选择", "计算过程"]
        heading, *rows = workbook.get_sheet_by_name("队长").to_python(skip_empty_area=False)[2:]
        choices = workbook.get_sheet_by_name("所用选择").to_python()
        steps = workbook.get_sheet_by_name("计算过程").to_python()
    found = [dict(zip(heading, row, strict=True)) for row in rows]
    assert [row["编号"] for row in found] == [row["subject"] for row in wanted]
    assert [f"{row['得分']:.2f}" if row["得分"] != "" else None for row in found] == [row["score"] for row in wanted]
    assert [f"{row['民意调查']:.2f}" for row in found] == [row["components"]["opinion"] for row in wanted]
    assert found[0]["建议等次"] == "优秀"
    assert {"派驻天数", "督导组考核得分"} <= {row["缺项"] for row in found}
    assert ["D-22", "90/70/60"] in [[row[0], row[3]] for row in choices]
    assert all(row[5] for row in choices[1:] if row[2])
    assert steps[1][1] == "示例01旗"
    assert steps[1][4] == "99.03"


def test_the_rankings_in_the_terminal():
    run = score(EXAMPLES / "edges")
    assert run.exit_code == 0
    lines = run.stdout.splitlines()
    assert lines[0] == "工作总队  共 20，优秀至多 6"
    components = ["指标考核", "日常督查", "第三方评估", "总结测评", "查阅台账", "考核组综合评价"]
    assert lines[1].split() == ["名次", "旗县", *components, "加减分", "加减分合计", "得分", "建议等次", "缺项"]
    assert lines[3].split()[:2] == ["1", "示例01旗"]
    assert "称职（待决定）" in run.stdout
    assert [line.split()[0] for line in lines if "  共 20" in line] == ["工作总队", "队长", "副队长", "联络员", "成员"]


def test_columns_stand_under_each_other_though_chinese_is_wide():
    from survey.year.result import _width

    lines = score(EXAMPLES / "edges").stdout.splitlines()[1:23]
    edge = _width(lines[0][: lines[0].index("得分")]) + 4
    for line in lines[2:]:
        before = ""
        while _width(before) < edge:
            before += line[len(before)]
        assert _width(before) == edge
        assert before[-1] in "0123456789—"


def test_a_score_is_explained_down_to_the_marks():
    run = score(EXAMPLES / "edges", "--explain", "P01a")
    assert run.exit_code == 0
    assert "示例甲01" in run.stdout.splitlines()[0]
    assert "民意调查" in run.stdout


# ---- from rows to facts --------------------------------------------------------------------------------------------

HEAD = "banner,village,response,respondent,person,question,answer\n"


def opinion(tmp_path: Path, *rows: str):
    """The facts of an opinion survey about P1 of 示例甲旗 and its team: village, response, person, question, answer."""
    lines = []
    for row in rows:
        village, response, *rest = row.split(",")
        lines.append(",".join(["示例甲旗", village, response, "household", *rest]))
    book, rulebook = yearbook.read(put(tmp_path / "book", opinions=HEAD + "\n".join(lines) + "\n"))
    return gather.facts(book, rulebook).opinion


P1 = Subject(banner="示例甲旗", person="P1")
TEAM = Subject(banner="示例甲旗")


def test_what_stands_beside_a_stranger_is_not_counted(tmp_path):
    first = ("甲,1,P1,known,stranger", "甲,1,P1,work,good", "甲,1,,real_work,good")
    found = opinion(tmp_path, *first, "甲,2,P1,work,poor", "甲,2,P1,known,seen")
    assert found[P1].marks == {"work": {"": {"poor": 1}}}
    assert found[P1].valid_responses == 1
    assert found[TEAM].marks == {"real_work": {"": {"good": 1}}}


def test_a_stranger_row_may_stand_anywhere(tmp_path):
    found = opinion(tmp_path, "甲,1,P1,work,good", "甲,2,P1,work,poor", "甲,1,P1,known,stranger")
    assert found[P1].marks == {"work": {"": {"poor": 1}}}
    assert found[P1].valid_responses == 1


def test_without_a_known_row_answers_count(tmp_path):
    assert opinion(tmp_path, "甲,1,P1,work,good")[P1].valid_responses == 1


def test_a_response_is_known_by_its_village_too(tmp_path):
    found = opinion(tmp_path, "甲,1,P1,known,stranger", "乙,1,P1,work,good", "甲,1,P1,help,good")
    assert found[P1].marks == {"work": {"": {"good": 1}}}


def test_a_response_with_unsure_and_void_answers_only_is_not_valid(tmp_path):
    found = opinion(tmp_path, "甲,1,P1,work,unsure", "甲,1,P1,help,void", "甲,2,P1,work,good", "甲,2,P1,help,unsure")
    assert found[P1].valid_responses == 1
    assert found[P1].marks["work"] == {"": {"unsure": 1, "good": 1}}


def test_unscored_questions_are_accepted_and_not_counted(tmp_path):
    found = opinion(tmp_path, "甲,1,,aware,heard", "甲,1,,wishes,income/roads", "甲,1,,solves,average")
    assert found[TEAM].marks == {"solves": {"": {"average": 1}}}


def test_respondents_that_disagree_within_a_response_leave_it_one_response(tmp_path):
    text = HEAD + "示例甲旗,甲,1,household,P1,known,stranger\n示例甲旗,甲,1,committee,P1,work,good\n"
    book, rulebook = yearbook.read(put(tmp_path / "book", opinions=text))
    assert P1 not in gather.facts(book, rulebook).opinion


def test_marks_are_counted_by_group(tmp_path):
    book, rulebook = yearbook.read(put(tmp_path / "book"))
    assert gather.facts(book, rulebook).appraisal == {
        P1: {"tasks": {"leaders": {"good": 1}, "households": {"poor": 1}}, "overall": {"leaders": {"void": 1}}}
    }
