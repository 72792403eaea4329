"""The five rankings, one subject's score down to the clause and the count, and what another choice would change."""

import io
from fractions import Fraction

from flask import Response, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from markupsafe import Markup
from werkzeug.wrappers import Response as AnyResponse

from survey import access, db, entry
from survey.access import allowed
from survey.desk import blueprint
from survey.desk.cycle import this
from survey.desk.words import language
from survey.year import result, scoring, site
from tally import step
from tally.facts import Subject
from tally.number import fixed, plain
from tally.outcome import Outcome, Ranking
from tally.rulebook import Rulebook, RulebookFault

READERS = ("office", "viewer")


def _outcome() -> tuple[int, Outcome, Rulebook]:
    with db.reading() as connection:
        year = this(connection).cycle
        found = scoring.outcome(connection, year)
    if found is None:
        abort(404)
    return year, *found


@blueprint.get("/results")
@allowed(*READERS)
def results() -> str:
    """One sequence's ranking; what is missing stands on top."""
    year, outcome, rulebook = _outcome()
    ranking = _ranking(outcome)
    with db.reading() as connection:
        decided = entry.decisions(connection, year)
    missing: dict[str, int] = {}
    for row in ranking.rows:
        for each in row.missing:
            missing[each] = missing.get(each, 0) + 1
    first = rulebook.grades.order[0].id
    given = sum(decided.get((r.banner, r.subject.person), (r.grade, ""))[0] == first for r in ranking.rows)
    return render_template(
        "desk/results.html", outcome=outcome, ranking=ranking, rulebook=rulebook, missing=missing, decided=decided, fixed=fixed,
        grades={g.id: g.label.text(language()) for g in rulebook.grades.order}, lang=language(), given=given, histogram=_histogram(ranking),
        choices=_choices(rulebook),
    )  # fmt: skip


@blueprint.get("/results.xlsx")
@allowed(*READERS)
def results_workbook() -> Response:
    """The rankings as a workbook."""
    _year, outcome, rulebook = _outcome()
    stream = io.BytesIO()
    result.write_workbook(outcome, rulebook, stream)
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    name = f"results-{outcome.year}.xlsx"
    return Response(stream.getvalue(), mimetype=kind, headers={"Content-Disposition": f"attachment; filename={name}"})


@blueprint.get("/results.json")
@allowed(*READERS)
def results_json() -> Response:
    """The rankings in the exchange format, as `flask score --json` gives them."""
    _year, outcome, _rulebook = _outcome()
    return Response(result.as_json(outcome), mimetype="application/json")


@blueprint.route("/results/<sequence>/<subject>", methods=["GET", "POST"])
@allowed(*READERS)
def subject(sequence: str, subject: str) -> AnyResponse | str:
    """Why one subject has its score; where the office decides a grade with a reason."""
    year, outcome, rulebook = _outcome()
    row = next((r for r in _ranking(outcome, sequence).rows if r.key == subject), None)
    if row is None:
        abort(404)
    if request.method == "POST":
        if not access.me().may("office"):
            abort(403)
        chosen = request.form.get("grade", "")
        if chosen and chosen not in {g.id for g in rulebook.grades.order}:
            abort(400)
        try:
            with db.deed() as connection:
                entry.decide(
                    connection, year, row.banner, row.subject.person, grade_=chosen, reason=request.form.get("reason", ""), by=access.me().account
                )
            flash(_("已记下决定和理由。"))
        except ValueError as fault:
            flash(_(str(fault)), "error")
        return redirect(url_for("desk.subject", sequence=sequence, subject=subject))
    with db.reading() as connection:
        decided = entry.decisions(connection, year).get((row.banner, row.subject.person))
    return render_template(
        "desk/subject.html", row=row, sequence=sequence, rulebook=rulebook, lang=language(), decided=decided, fixed=fixed,
        tree=Markup(step.html(row.step, language=language(), opened=2)), grades={g.id: g.label.text(language()) for g in rulebook.grades.order},
        bars=_bars(year, row.subject, rulebook),
    )  # fmt: skip


@blueprint.get("/what-if")
@allowed(*READERS)
def what_if() -> str:
    """Another choice or weight beside the one in force; saved nowhere."""
    year, outcome, rulebook = _outcome()
    asked = {c.id: request.args[c.id].strip() for c in rulebook.choices if c.open and request.args.get(c.id, "").strip()}
    weights: dict[str, dict[str, Fraction]] = {}
    faults: list[str] = []
    for formula in rulebook.formulas:
        for name, weight in formula.weights.items():
            text = request.args.get(f"{formula.id}.{name}", "").strip()
            if text and text != plain(weight):
                try:
                    weights.setdefault(formula.id, {})[name] = Fraction(text)
                except ValueError:
                    faults.append(f"{name}: {text}")
    other = None
    if (asked or weights) and not faults:
        try:
            with db.reading() as connection:
                other = scoring.what_if(connection, year, choices=asked, weights=weights)
        except RulebookFault as fault:
            faults += fault.faults
    changes = _changes(outcome, other) if other else []
    return render_template(
        "desk/what_if.html", rulebook=rulebook, asked=asked, faults=faults, changes=changes, tried=other is not None, lang=language(),
        fixed=fixed, plain=plain, grades={g.id: g.label.text(language()) for g in rulebook.grades.order},
    )  # fmt: skip


def _ranking(outcome: Outcome, name: str = "") -> Ranking:
    try:
        return outcome.ranking(name or request.args.get("sequence", "") or outcome.rankings[0].sequence)
    except KeyError:
        abort(404)


def _changes(now: Outcome, other: Outcome) -> list[dict[str, object]]:
    """Subjects whose score, rank or grade would differ."""
    found = []
    for ranking in now.rankings:
        then = {row.key: row for row in other.ranking(ranking.sequence).rows}
        for row in ranking.rows:
            that = then[row.key]
            if (row.score, row.rank, row.grade) != (that.score, that.rank, that.grade):
                found.append({"ranking": ranking, "row": row, "then": that})
    return found


def _choices(rulebook: Rulebook) -> list[tuple[str, str, str]]:
    effect = rulebook.in_effect
    return [(c.point, c.label.text(language()), effect[c.id]) for c in rulebook.choices if c.open]


def _histogram(ranking: Ranking) -> list[tuple[str, int, int]]:
    """Scores in steps of five: (from–to, how many, width in per cent)."""
    counts: dict[int, int] = {}
    for row in ranking.rows:
        if row.score is not None:
            at = int(row.score // 5) * 5
            counts[at] = counts.get(at, 0) + 1
    if not counts:
        return []
    most = max(counts.values())
    return [(f"{at}–{at + 5}", counts.get(at, 0), 100 * counts.get(at, 0) // most) for at in range(min(counts), max(counts) + 5, 5)]


def _bars(year: int, subject: Subject, rulebook: Rulebook) -> list[tuple[str, list[tuple[str, int, str]]]]:
    """Per ballot item: (item, [(grade, count, share in per cent)])."""
    part = rulebook.ballots
    if part is None:
        return []
    with db.reading() as connection:
        found = site.facts(connection, year)
    marks = found[0].appraisal.get(subject, {}) if found else {}
    bars = []
    for item in part.items:
        counts = {g.id: sum(groups.get(g.id, 0) for groups in marks.get(item.id, {}).values()) for g in part.grades}
        total = sum(counts.values())
        if total:
            line = [(g.label.text(language()), counts[g.id], f"{100 * counts[g.id] / total:.1f}") for g in part.grades]
            bars.append((item.label.text(language()), line))
    return bars
