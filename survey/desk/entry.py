"""Entering: scores, point sheets, rates, letters, factors, days, ranks, as grids; typed, pasted, or filled from a workbook."""

from collections.abc import Mapping

from flask import Response, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy import Connection
from werkzeug.wrappers import Response as AnyResponse

from survey import access, db, roster
from survey import entry as entries
from survey.access import allowed
from survey.desk import blueprint
from survey.desk.cycle import rules, this
from survey.desk.filling import check, given
from survey.desk.grid import Filled, Grid, Key, records, was
from survey.desk.sheets import (
    BANNER_NEEDED,
    RATES,
    build,
    explains,
    factor_groups,
    may_enter,
    names,
    rate_points,
    rated,
    reckoned,
    title,
)
from survey.desk.spreadsheet import spreadsheet
from survey.roster import Cycle
from tally.rulebook import Entered, Rulebook

READERS = ("office", "assessor", "staff", "viewer")


# ---- pages ---------------------------------------------------------------------------------------------------------


@blueprint.get("/entry")
@allowed(*READERS)
def entry() -> str:
    """What there is to enter, by whom, and how far it is."""
    me = access.me()
    with db.reading() as connection:
        year = this(connection)
        rulebook = rules(year)
        own = [each for each in roster.banners(connection, year.cycle) if me.sees(each.banner)]
        progress: list[tuple[str, tuple[int, int] | None]] = []
        for name in names(rulebook):
            if name in BANNER_NEEDED:
                progress.append((name, None))
            else:
                shown = build(connection, year, rulebook, name, "", me)
                needed = _needed(rulebook, shown)
                filled = sum(all(row.values.get(each) for each in needed) for row in shown.rows)
                progress.append((name, (filled, len(shown.rows)) if needed else None))
    titles = {name: title(rulebook, name) for name in names(rulebook)}
    return render_template(
        "desk/entry.html", progress=progress, titles=titles, banners=own, needs_banner=BANNER_NEEDED, who=may_enter
    )


@blueprint.route("/entry/<name>", methods=["GET", "POST"])
@allowed(*READERS)
def grid(name: str) -> AnyResponse | tuple[str, int]:
    """One grid: shown, filled from a paste or a workbook, saved."""
    me = access.me()
    banner = request.values.get("banner", "").strip()
    person = request.values.get("person", "").strip()
    with db.reading() as connection:
        year = this(connection)
        rulebook = rules(year)
        if name not in names(rulebook):
            abort(404)
        banners = [each.banner for each in roster.banners(connection, year.cycle) if me.sees(each.banner)]
        if banner and banner not in banners:
            abort(404)
        if not banner and name in BANNER_NEEDED:
            if len(banners) != 1:
                return render_template("desk/pick_banner.html", title=title(rulebook, name), name=name, banners=banners), 200
            banner = banners[0]
        shown = build(connection, year, rulebook, name, banner, me, person)
        people = roster.people(connection, year.cycle, banner) if name == "visits" and banner else []
        unit = entries.assessors(connection, year.cycle).get(me.account) if name == "letters" else None
    writes = may_enter(me, name) and year.state != "final"
    filled, status, unsaved = Filled(), 200, False
    if request.method == "POST":
        if not writes:
            abort(403)
        filled = given(shown)
        check(name, year, rulebook, shown, filled)
        unsaved = request.form.get("deed") != "save" and not filled.faulty
        status = 422 if filled.faulty else 200
        if request.form.get("deed") == "save" and not filled.faulty:
            return _saved(year, rulebook, name, shown, filled, banner, person)
    return render_template(
        "desk/grid.html",
        grid=shown,
        filled=filled,
        banner=banner,
        person=person,
        banners=banners,
        writes=writes,
        was=was,
        unsaved=unsaved,
        name=name,
        people=people,
        many=bool(banner) or name in ("ranks", "indicators", "rates"),
        needs_banner=name in BANNER_NEEDED,
        unit=unit,
        asks_unit=writes and name == "letters" and not me.may("office") and not unit,
        rows_by_id={r.id: r for r in shown.rows},
        reckoned=reckoned(rulebook, shown) if name == "rates" else {},
        explains=explains(rulebook, name),
        lacks_total=name == "ranks" and not year.ranked_total,
    ), status


@blueprint.get("/entry/<name>.xlsx")
@allowed(*READERS)
def export_grid(name: str) -> Response:
    """The grid as a workbook; filled in, it can be taken back."""
    me = access.me()
    banner, person = request.args.get("banner", ""), request.args.get("person", "")
    with db.reading() as connection:
        year = this(connection)
        rulebook = rules(year)
        if name not in names(rulebook) or (name in BANNER_NEEDED and not banner):
            abort(404)
        if banner:
            access.own_banner(banner)
        shown = build(connection, year, rulebook, name, banner, me, person)
    return spreadsheet(f"{name}-{year.cycle}", shown.title, records(shown))


@blueprint.route("/entry/assessors", methods=["GET", "POST"])
@allowed("office", "assessor")
def assessors() -> AnyResponse | tuple[str, int]:
    """The assessors and the unit each comes from; an assessor notes only the own one (D-09)."""
    me = access.me()
    fault = ""
    if request.method == "POST":
        name = request.form.get("assessor", "").strip() if me.may("office") else me.account
        unit = " ".join(request.form.get("unit", "").split())
        if not name or not unit:
            fault = _("请填写考核员和派出单位")
        else:
            try:
                with db.deed() as connection:
                    entries.put_assessor(connection, this(connection).cycle, name, unit, by=me.account)
                flash(_("已保存。"))
                then = request.form.get("banner", "")
                return redirect(url_for("desk.grid", name="letters", banner=then) if then else url_for("desk.assessors"))
            except ValueError as error:
                fault = str(error)
    with db.reading() as connection:
        year = this(connection)
        known = entries.assessors(connection, year.cycle)
        accounts = {each.account: each.name for each in access.everyone(connection) if each.may("assessor")}
        graded = {key[2] for key in entries.read(connection, "grade", year.cycle)}
        units = sorted({each.unit for each in roster.people(connection, year.cycle) if each.unit})
    listed = sorted({*known, *accounts, *graded}) if me.may("office") else [me.account]
    return render_template(
        "desk/assessors.html", listed=listed, known=known, names=accounts, fault=fault, units=units
    ), 422 if fault else 200


def _needed(rulebook: Rulebook, shown: Grid) -> list[str]:
    """The columns of a grid that every row must have; none where there may rightly be nothing."""
    if shown.id in ("factors", "rates", "person_scores"):
        return []
    if shown.id == "scores":
        entered = [part for part in rulebook.components if isinstance(part, Entered) and not part.sheet]
        return [part.id for part in entered if part.id in {each.id for each in shown.columns}]
    return ["days"] if shown.id == "days" else [each.id for each in shown.columns]


# ---- saving --------------------------------------------------------------------------------------------------------


def _saved(year: Cycle, rulebook: Rulebook, name: str, shown: Grid, filled: Filled, banner: str, person: str) -> AnyResponse:
    """Saves the changes and goes back to the grid."""
    by = access.me().account
    count = sum(map(len, filled.changes.values()))
    try:
        with db.deed() as connection:
            _put(connection, year.cycle, rulebook, name, shown, filled, by)
        flash(_("已保存，改了 %(n)s 格。", n=count) if count else _("没有改动。"))
    except ValueError as fault:
        flash(_(str(fault)), "error")
    return redirect(url_for("desk.grid", name=name, banner=banner or None, person=person or None))


def _put(connection: Connection, year: int, rulebook: Rulebook, name: str, shown: Grid, filled: Filled, by: str) -> None:
    by_banner: dict[str, dict[Key, dict[str, str]]] = {}
    for key, cells in filled.changes.items():
        by_banner.setdefault(key[0], {})[key] = cells
    for banner, changes in by_banner.items():
        if name in ("scores", "person_scores"):
            entries.save(
                connection,
                "score",
                year,
                banner,
                {(k[1], c): v for k, cells in changes.items() for c, v in cells.items()},
                by=by,
            )
        elif name == "letters":
            entries.save(
                connection,
                "grade",
                year,
                banner,
                {(k[1], c): v for k, cells in changes.items() for c, v in cells.items()},
                by=by,
            )
        elif name == "factors":
            entries.save(connection, "factor", year, banner, _factor_changes(rulebook, shown, changes), by=by)
        elif name == "days":
            after = {k[1]: {**_values(shown, k), **cells} for k, cells in changes.items()}
            entries.save_days(
                connection, year, banner, {p: (each["days"], each["assigned_days"]) for p, each in after.items()}, by=by
            )
        elif name == "ranks":
            for cells in changes.values():
                entries.save_rank(connection, year, banner, cells["poverty_rank"], by=by)
        elif name == "rates":
            _put_rates(connection, year, rulebook, shown, banner, changes, by)
        else:
            points: dict[entries.Key, str] = {
                (k[1], name, k[2], c): v for k, cells in changes.items() for c, v in cells.items()
            }
            entries.save(connection, "point", year, banner, points, by=by)
            if name == "indicators":
                stale: dict[entries.Key, str] = {
                    ("", part): "" for cells in changes.values() for item in cells for part in RATES.get(item, ())
                }
                entries.save(connection, "rate", year, banner, stale, by=by)


def _values(shown: Grid, key: Key) -> dict[str, str]:
    row = shown.row(key)
    return dict(row.values) if row else {}


def _factor_changes(rulebook: Rulebook, shown: Grid, changes: Mapping[Key, Mapping[str, str]]) -> dict[tuple[str, ...], str]:
    """(person, factor) -> evidence, "" to take one away: the other of an excluding pair always goes."""
    given: dict[tuple[str, ...], str] = {}
    for key, cells in changes.items():
        after = {**_values(shown, key), **cells}
        for group in factor_groups(rulebook):
            for each in group:
                given[key[1], each] = after[f"{group[0]}.evidence"] if after[group[0]] == each else ""
    return given


def _put_rates(
    connection: Connection,
    year: int,
    rulebook: Rulebook,
    shown: Grid,
    banner: str,
    changes: Mapping[Key, Mapping[str, str]],
    by: str,
) -> None:
    for key, cells in changes.items():
        entries.save(connection, "rate", year, banner, {("", part): value for part, value in cells.items()}, by=by)
        touched = {item for item in rated(rulebook) if set(RATES[item]) & set(cells)}
        points = rate_points(rulebook, {**_values(shown, key), **cells})
        new: dict[entries.Key, str] = {("", "indicators", "", item): points[item] for item in touched}
        entries.save(connection, "point", year, banner, new, by=by)
