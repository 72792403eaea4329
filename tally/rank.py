"""Order, ties, the share of 优秀 and the proposed grades of one sequence (D-17, D-22 to D-24)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from tally.number import half_up
from tally.rulebook import Rulebook


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where one stands: rank from 1, the grade's id, and whether the office must decide; both None without a score."""

    rank: int | None
    grade: str | None
    decision_needed: bool


_NOWHERE = Place(rank=None, grade=None, decision_needed=False)


def quota(rulebook: Rulebook, size: int) -> int:
    """How many of `size` may be of the first grade: 不超过同类人员的30% (四（七）, D-23)."""
    share = rulebook.quota.percent * size / 100
    match rulebook.value(rulebook.quota.rounding):
        case "floor":
            return share.numerator // share.denominator
        case "ceil":
            return -(-share.numerator // share.denominator)
        case _:
            return half_up(share, 0).numerator


def places(rulebook: Rulebook, scores: Mapping[str, Fraction | None]) -> dict[str, Place]:
    """The place of each subject of a sequence, from the printed scores; the size counts everyone (D-23).

    Equal scores share a rank and the next is skipped. Who ties across the quota is proposed the grade below, and the
    office decides (D-24); nobody after them is of the first grade either.
    """
    ordered = sorted((value for value in scores.values() if value is not None), reverse=True)
    firsts: dict[Fraction, int] = {}
    lasts: dict[Fraction, int] = {}
    for position, value in enumerate(ordered, start=1):
        firsts.setdefault(value, position)
        lasts[value] = position
    cap = quota(rulebook, len(scores))
    cuts = rulebook.numbers(rulebook.grades.cuts)
    found: dict[str, Place] = {}
    for subject, score in scores.items():
        if score is None:
            found[subject] = _NOWHERE
            continue
        first, last = firsts[score], lasts[score]
        grade = grade_index(cuts, score)
        torn = grade == 0 and first <= cap < last
        if grade == 0 and last > cap:
            grade = 1
        found[subject] = Place(rank=first, grade=rulebook.grades.order[grade].id, decision_needed=torn)
    return found


def grade_index(cuts: Sequence[Fraction], score: Fraction) -> int:
    """The place in the list of grades by score alone: 0 is the best; a score on a cut is above it (D-22)."""
    return next((index for index, cut in enumerate(cuts) if score >= cut), len(cuts))
