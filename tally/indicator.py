"""Annex 1's rates become points: completion, growth or decline against the target, and precision (D-10).

Rates are per cent; `most` are the points of the indicator. The results stay exact.
"""

from collections.abc import Sequence
from fractions import Fraction

from tally.number import mean


def completion(rate: Fraction, most: Fraction) -> Fraction:
    """减贫计划完成率: the rate, at most 100 and never negative, of the points."""
    return _within(rate / 100) * most


def change(actual: Fraction, target: Fraction, most: Fraction) -> Fraction:
    """增长幅度, 下降幅度: actual over target, at most 1 and never negative, of the points.

    `ValueError` when the target is not above 0, for then nothing can be measured against it.
    """
    if target <= 0:
        raise ValueError("a target above 0")
    return _within(actual / target) * most


def precision(rates: Sequence[Fraction], most: Fraction) -> Fraction:
    """识别、帮扶、退出精准度: the mean of the three rates of the points; each rate is 0 to 100."""
    if len(rates) != 3 or not all(0 <= rate <= 100 for rate in rates):
        raise ValueError("three rates of 0 to 100")
    return mean(rates) / 100 * most


def _within(share: Fraction) -> Fraction:
    return min(max(share, Fraction(0)), Fraction(1))
