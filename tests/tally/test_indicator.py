"""Rates of annex 1 become points (D-10); a posting's years become one score (D-29)."""

from fractions import Fraction

import pytest

from tally import indicator, tenure


@pytest.mark.parametrize(
    ("rate", "points"), [("100", "10"), ("100.1", "10"), ("99.9", "9.99"), ("0", "0"), ("-5", "0"), ("62.5", "6.25")]
)
def test_completion_counts_up_to_a_hundred(rate, points):
    assert indicator.completion(Fraction(rate), Fraction(10)) == Fraction(points)


@pytest.mark.parametrize(
    ("actual", "target", "points"),
    [("8", "8", "10"), ("9", "8", "10"), ("6", "8", "7.5"), ("0", "8", "0"), ("-1", "8", "0")],
)
def test_growth_and_decline_count_up_to_the_target_and_never_below_nothing(actual, target, points):
    assert indicator.change(Fraction(actual), Fraction(target), Fraction(10)) == Fraction(points)


@pytest.mark.parametrize("target", ["0", "-1"])
def test_there_is_nothing_to_measure_against_a_target_of_nothing(target):
    with pytest.raises(ValueError, match="target"):
        indicator.change(Fraction(1), Fraction(target), Fraction(10))


def test_precision_is_the_mean_of_three_rates():
    assert indicator.precision([Fraction(100), Fraction(90), Fraction(80)], Fraction(15)) == Fraction("13.5")
    for rates in (
        [Fraction(100)] * 2,
        [Fraction(100), Fraction(101), Fraction(0)],
        [Fraction(-1), Fraction(1), Fraction(1)],
    ):
        with pytest.raises(ValueError, match="three rates"):
            indicator.precision(rates, Fraction(15))


def test_a_posting_is_the_mean_of_its_years_and_a_gap_stays_a_gap():
    assert tenure.overall([Fraction("90.01"), Fraction("90.02")]) == Fraction("90.02")
    assert tenure.overall([Fraction(90), None]) is None
    assert tenure.overall([]) is None
