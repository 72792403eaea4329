"""The results pages say what `flask score` says for the same year."""

import io
import json
import re
from urllib.parse import quote

import pytest
from python_calamine import CalamineWorkbook

from survey import db
from survey.year import site, yearbook
from tally.number import fixed

from .conftest import EXAMPLES, Form
from .test_feedback import pages, year_of

SEQUENCES = ("team", "captain", "deputy", "liaison", "member")


def test_the_results_are_those_of_the_example(office):
    mine = json.loads(office.get("/desk/results.json"))
    right = json.loads((EXAMPLES / "small" / "expected.json").read_text(encoding="utf-8"))
    assert mine["quota"] == right["quota"]
    for name, rows in right["sequences"].items():
        assert [{key: row[key] for key in want} for row, want in zip(mine["sequences"][name], rows, strict=True)] == rows


def test_the_results_are_those_of_the_exported_year_book_scored_elsewhere(office, desk_app, tmp_path):
    office.save("/desk/entry/scores", {(desk_app.first, "日常督查"): "71.5"})
    with desk_app.app_context(), db.reading() as connection:
        yearbook.write(site.give_out(connection, 2018), tmp_path / "year.db")
    scored = desk_app.test_cli_runner().invoke(args=["score", str(tmp_path / "year.db"), "--json"])
    assert scored.exit_code == 0, scored.output
    assert json.loads(office.get("/desk/results.json")) == json.loads(scored.stdout)


@pytest.mark.parametrize("sequence", SEQUENCES)
def test_a_ranking_shows_each_score_rank_and_grade(office, sequence):
    page = office.get(f"/desk/results?sequence={sequence}")
    assert page.count("<h1") == 1
    right = json.loads((EXAMPLES / "small" / "expected.json").read_text(encoding="utf-8"))["sequences"][sequence]
    rows = re.findall(
        r'<tr(?: class="line")?><td class="num">(\S+)</td><th scope="row"><a href="[^"]+">([^<]+)</a>.*?<strong>(\S+)</strong>',
        page,
        re.S,
    )
    assert rows == [(str(row["rank"] or "–"), row["name"], row["score"] or "–") for row in right]


def test_a_missing_input_stands_on_top_with_who_owes_it(office, desk_app):
    office.save("/desk/entry/scores", {(desk_app.first, "第三方评估"): ""})
    page = office.get("/desk/results")
    top = page[: page.index('class="list ranking"')]
    assert "第三方评估" in top and desk_app.first in top and "由第三方评估机构补" in top


def test_a_subject_is_explained_down_to_the_clause_and_the_count(office):
    page = office.get("/desk/results/captain/P0001")
    assert "这个分数是怎么来的" in page and "〔四（七）〕" in page
    assert re.search(r"\(100×\d+ \+ 80×\d+", page), "the counts of the marks"
    assert page.count('<rect class="s') == 32  # five items of the ballot, three questions of the survey, four marks each
    assert office.bytes("/desk/results/captain/P0001.pdf")[:5] == b"%PDF-"
    office.get("/desk/results/captain/nobody", status=404)


def test_a_persons_paper_tells_the_teams_score_but_nothing_of_colleagues(office, desk_app):
    ranking = year_of(desk_app).outcome.ranking("captain")
    row = next(row for row in ranking.rows if row.key == "P0001")
    team = next(each for each in year_of(desk_app).outcome.ranking("team").rows if each.banner == row.banner)
    colleagues = [name for person, name, banner, *_more in desk_app.book["people"] if banner == row.banner and person != "P0001"]
    own = "".join(pages(office.bytes("/desk/results/captain/P0001.pdf")))
    assert all(fixed(value) in own for value in (row.score, team.score, *team.components.values()))
    assert colleagues and not [name for name in colleagues if name in own] and "每一步见总队的得分说明" in own
    of_team = "".join(pages(office.bytes(f"/desk/results/team/{quote(team.key)}.pdf")))
    assert all(name in of_team for name in colleagues) and "每一步见总队" not in of_team


def test_the_choices_stand_under_every_result(office):
    for url in ("/desk/results", "/desk/results/captain/P0001"):
        page = office.get(url)
        assert "采用的选择" in page and "D-01" in page and "督导组考核得分" in page


def test_another_choice_is_compared_and_saved_nowhere(office, entries):
    before, noted = office.bytes("/desk/results.json"), len(entries())
    page = office.get("/desk/what-if?choice.ballot_points=97/87/77/67")
    assert "100/80/60/40 → 97/87/77/67" in page and "会变的" in page
    sheet = CalamineWorkbook.from_filelike(io.BytesIO(office.bytes("/desk/what-if.xlsx?choice.ballot_points=97/87/77/67")))
    assert len(sheet.get_sheet_by_index(0).to_python()) > 2
    assert office.bytes("/desk/results.json") == before and len(entries()) == noted


def test_other_weights_must_sum_to_a_hundred(office):
    assert "要等于100" in office.get("/desk/what-if?team.indicators=31")
    assert "30% → 40%" in office.get("/desk/what-if?team.indicators=40&team.routine=10")
    assert "应是数字" in office.get("/desk/what-if?team.indicators=many")
    wrong = office.get("/desk/what-if?choice.ballot_points=abc")
    assert "应是 4 个以 / 相连" in wrong and "numbers" not in wrong and "现在 none（只记录，不加权）" in wrong


def decide(office, url, **given):
    fields = Form(office.get(url)).with_(reason="") | given
    return office.post(url, fields)


def test_a_decision_wants_a_reason_and_stands_in_the_lists(office, entries):
    url = "/desk/results/captain/P0001"
    assert decide(office, url, grade="basic", reason=" ").status_code == 422
    assert "已决定" not in office.get("/desk/results?sequence=captain")
    assert decide(office, url, grade="basic", reason="领导小组审议").status_code == 200
    assert "已决定" in office.get("/desk/results?sequence=captain")
    assert "领导小组审议" in office.get("/desk/decisions")
    assert entries(deed="grade.decide")[0].detail["after"] == {"grade": "basic", "approver": ""}
    decide(office, url, grade="", reason="撤回")
    assert "已决定" not in office.get("/desk/results?sequence=captain")


def test_going_over_the_thirty_per_cent_needs_an_approver(office):
    rows = json.loads(office.get("/desk/results.json"))
    sequence, most = "captain", rows["quota"]["captain"]["excellent"]
    ranked = [row for row in rows["sequences"][sequence] if row["score"]]
    for row in ranked[:most]:
        assert decide(office, f"/desk/results/{sequence}/{row['subject']}", grade="excellent", reason="示例").status_code == 200
    over = f"/desk/results/{sequence}/{ranked[most]['subject']}"
    refused = decide(office, over, grade="excellent", reason="示例")
    assert refused.status_code == 422 and "请写明批准人" in refused.get_data(as_text=True)
    assert decide(office, over, grade="excellent", reason="示例", approver="示例组长").status_code == 200
    assert "超过名额" in office.get(f"/desk/results?sequence={sequence}") and "示例组长" in office.get("/desk/decisions")


def test_every_list_is_exported(office, desk_app):
    banner = quote(desk_app.first)
    for url in (
        "/desk/results.xlsx", "/desk/decisions.xlsx", "/desk/today.xlsx", "/desk/draw.xlsx", "/desk/entry/scores.xlsx",
        f"/desk/entry/letters.xlsx?banner={banner}", "/desk/entry/days.xlsx",
    ):  # fmt: skip
        assert CalamineWorkbook.from_filelike(io.BytesIO(office.bytes(url))).sheet_names, url


def test_results_are_for_the_office_and_the_viewer(sign_in):
    for name, status in (("viewer", 200), ("staff", 403), ("assessor", 403), ("teller", 403)):
        sign_in(name).get("/desk/results", status=status)
    viewer = sign_in("viewer")
    assert 'name="reason"' not in viewer.get("/desk/results/captain/P0001")


def test_no_ballot_is_read_again_while_nothing_changed(office, monkeypatch, desk_app):
    read = []
    real = site.facts
    monkeypatch.setattr(site, "facts", lambda *given: read.append(1) or real(*given))
    for _ in range(3):
        office.get("/desk/results")
        office.get("/desk/results/captain/P0001")
        office.get("/desk/what-if?choice.ballot_points=97/87/77/67")
    assert len(read) <= 1
    office.save("/desk/entry/scores", {(desk_app.first, "日常督查"): "70"})
    office.get("/desk/results")
    assert 1 <= len(read) <= 2
