"""Exact numbers: read, rounded half away from zero, written."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tally import number


@pytest.mark.parametrize(
    ("value", "rounded"),
    [
        ("86.125", "86.13"), ("86.1249", "86.12"), ("0.005", "0.01"), ("-0.005", "-0.01"), ("-0.0049", "0.00"),
        ("2.675", "2.68"), ("1.005", "1.01"), ("100", "100.00"), ("99.995", "100.00"),
    ],
)  # fmt: skip
def test_half_goes_away_from_zero(value, rounded):
    assert number.fixed(Fraction(value)) == rounded


def test_a_half_behind_a_repeating_quotient_is_found():
    assert number.half_up(Fraction(1, 3) + Fraction("0.005") - Fraction(1, 3)) == Fraction("0.01")
    assert number.half_up(Fraction(2, 3)) == Fraction("0.67")


@given(some.fractions(min_value=-200, max_value=200, max_denominator=5000))
def test_rounding_is_the_nearest_hundredth(value):
    rounded = number.half_up(value)
    assert abs(rounded - value) <= Fraction(1, 200)
    assert (rounded * 100).denominator == 1
    if abs(rounded - value) == Fraction(1, 200):
        assert abs(rounded) > abs(value)
    assert Fraction(number.fixed(value)) == rounded


@given(some.lists(some.fractions(max_denominator=1000), max_size=20))
def test_the_sum_is_the_sum(values):
    assert number.total(values) == sum(values, Fraction(0))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("5", "5"),
        ("-2", "-2"),
        ("12.5", "12.5"),
        ("245/3", "245/3"),
        ("0.0625", "0.0625"),
        ("-0.75", "-0.75"),
        ("0", "0"),
    ],
)
def test_plain_is_exact_and_short(value, text):
    assert number.plain(Fraction(value)) == text


@pytest.mark.parametrize("text", ["92.5", "0", "100", "-3", "12.3456"])
def test_decimals_are_read_exactly(text):
    assert number.parse(text) == Fraction(text)


@pytest.mark.parametrize(
    "text", ["", "1e2", "+3", " 3", "3 ", "3.", ".5", "1/2", "nan", "９", "12.34567", "1_000", "1,5"]
)
def test_what_is_no_plain_decimal_is_refused(text):
    with pytest.raises(ValueError, match="number"):
        number.parse(text)
