"""The feedback (反馈通知) to a team: its own score by component, its people's results, what the office says of it (六（二）)."""

from dataclasses import dataclass

from flask import render_template, request
from flask_babel import gettext as _

from survey import db, wording
from survey.access import allowed
from survey.desk import blueprint
from survey.desk.notice import given, kept, written
from survey.desk.results import READERS, Decisions, labels, read_year
from survey.desk.standing import Standing, lacking, people, teams
from survey.desk.words import language
from survey.year.scoring import Reckoned
from tally.number import fixed, plain, signed

TEXTS = ("strengths", "problems", "requests")  # of one team; what is left empty is printed as lines to write on
LONGEST = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Feedback:
    """One team's paper. `parts` are the components with score and weight in per cent, `factors` what was added or taken off, `texts`
    what the office says of the team."""

    team: Standing
    parts: list[tuple[str, str, str]]
    factors: list[tuple[str, str]]
    people: list[Standing]
    texts: dict[str, str]


@blueprint.get("/decisions/feedback")
@allowed(*READERS)
def feedback() -> str | tuple[str, int]:
    """Which team's, what the paper will say, and what the office says on it."""
    return page()


def page() -> str | tuple[str, int]:
    """The page for the banner asked for, or for all; a banner that is none is told, with 404."""
    year, decided = read_year()
    every = teams(year, decided)
    banner = request.values.get("banner", "")
    papers = papers_of(year, decided, banner)
    fault = "" if papers or not banner else _("本年度没有“%(name)s”的工作总队，请重新选。", name=banner[:50])
    shown = render_template(
        "desk/feedback.html",
        banners=[each.banner for each in every],
        banner=banner if papers else "",
        papers=papers,
        lacking=lacking(each for paper in papers for each in (paper.team, *paper.people)),
        fault=fault,
        given=kept("feedback", year.outcome.year, said(), banner=banner),
        longest=LONGEST,
        **labels(),
    )
    return (shown, 404) if fault else shown


def papers_of(year: Reckoned, decided: Decisions, banner: str) -> list[Feedback]:
    """The paper of one banner's team, or of every team; none where the banner is unknown."""
    own: dict[str, list[Standing]] = {}
    for each in people(year, decided, banner=banner):
        own.setdefault(each.banner, []).append(each)
    with db.reading() as connection:
        texts = wording.of_all(connection, year.outcome.year, "feedback")
    return [
        Feedback(
            team=team, parts=_parts(year, team), factors=_factors(year, team), people=own.get(team.banner, []),
            texts=dict.fromkeys(TEXTS, "") | texts.get(team.banner, {}),
        )
        for team in teams(year, decided, banner=banner)
    ]  # fmt: skip


def said() -> dict[str, str]:
    """What the office says on the paper; its texts are about one team, and not asked for with all teams."""
    return given(("day", "office"), day="day") | (written(TEXTS, LONGEST) if request.values.get("banner") else {})


def _parts(year: Reckoned, team: Standing) -> list[tuple[str, str, str]]:
    book = year.rulebook
    weights = book.formula_of(book.team_sequence).weights
    found = []
    for name, weight in weights.items():
        value = team.row.components[name]
        found.append((book.component(name).label.text(language()), "" if value is None else fixed(value), plain(weight)))
    return found


def _factors(year: Reckoned, team: Standing) -> list[tuple[str, str]]:
    """Those that apply, in the measure's order."""
    points = {each.factor: each.points for each in team.row.adjustments}
    return [
        (each.label.text(language()), signed(points[each.id]))
        for each in year.rulebook.factors
        if each.id in points
    ]
