"""The measure's own cases: both formulas, every threshold from both sides, every missing input."""

from fractions import Fraction

import pytest

from tally.facts import Opinion
from tally.outcome import DAYS_LITERAL, OPINION_FALLBACK, Row, appraise
from tests.tally.a_year import INDICATORS, ITEMS, Year, person, team


@pytest.fixture
def scored(rules):
    """The row of a subject of a year; the captain of the first banner unless another is named."""

    def score(year: Year, subject=None) -> Row:
        return appraise(year.facts(), rules).row(subject or person(1))

    return score


def factors(row: Row) -> list[str]:
    return [each.factor for each in row.adjustments]


# the formulas


def test_a_teams_score_is_its_components_by_weight(scored):
    year = Year()
    year.scores[team(1)] |= {
        "indicators": Fraction(80),
        "routine": Fraction(85),
        "third_party": Fraction(95),
        "ledger": Fraction(70),
    }
    year.grades[team(1)] = dict.fromkeys("甲乙丙", "A1")
    # 80×30% + 85×20% + 95×20% + 90×5% + 70×15% + 100×10% = 85
    assert scored(year, team(1)).score == 85


def test_a_persons_score_is_their_components_by_weight(scored):
    year = Year()
    year.scores[team(1)]["indicators"] = Fraction(80)  # the team: 87
    year.scores[person(1)] = {"routine": Fraction(100), "visits": Fraction(60)}
    year.marks(person(1), good=3).answers(person(1), responses=10, average=10)
    # team: appraisal (100+90+90+90)/4 = 92.5 → 24+18+18+4.625+13.5+9 = 87.125 → 87.13
    # 87.13×30% + 100×15% + 100×5% + 60×15% + 60×20% + 90×15% = 80.639
    assert scored(year, team(1)).score == Fraction("87.13")
    assert scored(year).score == Fraction("80.64")


def test_bonus_and_deduction_are_added_to_the_weighted_sum_and_nothing_caps_the_total(scored):
    year = Year(ranks={1: 1}, days={person(1): Fraction(300)})
    year.scores[team(1)] = {name: Fraction(100) for name in year.scores[team(1)]}
    year.grades |= {team(1): dict.fromkeys("甲乙丙", "A1"), person(1): dict.fromkeys("甲乙丙", "A1")}
    year.factors[team(1)] = dict.fromkeys(("identification_precise", "support_precise", "exit_precise"), "依据")
    year.factors[person(1)] = {"solved_problems": "依据", "office_tasks_good": "依据"}
    row = scored(year)
    assert row.adjustment_total == 3 + 2 + 2 + 2 + 2
    assert row.score > 100


def test_a_teams_problems_and_tasks_do_not_pass_to_its_people(scored):
    year = Year()
    year.factors[team(1)] = {"solved_problems": "依据", "office_tasks_good": "依据", "exit_imprecise": "依据"}
    assert factors(scored(year, team(1))) == ["exit_imprecise", "office_tasks_good", "solved_problems"]
    assert factors(scored(year)) == ["exit_imprecise"]


# 240 days


@pytest.mark.parametrize(
    ("days", "found"),
    [("239.5", ["days_under"]), ("240", []), ("240.5", ["days_over"]), ("0", ["days_under"]), ("365", ["days_over"])],
)
def test_more_than_240_days_gains_fewer_loses_and_exactly_240_does_neither(scored, days, found):
    assert factors(scored(Year(days={person(1): Fraction(days)}))) == found


@pytest.mark.parametrize(("days", "found"), [("120", []), ("119.5", ["days_under"]), ("120.5", ["days_over"])])
def test_in_proportion_to_the_days_assigned_the_threshold_moves(scored, days, found):
    year = Year(
        choices={"days_rule": "pro_rata"}, days={person(1): Fraction(days)}, assigned={person(1): Fraction("182.5")}
    )
    assert factors(scored(year)) == found


def test_no_days_entered_is_missing_and_not_zero(scored):
    row = scored(Year(days={person(1): None}))
    assert (row.score, row.missing, factors(row)) == (None, ("days",), [])


def test_the_literal_rule_is_warned_of_when_fewer_days_than_a_year_were_assigned(rules):
    year = Year(assigned={person(1): Fraction(248)})
    outcome = appraise(year.facts(), rules)
    assert outcome.row(person(1)).flags == (DAYS_LITERAL,)
    assert outcome.row(person(1, "deputy")).flags == ()
    assert outcome.flags == (DAYS_LITERAL,)
    assert appraise(year.facts(), rules.with_choices({"days_rule": "pro_rata"})).flags == ()


# the rank in the region


@pytest.mark.parametrize(
    ("rank", "found"),
    [
        (1, ["rank_top_5"]), (5, ["rank_top_5"]), (6, ["rank_6_to_10"]), (10, ["rank_6_to_10"]), (11, []),
        (52, []), (53, ["rank_last_5"]), (57, ["rank_last_5"]), ("none", []),
    ],
)  # fmt: skip
def test_the_first_five_the_next_five_and_the_last_five_of_57(scored, rank, found):
    year = Year(ranks={1: rank})
    assert factors(scored(year, team(1))) == found
    assert factors(scored(year)) == found


@pytest.mark.parametrize(
    ("rank", "total", "found"),
    [
        (3, 8, ["rank_top_5"]),
        (4, 8, ["rank_last_5", "rank_top_5"]),
        (6, 8, ["rank_6_to_10", "rank_last_5"]),
        (1, 5, ["rank_last_5", "rank_top_5"]),
        (5, 10, ["rank_top_5"]),
        (6, 10, ["rank_6_to_10", "rank_last_5"]),
    ],
)
def test_with_few_banners_both_rules_can_apply_to_one(scored, rank, total, found):
    assert factors(scored(Year(ranks={1: rank}, ranked_total=total), team(1))) == found


def test_a_blank_rank_is_missing_for_the_team_and_through_it_for_its_people(scored):
    year = Year(ranks={1: None})
    assert scored(year, team(1)).missing == ("poverty_rank",)
    assert scored(year).missing == ("poverty_rank", "supervision")


def test_where_the_banners_factors_are_the_teams_alone_people_need_no_rank(scored):
    year = Year(ranks={1: None}, choices={"banner_factors": "team", "supervision": "team_base"})
    year.factors[team(1)] = {"exit_precise": "依据"}
    row = scored(year)
    assert (row.missing, factors(row)) == ((), [])


# the supervision score (D-01)


def test_the_supervision_score_is_the_teams_score_with_or_without_bonus_or_entered(scored):
    year = Year(ranks={1: 1})
    year.scores[team(1)]["supervision"] = Fraction(70)
    assert scored(year).components["supervision"] == 92
    year.choices["supervision"] = "team_base"
    assert scored(year).components["supervision"] == 90
    year.choices["supervision"] = "entered"
    assert scored(year).components["supervision"] == 70
    year.scores[person(1)] = {"supervision": Fraction(71)}
    assert scored(year).components["supervision"] == 71
    del year.scores[person(1)], year.scores[team(1)]["supervision"]
    assert scored(year).missing == ("supervision",)


def test_a_teams_gap_is_its_peoples_gap(scored):
    year = Year()
    del year.scores[team(1)]["third_party"]
    assert scored(year).missing == ("supervision",)


# entered scores and sheets


def test_an_entered_score_wins_over_a_sheet_and_a_sheet_over_the_teams(scored):
    year = Year()
    sheet = {"effects": Fraction(30), "precision": Fraction(40), "conduct": Fraction(30)}
    assert scored(year).components["visits"] == 90  # the team's entered
    year.points[team(1)] = {"visits": {"甲嘎查": sheet}}
    assert scored(year).components["visits"] == 90  # still: entered for the team before the team's sheets
    del year.scores[team(1)]["visits"]
    assert scored(year).components["visits"] == 100
    year.points[person(1)] = {"visits": {"甲嘎查": sheet, "乙嘎查": sheet | {"conduct": Fraction(9)}}}
    assert scored(year).components["visits"] == Fraction("89.5")
    year.scores[person(1)] = {"visits": Fraction(61)}
    assert scored(year).components["visits"] == 61


def test_a_visit_sheet_that_lacks_an_item_makes_the_component_missing_and_nothing_further_is_tried(scored):
    year = Year()
    year.points[person(1)] = {"visits": {"甲嘎查": {"effects": Fraction(30)}}}
    assert scored(year).missing == ("visits",)


def test_a_sheet_of_points_counts_only_when_it_is_complete(scored):
    year = Year()
    del year.scores[team(1)]["indicators"]
    year.points[team(1)] = {"indicators": {"": {name: Fraction(points) for name, points in INDICATORS.items()}}}
    assert scored(year, team(1)).components["indicators"] == 100
    del year.points[team(1)]["indicators"][""]["outreach"]
    assert scored(year, team(1)).missing == ("indicators",)


def test_the_routine_score_is_the_persons_else_the_teams(scored):
    year = Year()
    assert scored(year).components["routine"] == 90
    year.scores[person(1)] = {"routine": Fraction(0)}
    assert scored(year).components["routine"] == 0


# the ballot


def test_the_marks_of_an_item_are_pooled_and_the_five_items_averaged(scored):
    year = Year().marks(person(1), good=1, fairly_good=1, average=1, poor=1)
    year.appraisal[person(1)]["overall"] = {"households": {"good": 2, "blank": 5, "void": 3}}
    # (70+70+70+70+100)/5
    assert scored(year).components["appraisal"] == 76


def test_an_item_nobody_marked_leaves_the_person_without_a_score_and_the_team_with_the_others(scored):
    year = Year()
    year.appraisal[person(1)]["service"] = {"households": {"blank": 4}}
    assert scored(year).missing == ("appraisal",)
    assert scored(year, team(1)).missing == ()
    for position in ("deputy", "liaison", "member"):
        year.appraisal.pop(person(1, position))
    assert scored(year, team(1)).missing == ("appraisal",)


def test_a_teams_appraisal_averages_printed_scores(scored):
    year = Year()
    for position, poor in (("captain", 2), ("deputy", 2), ("liaison", 2), ("member", 0)):
        year.marks(person(1, position), good=1, poor=poor)  # 60, 60, 60, 100
    year.marks(person(1), good=2, fairly_good=1)  # 93.333… is printed 93.33
    # (93.33 + 60 + 60 + 100) / 4 = 78.3325
    assert scored(year, team(1)).components["appraisal"] == Fraction("78.33")
    year.marks(person(1), good=1, fairly_good=2)  # 86.666… is printed 86.67
    year.marks(person(1, "deputy"), good=1, fairly_good=2).marks(person(1, "liaison"), good=1, fairly_good=2)
    year.marks(person(1, "member"), good=1, fairly_good=2)
    assert scored(year, team(1)).components["appraisal"] == Fraction("86.67")


@pytest.mark.parametrize(("mode", "score"), [("captain", 100), ("row", 40), ("people", "92.50")])
def test_a_teams_appraisal_may_be_its_own_row_or_its_captains(scored, mode, score):
    year = Year(choices={"team_appraisal": mode}).marks(person(1), good=1).marks(team(1), poor=1)
    assert scored(year, team(1)).components["appraisal"] == Fraction(score)


def test_groups_weigh_as_chosen_and_one_without_marks_gives_its_share_to_the_others(scored):
    year = Year(choices={"group_weights": "40/10/0/25/25"})
    year.appraisal[person(1)] = {}
    year.marks(person(1), "leaders", good=1).marks(person(1), "departments", poor=9)
    # (100×40 + 40×10) ÷ 50
    assert scored(year).components["appraisal"] == 88


def test_marks_only_in_groups_of_weight_0_are_no_marks(scored):
    year = Year(choices={"group_weights": "40/10/0/25/25"})
    year.appraisal[person(1)] = {}
    year.marks(person(1), "townships", good=9)
    assert scored(year).missing == ("appraisal",)


def test_groups_merged_at_the_seal_weigh_what_they_weighed_apart(scored):
    year = Year(choices={"group_weights": "40/10/0/25/25"})
    year.appraisal[person(1)] = {}
    year.marks(person(1), "leaders+townships", good=1).marks(person(1), "households", poor=1)
    # (100×(40+0) + 40×25) ÷ 65
    assert scored(year).components["appraisal"] == Fraction("76.92")


def test_marks_without_a_group_cannot_be_weighted(scored):
    year = Year(choices={"group_weights": "20/20/20/20/20"})
    year.appraisal[person(1)] = {item: {"": {"good": 9}} for item in ITEMS}
    assert scored(year).missing == ("appraisal",)


# the opinion survey


@pytest.mark.parametrize(("responses", "score"), [(10, 80), (9, 100)])
def test_under_ten_responses_the_teams_level_is_used_and_flagged(scored, responses, score):
    year = Year().answers(person(1), responses, fairly_good=responses).answers(team(1), 3, good=3)
    row = scored(year)
    assert row.components["opinion"] == score
    assert row.flags == ((OPINION_FALLBACK,) if responses < 10 else ())


def test_a_question_without_a_valid_answer_falls_back_too(scored):
    year = Year().answers(team(1), 3, good=3)
    marks = dict(year.opinion[person(1)].marks) | {"help": {"": {"unsure": 12}}}
    year.opinion[person(1)] = Opinion(marks=marks, valid_responses=12)
    assert scored(year).components["opinion"] == 100


def test_without_a_team_level_or_without_the_fallback_it_is_missing(scored):
    year = Year().answers(person(1), 9, good=9)
    assert scored(year).missing == ("opinion",)
    year.answers(team(1), 3, good=3)
    assert scored(year).missing == ()
    year.choices["opinion_fallback"] = "missing"
    assert scored(year).missing == ("opinion",)
    year.choices["opinion_min_valid"] = "9"
    assert scored(year).missing == ()


def test_the_teams_level_needs_an_answer_to_each_of_the_five(scored):
    year = Year().answers(person(1), 9, good=9).answers(team(1), 3, good=3)
    year.opinion[team(1)] = Opinion(marks=dict(list(year.opinion[team(1)].marks.items())[:4]), valid_responses=3)
    assert scored(year).missing == ("opinion",)


# the assessors


@pytest.mark.parametrize(("letters", "missing"), [(["B1", "B1"], ("assessors",)), (["B1", "B1", "A1"], ())])
def test_three_assessors_are_needed(scored, letters, missing):
    year = Year()
    year.grades[person(1)] = {f"考核员{number}": letter for number, letter in enumerate(letters)}
    assert scored(year).missing == missing


@pytest.mark.parametrize(
    ("letters", "trim", "score"),
    [
        (["A1", "A1", "A1", "A1", "D3"], "yes", "92.6"),  # five: none is dropped
        (["A1", "A1", "A1", "A1", "A1", "D3"], "yes", "100"),  # six: one highest, one lowest
        (["A1", "A1", "A1", "A1", "A1", "D3"], "no", "93.83"),
    ],
)
def test_over_five_letters_one_highest_and_one_lowest_may_be_dropped(scored, letters, trim, score):
    year = Year(choices={"assessors_trim": trim})
    year.grades[person(1)] = {f"考核员{number}": letter for number, letter in enumerate(letters)}
    assert scored(year).components["assessors"] == Fraction(score)


def test_the_fewest_assessors_are_counted_before_any_is_dropped(scored):
    year = Year(choices={"assessors_trim": "yes", "assessors_min": "6"})
    year.grades[person(1)] = dict.fromkeys("甲乙丙丁戊己", "A1")
    assert scored(year).components["assessors"] == 100


@pytest.mark.parametrize(
    ("letter", "points"),
    [
        ("A1", 100), ("A2", 97), ("A3", 93), ("B1", 90), ("B2", 87), ("B3", 83),
        ("C1", 80), ("C2", 77), ("C3", 73), ("D1", 70), ("D2", 67), ("D3", 63),
    ],
)  # fmt: skip
def test_annex_2_gives_each_letter_its_points(scored, letter, points):
    year = Year()
    year.grades[person(1)] = dict.fromkeys("甲乙丙", letter)
    assert scored(year).components["assessors"] == points


# rounding


def test_a_component_is_rounded_half_up_before_it_is_weighted(scored):
    year = Year()
    year.scores[team(1)]["indicators"] = Fraction("86.125")  # 86.13, not the 86.12 of round()
    assert scored(year, team(1)).components["indicators"] == Fraction("86.13")
    # 86.13×30% + 90×70% = 88.839
    assert scored(year, team(1)).score == Fraction("88.84")
    year.scores[team(1)]["indicators"] = Fraction("86.1249")
    assert scored(year, team(1)).components["indicators"] == Fraction("86.12")


def test_exact_components_are_rounded_once_at_the_total_and_still_printed_with_two_decimals(scored):
    year = Year(choices={"round_components": "exact"})
    year.scores[team(1)] |= {"indicators": Fraction("90.0149"), "third_party": Fraction("90.0049")}
    row = scored(year, team(1))
    # 0.0149×30% + 0.0049×20% = 0.00545; rounded first it is 0.003
    assert row.score == Fraction("90.01")
    assert row.components["indicators"] == Fraction("90.01")
    del year.choices["round_components"]
    assert scored(year, team(1)).score == Fraction("90.00")


def test_the_supervision_score_is_the_printed_one_also_where_components_stay_exact(scored):
    year = Year(choices={"round_components": "exact"})
    year.scores[team(1)] |= {"indicators": Fraction("90.0149"), "third_party": Fraction("90.0049")}
    assert scored(year).components["supervision"] == Fraction("90.01")
    assert scored(year).step.children[0].value == Fraction("90.01")


# nothing, and all


def test_a_year_without_anything_has_no_scores_and_says_all_that_is_missing(rules):
    year = Year(days={person(1): None}, ranks={1: None})
    year.scores, year.grades, year.appraisal, year.opinion = {}, {}, {}, {}
    outcome = appraise(year.facts(), rules)
    assert outcome.row(team(1)).missing == tuple(
        sorted(("appraisal", "assessors", "indicators", "ledger", "poverty_rank", "routine", "third_party"))
    )
    assert outcome.row(person(1)).missing == tuple(
        sorted(("appraisal", "assessors", "days", "opinion", "poverty_rank", "routine", "supervision", "visits"))
    )
    assert "管理办公室" in outcome.row(person(1)).step.how.zh


def test_a_year_without_banners_has_five_empty_sequences(rules):
    outcome = appraise(Year(size=0).facts(), rules)
    assert [(each.sequence, each.size, each.excellent) for each in outcome.rankings] == [
        (name, 0, 0) for name in ("team", "captain", "deputy", "liaison", "member")
    ]


def test_a_position_the_measure_does_not_rank_is_refused(rules):
    facts = Year().facts()
    object.__setattr__(facts.people[0], "position", "cook")
    with pytest.raises(ValueError, match="cook"):
        appraise(facts, rules)
