"""A year's outcome as the site sees it: gathered, appraised, and kept in memory until a fact changes."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from threading import Lock

from flask_babel import gettext as _
from sqlalchemy import Connection, select

from survey.schema import cycle
from survey.year import site
from tally.facts import Facts
from tally.outcome import Outcome, appraise
from tally.rulebook import ChoiceRef, Rulebook, RulebookFault

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
    """The results under other choices or weights, kept nowhere. Raises `RulebookFault` for what cannot be, and for what would
    tell the marks of so few that they are not shown (D-27)."""
    found = reckoned(connection, year)
    if found is None:
        return None
    if tried := choices.keys() & _telling(found):
        few = _("有的票数不足 %(least)s 张，换这一项会算出这几张票：%(names)s", least=site.smallest_group(found.rulebook),
                names="、".join(found.rulebook.choice(name).label.text() for name in sorted(tried)))
        raise RulebookFault([few])
    rulebook = found.rulebook.with_choices(choices)
    for formula, changed in weights.items():
        rulebook = rulebook.with_weights(formula, changed)
    return appraise(found.facts, rulebook)


def _telling(found: Reckoned) -> set[str]:
    """The choices that, tried one way and another, would give counts that are not shown: points of the marks and weights of
    the groups."""
    ballots, opinion = found.rulebook.ballots, found.rulebook.opinion
    kinds = {kind for _banner, kind in found.facts.hidden}
    settings: list[object] = []
    weighted = ballots and found.rulebook.numbers(ballots.group_weights)
    if ballots and ("appraisal" in kinds or (weighted and _small_group(found))):
        settings += [ballots.points, ballots.group_weights]
    if opinion and "opinion" in kinds:
        settings += [opinion.points]
    rounding = [found.rulebook.score.rounding] if kinds else []
    return {each.choice for each in (*settings, *rounding) if isinstance(each, ChoiceRef)}


def _small_group(found: Reckoned) -> bool:
    """Whether a group under the limit stands by itself, as imported marks do under group weights."""
    least = site.smallest_group(found.rulebook)
    most: Counter[tuple[str, str]] = Counter()
    for subject, items in found.facts.appraisal.items():
        for groups in items.values():
            for group, marks in groups.items():
                most[subject.banner, group] = max(most[subject.banner, group], sum(marks.values()))
    return any(number < least for number in most.values())
