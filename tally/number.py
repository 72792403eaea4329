"""Exact numbers: read, rounded and written here and nowhere else.

Everything is `int` or `Fraction`; no binary float and no `Decimal` ever holds a score.
"""

import re
from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import lru_cache
from math import lcm

_DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?")


@lru_cache(maxsize=8192)
def parse(text: str, *, places: int = 4) -> Fraction:
    """The exact value of a decimal such as "92.5"; `ValueError` in plain words when it is none.

    At most `places` digits may stand behind the point. No exponent, no sign "+", no blanks.
    """
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise ValueError("a decimal number such as 92.5")
    if match[1] is not None and len(match[1]) - 1 > places:
        raise ValueError(f"a number with at most {places} decimal places")
    return Fraction(text)


def half_up(value: Fraction, places: int = 2) -> Fraction:
    """`value` rounded to `places` decimals, an exact half away from zero (四舍五入, D-15)."""
    scale: int = 10**places
    numerator, denominator = abs(value.numerator) * scale, value.denominator
    whole = (2 * numerator + denominator) // (2 * denominator)
    return Fraction(whole if value >= 0 else -whole, scale)


def fixed(value: Fraction, places: int = 2) -> str:
    """`value` as printed, half up, always with `places` decimals: "88.40"."""
    scale: int = 10**places
    rounded = half_up(value, places)
    units = abs(rounded.numerator) * (scale // rounded.denominator)
    sign = "-" if rounded < 0 else ""
    if places == 0:
        return f"{sign}{units}"
    return f"{sign}{units // scale}.{units % scale:0{places}d}"


def plain(value: Fraction) -> str:
    """`value` exactly and as short as can be: "5", "-2", "12.5"; "245/3" where twelve decimals are not exact."""
    if value.denominator == 1:
        return str(value.numerator)
    places = next((places for places in range(1, 13) if 10**places % value.denominator == 0), None)
    return f"{value.numerator}/{value.denominator}" if places is None else fixed(value, places)


def signed(value: Fraction) -> str:
    """`plain` with its sign: "+5", "-2", "0"."""
    return f"{'+' if value > 0 else ''}{plain(value)}"


def total(values: Iterable[Fraction]) -> Fraction:
    """The exact sum, over one common denominator: several times faster than adding fractions one by one."""
    numerator, denominator = 0, 1
    for value in values:
        if value.denominator == denominator:
            numerator += value.numerator
        else:
            common = lcm(denominator, value.denominator)
            numerator = numerator * (common // denominator) + value.numerator * (common // value.denominator)
            denominator = common
    return Fraction(numerator, denominator)


def mean(values: Sequence[Fraction]) -> Fraction:
    """The exact plain mean; `values` must not be empty."""
    return total(values) / len(values)
