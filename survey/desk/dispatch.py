"""The letter to the units that sent people (致派出单位函): their people's grades, to be filed, and that they take none of the unit's
own places (四（七）, 六（三）)."""

from flask import render_template, request
from flask_babel import gettext as _

from survey.access import allowed
from survey.desk import blueprint
from survey.desk.notice import given
from survey.desk.results import READERS, Decisions, labels, read_year
from survey.desk.standing import Standing, lacking, people
from survey.year.scoring import Reckoned

SAID = ("day", "office", "phone")  # what the office says; a line it leaves out is printed to be written on


@blueprint.get("/decisions/dispatch")
@allowed(*READERS)
def dispatch() -> str | tuple[str, int]:
    """Which units, whose people, and what the office says in the letter."""
    return page()


def page() -> str | tuple[str, int]:
    """The page for the unit asked for, or for all; a unit that is none is told, with 404."""
    year, decided = read_year()
    every = letters(year, decided)
    unit = request.values.get("unit", "")
    shown = letters(year, decided, unit)
    fault = "" if shown or not unit else _("本年度名册里没有“%(name)s”这个单位，请重新选。", name=unit[:50])
    answer = render_template(
        "desk/dispatch.html",
        units=list(every),
        unit=unit if shown else "",
        letters=shown,
        without=[each.name for each in people(year, decided) if not each.unit.strip()],
        lacking=lacking(each for listed in shown.values() for each in listed),
        fault=fault,
        given=given(SAID, day="day"),
        **labels(),
    )
    return (answer, 404) if fault else answer


def letters(year: Reckoned, decided: Decisions, unit: str = "") -> dict[str, list[Standing]]:
    """By unit its people, both in the roster's order; one unit's alone where it is named. Who has no unit is in no letter."""
    found: dict[str, list[Standing]] = {}
    for each in people(year, decided):
        name = each.unit.strip()
        if name and unit in ("", name):
            found.setdefault(name, []).append(each)
    return found
