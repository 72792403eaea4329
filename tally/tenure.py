"""The appraisal of a whole posting: the mean of the annual scores, beside the list of grades (五, D-29)."""

from collections.abc import Sequence
from fractions import Fraction

from tally.number import half_up, mean


def overall(scores: Sequence[Fraction | None]) -> Fraction | None:
    """The mean of the annual printed scores, half up to two decimals.

    None when a year's score is missing or there is no year: nothing is ever taken as 0, nor passed over (D-14).
    """
    known = [score for score in scores if score is not None]
    return half_up(mean(known)) if known and len(known) == len(scores) else None
