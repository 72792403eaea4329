"""The public notice (公示): who is proposed for which grade, for five working days, without scores (四（七）, D-26)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from flask import abort, render_template, request
from flask_babel import gettext as _

from survey import access, clock, db, roster, wording
from survey.access import allowed
from survey.desk import blueprint
from survey.desk.results import READERS, Decisions, grade_of, grades, read_year
from survey.desk.words import language, position_name
from survey.year.scoring import Reckoned
from tally import workday

GIVEN = ("start", "office", "phone", "address")  # what the office says; a line it leaves out is printed to be written on


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """One row of the notice; unit and position stand empty for a team."""

    name: str
    unit: str
    position: str
    banner: str
    grade: str


@blueprint.get("/decisions/notice")
@allowed(*READERS)
def notice() -> str:
    """What the notice needs, how long it hangs, and what is still undecided."""
    year, decided = read_year()
    rule = year.rulebook.notice or abort(404)
    said = given()
    return render_template(
        "desk/notice.html",
        given=said,
        end=workday.notice_end(said["start"], rule),
        days=rule.working_days,
        lacking=lacking(year, decided),
        lists=listed(year, decided),
    )


def lacking(year: Reckoned, decided: Decisions) -> list[str]:
    """Why the notice cannot be put up yet: grades that wait for a decision, and those that cannot be proposed."""
    found = []
    for ranking in year.outcome.rankings:
        label = ranking.label.text(language())
        wait = sum(row.decision_needed and (row.banner, row.subject.person) not in decided for row in ranking.rows)
        if wait:
            found.append(_("%(sequence)s：%(n)s 个等次待决定", sequence=label, n=wait))
        blank = sum(grade_of(row, decided) is None and not row.decision_needed for row in ranking.rows)
        if blank:
            found.append(_("%(sequence)s：%(n)s 个有缺项，没有等次", sequence=label, n=blank))
    return found


def listed(year: Reckoned, decided: Decisions) -> list[tuple[str, bool, list[Listed]]]:
    """Each sequence's label, whether it is of people, and its rows: by grade, then banner and name, so that no rank shows."""
    with db.reading() as connection:
        people = {each.person: each for each in roster.people(connection, year.outcome.year)}
        order = {each.banner: at for at, each in enumerate(roster.banners(connection, year.outcome.year))}
    words = grades(year.rulebook)
    rank = {grade: at for at, grade in enumerate(words)}
    found = []
    for ranking in year.outcome.rankings:
        rows = [(grade, row) for row in ranking.rows if (grade := grade_of(row, decided)) is not None]
        rows.sort(key=lambda each: (rank[each[0]], order.get(each[1].banner, len(order)), each[1].name, each[1].key))
        lines = []
        for grade, row in rows:
            who = people.get(row.subject.person)
            unit, position = (who.unit, position_name(who.position)) if who else ("", "")
            lines.append(Listed(name=row.name, unit=unit, position=position, banner=row.banner, grade=words[grade]))
        found.append((ranking.label.text(language()), year.rulebook.sequence(ranking.sequence).of == "person", lines))
    return found


def given(names: tuple[str, ...] = GIVEN, *, day: str = "start") -> dict[str, str]:
    """What the form says; its day is today unless it says another. A day that is none is a fault of the form."""
    found = {name: " ".join(request.values.get(name, "").split())[:200] for name in names}
    try:
        found[day] = date.fromisoformat(found[day] or clock.today()).isoformat()
    except ValueError:
        abort(422)
    return found


def written(names: Iterable[str], longest: int) -> dict[str, str]:
    """Texts of several lines that the form says, each at most so long: spaces tidied, empty lines left out."""
    return {
        name: "\n".join(" ".join(line.split()) for line in request.values.get(name, "").splitlines() if line.strip())[:longest]
        for name in names
    }


def kept(paper: str, year: int, said: dict[str, str], *, banner: str = "") -> dict[str, str]:
    """What the form says of a paper, or what was kept of it where the form was not sent."""
    if request.method == "POST":
        return said
    with db.reading() as connection:
        return said | wording.of(connection, year, paper, banner)


def keep(paper: str, year: int, said: dict[str, str], *, banner: str = "") -> None:
    """Keeps what the office says of a paper that it prints."""
    if access.me().may("office"):
        with db.deed() as connection:
            wording.put(connection, year, paper, banner, said, by=access.me().account)
