"""The year: which one is worked on, a new one, and the choices its measure leaves open."""

from collections.abc import Mapping

from flask import abort, flash, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import Connection
from werkzeug.wrappers import Response as AnyResponse
from wtforms import IntegerField, SelectField
from wtforms.validators import InputRequired, NumberRange

from survey import access, db, roster
from survey.access import ROLES, allowed
from survey.desk import blueprint
from survey.desk.form import Form, optional
from survey.desk.form import choices as offered
from survey.roster import Cycle
from survey.year import site, yearbook
from survey.year.yearbook import check
from tally.rulebook import Choice, Rulebook

CHOICE = "choice."


class CycleForm(Form):
    """A new year."""

    year = IntegerField(_l("考核年度"), [InputRequired(_l("请填写四位年份")), NumberRange(2000, 2999, _l("请填写四位年份"))])
    measure = SelectField(_l("考核办法"))
    ranked_total = IntegerField(_l("参加全区排名的旗县总数"), [optional, NumberRange(1, 999999, _l("请填正整数"))])


def choosable(of: Choice) -> str:
    """What a choice may be, in words."""
    text, values = check.choosable(of)
    return _(text) % values


def chosen(connection: Connection) -> Cycle | None:
    """The year this session works on: the one picked, else the newest real one, else the demo's."""
    all_years = roster.cycles(connection)
    picked = session.get("year")
    return next((each for each in all_years if each.cycle == picked), all_years[0] if all_years else None)


def this(connection: Connection) -> Cycle:
    """The year this session works on; where there is none, the page that makes one."""
    return chosen(connection) or abort(redirect(url_for("desk.cycle")))


def this_year() -> int | None:
    """The number of that year, for the head of the page."""
    with db.reading() as connection:
        found = chosen(connection)
    return found.cycle if found else None


def rules(of: Cycle) -> Rulebook:
    """The year's rulebook under its choices."""
    return yearbook.rulebook(of.measure).with_choices(of.choices)


@blueprint.get("/cycle")
@allowed(*ROLES)
def cycle() -> str:
    """The year worked on: its measure, its choices, its year book; all years to pick from."""
    with db.reading() as connection:
        year, years = chosen(connection), roster.cycles(connection)
        began = roster.began(connection, year.cycle) if year else False
        counts = (len(roster.banners(connection, year.cycle)), len(roster.people(connection, year.cycle))) if year else (0, 0)
        left_out = site.left_out(connection, year.cycle) if year else []
    return render_template(
        "desk/cycle.html", cycle=year, cycles=years, began=began, counts=counts, left_out=left_out,
        rulebook=rules(year) if year else None,
    )  # fmt: skip


@blueprint.post("/cycle/pick")
@allowed(*ROLES)
def pick_cycle() -> AnyResponse:
    """Works on another year from now on, in this session."""
    with db.reading() as connection:
        found = roster.get_cycle(connection, request.form.get("year", 0, int)) or abort(404)
    session["year"] = found.cycle
    flash(_("现在是 %(year)s 年度。", year=found.cycle))
    return redirect(url_for("desk.cycle"))


@blueprint.route("/cycle/new", methods=["GET", "POST"])
@allowed("office")
def new_cycle() -> AnyResponse | tuple[str, int]:
    """A new year under one of the rule files at hand."""
    form = CycleForm()
    form.measure.choices = offered((each, yearbook.rulebook(each).title.zh) for each in yearbook.measures())
    if form.validate_on_submit() and form.year.data:
        try:
            with db.deed() as connection:
                roster.create_cycle(
                    connection,
                    year=form.year.data,
                    measure=form.measure.data,
                    ranked_total=form.ranked_total.data,
                    by=access.me().account,
                )
        except ValueError as fault:
            form.accept(fault, form.year)
        else:
            session["year"] = form.year.data
            flash(_("%(year)s 年度已建好。下一步：录入名册。", year=form.year.data))
            return redirect(url_for("desk.cycle"))
    return render_template("desk/new_cycle.html", form=form), 422 if form.is_submitted() else 200


@blueprint.route("/cycle/choices", methods=["GET", "POST"])
@allowed("office")
def choices() -> AnyResponse | tuple[str, int]:
    """What the measure leaves open, each with its default, its alternatives and why; fixed once a collection has opened."""
    with db.reading() as connection:
        year = this(connection)
        began = roster.began(connection, year.cycle)
    book = yearbook.rulebook(year.measure)
    given: Mapping[str, str] = {**book.with_choices(year.choices).in_effect}
    faults: dict[str, str] = {}
    total = str(year.ranked_total or "")
    if request.method == "POST":
        given = {
            each.id: request.form.get(f"{CHOICE}{each.id}", "").strip() or each.default for each in book.choices if each.open
        }
        faults = {name: choosable(book.choice(name)) for name, text in given.items() if book.check_choice(name, text)}
        total = request.form.get("ranked_total", "").strip()
        if total and not (total.isdecimal() and 0 < int(total) < 1_000_000):
            faults["ranked_total"] = _("请填正整数")
        if not faults:
            other = {name: text for name, text in given.items() if text != book.choice(name).default}
            try:
                with db.deed() as connection:
                    roster.change_cycle(
                        connection, year, by=access.me().account, ranked_total=int(total) if total else None, choices=other
                    )
                flash(_("已保存。"))
                return redirect(url_for("desk.choices"))
            except ValueError as fault:
                flash(str(fault), "error")
    return render_template(
        "desk/choices.html", cycle=year, began=began, rulebook=book, given=given, faults=faults, total=total
    ), 422 if request.method == "POST" else 200
