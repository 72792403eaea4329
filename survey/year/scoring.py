"""A year's outcome as the site sees it: gathered, appraised, and kept in memory until a fact changes."""

from collections.abc import Mapping
from fractions import Fraction
from threading import Lock

from sqlalchemy import Connection, select

from survey.schema import cycle
from survey.year import site
from tally.outcome import Outcome, appraise
from tally.rulebook import Rulebook

_kept: dict[tuple[str, int, int, str], tuple[Outcome, Rulebook]] = {}
_lock = Lock()
_MOST = 4


def outcome(connection: Connection, year: int) -> tuple[Outcome, Rulebook] | None:
    """The results of a year and the rulebook they were reckoned by; None where the year is unknown.

    Reckoned once a revision of the year's facts, whoever asks.
    """
    row = connection.execute(select(cycle.c.revision, cycle.c.choices).where(cycle.c.cycle == year)).first()
    if row is None:
        return None
    key = (str(connection.engine.url), year, row.revision, row.choices)
    with _lock:
        if key in _kept:
            return _kept[key]
    found = site.facts(connection, year)
    if found is None:
        return None
    facts, rulebook = found
    result = (appraise(facts, rulebook), rulebook)
    with _lock:
        while len(_kept) >= _MOST:
            _kept.pop(next(iter(_kept)))
        _kept[key] = result
    return result


def what_if(
    connection: Connection, year: int, *, choices: Mapping[str, str], weights: Mapping[str, Mapping[str, Fraction]]
) -> Outcome | None:
    """The results under other choices or weights, kept nowhere. Raises `tally.rulebook.RulebookFault` for what cannot be."""
    found = site.facts(connection, year)
    if found is None:
        return None
    facts, rulebook = found
    rulebook = rulebook.with_choices(choices)
    for formula, changed in weights.items():
        rulebook = rulebook.with_weights(formula, changed)
    return appraise(facts, rulebook)
