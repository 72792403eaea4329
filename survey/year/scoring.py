"""A year's outcome as the site sees it: gathered, appraised, and kept in memory until a fact changes."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from threading import Lock

from sqlalchemy import Connection, select

from survey.schema import cycle
from survey.year import site
from tally.facts import Facts
from tally.outcome import Outcome, appraise
from tally.rulebook import Rulebook

_MOST = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Reckoned:
    """A year reckoned: the facts, the rulebook under the year's choices, and what comes of them."""

    facts: Facts
    rulebook: Rulebook
    outcome: Outcome


_kept: dict[tuple[str, int, int, str], Reckoned] = {}
_lock = Lock()


def reckoned(connection: Connection, year: int) -> Reckoned | None:
    """A year reckoned; None where it is unknown. Done once a revision of the year's facts, whoever asks: while nothing
    changes, no ballot is read again."""
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
    new = Reckoned(facts=facts, rulebook=rulebook, outcome=appraise(facts, rulebook))
    with _lock:
        while len(_kept) >= _MOST:
            _kept.pop(next(iter(_kept)))
        _kept[key] = new
    return new


def outcome(connection: Connection, year: int) -> tuple[Outcome, Rulebook] | None:
    """The results of a year and the rulebook they were reckoned by; None where the year is unknown."""
    found = reckoned(connection, year)
    return (found.outcome, found.rulebook) if found else None


def what_if(
    connection: Connection, year: int, *, choices: Mapping[str, str], weights: Mapping[str, Mapping[str, Fraction]]
) -> Outcome | None:
    """The results under other choices or weights, kept nowhere. Raises `tally.rulebook.RulebookFault` for what cannot be."""
    found = reckoned(connection, year)
    if found is None:
        return None
    rulebook = found.rulebook.with_choices(choices)
    for formula, changed in weights.items():
        rulebook = rulebook.with_weights(formula, changed)
    return appraise(found.facts, rulebook)
