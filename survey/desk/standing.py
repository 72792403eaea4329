"""Where a team or a person stands, as the office's papers say it: what still waits for a decision is not said as decided."""

from collections.abc import Iterable
from dataclasses import dataclass

from flask_babel import gettext as _

from survey import db, roster
from survey.desk.results import Decisions, grade_of, grades
from survey.desk.words import language, position_name
from survey.year.scoring import Reckoned
from tally.number import fixed
from tally.outcome import Ranking, Row

MOST = 10  # of what is lacking, so many are named


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """One subject of a year; unit and position stand empty for a team.

    `score` has two decimals and is empty while an input is missing; `grade` is in words and empty until it stands.
    `rank` is the place among the `size` of its sequence; `missing` names what is missing, in words.
    """

    row: Row
    unit: str
    position: str
    score: str
    grade: str
    rank: int | None
    size: int
    missing: tuple[str, ...]

    @property
    def name(self) -> str:
        """The person's name, or the banner's for its team."""
        return self.row.name

    @property
    def banner(self) -> str:
        """The banner."""
        return self.row.banner


def teams(year: Reckoned, decided: Decisions, *, banner: str = "") -> list[Standing]:
    """Every team, or one banner's, in the roster's order: no rank shows."""
    found = {row.banner: (ranking, row) for ranking, row in _rows(year) if not row.subject.person}
    with db.reading() as connection:
        names = [each.banner for each in roster.banners(connection, year.outcome.year)]
    return [_standing(year, decided, *found[name]) for name in names if name in found and banner in ("", name)]


def people(year: Reckoned, decided: Decisions, *, banner: str = "", sequence: str = "", person: str = "") -> list[Standing]:
    """The people of a banner, of a sequence, or one person, in the roster's order: no rank shows."""
    found = {row.subject.person: (ranking, row) for ranking, row in _rows(year) if row.subject.person}
    with db.reading() as connection:
        known = roster.people(connection, year.outcome.year, banner or None)
    return [
        _standing(year, decided, *found[each.person], each)
        for each in known
        if each.person in found and sequence in ("", each.position) and person in ("", each.person)
    ]


def ranked(year: Reckoned, decided: Decisions) -> list[tuple[Ranking, list[Standing]]]:
    """Every sequence as it is ranked: for the office and those who decide alone."""
    with db.reading() as connection:
        known = {each.person: each for each in roster.people(connection, year.outcome.year)}
    return [
        (ranking, [_standing(year, decided, ranking, row, known.get(row.subject.person)) for row in ranking.rows])
        for ranking in year.outcome.rankings
    ]


def lacking(standings: Iterable[Standing]) -> list[str]:
    """Which grades do not stand yet, and why; only the first are named."""
    found = []
    for each in standings:
        who = f"{each.banner} {each.name} {each.position}" if each.position else each.banner
        if each.missing:
            found.append(_("%(who)s：缺%(what)s，没有得分和等次", who=who, what=_("、").join(each.missing)))
        elif not each.grade:
            found.append(_("%(who)s：等次待决定", who=who))
    if len(found) > MOST:
        found[MOST:] = [_("另有 %(n)s 个", n=len(found) - MOST)]
    return found


def _rows(year: Reckoned) -> Iterable[tuple[Ranking, Row]]:
    return ((ranking, row) for ranking in year.outcome.rankings for row in ranking.rows)


def _standing(year: Reckoned, decided: Decisions, ranking: Ranking, row: Row, who: roster.Person | None = None) -> Standing:
    waits = row.score is None or (row.decision_needed and (row.banner, row.subject.person) not in decided)
    return Standing(
        row=row,
        unit=who.unit if who else "",
        position=position_name(who.position) if who else "",
        score="" if row.score is None else fixed(row.score),
        grade="" if waits else grades(year.rulebook)[grade_of(row, decided) or ""],
        rank=row.rank,
        size=ranking.size,
        missing=tuple(year.rulebook.word(each).text(language()) for each in row.missing),
    )
