"""The five rankings, one subject's score down to the clause and the count, and the grades the office decides."""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from flask import Response, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from markupsafe import Markup
from werkzeug.wrappers import Response as AnyResponse

from survey import access, clock, db
from survey import entry as entries
from survey.access import allowed
from survey.desk import blueprint
from survey.desk.cycle import this
from survey.desk.spreadsheet import EXCEL, spreadsheet
from survey.desk.today import grid_url
from survey.desk.words import language, position_name
from survey.entry import Decision
from survey.year import progress, result, scoring
from survey.year.scoring import Reckoned
from tally import step
from tally.facts import Subject
from tally.number import fixed, plain, signed
from tally.outcome import Ranking, Row
from tally.rulebook import Rulebook

READERS = ("office", "viewer")
BIN = 5
Decisions = Mapping[tuple[str, str], Decision]


@dataclass(frozen=True, kw_only=True, slots=True)
class Gap:
    """An input that is missing in a ranking: who owes it, how many lack it, the first few of them."""

    input: str
    number: int
    names: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    """One part of a chart: its words, its number, and its share of the whole (or of the tallest) in per cent, one decimal."""

    label: str
    number: int
    share: Fraction

    @property
    def percent(self) -> str:
        """The share as printed."""
        return fixed(self.share, 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cap:
    """How near a sequence is to its share of 优秀: the quota, those graded so, the last score within and the first without."""

    most: int
    given: int
    within: Fraction | None
    beyond: Fraction | None


def labels() -> dict[str, object]:
    """What every result is labelled with: demo data, and the banners whose marks were imported."""
    with db.reading() as connection:
        year = this(connection)
        return {"demo": year.demo, "imported": progress.imported(connection, year.cycle)}


def read_year() -> tuple[Reckoned, Decisions]:
    """The year worked on, reckoned, and what the office decided."""
    with db.reading() as connection:
        year = this(connection).cycle
        return scoring.reckoned(connection, year) or abort(404), entries.decisions(connection, year)


def grades(rulebook: Rulebook) -> dict[str, str]:
    """Grade -> its words, from best to worst."""
    return {each.id: each.label.text(language()) for each in rulebook.grades.order}


def grade_of(row: Row, decided: Decisions) -> str | None:
    """The grade that holds: the one decided, else the one proposed."""
    made = decided.get((row.banner, row.subject.person))
    return made.grade if made else row.grade


def cap(ranking: Ranking, rulebook: Rulebook, decided: Decisions) -> Cap:
    """How near a ranking is to its quota."""
    first = rulebook.grades.order[0].id
    scores = [row.score for row in ranking.rows if row.score is not None]
    return Cap(
        most=ranking.excellent,
        given=sum(grade_of(row, decided) == first for row in ranking.rows),
        within=scores[ranking.excellent - 1] if 0 < ranking.excellent <= len(scores) else None,
        beyond=scores[ranking.excellent] if ranking.excellent < len(scores) else None,
    )


# ---- pages ---------------------------------------------------------------------------------------------------------


@blueprint.get("/results")
@allowed(*READERS)
def results() -> str:
    """One sequence's ranking; what is missing stands on top."""
    year, decided = read_year()
    ranking = _ranking(year)
    needs = year.rulebook.needs(year.rulebook.sequence(ranking.sequence))
    undecided = [row for row in ranking.rows if row.decision_needed and (row.banner, row.subject.person) not in decided]
    return render_template(
        "desk/results.html",
        outcome=year.outcome,
        ranking=ranking,
        rulebook=year.rulebook,
        decided=decided,
        grades=grades(year.rulebook),
        gaps=gaps(ranking),
        unscored=unscored(year, ranking),
        undecided=undecided,
        cap=cap(ranking, year.rulebook, decided),
        needs=needs,
        charts=_charts(ranking, year.rulebook, needs),
        choices=chosen(year.rulebook),
        notes=result.NOTES,
        grid_url=grid_url,
        fixed=fixed,
        signed=signed,
        lang=language(),
        person=year.rulebook.sequence(ranking.sequence).of == "person",
        **labels(),
    )


@blueprint.get("/results.xlsx")
@allowed(*READERS)
def results_workbook() -> Response:
    """The rankings as a workbook: every sequence, the choices in effect, how each score came about."""
    year, _decided = read_year()
    stream = io.BytesIO()
    result.write_workbook(year.outcome, year.rulebook, stream)
    headers = {"Content-Disposition": f"attachment; filename=results-{year.outcome.year}.xlsx"}
    return Response(stream.getvalue(), mimetype=EXCEL, headers=headers)


@blueprint.get("/results.json")
@allowed(*READERS)
def results_json() -> Response:
    """The rankings in the exchange format, as `flask score --json` gives them."""
    year, _decided = read_year()
    headers = {"Content-Disposition": f"attachment; filename=results-{year.outcome.year}.json"}
    return Response(result.as_json(year.outcome), mimetype="application/json", headers=headers)


@blueprint.route("/results/<sequence>/<subject>", methods=["GET", "POST"])
@allowed(*READERS)
def subject(sequence: str, subject: str) -> AnyResponse | tuple[str, int]:
    """Why one subject has its score; where the office decides a grade with a reason."""
    year, decided = read_year()
    ranking = _ranking(year, sequence)
    row = _row(ranking, subject)
    given = {name: " ".join(request.form.get(name, "").split()) for name in ("grade", "reason", "approver")}
    fault = ""
    if request.method == "POST":
        if not access.me().may("office"):
            abort(403)
        fault = _decision_fault(year, ranking, row, decided, given)
        if not fault:
            new = Decision(grade=given["grade"], reason=given["reason"], approver=given["approver"]) if given["grade"] else None
            try:
                with db.deed() as connection:
                    entries.decide(
                        connection,
                        year.outcome.year,
                        row.banner,
                        row.subject.person,
                        new,
                        by=access.me().account,
                        reason=given["reason"],
                    )
                flash(_("已记下决定和理由。"))
                return redirect(url_for("desk.subject", sequence=sequence, subject=subject))
            except ValueError as error:
                fault = _(str(error))
    return render_template(
        "desk/subject.html",
        row=row,
        ranking=ranking,
        rulebook=year.rulebook,
        lang=language(),
        fixed=fixed,
        plain=plain,
        notes=result.NOTES,
        decided=decided.get((row.banner, row.subject.person)),
        grades=grades(year.rulebook),
        bars=_marks(year, row.subject),
        fault=fault,
        given=given,
        tree=Markup(step.html(row.step, language=language(), opened=2)),
        choices=chosen(year.rulebook),
        grid_url=grid_url,
        cap=cap(ranking, year.rulebook, decided),
        others=_others(year, row),
        answers=_answers(year, row.subject),
        unscored=row.banner in unscored(year, ranking),
        **labels(),
    ), 422 if fault else 200


@blueprint.get("/results/<sequence>/<subject>.pdf")
@allowed(*READERS)
def subject_pdf(sequence: str, subject: str) -> Response:
    """The explanation on paper, with the choices it rests on. The team's score, which has a paper of its own, is told to its components:
    what people said of colleagues is not in a person's paper."""
    import weasyprint

    year, decided = read_year()
    ranking = _ranking(year, sequence)
    row = _row(ranking, subject)
    from_team = [each.label for each in year.rulebook.components if each.kind == "of_team"]
    page = render_template(
        "reports/explanation.html",
        row=row,
        ranking=ranking,
        rulebook=year.rulebook,
        outcome=year.outcome,
        lang=language(),
        fixed=fixed,
        decided=decided.get((row.banner, row.subject.person)),
        grades=grades(year.rulebook),
        choices=chosen(year.rulebook),
        tree=Markup(step.html(step.cut(row.step, from_team, 2), language=language(), opened=99)),
        cut=bool(row.subject.person and from_team),
        today=clock.today(),
        **labels(),
    )
    pdf = weasyprint.HTML(string=page, url_fetcher=_nothing, base_url=None).write_pdf()
    return Response(pdf, mimetype="application/pdf", headers={"Content-Disposition": "inline; filename=explanation.pdf"})


@blueprint.get("/decisions")
@allowed(*READERS)
def decisions() -> str:
    """Every grade the office decided, with reason and approver, and every one that still has to be."""
    year, decided = read_year()
    return render_template(
        "desk/decisions.html",
        rows=list(decided_rows(year, decided)),
        grades=grades(year.rulebook),
        fixed=fixed,
        lang=language(),
        caps=[(ranking, cap(ranking, year.rulebook, decided)) for ranking in year.outcome.rankings],
    )


@blueprint.get("/decisions.xlsx")
@allowed(*READERS)
def export_decisions() -> Response:
    """The decided grades as a workbook."""
    year, decided = read_year()
    words = grades(year.rulebook)
    rows = [[_("序列"), _("旗县"), _("姓名"), _("得分"), _("建议等次"), _("决定"), _("理由"), _("批准人")]]
    for ranking, row, made in decided_rows(year, decided):
        score = "" if row.score is None else fixed(row.score)
        final = [words[made.grade], made.reason, made.approver] if made else [_("待决定"), "", ""]
        rows.append([ranking.label.text(language()), row.banner, row.name, score, words.get(row.grade or "", ""), *final])
    return spreadsheet(f"decisions-{year.outcome.year}", _("等次决定"), rows)


# ---- what the pages show -------------------------------------------------------------------------------------------


def chosen(rulebook: Rulebook) -> list[tuple[str, str, str, bool]]:
    """The choices in effect: point, words, value in words, and whether it is another than the default."""
    found = []
    for each in rulebook.choices:
        if each.open:
            value = rulebook.in_effect[each.id]
            words = next((one.label.text(language()) for one in each.alternatives if one.value == value), value)
            found.append((each.point, each.label.text(language()), words, value != each.default))
    return found


def gaps(ranking: Ranking) -> list[Gap]:
    """What is missing in a ranking, most wanted first."""
    found: dict[str, list[str]] = {}
    for row in ranking.rows:
        for each in row.missing:
            found.setdefault(each, []).append(row.name)
    listed = [Gap(input=each, number=len(names), names=tuple(names[:5])) for each, names in found.items()]
    return sorted(listed, key=lambda gap: (-gap.number, gap.input))


def unscored(year: Reckoned, ranking: Ranking) -> list[str]:
    """The banners whose opinion survey counts for nothing, as its questionnaire has no points set, where the ranking needs it."""
    part = year.rulebook.opinion
    if part is None or part.id not in year.rulebook.needs(year.rulebook.sequence(ranking.sequence)):
        return []
    return sorted(banner for banner, asked in year.facts.surveys.items() if not asked.questions and not asked.measure)


def bins(values: list[Fraction]) -> list[Bar]:
    """Values counted in steps of five points; a value on a border is in the step above it."""
    counts: dict[int, int] = {}
    for value in values:
        at = value // BIN * BIN
        counts[at] = counts.get(at, 0) + 1
    if not counts:
        return []
    most = max(counts.values())
    steps = range(min(counts), max(counts) + BIN, BIN)
    return [Bar(label=str(at), number=counts.get(at, 0), share=Fraction(100 * counts.get(at, 0), most)) for at in steps]


def _charts(ranking: Ranking, rulebook: Rulebook, needs: tuple[str, ...]) -> list[tuple[str, list[Bar]]]:
    """The distribution of the score and of each component."""
    charts = [(_("总分"), bins([row.score for row in ranking.rows if row.score is not None]))]
    for name in needs:
        values = [value for row in ranking.rows if (value := row.components[name]) is not None]
        charts.append((rulebook.component(name).label.text(language()), bins(values)))
    return [(label, bars) for label, bars in charts if bars]


def _marks(year: Reckoned, of: Subject) -> list[tuple[str, list[Bar]]]:
    """The valid marks of a subject's ballot, item by item: all groups together, so that nothing hidden shows (D-27)."""
    if (of.banner, "appraisal") in year.facts.hidden:
        return []
    part = year.rulebook.ballots
    marks = year.facts.appraisal.get(of, {})
    found = []
    for item in part.items if part else ():
        counts = (
            [(g, sum(group.get(g.id, 0) for group in marks.get(item.id, {}).values())) for g in part.grades] if part else []
        )
        total = sum(number for _grade, number in counts)
        if total:
            bars = [Bar(label=g.label.text(language()), number=n, share=Fraction(100 * n, total)) for g, n in counts]
            found.append((item.label.text(language()), bars))
    return found


def _answers(year: Reckoned, of: Subject) -> list[tuple[str, list[Bar]]]:
    """The valid answers about a subject in the opinion survey, question by question; strangers' are left out already."""
    part, found = year.rulebook.opinion, year.facts.opinion.get(of)
    if part is None or found is None or (of.banner, "opinion") in year.facts.hidden:
        return []
    rows = []
    own = year.facts.surveys.get(of.banner)
    measured = part.person_questions if of.person else part.team_questions
    asked = [(each.id, each.label, [(a.id, a.label) for a in part.answers]) for each in measured]
    for each in own.questions if own else ():
        if each.kind == "one" and each.of == ("person" if of.person else "team"):
            asked.append((each.id, each.label, [(a.id, a.label) for a in each.answers if a.points is not None]))
    for id, label, answers in asked:
        groups = found.marks.get(id, {}).values()
        counts = [(words, sum(group.get(answer, 0) for group in groups)) for answer, words in answers]
        total = sum(number for _answer, number in counts)
        if total:
            bars = [Bar(label=words.text(language()), number=n, share=Fraction(100 * n, total)) for words, n in counts]
            rows.append((label.text(language()), bars))
    return rows


def _others(year: Reckoned, row: Row) -> list[tuple[str, Row, str]]:
    """The other subjects of the same banner, for the way on: sequence, row, position in words."""
    return [
        (ranking.sequence, other, position_name(ranking.sequence) if other.subject.person else _("工作总队"))
        for ranking in year.outcome.rankings
        for other in ranking.rows
        if other.banner == row.banner and other.subject != row.subject
    ]


def decided_rows(year: Reckoned, decided: Decisions) -> Iterator[tuple[Ranking, Row, Decision | None]]:
    """Each grade that was decided, with its decision, and each that still has to be."""
    for ranking in year.outcome.rankings:
        for row in ranking.rows:
            made = decided.get((row.banner, row.subject.person))
            if made or row.decision_needed:
                yield ranking, row, made


def _decision_fault(year: Reckoned, ranking: Ranking, row: Row, decided: Decisions, given: Mapping[str, str]) -> str:
    """What is wrong with a decision as it was posted, in words."""
    first = year.rulebook.grades.order[0].id
    if given["grade"] and given["grade"] not in grades(year.rulebook):
        return str(_("没有这个等次"))
    if not given["reason"]:
        return str(_("请写明理由"))
    if given["grade"] and row.score is None:
        return str(_("有缺项的不能定等次，请先补齐"))
    others = sum(grade_of(other, decided) == first for other in ranking.rows if other is not row)
    now = given["grade"] or row.grade
    if now == first and others + 1 > ranking.excellent and not given["approver"]:
        return str(_("这样优秀有 %(n)s 名，超过名额 %(most)s 名：请写明批准人", n=others + 1, most=ranking.excellent))
    return ""


def _ranking(year: Reckoned, name: str = "") -> Ranking:
    try:
        return year.outcome.ranking(name or request.args.get("sequence", "") or year.outcome.rankings[0].sequence)
    except KeyError:
        abort(404)


def _row(ranking: Ranking, key: str) -> Row:
    return next((row for row in ranking.rows if row.key == key), None) or abort(404)


def _nothing(url: str) -> dict[str, object]:
    raise ValueError(f"a report loads nothing: {url[:40]}")
