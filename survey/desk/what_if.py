"""Another choice or weight beside the ones in force: who would change rank or grade. Saved nowhere."""

from dataclasses import dataclass
from fractions import Fraction

from flask import Response, abort, render_template, request
from flask_babel import gettext as _

from survey import db
from survey.access import allowed
from survey.desk import blueprint
from survey.desk.cycle import choosable, this
from survey.desk.results import READERS, grades, read_year
from survey.desk.spreadsheet import spreadsheet
from survey.desk.words import language
from survey.year import scoring
from tally.number import fixed, parse, plain
from tally.outcome import Outcome, Ranking, Row
from tally.rulebook import Rulebook, RulebookFault


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """A subject as it stands now and as it would."""

    ranking: Ranking
    now: Row
    then: Row

    @property
    def graver(self) -> bool:
        """Whether more than the score differs: the rank or the grade."""
        return (self.now.rank, self.now.grade, self.now.decision_needed) != (
            self.then.rank,
            self.then.grade,
            self.then.decision_needed,
        )


@blueprint.get("/what-if")
@allowed(*READERS)
def what_if() -> str:
    """The form, and under it what would change."""
    year, _decided = read_year()
    choices, weights, faults = _asked(year.rulebook)
    other = None if faults else _other(year.outcome.year, choices, weights, faults)
    changes = _changes(year.outcome, other) if other else []
    return render_template(
        "desk/what_if.html",
        rulebook=year.rulebook,
        choices=choices,
        faults=faults,
        tried=other is not None,
        lang=language(),
        changes=[each for each in changes if each.graver],
        slight=sum(not each.graver for each in changes),
        fixed=fixed,
        plain=plain,
        grades=grades(year.rulebook),
        asked=_said(year.rulebook, choices, weights),
    )


@blueprint.get("/what-if.xlsx")
@allowed(*READERS)
def export_what_if() -> Response:
    """Everyone whose score, rank or grade would differ, as a workbook."""
    year, _decided = read_year()
    choices, weights, faults = _asked(year.rulebook)
    other = None if faults else _other(year.outcome.year, choices, weights, faults)
    if other is None:
        abort(400)
    words = grades(year.rulebook)
    rows = [[_("序列"), _("旗县"), _("姓名"), _("现得分"), _("新得分"), _("现名次"), _("新名次"), _("现等次"), _("新等次")]]
    for each in _changes(year.outcome, other):
        rows.append(
            [
                each.ranking.label.text(language()),
                each.now.banner,
                each.now.name,
                _score(each.now),
                _score(each.then),
                str(each.now.rank or ""),
                str(each.then.rank or ""),
                words.get(each.now.grade or "", ""),
                words.get(each.then.grade or "", ""),
            ]
        )
    return spreadsheet(f"what-if-{year.outcome.year}", _("换一种算法看看"), rows)


def _asked(rulebook: Rulebook) -> tuple[dict[str, str], dict[str, dict[str, Fraction]], list[str]]:
    """Choices and weights that differ from those in force, and what is wrong with them."""
    faults: list[str] = []
    choices: dict[str, str] = {}
    for each in rulebook.choices:
        text = request.args.get(f"choice.{each.id}", "").strip() if each.open else ""
        if text and text != rulebook.in_effect[each.id]:
            choices[each.id] = text
            if rulebook.check_choice(each.id, text):
                faults.append(f"{each.label.text(language())} {text}{_('：')}{choosable(each)}")
    weights: dict[str, dict[str, Fraction]] = {}
    for formula in rulebook.formulas:
        given: dict[str, Fraction] = {}
        for name, weight in formula.weights.items():
            text = request.args.get(f"{formula.id}.{name}", "").strip()
            try:
                given[name] = parse(text) if text else weight
            except ValueError:
                faults.append(
                    _("%(what)s的权重应是数字：%(text)s", what=rulebook.component(name).label.text(language()), text=text)
                )
        if len(given) == len(formula.weights) and given != dict(formula.weights):
            total = sum(given.values(), Fraction(0))
            if total != 100:
                faults.append(
                    _(
                        "%(formula)s的权重合计是 %(total)s，要等于100",
                        formula=formula.label.text(language()),
                        total=plain(total),
                    )
                )
            weights[formula.id] = given
    return choices, weights, faults


def _other(year: int, choices: dict[str, str], weights: dict[str, dict[str, Fraction]], faults: list[str]) -> Outcome | None:
    """The results under them; None where nothing differs or something cannot be."""
    if not choices and not weights:
        return None
    try:
        with db.reading() as connection:
            return scoring.what_if(connection, this(connection).cycle, choices=choices, weights=weights)
    except RulebookFault as fault:
        faults.extend(fault.faults)
        return None


def _changes(now: Outcome, other: Outcome) -> list[Change]:
    """Subjects whose score, rank or grade would differ, sequence by sequence in the order of the present ranks."""
    found = []
    for ranking in now.rankings:
        then = {row.key: row for row in other.ranking(ranking.sequence).rows}
        for row in ranking.rows:
            change = Change(ranking=ranking, now=row, then=then[row.key])
            if change.graver or row.score != change.then.score:
                found.append(change)
    return found


def _said(rulebook: Rulebook, choices: dict[str, str], weights: dict[str, dict[str, Fraction]]) -> list[str]:
    """What is asked, in words."""
    said = [
        f"{rulebook.choice(name).label.text(language())}{_('：')}{rulebook.in_effect[name]} → {text}"
        for name, text in choices.items()
    ]
    for formula in rulebook.formulas:
        for name, weight in weights.get(formula.id, {}).items():
            if weight != formula.weights[name]:
                label = rulebook.component(name).label.text(language())
                said.append(
                    f"{formula.label.text(language())} {label}{_('：')}{plain(formula.weights[name])}% → {plain(weight)}%"
                )
    return said


def _score(row: Row) -> str:
    return "" if row.score is None else fixed(row.score)
