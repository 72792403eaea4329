"""Order, ties, the 30 % and the proposed grades, from both sides of every line."""

from fractions import Fraction

import pytest

from tally.rank import places, quota


def ranked(rules, *scores, **choices):
    """The places of scores given as texts or None, in that order."""
    rulebook = rules.with_choices(choices)
    given = {f"{number:03d}": None if score is None else Fraction(score) for number, score in enumerate(scores)}
    found = places(rulebook, given)
    return [(found[key].rank, found[key].grade, found[key].decision_needed) for key in given]


def test_equal_scores_share_a_rank_and_the_next_is_skipped(rules):
    assert [rank for rank, _, _ in ranked(rules, "80", "90", "90", "70", "80")] == [3, 1, 1, 5, 3]


@pytest.mark.parametrize(
    ("score", "grade"),
    [
        ("90.00", "excellent"), ("89.99", "competent"), ("70.00", "competent"), ("69.99", "basic"),
        ("60.00", "basic"), ("59.99", "incompetent"), ("-3", "incompetent"), ("110", "excellent"),
    ],
)  # fmt: skip
def test_a_score_on_a_cut_has_the_better_grade(rules, score, grade):
    others = ["10"] * 9
    assert ranked(rules, score, *others)[0] == (1 if Fraction(score) > 10 else 10, grade, False)


def test_the_cuts_may_be_chosen(rules):
    assert ranked(rules, "75", grades="90/80/60")[0][1] == "basic"


@pytest.mark.parametrize(
    ("size", "floor", "half_up", "ceil"),
    [
        (0, 0, 0, 0),
        (1, 0, 0, 1),
        (3, 0, 1, 1),
        (5, 1, 2, 2),
        (10, 3, 3, 3),
        (57, 17, 17, 18),
        (171, 51, 51, 52),
        (15, 4, 5, 5),
    ],
)
def test_at_most_thirty_per_cent_rounded_as_chosen(rules, size, floor, half_up, ceil):
    counted = [
        quota(rules.with_choices({"quota_rounding": rounding}), size) for rounding in ("floor", "half_up", "ceil")
    ]
    assert counted == [floor, half_up, ceil]


def test_everyone_counts_for_the_size_also_those_without_a_score(rules):
    found = ranked(rules, "99", "98", "97", "96", *[None] * 6)
    assert [grade for _, grade, _ in found[:4]] == ["excellent", "excellent", "excellent", "competent"]
    assert found[4] == (None, None, False)


def test_who_ties_across_the_quota_waits_for_a_decision_and_nobody_after_is_excellent(rules):
    found = ranked(rules, "99", "98", "95", "95", "94", *["80"] * 5)  # three may be
    assert found[:5] == [
        (1, "excellent", False),
        (2, "excellent", False),
        (3, "competent", True),
        (3, "competent", True),
        (5, "competent", False),
    ]


def test_a_tie_that_fills_the_quota_exactly_needs_no_decision(rules):
    found = ranked(rules, "99", "95", "95", *["94"] * 7)
    assert found[:4] == [
        (1, "excellent", False),
        (2, "excellent", False),
        (2, "excellent", False),
        (4, "competent", False),
    ]


def test_a_tie_across_the_quota_below_ninety_needs_no_decision(rules):
    assert ranked(rules, "89", "88", "87", "87", *["50"] * 6)[2] == (3, "competent", False)


def test_with_no_place_to_give_nobody_is_torn(rules):
    assert ranked(rules, "99", "99", "99") == [(1, "competent", False)] * 3


def test_a_tie_of_all_waits_for_a_decision(rules):
    assert ranked(rules, *["95"] * 10) == [(1, "competent", True)] * 10
