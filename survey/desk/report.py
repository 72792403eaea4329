"""The report of the appraisal (考核报告) to the leading group: what the figures say, what the office says, and in annexes the five
rankings, the places of the best grade and every grade that was decided (四（六）, 六（一）)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from flask import render_template
from flask_babel import gettext as _

from survey.access import allowed
from survey.desk import blueprint
from survey.desk.notice import given, kept, written
from survey.desk.results import READERS, Decisions, grades, labels, read_year
from survey.desk.standing import Standing, lacking, ranked
from survey.desk.words import language
from survey.year import result
from survey.year.scoring import Reckoned
from tally.number import fixed, mean, plain, signed

TEXTS = ("achievements", "analysis", "problems", "appraisal", "proposals")  # what is left empty is printed as lines to write on
LONGEST = 5000
NAMED = 2  # of those that share the highest or the lowest figure, so many are named


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """What a sequence's figures say of one component, or of the score (`weight` empty): of `number` subjects that have one the mean,
    the highest and the lowest, each with those who have it. All in words."""

    label: str
    weight: str
    number: int
    mean: str
    highest: str
    best: str
    lowest: str
    last: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Chapter:
    """One sequence: how many may have the best grade (`most`), how many have each grade (`counts`, best first) or none yet (`waiting`), its
    figures, its ranking.

    `heads` are the ranking's components; each of `lines` is a subject with its components, what was added or taken off, and notes.
    """

    label: str
    of_people: bool
    size: int
    most: int
    counts: list[int]
    waiting: int
    figures: list[Figure]
    best: list[Standing]
    heads: list[str]
    lines: list[tuple[Standing, list[str], str, list[str]]]


@blueprint.get("/decisions/report")
@allowed(*READERS)
def report() -> str:
    """What the report will say, what is still undecided, and what the office says in it."""
    year, decided = read_year()
    found = chapters(year, decided)
    return render_template(
        "desk/report.html",
        chapters=found,
        numbered=[f"#{each}" for each in grades(year.rulebook).values()],
        lacking=lacking(line[0] for each in found for line in each.lines),
        headings=headings(),
        given=kept("report", year.outcome.year, said()),
        longest=LONGEST,
        **labels(),
    )


def headings() -> dict[str, str]:
    """The parts the measure names, in its order."""
    return dict(zip(TEXTS, (_("工作业绩"), _("指标数据分析"), _("存在问题"), _("综合评价"), _("意见建议")), strict=True))


def said() -> dict[str, str]:
    """What the office says in the report."""
    return given(("day", "office"), day="day") | written(TEXTS, LONGEST)


def chapters(year: Reckoned, decided: Decisions) -> list[Chapter]:
    """One for each sequence, in the measure's order."""
    book = year.rulebook
    words = list(grades(book).values())
    found = []
    for ranking, rows in ranked(year, decided):
        sequence = book.sequence(ranking.sequence)
        weights = book.formula_of(sequence).weights
        by_grade = Counter(each.grade for each in rows)
        figures = [
            _figure(book.component(name).label.text(language()), plain(weight), [(each, each.row.components[name]) for each in rows])
            for name, weight in weights.items()
        ]
        found.append(
            Chapter(
                label=ranking.label.text(language()),
                of_people=sequence.of == "person",
                size=ranking.size,
                most=ranking.excellent,
                counts=[by_grade[each] for each in words],
                waiting=by_grade[""],
                figures=[*figures, _figure(_("得分"), "", [(each, each.row.score) for each in rows])],
                best=[each for each in rows if each.grade == words[0]],
                heads=[book.component(name).label.text(language()) for name in weights],
                lines=[
                    (
                        each,
                        ["" if (value := each.row.components[name]) is None else fixed(value) for name in weights],
                        signed(each.row.adjustment_total) if each.row.adjustments else "",
                        [result.NOTES[flag].text(language()) for flag in each.row.flags if flag in result.NOTES],
                    )
                    for each in rows
                ],
            )
        )
    return found


def _figure(label: str, weight: str, values: Sequence[tuple[Standing, Fraction | None]]) -> Figure:
    there = [(each, value) for each, value in values if value is not None]
    if not there:
        return Figure(label=label, weight=weight, number=0, mean="", highest="", best="", lowest="", last="")
    high, low = max(value for _each, value in there), min(value for _each, value in there)
    return Figure(
        label=label,
        weight=weight,
        number=len(there),
        mean=fixed(mean([value for _each, value in there])),
        highest=fixed(high),
        best=_names([each.name for each, value in there if value == high]),
        lowest=fixed(low),
        last=_names([each.name for each, value in there if value == low]),
    )


def _names(names: Sequence[str]) -> str:
    if len(names) <= NAMED:
        return _("、").join(names)
    return _("%(names)s等%(n)s个", names=_("、").join(names[:NAMED]), n=len(names))
