"""An opinion survey with questions of the office's own: what each answer is worth is a fact, what follows is worked by hand."""

from dataclasses import replace
from fractions import Fraction

import pytest

from tally import component, step
from tally.facts import RESPONSES, Answer, Asked, Opinion, Survey
from tally.outcome import OPINION_FALLBACK, appraise
from tally.step import Label
from tests.tally.a_year import Year, person, team


def answers(**points):
    return tuple(
        Answer(id=id, label=Label(zh=f"答{id}"), points=None if worth is None else Fraction(worth)) for id, worth in points.items()
    )


def asked(kind, of="person", id=None, **points):
    return Asked(id=f"own.{id or kind}", of=of, kind=kind, label=Label(zh=f"题{kind}"), answers=answers(**points))


def line(low, high, of="person"):
    ends = (Answer(id=low, label=Label(zh=low), points=Fraction(0)), Answer(id=high, label=Label(zh=high), points=Fraction(100)))
    return Asked(id="own.number", of=of, kind="number", label=Label(zh="题数"), answers=ends)


ONE = asked("one", yes=100, no=40, unsure=None)
MANY = asked("many", a=50, b=30, c=20, none=None)
NUMBER = line("0", "10")
MARKS = {
    "own.one": {"": {"yes": 6, "no": 3, "unsure": 1, "void": 1}},  # (6×100 + 3×40) ÷ 9 = 80
    "own.many": {"": {"a": 4, "b": 4, "c": 4, RESPONSES: 8}},  # (4×50 + 4×30 + 4×20) ÷ 8 = 50
    "own.number": {"": {"5": 1, "5.0": 1, "8": 1, "12": 1}},  # (50 + 50 + 80 + 100) ÷ 4 = 70
}


@pytest.fixture
def scored(rules):
    """The captain's opinion step, where the banner was asked these questions."""

    def score(questions, marks, *, measure=False, responses=10, team_marks=None, **choices):
        year = Year(choices=choices)
        year.opinion[person(1)] = Opinion(marks=marks, valid_responses=responses)
        if team_marks is not None:
            year.opinion[team(1)] = Opinion(marks=team_marks, valid_responses=responses)
        survey = Survey(questions=tuple(questions), measure=measure)
        facts = replace(year.facts(), surveys={team(1).banner: survey})
        row = appraise(facts, rules).row(person(1))
        [found] = [each for each in row.step.walk() if each.label.zh == "民意调查"]
        return row, found

    return score


def test_each_question_is_the_mean_of_its_valid_answers_and_the_mark_their_mean(scored):
    row, found = scored([ONE, MANY, NUMBER], MARKS)
    assert [each.value for each in found.children] == [80, 50, 70]
    assert found.value == Fraction("66.67") and row.components["opinion"] == Fraction("66.67")
    assert step.calculation(found) == "(80 + 50 + 70) ÷ 3 = 66.666666… → 66.67"
    assert [step.calculation(each) for each in found.children] == [
        "(100×6 + 40×3) ÷ 9 = 80",
        "(50×4 + 30×4 + 20×4) ÷ 8 = 50",
        "(50×2 + 80×1 + 100×1) ÷ 4 = 70",
    ]
    assert "0得0分，10得100分" in found.children[2].how.zh


def test_a_line_may_fall_and_reach_below_zero(rules):
    found = component.count.asked(line("20", "-20"), {"+10": 1, "-20": 1, "99": 2})
    assert found.value == Fraction(25 + 100, 4)


def test_a_question_nobody_answered_validly_makes_the_mark_missing(scored):
    row, found = scored([ONE, MANY], {**MARKS, "own.one": {"": {"unsure": 9, "void": 2}}}, opinion_fallback="missing")
    assert found.value is None and "opinion" in row.missing
    assert scored([MANY], {"own.many": {"": {"none": 4}}}, opinion_fallback="missing")[1].value is None


def test_too_few_responses_take_the_teams_level_from_the_questions_about_the_team(scored):
    about_team = asked("one", of="team", id="team", good=100, bad=0)
    marks = {"own.team": {"": {"good": 3, "bad": 1}}}
    row, found = scored([ONE, about_team], MARKS, responses=9, team_marks=marks)
    assert found.value == 75 and OPINION_FALLBACK in row.flags
    row, found = scored([about_team], {}, responses=10, team_marks=marks)
    assert found.value == 75 and "没有逐人计分的题" in found.how.zh and OPINION_FALLBACK in row.flags


def test_asked_beside_the_measures_questions_all_weigh_the_same(scored):
    three = {each: {"": {"good": 9}} for each in ("work", "help", "satisfied")}
    assert scored([ONE], {**three, **MARKS}, measure=True)[1].value == Fraction(100 * 3 + 80, 4)
    assert scored([ONE], {**three, **MARKS})[1].value == 80  # the measure's were not asked there


def test_a_questionnaire_without_points_is_named_as_what_is_missing(scored):
    row, found = scored([], {})
    assert found.value is None and "问卷没有设定计分" in found.how.zh and "opinion" in row.missing
