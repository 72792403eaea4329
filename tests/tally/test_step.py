"""An explanation is read off the score itself: as text, as HTML, as plain JSON."""

import html as markup
import re
from fractions import Fraction

import pytest

from tally import step
from tally.facts import Subject
from tally.outcome import appraise, as_result
from tally.step import Label, Rule, Step
from tests.tally.a_year import Year, person, team


@pytest.fixture
def score(rules) -> Step:
    year = Year(ranks={1: 3})
    year.factors[team(1)] = {"exit_imprecise": "<b>依据</b>"}
    return appraise(year.facts(), rules).explain(person(1))


def test_every_level_has_its_clause_and_its_arithmetic(score):
    text = step.text(score)
    assert text.startswith("示例captain1 成员得分 91.30：各项得分乘以权重相加，再加减分〔四（七）〕\n")
    assert "  91.00×30% + 90.00×15% + 90.00×5% + 90.00×15% + 90.00×20% + 90.00×15% + 1 = 91.3" in text
    assert "(100×1 + 80×1 + 60×0 + 40×0) ÷ 2 = 90" in text
    assert "全区排名前5位 2：全区排名第3位（共57位）〔四（七）加2〕" in text


def test_a_deduction_is_written_as_a_subtraction():
    parts = tuple(Step(label=Label(zh="x"), value=Fraction(each), how=Label(zh="")) for each in (2, -1))
    total = Step(label=Label(zh="x"), value=Fraction(1), how=Label(zh=""), rule=Rule.SUM, children=parts)
    assert step.calculation(total) == "2 − 1 = 1"


def test_depth_cuts_the_tree(score):
    assert len(step.text(score, depth=0).splitlines()) == 2
    assert "嘎查" not in step.text(score, depth=1)


def test_html_says_the_same_and_escapes_what_people_wrote(score):
    page = step.html(score)
    assert "&lt;b&gt;依据&lt;/b&gt;" in page
    assert "<b>依据" not in page
    words = re.sub(r"\s+", "", markup.unescape(re.sub("<[^>]*>", "", page)))
    for node in score.walk():
        assert re.sub(r"\s+", "", re.sub("<[^>]*>", "", node.label.zh)) in words
        assert step.shown(node) in words
    assert page.count("<details") == page.count("</details>")


def test_english_is_there_for_everything_but_names_and_evidence(score):
    for node in score.walk():
        if not re.search("示例|考核员|依据", node.label.zh + node.how.zh):
            assert node.label.en
            assert node.how.en


def test_the_result_bears_the_explanation_when_asked(rules):
    outcome = appraise(Year().facts(), rules)
    row = as_result(outcome, explained=True)["sequences"]["captain"][0]
    assert row["explanation"] == step.tree(outcome.explain(person(1)))
    assert row["explanation"]["value"] == row["score"]
    assert "explanation" not in as_result(outcome)["sequences"]["captain"][0]


def test_who_was_not_scored_cannot_be_explained(rules):
    with pytest.raises(KeyError):
        appraise(Year().facts(), rules).explain(Subject(banner="别的旗"))


# small groups (D-27)


def grouped(rules, **groups: int) -> Step:
    year = Year(choices={"group_weights": "20/20/20/20/20"})
    year.appraisal[person(1)] = {}
    for group, ballots in groups.items():
        year.marks(person(1), group, good=ballots - 1, poor=1)
    return next(
        node for node in appraise(year.facts(), rules).explain(person(1)).walk() if node.label.zh == "目标任务完成"
    )


def test_groups_of_five_are_shown_apart(rules):
    found = grouped(rules, leaders=5, households=6)
    assert [(each.label.zh, each.weight) for each in found.children] == [("旗县领导", 20), ("贫困户代表", 20)]
    assert step.calculation(found) == "(88×20 + 90×20) ÷ 40 = 89"


def test_with_one_group_of_four_no_group_is_shown_so_that_none_can_be_had_by_subtraction(rules):
    found = grouped(rules, leaders=4, households=6)
    assert found.children == ()
    assert found.value is not None
    assert "不列明细" in found.how.zh


def test_without_weights_no_group_is_shown_at_all(score):
    assert not any("旗县领导" in node.label.zh or "贫困户代表" in node.label.zh for node in score.walk())
